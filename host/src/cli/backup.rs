//! `sluicebox backup` and `sluicebox restore`: all that a host keeps, to a safe place and back.

use std::{
    fs::{self, File},
    io::{self, BufReader, BufWriter, IsTerminal as _, Read, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail, ensure};
use http::{HeaderMap, StatusCode};
use serde_json::json;

use super::{Hub, client::Client, place::Place, progress::Progress};
use crate::{
    api::BACKUP_BYTES,
    backup::{self, Stopped},
    config::system_clock,
};

/// Written at once.
const PIECE_BYTES: usize = 256 << 10;
/// Where an archive lies until it is whole.
const UNFINISHED: &str = "unfinished";

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The archive to write, a file that is not there yet; `-` is the standard output.
    file: PathBuf,
    /// Put main.key and admin.key of the data folder into it: it then opens every secret. Without them keep main.key apart.
    #[arg(long)]
    with_keys: bool,
    /// Back up the data folder (--data) of a host that does not run.
    #[arg(long)]
    stopped: bool,
    #[command(flatten)]
    hub: Hub,
}

#[derive(Debug, clap::Args)]
pub(super) struct RestoreArguments {
    /// The archive; `-` is the standard input.
    file: PathBuf,
    /// The data folder to make: one that is empty, or not there yet.
    #[arg(long, value_name = "FOLDER")]
    data: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { file, with_keys, stopped, hub } = arguments;
    if with_keys && !stopped {
        belongs_together(&hub).await?;
    }
    let mut target = Target::open(&file)?;
    let bytes = if stopped { of_stopped(&hub.data_folder(), &mut target) } else { of_running(&hub, &mut target).await }?;
    if with_keys {
        backup::keys(&hub.data_folder(), &mut target.to, system_clock()()).context("--with-keys")?;
    }
    target.finish()?;
    if hub.json {
        errln!("{}", json!({ "file": file, "bytes": bytes, "keys": with_keys }));
    } else if with_keys {
        errln!("backed up; the archive opens every secret: keep it as you keep main.key");
    } else {
        errln!("backed up, without keys: main.key has to be kept apart from it, and without it no secret opens");
    }
    Ok(())
}

/// The keys of another folder would be found to be so on the day on which they are needed.
async fn belongs_together(hub: &Hub) -> anyhow::Result<()> {
    let file = hub.data_folder().join("admin.key");
    let key = fs::read_to_string(&file).with_context(|| format!("--with-keys: {}", file.display()))?;
    let with_its_key = Client::new(&Hub { key: Some(key), ..hub.clone() })?;
    let status = with_its_key.status("/v1/sources").await?;
    let (url, data) = (Place::of(hub)?.url, hub.data_folder());
    ensure!(
        status != StatusCode::UNAUTHORIZED,
        "--with-keys: {} is not the data folder of the host at {url}; name that by --data",
        data.display()
    );
    Ok(())
}

/// Taken from the host as it comes.
async fn of_running(hub: &Hub, target: &mut Target) -> anyhow::Result<u64> {
    let mut answer = Client::new(hub)?.open("/v1/backup", &[], HeaderMap::new()).await?;
    let told = answer.headers().get(BACKUP_BYTES).and_then(|value| value.to_str().ok()?.parse().ok());
    let (progress, mut bytes) = (Progress::of_bytes(told), 0);
    while let Some(piece) = answer.chunk().await.context("the host stopped sending: see its log; this is no backup")? {
        target.to.write_all(&piece).with_context(|| target.name())?;
        bytes += piece.len() as u64;
        progress.at(bytes);
    }
    Ok(bytes)
}

fn of_stopped(data: &Path, target: &mut Target) -> anyhow::Result<u64> {
    let scratch = target.folder();
    let stopped = Stopped::lock(data, &scratch).with_context(|| format!("{}", data.display()))?;
    let bytes = stopped.bytes();
    stopped.write(Progress::of_bytes(Some(bytes)).counted(&mut target.to), system_clock()())?;
    Ok(bytes)
}

