//! Keeps the index of a workspace's rules in few pieces. An apply adds a small piece; joining it with the large ones would take longer than
//! an apply may, so it is done afterwards, beside everything else, and swapped in like a snapshot of the same revision.

use std::sync::{Arc, PoisonError};

use super::{Inner, snapshot::Snapshot};
use crate::{dispatch, event::Name, route};

impl Inner {
    /// Joins what should be, if that is so, on a thread of its own. Called where a runtime is.
    pub(super) fn compact_rules(self: &Arc<Self>, workspace: &Name) {
        if self.due(workspace).is_some() {
            let (inner, workspace) = (Arc::clone(self), workspace.clone());
            drop(tokio::task::spawn_blocking(move || inner.compact_until_well(&workspace)));
        }
    }

    fn due(&self, workspace: &Name) -> Option<route::Compaction> {
        self.snapshot.load().dispatch.workspaces.get(workspace)?.index.compaction()
    }

    pub(super) fn compact_until_well(&self, workspace: &Name) {
        // Who waited here may find that there is nothing left to do.
        let _compacting = self.compacting.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(compaction) = self.due(workspace) {
            let compacted = compaction.run();
            // Drafts that come meanwhile are applied to the index as it was, and only from here on wait.
            let _turn = self.turn.clone().blocking_lock_owned();
            self.adopt(workspace, &compacted);
        }
    }

    fn adopt(&self, workspace: &Name, compacted: &route::Compacted) {
        let snapshot = self.snapshot.load_full();
        let Some(rules) = snapshot.dispatch.workspaces.get(workspace) else { return };
        let Some(index) = rules.index.adopt(compacted) else { return };
        let rules = dispatch::Rules { revision: rules.revision, rules: rules.rules.clone(), index };
        let mut next = Snapshot::clone(&snapshot);
        next.dispatch.workspaces.insert(workspace.clone(), Arc::new(rules));
        self.snapshot.store(Arc::new(next));
    }
}
