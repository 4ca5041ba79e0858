//! Entries of the audit log, as they are told.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Moment;
use crate::journal::{AuditOutcome, AuditRecord};

/// A page of `GET /v1/audit`.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub struct AuditPage {
    /// Newest first.
    pub items: Vec<AuditTold>,
    /// What `after` of the next page is; absent at the end.
    pub next: Option<String>,
}

/// Who changed what, when, from where.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub struct AuditTold {
    /// Its place in the log, which no other entry ever has.
    pub seq: u64,
    /// When it was begun.
    pub at: Moment,
    /// Absent: it is the host's.
    pub workspace: Option<String>,
    /// The public id of the key that asked; `admin` is the one in `admin.key`.
    pub key: Option<String>,
    /// `sources.put`, `dead-letters.retry`, `host.start`.
    pub action: String,
    /// What kind of thing: `sources`, `deliveries`.
    pub kind: String,
    /// Which one; absent: several, or none of its own.
    pub name: Option<String>,
    /// How it ended.
    pub outcome: AuditOutcomeName,
    /// The answer's status.
    pub status: Option<u16>,
    /// The revision in force before.
    pub revision_before: Option<u64>,
    /// The revision in force after.
    pub revision_after: Option<u64>,
    /// Who sent the request, as far as proxies are believed.
    pub address: Option<String>,
    /// What they say they are.
    pub user_agent: Option<String>,
    /// What they call the request (`X-Request-Id`).
    pub request_id: Option<String>,
    /// How many refusals it stands for; 1 of all else.
    pub times: u64,
}

/// How a change ended.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuditOutcomeName {
    /// It is under way, or the host was killed before it could say more.
    Begun,
    /// It was made.
    Done,
    /// It was only asked what would be done.
    DryRun,
    /// It was not made, for a reason that is the caller's.
    Refused,
    /// It was not made, or not all of it, for a reason that is the host's.
    Failed,
}

impl From<AuditOutcomeName> for AuditOutcome {
    fn from(name: AuditOutcomeName) -> Self {
        match name {
            AuditOutcomeName::Begun => Self::Begun,
            AuditOutcomeName::Done => Self::Done,
            AuditOutcomeName::DryRun => Self::DryRun,
            AuditOutcomeName::Refused => Self::Refused,
            AuditOutcomeName::Failed => Self::Failed,
        }
    }
}

impl From<AuditOutcome> for AuditOutcomeName {
    fn from(outcome: AuditOutcome) -> Self {
        match outcome {
            AuditOutcome::Begun => Self::Begun,
            AuditOutcome::Done => Self::Done,
            AuditOutcome::DryRun => Self::DryRun,
            AuditOutcome::Refused => Self::Refused,
            AuditOutcome::Failed => Self::Failed,
        }
    }
}

impl AuditTold {
    /// Of an entry on record.
    #[must_use]
    pub fn of(AuditRecord { seq, entry }: &AuditRecord) -> Self {
        Self {
            seq: *seq,
            at: entry.at.into(),
            workspace: entry.workspace.as_ref().map(ToString::to_string),
            key: entry.key.clone(),
            action: entry.action.clone(),
            kind: entry.kind.clone(),
            name: entry.name.clone(),
            outcome: entry.end.map_or(AuditOutcome::Begun, |end| end.outcome).into(),
            status: entry.end.and_then(|end| end.status),
            revision_before: entry.revision_before,
            revision_after: entry.end.and_then(|end| end.revision_after),
            address: entry.address.map(|address| address.to_string()),
            user_agent: entry.user_agent.clone(),
            request_id: entry.request_id.clone(),
            times: entry.times,
        }
    }
}
