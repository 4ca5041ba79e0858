//! The engine's threads: how they are started, and in which order they stop.

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{Builder, JoinHandle},
    time::Duration,
};

use rusqlite::Connection;

use super::{
    Options, Shared,
    checkpoint::{Tidier, Tidy},
    command::Order,
    commit::Committer,
    error::StoreError,
    folder::Folder,
    log::Log,
    reader::{self, Errand},
    schema,
};

/// What runs, until [`Threads::stop`].
#[derive(Debug)]
pub(super) struct Threads {
    committer: JoinHandle<()>,
    claimers: Vec<JoinHandle<()>>,
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
    /// To the threads that hand out work.
    pub(super) claims: SyncSender<Errand>,
    /// To the threads that list what is on record.
    pub(super) listings: SyncSender<Errand>,
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
        let (claims, claim) = sync_channel(options.read_queue_max.max(1));
        let (listings, listing) = sync_channel(options.read_queue_max.max(1));
        let path = folder.file();
        let log = Arc::new(Log::certain(folder.log()));
        let tidier = start_tidier(&path, notices, options, (shared, &log))?;
        let committer = Committer {
            connection: writer,
            orders: order,
            tidy: tidy.clone(),
            shared: Arc::clone(shared),
            commit_events_max: options.commit_events_max,
            syncs: true,
            log: Arc::clone(&log),
        };
        let committer = Builder::new().name("journal-commit".to_owned()).spawn(move || committer.run())?;
        let to_claim = || schema::open_claimer(&path);
        let claimers = start_readers("journal-claim", to_claim, options.claimers, claim, None)?;
        let (limit, to_list) = (Some(Duration::from_millis(options.listing_ms_max)), || schema::open_reader(&path));
        let readers = start_readers("journal-read", to_list, options.readers, listing, limit)?;
        Ok((Self { committer, claimers, readers, tidier, tidy, _folder: folder }, Queues { orders, claims, listings }))
    }

    /// Commits what waits, lets the readers finish, and empties the log, in this order. Blocks until that is done.
    pub(super) fn stop(self, queues: &Queues) {
        // A thread that cannot be told has stopped already; one that panicked has told so.
        let _ = queues.orders.send(Order::Stop);
        let _ = self.committer.join();
        for (threads, errands) in [(self.claimers, &queues.claims), (self.readers, &queues.listings)] {
            for _ in &threads {
                let _ = errands.send(Errand::Stop);
            }
            for thread in threads {
                let _ = thread.join();
            }
        }
        let _ = self.tidy.send(Tidy::Stop);
        let _ = self.tidier.join();
    }
}

fn start_readers(
    name: &str,
    connect: impl Fn() -> Result<Connection, StoreError>,
    threads: usize,
    errands: Receiver<Errand>,
    limit: Option<Duration>,
) -> Result<Vec<JoinHandle<()>>, StoreError> {
    let errands = Arc::new(Mutex::new(errands));
    let start = |number| {
        let (connection, errands) = (connect()?, Arc::clone(&errands));
        let run = move || reader::run(connection, &errands, limit);
        Ok(Builder::new().name(format!("{name}-{number}")).spawn(run)?)
    };
    (0..threads.max(1)).map(start).collect()
}

fn start_tidier(
    path: &Path,
    notices: Receiver<Tidy>,
    options: &Options,
    (shared, log): (&Arc<Shared>, &Arc<Log>),
) -> Result<JoinHandle<()>, StoreError> {
    let connection = schema::open_tidier(path)?;
    let (shared, log, checkpoint_pages) = (Arc::clone(shared), Arc::clone(log), options.checkpoint_pages.max(1));
    let tidier = Tidier { connection, notices, shared, log, checkpoint_pages };
    Ok(Builder::new().name("journal-tidy".to_owned()).spawn(move || tidier.run())?)
}
