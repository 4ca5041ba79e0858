//! What is known of a host and of a data folder, as plain values.

use crate::{hub, journal};

/// All that was gathered.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    /// `None`: not looked at.
    pub(super) host: Option<HostFacts>,
    /// `None`: not looked at, or not on this machine.
    pub(super) folder: Option<FolderFacts>,
}

/// What a host tells.
#[derive(Clone, Debug, Default)]
pub(super) struct HostFacts {
    pub(super) url: String,
    /// Why nobody answers; `None`: somebody does.
    pub(super) unreachable: Option<String>,
    /// What `/readyz` answers where it is not 200.
    pub(super) not_ready: Option<String>,
    /// The host's clock less ours, in seconds.
    pub(super) clock_ahead_secs: Option<i64>,
    pub(super) key: KeyFact,
    /// What the host runs; only an operator's key is told.
    pub(super) version: Option<String>,
    /// Files or addresses of certificates, and for how many seconds each is good from now on.
    pub(super) certificates: Vec<(String, i64)>,
    /// `None`: nothing was changed since the hub file, or none was ever applied.
    pub(super) drift: Option<DriftFact>,
    /// Names and why they are disabled.
    pub(super) disabled: Vec<(String, String)>,
    /// Names of destinations whose breaker is open.
    pub(super) open_breakers: Vec<String>,
    /// Names of plugins whose breaker is tripped.
    pub(super) tripped_plugins: Vec<String>,
    /// Names of sources that take what anybody sends.
    pub(super) unverified_sources: Vec<String>,
    pub(super) dead_letters: u64,
    /// Commits of the journal that failed since the start.
    pub(super) commit_failures: u64,
    /// Entries of the audit log that could not be written since the start.
    pub(super) audit_failures: u64,
    /// When the last backup since the start was made, in seconds since 1970; 0: none was.
    pub(super) last_backup_secs: Option<u64>,
    /// Questions that the host did not answer: what they are about, and the refusal.
    pub(super) unanswered: Vec<(&'static str, String)>,
}

/// What was changed by the API since a hub file was applied.
#[derive(Clone, Debug, Default)]
pub(super) struct DriftFact {
    /// The revision of that file.
    pub(super) since: u64,
    /// As in `destination crm`.
    pub(super) entries: Vec<String>,
}

/// What the key is good for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum KeyFact {
    /// There was nobody to ask.
    #[default]
    NotAsked,
    /// None was given.
    None,
    /// It is none of the host's.
    Refused,
    /// It is good, and does not read documents.
    Narrow,
    /// It is good.
    Good,
}

/// What lies in a data folder.
#[derive(Clone, Debug)]
pub(super) struct FolderFacts {
    pub(super) path: String,
    pub(super) hub: Result<hub::Inspection, String>,
    pub(super) journal: Result<Option<journal::Inspection>, String>,
    /// Files that others than their owner can read, and their modes.
    pub(super) readable_by_others: Vec<(String, u32)>,
    pub(super) admin_key_missing: bool,
    /// A restore has not come to its end.
    pub(super) restore_unfinished: bool,
    pub(super) free_bytes: Option<u64>,
    pub(super) disk_reserve_bytes: u64,
    /// How many files this user's processes may open; `None`: any number.
    pub(super) open_files_max: Option<u64>,
}
