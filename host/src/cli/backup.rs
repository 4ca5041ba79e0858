//! `sluicebox backup` and `sluicebox restore`: all that a host keeps, to a safe place and back.

mod target;

use std::{
    fs::{self, File},
    io::{self, BufReader, Read, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail, ensure};
use http::{HeaderMap, StatusCode};
use serde_json::json;

use self::target::Target;
use super::{Hub, client::Client, place::Place, progress::Progress};
use crate::{
    api::{BACKUP_BYTES, BACKUP_MAIN_KEY},
    backup::{self, ArchivesKey, Keys, Stopped},
    config::system_clock,
};

/// Written at once.
const PIECE_BYTES: usize = 256 << 10;

/// Said where the key is not found that an archive is under.
const NOTHING_WITHOUT_KEYS: &str = "nothing was backed up, --with-keys";

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
    // Before the moment that the archive is of.
    let keys = with_keys.then(|| Keys::read(&hub.data_folder())).transpose().context("--with-keys")?;
    let mut target = Target::open(&file)?;
    let (bytes, key) =
        if stopped { of_stopped(&hub.data_folder(), keys, &mut target)? } else { of_running(&hub, keys, &mut target).await? };
    if let Some(key) = key {
        key.write(&mut target.to, system_clock()()).context("--with-keys")?;
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

/// Taken from the host as it comes; the main key that it is under, where there are keys to find it among.
async fn of_running(hub: &Hub, keys: Option<Keys>, target: &mut Target) -> anyhow::Result<(u64, Option<ArchivesKey>)> {
    let mut answer = Client::new(hub)?.open("/v1/backup", &[], HeaderMap::new()).await?;
    let told = |name| answer.headers().get(name).and_then(|value| value.to_str().ok());
    let key = match keys {
        Some(keys) => {
            let wanted = told(BACKUP_MAIN_KEY).context("the host does not tell which main key the archive is under")?;
            Some(keys.main_key(wanted).context(NOTHING_WITHOUT_KEYS)?)
        }
        None => None,
    };
    let progress = Progress::of_bytes(told(BACKUP_BYTES).and_then(|bytes| bytes.parse().ok()));
    let mut bytes = 0;
    while let Some(piece) = answer.chunk().await.context("the host stopped sending: see its log; this is no backup")? {
        target.to.write_all(&piece).with_context(|| target.name())?;
        bytes += piece.len() as u64;
        progress.at(bytes);
    }
    Ok((bytes, key))
}

fn of_stopped(data: &Path, keys: Option<Keys>, target: &mut Target) -> anyhow::Result<(u64, Option<ArchivesKey>)> {
    let beside = target.folder();
    let stopped = Stopped::lock(data, &beside).with_context(|| format!("{}", data.display()))?;
    let key = match keys {
        Some(keys) => Some(keys.main_key(&stopped.main_key()?).context(NOTHING_WITHOUT_KEYS)?),
        None => None,
    };
    let bytes = stopped.bytes();
    stopped.write(Progress::of_bytes(Some(bytes)).counted(&mut target.to), system_clock()())?;
    Ok((bytes, key))
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
