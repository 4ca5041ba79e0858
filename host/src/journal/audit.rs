//! The audit log: who changed what, when and from where. A change is written down before it is made, and once more when it has ended: so
//! what the log could not take was not done, and what was done stands in it, whatever kills the host in between.

use std::net::IpAddr;

use crate::event::{Name, Timestamp};

/// A change that is about to be made, or was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Whose; `None`: the host's own, which belongs to no workspace.
    pub workspace: Option<Name>,
    /// When.
    pub at: Timestamp,
    /// The public id of the key that asked; `None`: none that is good, or nobody asked.
    pub key: Option<String>,
    /// `sources.put`, `dead-letters.retry`, `host.start`.
    pub action: String,
    /// What kind of thing: `sources`, `deliveries`.
    pub kind: String,
    /// Which one; `None`: several, or none of its own.
    pub name: Option<String>,
    /// The revision in force before.
    pub revision_before: Option<u64>,
    /// Who sent the request, as far as proxies are believed.
    pub address: Option<IpAddr>,
    /// What they say they are; cut.
    pub user_agent: Option<String>,
    /// What they call the request; cut.
    pub request_id: Option<String>,
    /// How many attempts it stands for: refusals that repeat have one entry together.
    pub times: u64,
    /// How it ended, where that is known already.
    pub end: Option<AuditEnd>,
}

impl AuditEntry {
    /// What an entry is called that stands for refused calls of several actions.
    pub const SUMMARY_ACTION: &str = "calls.refused";
    /// Its kind.
    pub const SUMMARY_KIND: &str = "calls";
}

/// How a change ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditEnd {
    /// In a word.
    pub outcome: AuditOutcome,
    /// The answer's status, where there was a request.
    pub status: Option<u16>,
    /// The revision in force after.
    pub revision_after: Option<u64>,
    /// What it changed is the host's, which was not known when it began.
    pub of_host: bool,
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditOutcome {
    /// It was begun, and how it ended is not on record: the host was killed in between, or it is under way.
    Begun,
    /// It was made.
    Done,
    /// It was only told what would be done.
    DryRun,
    /// It was not made, for a reason that is the caller's.
    Refused,
    /// It was not made, or not all of it, for a reason that is the host's.
    Failed,
}

/// An entry as it is on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// Its place in the log, which no other entry ever has.
    pub seq: u64,
    /// What was to be done.
    pub entry: AuditEntry,
}

/// Which entries.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Of this workspace; `None`: the host's own.
    pub workspace: Option<Name>,
    /// By this key.
    pub key: Option<String>,
    /// Of this action.
    pub action: Option<String>,
    /// Of things of this kind.
    pub kind: Option<String>,
    /// Of this thing.
    pub name: Option<String>,
    /// That ended like this.
    pub outcome: Option<AuditOutcome>,
    /// At this time or later.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
    /// Older than this place.
    pub before: Option<u64>,
    /// Newer than this place, oldest first.
    pub after: Option<u64>,
    /// At most so many.
    pub limit: usize,
}
