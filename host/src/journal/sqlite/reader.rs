//! The reading threads: some for claims, others for listings, so that the flows wait for nobody's listing. Each read has a view of its own
//! of what is committed.

use std::{
    ffi::c_int,
    sync::{
        Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, TrySendError},
    },
    time::{Duration, Instant},
};

use rusqlite::Connection;

use super::error::StoreError;
use crate::journal::{JournalError, Pending};

/// Steps of SQLite's between two looks at the clock: some tens of microseconds.
const STEPS: c_int = 1_000;

/// What a reading thread is told.
pub(super) enum Errand {
    /// Read this, and tell who waits for it.
    Read(Box<dyn FnOnce(&Connection) + Send>),
    /// Stop.
    Stop,
}

/// Works until it is told to stop, or nobody is left who could tell it anything. No read takes longer than the limit, if there is one.
pub(super) fn run(mut connection: Connection, errands: &Mutex<Receiver<Errand>>, limit: Option<Duration>) {
    let next = || errands.lock().unwrap_or_else(PoisonError::into_inner).recv();
    while let Ok(Errand::Read(read)) = next() {
        if let Some(Err(error)) = limit.map(|limit| limit_to(&mut connection, limit)) {
            tracing::error!(%error, "a listing of the journal could not be limited in time");
        }
        read(&connection);
    }
}

/// From now on.
fn limit_to(connection: &mut Connection, limit: Duration) -> Result<(), StoreError> {
    let started = Instant::now();
    Ok(connection.progress_handler(STEPS, Some(move || started.elapsed() >= limit))?)
}

/// Sends an errand, and gives what will become of it.
pub(super) fn send<T: Send + 'static, E: Into<JournalError>>(
    errands: &SyncSender<Errand>,
    read: impl FnOnce(&Connection) -> Result<T, E> + Send + 'static,
) -> Pending<T> {
    let (answer, pending) = Pending::new();
    let errand = Errand::Read(Box::new(move |connection| {
        // Who went away needs no answer; what it claimed is due again when its lease is over.
        let _ = answer.send(read(connection).map_err(Into::into));
    }));
    match errands.try_send(errand) {
        Ok(()) => pending,
        Err(TrySendError::Full(_)) => Pending::ready(Err(JournalError::Busy)),
        Err(TrySendError::Disconnected(_)) => Pending::ready(Err(JournalError::Closed)),
    }
}
