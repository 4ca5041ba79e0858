//! Whether there is space for more: told to who takes events in, and to who removes old ones.

use std::{fmt, io, path::Path, sync::Arc};

/// How much space there is, by the limits that the store was given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Space {
    /// Enough.
    #[default]
    Ample,
    /// It goes to an end: what is settled is removed before its time, oldest first.
    Scarce,
    /// New events are refused. What is left is kept for the work on those that were taken: plans, settlements and removal go on.
    Full(Short),
}

/// What there is too little of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Short {
    /// The file system has less than the reserve left.
    Disk,
    /// The journal has its largest size, and nothing in it is settled.
    Journal,
}

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disk => "the disk has less free space than is kept in reserve",
            Self::Journal => "the journal has reached its largest size, and what is in it still waits to be delivered",
        })
    }
}

/// Tells how many bytes the file system of a folder has free for us. Handed in, as clocks are, so that a test can fill a disk.
#[derive(Clone)]
pub struct DiskProbe(Arc<Probe>);

type Probe = dyn Fn(&Path) -> io::Result<u64> + Send + Sync;

impl DiskProbe {
    /// Tells what this tells.
    pub fn new(free_bytes: impl Fn(&Path) -> io::Result<u64> + Send + Sync + 'static) -> Self {
        Self(Arc::new(free_bytes))
    }

    /// The bytes that are free for us where this folder is.
    ///
    /// # Errors
    ///
    /// Where the system does not tell.
    pub fn free_bytes(&self, folder: &Path) -> io::Result<u64> {
        (self.0)(folder)
    }
}

impl Default for DiskProbe {
    /// Asks the system (`statvfs`): what is free for processes without privileges.
    fn default() -> Self {
        Self::new(|folder| {
            let system = rustix::fs::statvfs(folder)?;
            Ok(system.f_bavail.saturating_mul(system.f_frsize))
        })
    }
}

impl fmt::Debug for DiskProbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DiskProbe")
    }
}
