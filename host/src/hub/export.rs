//! The entries as a hub file declares them, and the components that they name.

use std::collections::{BTreeMap, HashSet};

use bytes::Bytes;
use serde_json::Value;
use tokio::task::spawn_blocking;

use super::{
    Hub, HubError, StoreError,
    entry::{Entry, Key, Kind},
    seal::shown,
    spec,
};
use crate::event::{Digest, Name};

/// A workspace's entries.
#[derive(Clone, Debug)]
pub struct Exported {
    /// The workspace's revision that they are of.
    pub revision: u64,
    /// As [`Hub::get`] shows them, without what was not declared: signing secrets that the hub made or kept.
    pub entries: BTreeMap<(Kind, Name), Value>,
}

impl Hub {
    /// All entries of a workspace as of one revision.
    #[must_use]
    pub fn export(&self, workspace: &Name) -> Exported {
        let state = self.inner.state.load();
        let declared = |key: &Key, document: &Value| {
            let mut declared = shown(&Entry::new(workspace, key), document);
            if key.0 == Kind::Destination {
                remove_own(&mut declared, document);
            }
            (key.clone(), declared)
        };
        let standing = state.workspace(workspace);
        let entries = standing.iter().map(|(key, item)| declared(key, &item.document)).collect();
        Exported { revision: state.revision_of(workspace), entries }
    }

    /// A component that the workspace names: in an entry, or as a version of a plugin.
    ///
    /// # Errors
    /// [`HubError::NoComponent`], and [`HubError::Store`].
    pub async fn component(&self, workspace: &Name, digest: Digest) -> Result<Bytes, HubError> {
        if !self.named_in(workspace).contains(&digest) {
            return Err(HubError::NoComponent { digest });
        }
        let components = self.inner.catalogue.components.clone();
        let read = spawn_blocking(move || components.read(&digest)).await.map_err(StoreError::Stopped)?;
        read.map_err(StoreError::FileSystem)?.ok_or(HubError::NoComponent { digest })
    }

    fn named_in(&self, workspace: &Name) -> HashSet<Digest> {
        let standing = self.inner.state.load().workspace(workspace);
        let entries = standing.iter().flat_map(|(key, item)| spec::digests(key.0, &item.document));
        entries.chain(self.inner.versions.digests_of(workspace)).collect()
    }
}

/// Takes out the secrets that nobody declares, and what a rotation left of them: where a file gives none, those stay as they are.
fn remove_own(destination: &mut Value, sealed: &Value) {
    let Some(fields) = destination.as_object_mut() else { return };
    if sealed["secret"]["own"] == true {
        fields.remove("secret");
    }
    if let Some(Value::Array(further)) = fields.get_mut("secrets") {
        let own = sealed["secrets"].as_array().into_iter().flatten().map(|further| further["secret"]["own"] == true);
        let mut own = own.collect::<Vec<_>>().into_iter();
        further.retain(|_| own.next() != Some(true));
        if further.is_empty() && !sealed["secrets"].as_array().is_some_and(Vec::is_empty) {
            fields.remove("secrets");
        }
    }
}
