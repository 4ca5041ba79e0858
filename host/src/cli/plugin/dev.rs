//! `sluicebox plugin dev`: at each change of the sources the plugin is built and its fixtures are run; where asked for, the last real
//! events of a host go through the new build on this machine. The host gets nothing of it.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use anyhow::{Context, ensure};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    fixture,
    language::{Language, PROFILE},
    replay::{self, Replay, Replayed},
    test::{self, Mode},
    trial::Bench,
};
use crate::cli::out;

/// How often the sources are looked at.
const POLL: Duration = Duration::from_millis(300);

/// What is no source: what tools make, beside names that begin with a dot.
const MADE: [&str; 5] = ["target", "node_modules", "__pycache__", "dist", "build"];

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// The plugin's folder, with its `fixtures`.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Build and test once, and do not wait for changes.
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    replay: Replay,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    arguments.replay.check()?;
    loop {
        // Before the build, so that what is saved meanwhile is not missed.
        let seen = sources(&arguments.folder)?;
        let done = once(&arguments).await;
        if arguments.once {
            return done;
        }
        if let Err(error) = done {
            errln!("{error:#}");
        }
        if !arguments.replay.as_json() {
            outln!("-- waiting for a change in {}", arguments.folder.display());
        }
        if !out::is_read() {
            return Ok(());
        }
        while sources(&arguments.folder)? == seen {
            tokio::time::sleep(POLL).await;
        }
    }
}

async fn once(arguments: &Arguments) -> anyhow::Result<()> {
    if !arguments.replay.as_json() {
        return built(arguments, None).await;
    }
    let mut told = Told::default();
    let done = built(arguments, Some(&mut told)).await;
    told.failure = done.as_ref().err().map(|error| format!("{error:#}"));
    out::now(format!("{}\n", serde_json::to_string(&told)?).as_bytes());
    done
}

/// A build as a line of JSON.
#[derive(Default, Serialize)]
struct Told {
    component: Option<PathBuf>,
    /// As `plugin test --json` tells them.
    fixtures: Vec<Value>,
    events: Vec<Value>,
    failure: Option<String>,
}

/// Builds and runs once, and prints or tells what became of it.
async fn built(arguments: &Arguments, told: Option<&mut Told>) -> anyhow::Result<()> {
    let fixtures = fixture::all(&arguments.folder)?;
    let file = Language::build(&arguments.folder, PROFILE)?;
    let (bench, mode) = (Bench::start(&file).await?, Mode::default());
    // Real events also where fixtures fail: what those become may tell why.
    match told {
        None => {
            let tested = test::each(&bench, &fixtures, &mode).await;
            replay::run(&arguments.replay, &bench, |Replayed { id, event_type, line }| {
                // A stranger's text: nothing of it may steer the terminal.
                outln!("event   {id}  {}  {line}", event_type.escape_debug());
            })
            .await?;
            tested
        }
        Some(told) => {
            told.component = Some(file);
            let tested = test::as_json(&bench, &fixtures, &mode, &mut told.fixtures).await;
            let tell = |Replayed { id, event_type, line }| {
                told.events.push(json!({ "id": id, "type": event_type, "summary": line }));
            };
            replay::run(&arguments.replay, &bench, tell).await?;
            tested
        }
    }
}

/// The files of a folder that somebody may have written, and when.
type Sources = BTreeMap<PathBuf, (SystemTime, u64)>;

fn sources(folder: &Path) -> anyhow::Result<Sources> {
    let mut found = Sources::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        look(&folder, &mut found, &mut folders).with_context(|| format!("cannot read {}", folder.display()))?;
    }
    ensure!(!found.is_empty(), "there is nothing in {}", folder.display());
    Ok(found)
}

fn look(folder: &Path, found: &mut Sources, folders: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (name, path) = (entry.file_name(), entry.path());
        let name = name.to_string_lossy();
        if name.starts_with('.') || MADE.contains(&&*name) || name.ends_with(".wasm") {
            continue;
        }
        // A file may be gone by now: editors write a new one and rename it.
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.is_dir() {
            folders.push(path);
        } else {
            found.insert(path, (metadata.modified()?, metadata.len()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tools_make_is_no_source() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |file: &str, text: &str| {
            let file = folder.path().join(file);
            fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
            fs::write(file, text).expect("a file");
        };
        write("src/lib.rs", "a");
        let before = sources(folder.path()).expect("a folder");
        for made in ["target/debug/x", "x.wasm", ".git/HEAD", "node_modules/a/b.js"] {
            write(made, "x");
        }
        assert_eq!(sources(folder.path()).expect("a folder"), before);
        write("src/lib.rs", "ab");
        assert_ne!(sources(folder.path()).expect("a folder"), before);
        assert!(sources(&folder.path().join("nowhere")).is_err());
    }
}
