//! A workspace.

use serde::{Deserialize, Serialize};

use super::Quotas;
use crate::event::{Name, Timestamp};

/// A workspace: a tenant of the host. This is its form on disk too: a field may be added, none may change its meaning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workspace {
    /// The name.
    pub name: Name,
    /// For people.
    pub description: String,
    /// In milliseconds since the Unix epoch.
    pub created_at: u64,
    /// The id of the key that made it.
    pub created_by: String,
    /// The newest revision when it was made: those up to it are of an earlier workspace of this name.
    #[serde(default)]
    pub(in crate::hub) after_revision: u64,
    /// How much it may have.
    #[serde(default)]
    pub quotas: Quotas,
}

impl Workspace {
    pub(super) fn new(name: Name, created_by: &str, now: Timestamp) -> Self {
        let (description, quotas) = (String::new(), Quotas::default());
        Self { name, description, created_at: now.0, created_by: created_by.to_owned(), after_revision: 0, quotas }
    }
}
