//! `sluicebox config`: the file of settings, what is wrong with one, and what is in force.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::settings::{Flags, text_of};
use crate::config::{self, Given, HIDDEN, Setting, Settings, table};

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
        Command::Default => print!("{}", config::default_file()),
        Command::Schema => println!("{:#}", config::schema()),
        Command::Check { file } => {
            Given::of_file(&text_of(&file)?, &file.display().to_string())?.settle()?;
            println!("{}: good", file.display());
        }
        Command::Show(show) => {
            let (given, settings) = show.flags.read()?;
            if show.json {
                println!("{:#}", as_json(&given, &settings));
            } else {
                print!("{}", as_text(&given, &settings));
            }
        }
    }
    Ok(())
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