/// Where the archive goes: a file that has its name only when it is whole and on disk.
struct Target {
    to: BufWriter<Box<dyn Write>>,
    file: Option<(PathBuf, File)>,
}

impl Target {
    fn open(file: &Path) -> anyhow::Result<Self> {
        if file == Path::new("-") {
            ensure!(
                !io::stdout().is_terminal(),
                "the archive is no text: send it somewhere, as in `sluicebox backup - > sluicebox.tar`"
            );
            return Ok(Self { to: BufWriter::with_capacity(PIECE_BYTES, Box::new(io::stdout())), file: None });
        }
        ensure!(!file.exists(), "{} is there already, and is not overwritten", file.display());
        let beside = beside(file);
        let open = File::options().write(true).create(true).truncate(true).mode(0o600).open(&beside);
        let to = open.with_context(|| format!("{}", beside.display()))?;
        let same = to.try_clone().with_context(|| format!("{}", beside.display()))?;
        Ok(Self { to: BufWriter::with_capacity(PIECE_BYTES, Box::new(to)), file: Some((file.to_owned(), same)) })
    }

    fn name(&self) -> String {
        self.file.as_ref().map_or_else(|| "standard output".to_owned(), |(file, _)| beside(file).display().to_string())
    }

    /// Where there is room for what an archive is made of.
    fn folder(&self) -> PathBuf {
        let folder = self.file.as_ref().and_then(|(file, _)| file.parent()).filter(|folder| *folder != Path::new(""));
        folder.map_or_else(|| if self.file.is_some() { PathBuf::from(".") } else { std::env::temp_dir() }, Path::to_owned)
    }

    fn finish(mut self) -> anyhow::Result<()> {
        self.to.flush().with_context(|| self.name())?;
        if let Some((name, file)) = &self.file {
            let done = file.sync_all().and_then(|()| fs::rename(beside(name), name));
            done.with_context(|| format!("{}", name.display()))?;
        }
        self.file = None;
        Ok(())
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if let Some((name, _)) = self.file.take() {
            // It is none: whoever finds it must not take it for one.
            let _ = fs::remove_file(beside(&name));
        }
    }
}

fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{UNFINISHED}"));
    name.into()
}

pub(super) fn restore(arguments: RestoreArguments) -> anyhow::Result<()> {
    let RestoreArguments { file, data, json } = arguments;
    let (from, bytes): (Box<dyn Read>, _) = if file == Path::new("-") {
        (Box::new(io::stdin()), None)
    } else {
        let open = File::open(&file).with_context(|| format!("{}", file.display()))?;
        let bytes = open.metadata().ok().map(|metadata| metadata.len());
        (Box::new(open), bytes)
    };
    let progress = Progress::of_bytes(bytes);
    let restored = backup::restore(BufReader::with_capacity(PIECE_BYTES, progress.counting(from)), &data);
    drop(progress);
    let restored = match restored {
        Ok(restored) => restored,
        Err(error) => bail!("nothing was restored: {error}"),
    };
    let (manifest, missing) = (&restored.manifest, &restored.keys_missing);
    if json {
        let told = json!({
            "data": data, "files": restored.files, "made_at": manifest.made_at, "sluicebox": manifest.sluicebox, "keys_missing": missing,
        });
        outln!("{told}");
        return Ok(());
    }
    outln!("{} files of {}, backed up by sluicebox {}", restored.files, manifest.made_at, manifest.sluicebox);
    for key in missing {
        match *key {
            "main.key" => outln!(
                "main.key was not in the archive: put it into {} (chmod 600) before the host is started, or tell it where it is; \
                 without it no secret opens",
                data.display()
            ),
            other => outln!("{other} was not in the archive: a new one is made at the next start"),
        }
    }
    outln!("start it: sluicebox serve --data {}", data.display());
    Ok(())
}
