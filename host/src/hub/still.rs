//! The hub held still: for the moment in which its files are linked for a backup, together with the journal whose work is pinned to them.

use tokio::sync::OwnedMutexGuard;

use super::Hub;

/// While this lives nothing is applied, and no record and no component is removed. Uploads go on: they only add files.
#[must_use]
pub struct Still {
    _turn: OwnedMutexGuard<()>,
}

impl Hub {
    /// Waits for the draft that is being applied, if there is one, and holds the next ones back.
    pub async fn hold_still(&self) -> Still {
        Still { _turn: self.inner.turn.clone().lock_owned().await }
    }
}
