//! `GET /v1/backup`: everything there is, as a tar archive that is made while it is sent. The keys are not in it: who has this API has no
//! way to them.

use std::io::{self, BufWriter, Write};

use axum::{
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderName, StatusCode, header};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::{
    Parts,
    openapi::{Routes, get},
    store_problem,
};
use crate::{backup::BackupError, hub::Scope, ingest::Problem};

/// A piece of the archive.
const PIECE_BYTES: usize = 256 << 10;
/// Pieces that were made and not taken by the connection yet.
const PIECES_AHEAD: usize = 4;
/// When who came while one was under way may come again.
const RETRY_AFTER_SECS: u64 = 60;

/// The id of the main key that opens the secrets in it, for who puts that key beside it.
pub const BACKUP_MAIN_KEY: HeaderName = HeaderName::from_static("sluicebox-backup-main-key");
/// About how many bytes come, for who shows how far it is.
pub const BACKUP_BYTES: HeaderName = HeaderName::from_static("sluicebox-backup-bytes");

pub(super) fn routes() -> Routes {
    let backup = get("/v1/backup", Scope::Operator, backup)
        .named("makeBackup", "Back everything up")
        .told(
            "A tar archive of one moment, made while it is sent; its last entry tells that it is whole. The main key is not in it. \
             `Sluicebox-Backup-Bytes` tells about how long it will be, `Sluicebox-Backup-Main-Key` the id of the main key that opens its secrets.",
        )
        .answers_text(200, "The archive.", "application/x-tar")
        .refuses(&["backup-under-way", "storage-full", "storage-unavailable"]);
    Routes::tagged("Host").add(backup)
}

async fn backup(State(parts): State<Parts>) -> Result<Response, Problem> {
    let begun = parts.backups.begin().await.map_err(|error| problem(&error))?;
    let bytes = begun.bytes();
    let main_key = begun.main_key().map_err(|error| problem(&error))?;
    let (pieces, taken) = mpsc::channel::<Result<Bytes, io::Error>>(PIECES_AHEAD);
    tokio::task::spawn_blocking(move || {
        let sending = Sending(pieces.clone());
        if let Err(error) = begun.write(BufWriter::with_capacity(PIECE_BYTES, sending)) {
            tracing::warn!(error = &error as &dyn std::error::Error, "a backup was not made");
            // The connection is cut: what was sent has no list, and is no backup.
            let _ = pieces.blocking_send(Err(io::Error::other(error)));
        }
    });
    let headers = [
        (header::CONTENT_TYPE, "application/x-tar".to_owned()),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"sluicebox.tar\"".to_owned()),
        (BACKUP_BYTES, bytes.to_string()),
        (BACKUP_MAIN_KEY, main_key),
    ];
    Ok((headers, Body::from_stream(ReceiverStream::new(taken))).into_response())
}

/// To the connection. Waits where it takes nothing.
struct Sending(mpsc::Sender<Result<Bytes, io::Error>>);

impl Write for Sending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let left = |_| io::Error::new(io::ErrorKind::BrokenPipe, "who asked for it went away");
        self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes))).map_err(left)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn problem(error: &BackupError) -> Problem {
    let kind = match error {
        BackupError::UnderWay => {
            return Problem::new(StatusCode::CONFLICT, "backup-under-way", error.to_string()).retry_after(RETRY_AFTER_SECS);
        }
        BackupError::NoSpace { .. } => "storage-full",
        BackupError::Journal(error) => return store_problem(error),
        BackupError::DataKeys(_) | BackupError::Io(_) => "storage-unavailable",
    };
    tracing::error!(error = error as &dyn std::error::Error, "a backup could not be begun");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, kind, error.to_string()).retry_after(RETRY_AFTER_SECS)
}
