//! No image of this process on a disk: its memory holds every secret in clear.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// Forbids core dumps, whoever is to take them, and with them other programs of the same user to attach or to look at this process's memory and first
/// environment.
pub(super) fn forbid() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let forbidden = setrlimit(Resource::Core, none).and_then(|()| set_dumpable_behavior(DumpableBehavior::NotDumpable));
    if let Err(error) = forbidden {
        tracing::warn!(%error, "core dumps could not be forbidden: one of this process would hold secrets in clear");
    }
}
