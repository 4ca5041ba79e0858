//! Backups: everything that a host keeps, as of one moment, in one tar archive; and the way back into a fresh folder.
//!
//! The moment is made by holding the hub still while the journal's view is taken and the hub's files are linked, which takes a blink
//! whatever their size: so every revision and component that work in the journal is pinned to is in the same archive. Files of the hub are
//! never written in place, so that a link keeps what it was made of. The rest (copying, packing, sending) goes on beside everything else.
//!
//! | file | what it is |
//! |---|---|
//! | `choose` | which files of a data folder belong to a backup; pure |
//! | `link` | the files as of the moment, in a folder to work in |
//! | `manifest`, `pack` | the list of what an archive holds; writing one |
//! | `stopped` | the same of a folder that no host runs on |
//! | `keys` | the keys of a data folder, as a further part of an archive |
//! | `restore` | an archive made a folder again |

mod choose;
mod keys;
mod link;
mod manifest;
mod metrics;
mod pack;
mod restore;
mod stopped;

pub use keys::{ArchivesKey, KeyError, Keys};
pub use manifest::Manifest;
pub use restore::{RestoreError, Restored, refuse_unfinished, restore};
pub use stopped::Stopped;

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use prometheus_client::registry::Registry;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::{link::Work, metrics::Metrics, pack::Packer};
use crate::{
    event::Clock,
    hub::{self, DataKeysError, Hub},
    journal::{self, DiskProbe, Frozen, Journal, JournalError},
};

/// Backups under way at once: each keeps a copy of the journal on the disk until it is sent.
const UNDER_WAY_MAX: usize = 1;

/// Where the journal lies, in the data folder and in an archive.
const JOURNAL: &str = "journal/journal.db";

/// Settings of this part.
#[derive(Clone, Debug)]
pub struct Options {
    data: PathBuf,
    disk_reserve_bytes: u64,
    disk: DiskProbe,
}

