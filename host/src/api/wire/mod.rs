//! The JSON shapes of the API. The command line reads the ones it needs from here.

mod audit;
mod chain;
mod control;
mod dead;
mod hub_file;
mod lane;
mod main_key;
mod moment;
mod published;
mod records;
mod states;
mod tenancy;

pub use audit::{AuditOutcomeName, AuditPage, AuditTold};
pub use control::{
    Activate, Applied, ApplyRequest, Canary, ComponentStored, Documents, Listed, SpecProblem, VersionTold, VersionsTold,
};
pub use dead::{Replay, ReplayAll, Retry, RetryAll, TakenUp, Through};
pub use hub_file::{
    ChangeTold, DriftTold, DriftedTold, ExportTold, FieldTold, MissingTold, PlanTold, RevisionDiffTold, RevisionTold,
    RevisionsTold,
};
pub use main_key::{Rekeyed, RotateMainKey};
pub use moment::Moment;
pub use tenancy::{
    KeyChange, KeyShown, KeyState, KeyTold, KeysTold, NewKey, NewWorkspace, WorkspaceCounts, WorkspaceDeleted, WorkspaceDocument,
    WorkspaceTold, WorkspacesTold,
};

pub(super) use chain::{health, outcome, repeated, saw};
pub(super) use dead::{KindName, dead_count, dead_letters, place, place_of};
pub(super) use lane::lane_status;
pub(super) use published::{Publish, Published};
pub(super) use records::{batch, delivery, event, event_as_it_came, run, whole_delivery, whole_event};
pub(super) use states::{InState, StateName};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use crate::{
    event::{Attribute, Failure, Header, Timestamp},
    journal::Page,
};

pub(super) fn page<T>(page: &Page<T>, item: impl Fn(&T) -> Value) -> Value {
    json!({ "items": page.items.iter().map(item).collect::<Value>(), "next": page.next.map(|next| next.to_string()) })
}

pub(super) fn time(at: Timestamp) -> Value {
    rfc3339(at).into()
}

fn rfc3339(at: Timestamp) -> String {
    let ms = i64::try_from(at.0).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(ms).unwrap_or_default().to_string()
}

pub(super) fn failure(failure: &Failure) -> Value {
    json!({ "code": failure.code, "message": failure.message })
}

pub(super) fn headers(headers: &[Header]) -> Value {
    headers.iter().map(|header| json!([header.name, header.value])).collect()
}

/// `{ "text": ... }` where the bytes are UTF-8, else `{ "base64": ... }`.
pub(super) fn bytes(body: &[u8]) -> Value {
    match std::str::from_utf8(body) {
        Ok(text) => json!({ "text": text }),
        Err(_) => json!({ "base64": STANDARD.encode(body) }),
    }
}

pub(super) fn attributes(attributes: &[Attribute]) -> Value {
    attributes.iter().map(|a| (a.key.clone(), Value::from(a.value.clone()))).collect::<Map<_, _>>().into()
}
