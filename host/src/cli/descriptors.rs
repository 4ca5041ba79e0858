//! How many files and connections the system lets this process have open.
//!
//! Many systems start programs with 1,024 and allow far more for the asking. A host that keeps to the 1,024 would run out of them long before
//! its own limits hold.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Stores, connections that deliver, and whatever else is open beside those of senders.
const BESIDE: u64 = 1_000;

/// How many files this process may open for the asking; `None`: any number.
pub(super) fn allowed() -> Option<u64> {
    getrlimit(Resource::Nofile).maximum
}

/// Asks for as many as are allowed, and tells where those are too few for so many connections of senders.
pub(super) fn raise(connections_max: usize) {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::warn!(%error, "the limit on open files could not be raised");
    }
    let needed = BESIDE.saturating_add(connections_max as u64);
    // None: there is no limit.
    let Some(allowed) = getrlimit(Resource::Nofile).current.filter(|allowed| *allowed < needed) else { return };
    tracing::warn!(
        allowed,
        needed,
        "fewer open files are allowed than --connections-max needs; raise `ulimit -n`, or lower the flag"
    );
}
