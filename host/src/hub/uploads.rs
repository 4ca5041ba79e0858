//! Whose components there are: those that a workspace's versions and documents name, and for an hour those that it uploaded and nothing names yet.
//! There is room for so many on the whole host, of which one workspace may be given a part (`components_max`).
//!
//! What was uploaded lately is in memory alone: a restart forgets it, and what nothing names goes soon anyway.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, PoisonError},
};

use super::{Inner, component, spec};
use crate::event::{Digest, Name, Timestamp};

/// Uploads of the last hour.
#[derive(Default)]
pub(super) struct Uploads {
    of: Mutex<HashMap<Name, HashMap<Digest, Timestamp>>>,
}

impl Uploads {
    /// A workspace has uploaded this, and it was kept.
    pub(super) fn note(&self, workspace: &Name, digest: Digest, now: Timestamp) {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        of.entry(workspace.clone()).or_default().insert(digest, now);
    }

    /// What it uploaded lately. Older uploads of all are forgotten.
    fn lately(&self, workspace: &Name, now: Timestamp) -> HashSet<Digest> {
        let age_ms_min = u64::try_from(component::UNNAMED_AGE_MIN.as_millis()).unwrap_or(u64::MAX);
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        of.retain(|_, uploads| {
            uploads.retain(|_, at| now.0.saturating_sub(at.0) < age_ms_min);
            !uploads.is_empty()
        });
        of.get(workspace).into_iter().flat_map(HashMap::keys).copied().collect()
    }
}

impl Inner {
    /// Whether a workspace may upload this component: it has it already, or fewer than it may. Asked in the turn of uploads, so that none
    /// passes by the quota beside another. What is over it already, since it was lowered, stays.
    pub(super) fn may_upload(&self, workspace: &Name, digest: &Digest, components_max: Option<u32>) -> bool {
        let Some(max) = components_max else { return true };
        let own = self.components_of(workspace);
        own.contains(digest) || own.len() < max as usize
    }

    fn components_of(&self, workspace: &Name) -> HashSet<Digest> {
        let mut own = self.uploads.lately(workspace, (self.clock)());
        own.extend(self.versions.digests_of(workspace));
        let standing = self.state.load().workspace(workspace);
        own.extend(standing.iter().flat_map(|(key, item)| spec::digests(key.0, &item.document)));
        own
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_counts_for_an_hour() {
        let (uploads, hour_ms) = (Uploads::default(), 3_600_000);
        let (here, there) = ("here".parse().expect("a name"), "there".parse().expect("a name"));
        let digest = Digest::of(b"a");
        uploads.note(&here, digest, Timestamp(0));
        assert_eq!(uploads.lately(&here, Timestamp(hour_ms - 1)), HashSet::from([digest]));
        assert!(uploads.lately(&there, Timestamp(0)).is_empty());
        assert!(uploads.lately(&here, Timestamp(hour_ms)).is_empty());
        assert!(uploads.of.lock().expect("unlocked").is_empty(), "and takes no memory after it");
    }
}