impl Options {
    /// Of a host with this data folder and these settings of its journal.
    #[must_use]
    pub fn of(data: &Path, journal: &journal::Options) -> Self {
        Self { data: data.to_owned(), disk_reserve_bytes: journal.disk_reserve_bytes, disk: journal.disk.clone() }
    }
}

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// One is being made.
    #[error("a backup is under way already, and {UNDER_WAY_MAX} at once is the limit: try again when it has ended")]
    UnderWay,
    /// The copy of the journal would use what is kept for the work on events.
    #[error(
        "a copy of the journal needs {needed_bytes} bytes beside the reserve of {reserve_bytes} (--disk-reserve-bytes), and {free_bytes} are \
         free: make room, or stop the host and back its folder up with --stopped, into another file system"
    )]
    NoSpace {
        /// For the copy.
        needed_bytes: u64,
        /// Kept free.
        reserve_bytes: u64,
        /// There are.
        free_bytes: u64,
    },
    /// The journal did not serve.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Which main key the archive is under was not found out.
    #[error(transparent)]
    DataKeys(#[from] DataKeysError),
    /// The disk, or whoever takes the archive, did not.
    #[error("a file of the backup: {0}")]
    Io(#[from] io::Error),
}

/// Makes backups of a running host.
pub struct Backups {
    options: Options,
    hub: Arc<Hub>,
    journal: Arc<dyn Journal>,
    clock: Clock,
    turns: Arc<Semaphore>,
    metrics: Metrics,
}

impl Backups {
    /// None is under way; what one that was interrupted left is removed.
    ///
    /// # Errors
    /// Where it cannot be.
    pub fn new(
        options: Options,
        hub: &Arc<Hub>,
        journal: &Arc<dyn Journal>,
        clock: &Clock,
        registry: &mut Registry,
    ) -> io::Result<Self> {
        Work::remove(&options.data)?;
        Ok(Self {
            options,
            hub: Arc::clone(hub),
            journal: Arc::clone(journal),
            clock: Arc::clone(clock),
            turns: Arc::new(Semaphore::new(UNDER_WAY_MAX)),
            metrics: Metrics::new(registry),
        })
    }

    /// Takes the moment that the backup is of.
    ///
    /// # Errors
    /// [`BackupError`].
    pub async fn begin(&self) -> Result<Begun, BackupError> {
        let turn = Arc::clone(&self.turns).try_acquire_owned().map_err(|_| BackupError::UnderWay)?;
        let still = self.hub.hold_still().await;
        let journal = self.journal.freeze().await?;
        let space = Space { options: self.options.clone(), needed_bytes: journal.bytes() };
        space.suffices()?;
        let data = self.options.data.clone();
        let linking = tokio::task::spawn_blocking(move || {
            let work = Work::link(&data);
            drop(still);
            work
        });
        let work = linking.await.map_err(io::Error::other)??;
        let (made_at, started, metrics) = ((self.clock)(), Instant::now(), self.metrics.clone());
        Ok(Begun { work, journal, space, made_at, started, metrics: metrics.begun(), _turn: turn })
    }
}

/// Whether there is space for the copy of the journal.
struct Space {
    options: Options,
    needed_bytes: u64,
}

impl Space {
    fn suffices(&self) -> Result<(), BackupError> {
        let Options { data, disk_reserve_bytes: reserve_bytes, disk } = &self.options;
        // Where the system does not tell, the disk will.
        let free_bytes = disk.free_bytes(data).unwrap_or(u64::MAX);
        let (needed_bytes, reserve_bytes) = (self.needed_bytes, *reserve_bytes);
        let fits = free_bytes >= needed_bytes.saturating_add(reserve_bytes);
        if fits { Ok(()) } else { Err(BackupError::NoSpace { needed_bytes, reserve_bytes, free_bytes }) }
    }

    /// While it is copied.
    fn lasts(&self) -> Result<(), JournalError> {
        let free = self.options.disk.free_bytes(&self.options.data).unwrap_or(u64::MAX);
        if free >= self.options.disk_reserve_bytes { Ok(()) } else { Err(JournalError::Full) }
    }
}

/// A backup whose moment is taken.
pub struct Begun {
    work: Work,
    journal: Box<dyn Frozen>,
    space: Space,
    made_at: crate::event::Timestamp,
    started: Instant,
    metrics: metrics::Begun,
    _turn: OwnedSemaphorePermit,
}

impl Begun {
    /// About how many bytes the archive will have.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.work.bytes() + self.journal.bytes()
    }

    /// The id of the main key that opens the secrets in it: that of this moment, whatever the keys are changed to while it is sent.
    ///
    /// # Errors
    /// Where the data keys are not among the files, or are damaged.
    pub fn main_key(&self) -> Result<String, BackupError> {
        let data_keys = hub::data_keys_file(&self.space.options.data);
        let linked = self.work.files().iter().find(|file| self.space.options.data.join(&file.name) == data_keys);
        Ok(hub::wrapped_by(linked.map_or(&data_keys, |file| &file.path))?)
    }

    /// Writes the archive. Blocks.
    ///
    /// # Errors
    /// Where the disk or `to` fails; what was written by then has no manifest, and is refused by [`restore`].
    pub fn write(self, to: impl Write) -> Result<(), BackupError> {
        let Self { work, journal, space, made_at, started, metrics, _turn } = self;
        let mut packer = Packer::new(to, made_at);
        // The copy first: until it is made, the journal's log grows.
        let copy = work.copy_of_journal();
        journal.copy_to(&copy, &mut || space.lasts())?;
        for file in work.files() {
            packer.add(&file.name, &file.path)?;
        }
        packer.add(JOURNAL, &copy)?;
        let bytes = packer.finish()?;
        tracing::info!(bytes, files = work.files().len() + 1, ms = started.elapsed().as_millis(), "a backup was made");
        metrics.made(bytes, made_at, started.elapsed());
        Ok(())
    }
}
