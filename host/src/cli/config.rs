//! `sluicebox config`: the file of settings, what is wrong with one, and what is in force.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::settings::{Flags, text_of};
use crate::{
    config::{self, Flaw, Flaws, Given, HIDDEN, Setting, Settings, table},
    hub::file::FileError,
};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Print sluicebox.toml with every setting, its documentation and its default.
    Default,
    /// Print the JSON Schema of sluicebox.toml.
    Schema,
    /// Tell all that is wrong with a file of settings; says nothing of the environment.
    Check {
        /// The file.
        file: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show what `serve` would be run with, and from where each setting is, by the same file, environment and flags.
    Show(Box<Show>),
}

#[derive(Debug, clap::Args)]
pub(super) struct Show {
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    flags: Flags,
}

pub(super) fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Default => out!("{}", config::default_file()),
        Command::Schema => outln!("{:#}", config::schema()),
        Command::Check { file, json } => check(&file, json)?,
        Command::Show(show) => {
            let (given, settings) = show.flags.read()?;
            if show.json {
                outln!("{:#}", as_json(&given, &settings));
            } else {
                out!("{}", as_text(&given, &settings));
            }
        }
    }
    Ok(())
}

fn check(file: &Path, as_json: bool) -> anyhow::Result<()> {
    let checked = Given::of_file(&text_of(file)?, &file.display().to_string()).and_then(|given| given.settle());
    if as_json {
        let flaws = checked.as_ref().err().map_or(&[][..], |Flaws(flaws)| flaws);
        let problems: Vec<Value> = flaws.iter().map(problem).collect();
        outln!("{:#}", json!({ "file": file, "good": checked.is_ok(), "problems": problems }));
    }
    checked?;
    if !as_json {
        outln!("{}: good", file.display());
    }
    Ok(())
}

fn problem(flaw: &Flaw) -> Value {
    match flaw {
        Flaw::File(FileError { line, column, path, message, nearest, .. }) => {
            json!({ "line": line, "column": column, "path": path, "message": message, "nearest": nearest })
        }
        Flaw::Word { message, .. } => json!({ "message": message }),
    }
}

/// As the file would have it, each line with where it is from.
fn as_text(given: &Given, settings: &Settings) -> String {
    let mut text = String::new();
    for section in table::SECTIONS {
        if !section.name.is_empty() {
            text.push_str(&format!("\n[{}]\n", section.name));
        }
        for setting in section.settings {
            text.push_str(&format!("{} = {}  # {}\n", setting.name, value(setting, settings), from(setting, given)));
        }
    }
    text
}

fn as_json(given: &Given, settings: &Settings) -> Value {
    let all =
        table::all().map(|setting| (setting.path(), json!({ "value": value(setting, settings), "from": from(setting, given) })));
    Value::Object(all.collect::<Map<_, _>>())
}

fn value(setting: &Setting, settings: &Settings) -> Value {
    let words = setting.value(settings);
    let is_told = words.iter().any(|word| !word.is_empty());
    if setting.secret && is_told { Value::from(HIDDEN) } else { setting.json(&words) }
}

fn from(setting: &Setting, given: &Given) -> String {
    given.origin(setting).map_or_else(|| "default".to_owned(), ToString::to_string)
}
