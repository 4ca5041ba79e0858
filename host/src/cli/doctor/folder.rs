//! Facts of a data folder, whether a host runs on it or not. Nothing in it is changed.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use anyhow::{Context as _, ensure};

use super::facts::FolderFacts;
use crate::{
    backup,
    cli::descriptors,
    hub,
    journal::{self, DiskProbe},
};

/// What only the owner of the host should read: secrets, and events in clear.
const PRIVATE: [&str; 4] = ["main.key", "admin.key", "journal", "journal/journal.db"];

/// # Errors
/// Where there is no such folder.
pub(super) fn gather(data: &Path, disk_reserve_bytes: u64) -> anyhow::Result<FolderFacts> {
    let metadata = fs::metadata(data).with_context(|| format!("{}", data.display()))?;
    ensure!(metadata.is_dir(), "{} is no folder", data.display());
    let mode = |name: &&str| {
        Some((data.join(name).display().to_string(), fs::metadata(data.join(name)).ok()?.permissions().mode() & 0o777))
    };
    Ok(FolderFacts {
        path: data.display().to_string(),
        hub: hub::inspect(data).map_err(|error| chain(&error)),
        journal: journal::inspect(&journal::Options::in_folder(data.join("journal"))).map_err(|error| chain(&error)),
        readable_by_others: PRIVATE.iter().filter_map(mode).filter(|(_, mode)| mode & 0o077 != 0).collect(),
        admin_key_missing: !data.join("admin.key").exists(),
        restore_unfinished: backup::refuse_unfinished(data).is_err(),
        free_bytes: DiskProbe::default().free_bytes(data).ok(),
        disk_reserve_bytes,
        open_files_max: descriptors::allowed(),
    })
}

/// An error with what caused it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_told = cause.to_string();
        if !told.contains(&cause_told) {
            told = format!("{told}: {cause_told}");
        }
        source = cause.source();
    }
    told
}
