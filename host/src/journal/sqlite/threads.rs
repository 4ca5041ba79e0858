//! The engine's threads: how they are started, and in which order they stop.

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{Builder, JoinHandle},
};

use rusqlite::Connection;

use super::{
    Options, Shared,
    checkpoint::{Tidier, Tidy},
    commit::{Committer, Order},
    error::StoreError,
    folder::Folder,
    reader::{self, Errand},
    schema,
};

/// What runs, until [`Threads::stop`].
#[derive(Debug)]
pub(super) struct Threads {
    committer: JoinHandle<()>,
    readers: Vec<JoinHandle<()>>,
    tidier: JoinHandle<()>,
    tidy: SyncSender<Tidy>,
    /// Ours until the last thread has stopped.
    _folder: Folder,
}

/// Where the threads take their work from.
#[derive(Clone, Debug)]
pub(super) struct Queues {
    /// To the committer.
    pub(super) orders: SyncSender<Order>,
    /// To the readers.
    pub(super) errands: SyncSender<Errand>,
}

impl Threads {
    /// Starts them all. Where one cannot be started those before it find their queue without a sender, and stop.
    pub(super) fn start(
        folder: Folder,
        writer: Connection,
        options: &Options,
        shared: &Arc<Shared>,
    ) -> Result<(Self, Queues), StoreError> {
        let (tidy, notices) = sync_channel(1);
        let (orders, order) = sync_channel(options.queue_max.max(1));
        let (errands, errand) = sync_channel(options.read_queue_max.max(1));
        let path = folder.file();
        let tidier = start_tidier(&path, notices, options, shared)?;
        let committer = Committer {
            connection: writer,
            orders: order,
            tidy: tidy.clone(),
            shared: Arc::clone(shared),
            commit_events_max: options.commit_events_max,
        };
        let committer = Builder::new().name("journal-commit".to_owned()).spawn(move || committer.run())?;
        let (errand, mut readers) = (Arc::new(Mutex::new(errand)), Vec::new());
        for number in 0..options.readers.max(1) {
            let (connection, errand) = (schema::open_reader(&path)?, Arc::clone(&errand));
            let run = move || reader::run(&connection, &errand);
            readers.push(Builder::new().name(format!("journal-read-{number}")).spawn(run)?);
        }
        Ok((Self { committer, readers, tidier, tidy, _folder: folder }, Queues { orders, errands }))
    }

    /// Commits what waits, lets the readers finish, and empties the log, in this order. Blocks until that is done.
    pub(super) fn stop(self, queues: &Queues) {
        // A thread that cannot be told has stopped already; one that panicked has told so.
        let _ = queues.orders.send(Order::Stop);
        let _ = self.committer.join();
        for _ in &self.readers {
            let _ = queues.errands.send(Errand::Stop);
        }
        for reader in self.readers {
            let _ = reader.join();
        }
        let _ = self.tidy.send(Tidy::Stop);
        let _ = self.tidier.join();
    }
}

fn start_tidier(
    path: &Path,
    notices: Receiver<Tidy>,
    options: &Options,
    shared: &Arc<Shared>,
) -> Result<JoinHandle<()>, StoreError> {
    let connection = schema::open_tidier(path)?;
    let tidier = Tidier { connection, notices, shared: Arc::clone(shared), checkpoint_pages: options.checkpoint_pages.max(1) };
    Ok(Builder::new().name("journal-tidy".to_owned()).spawn(move || tidier.run())?)
}
