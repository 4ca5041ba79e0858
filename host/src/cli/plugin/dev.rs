//! `sluicebox plugin dev`: at each change of the sources the plugin is built and its fixtures are run; where asked for, the last real
//! events of a host go through the new build on this machine. The host gets nothing of it.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use anyhow::{Context, ensure};

use super::{
    fixture,
    language::{Language, PROFILE},
    replay::{self, Replay},
    test::{self, Mode},
    trial::Bench,
};

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
            eprintln!("{error:#}");
        }
        println!("-- waiting for a change in {}", arguments.folder.display());
        while sources(&arguments.folder)? == seen {
            tokio::time::sleep(POLL).await;
        }
    }
}

async fn once(arguments: &Arguments) -> anyhow::Result<()> {
    let fixtures = fixture::all(&arguments.folder)?;
    let file = Language::build(&arguments.folder, PROFILE)?;
    let bench = Bench::start(&file).await?;
    let tested = test::each(&bench, &fixtures, &Mode::default()).await;
    // Also where fixtures fail: what real events become may tell why.
    replay::run(&arguments.replay, &bench).await?;
    tested
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
