//! The reading threads: claims and listings, each from a view of its own of what is committed.

use std::sync::{
    Mutex, PoisonError,
    mpsc::{Receiver, SyncSender, TrySendError},
};

use rusqlite::Connection;

use crate::journal::{JournalError, Pending};

/// What a reading thread is told.
pub(super) enum Errand {
    /// Read this, and tell who waits for it.
    Read(Box<dyn FnOnce(&Connection) + Send>),
    /// Stop.
    Stop,
}

/// Works until it is told to stop, or nobody is left who could tell it anything.
pub(super) fn run(connection: &Connection, errands: &Mutex<Receiver<Errand>>) {
    let next = || errands.lock().unwrap_or_else(PoisonError::into_inner).recv();
    while let Ok(Errand::Read(read)) = next() {
        read(connection);
    }
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
