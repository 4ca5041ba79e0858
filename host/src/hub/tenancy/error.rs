//! What was not done about workspaces and keys, and whose it is to mend.

use crate::{
    event::{Invalid, Name},
    hub::{
        FileSystemError, HubError, StoreError,
        wording::{did_you_mean, nearest},
    },
};

/// Why nothing was done. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
pub enum TenancyError {
    /// There is none of this id that the caller may see.
    #[error("no key has the id `{0}`; `GET /v1/keys` lists them")]
    UnknownKey(String),
    /// There is no workspace of this name.
    #[error("there is no workspace `{name}`{hint}; make it by `sluicebox workspaces create {name}`")]
    UnknownWorkspace {
        /// The name.
        name: Name,
        /// The known name that was perhaps meant.
        hint: String,
    },
    /// The caller's own key does not allow it.
    #[error("{0}")]
    NotGranted(String),
    /// What was sent is wrong.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// There is a workspace of this name.
    #[error("there is a workspace `{0}` already")]
    WorkspaceExists(Name),
    /// What is in it would go with it.
    #[error("workspace `{name}` is not empty: it has {what}; delete them first, or delete it with `force`, and they go with it")]
    WorkspaceNotEmpty {
        /// The workspace.
        name: Name,
        /// For people.
        what: String,
    },
    /// There is no room for it on this host.
    #[error("there are {max} {what} already, which is the limit")]
    Limit {
        /// Of what.
        what: &'static str,
        /// The limit.
        max: usize,
    },
    /// The stores did not serve, or the revision that belongs to it was refused.
    #[error(transparent)]
    Hub(#[from] HubError),
}

impl TenancyError {
    pub(super) fn unknown_workspace<'a>(name: &Name, known: impl Iterator<Item = &'a Name>) -> Self {
        let meant = nearest(name.as_str(), known.map(Name::as_str));
        Self::UnknownWorkspace { name: name.clone(), hint: meant.map_or(String::new(), |known| did_you_mean(&known)) }
    }
}

impl From<StoreError> for TenancyError {
    fn from(error: StoreError) -> Self {
        Self::Hub(HubError::Store(error))
    }
}

impl From<FileSystemError> for TenancyError {
    fn from(error: FileSystemError) -> Self {
        StoreError::FileSystem(error).into()
    }
}
