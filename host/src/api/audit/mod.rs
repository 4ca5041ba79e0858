//! The audit log at work. One function stands around every call that changes anything: it writes down what is asked before it is done, and
//! then how it ended, both synced before the answer is given. A change that cannot be written down is not made; where only its end cannot
//! be, the entry stays as begun, and the log of the host says the rest.

mod action;
mod log;
mod refusals;
mod remark;
mod summary;

pub(super) use log::routes;
pub(super) use remark::Remark;

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, StatusCode, header, request};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

use self::{
    action::{Action, cut},
    refusals::Refusals,
    summary::Summaries,
};
pub(super) use action::is_on_record;

use super::{Parts, access::Call};
use crate::{
    event::{Clock, Name},
    hub::Caller,
    ingest::{Peer, Problem},
    journal::{AuditEnd, AuditEntry, AuditOutcome, Journal, JournalError},
};

/// The longest `User-Agent` that is kept, in characters.
const USER_AGENT_CHARS_MAX: usize = 200;
/// The longest `X-Request-Id` that is kept, in characters.
const REQUEST_ID_CHARS_MAX: usize = 128;
/// When a caller whose change could not be written down may try again.
const RETRY_AFTER_SECS: u64 = 5;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What the entries are made with.
pub struct Audit {
    journal: Arc<dyn Journal>,
    clock: Clock,
    refusals: Mutex<Refusals>,
    summaries: Mutex<Summaries>,
    metrics: Metrics,
}

#[derive(Clone, Debug, Default)]
struct Metrics {
    entries: Family<Outcome, Counter>,
    refusals: Counter,
    summed: Counter,
    failures: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

/// As people write an outcome.
fn word_of(outcome: AuditOutcome) -> &'static str {
    match outcome {
        AuditOutcome::Begun => "begun",
        AuditOutcome::Done => "done",
        AuditOutcome::DryRun => "dry-run",
        AuditOutcome::Refused => "refused",
        AuditOutcome::Failed => "failed",
    }
}

impl Audit {
    /// Nobody was refused yet.
    pub fn new(journal: Arc<dyn Journal>, clock: Clock, registry: &mut Registry) -> Arc<Self> {
        let metrics = Metrics::default();
        let entries = metrics.entries.clone();
        registry.register("sluicebox_audit_entries", "Changes in the audit log, by how they ended", entries);
        let (refusals, what) = (metrics.refusals.clone(), "Calls refused for their key, those included that have no entry");
        registry.register("sluicebox_audit_refusals", what, refusals);
        let (summed, what) = (metrics.summed.clone(), "Refused calls without an entry of their own: one stands for several");
        registry.register("sluicebox_audit_summed", what, summed);
        let (failures, what) = (metrics.failures.clone(), "Entries, or ends of entries, that could not be written");
        registry.register("sluicebox_audit_failures", what, failures);
        Arc::new(Self { journal, clock, refusals: Mutex::default(), summaries: Mutex::default(), metrics })
    }

    /// Writes down what the host does by itself. Nobody waits for an answer, so a failure is only told.
    pub async fn host(&self, action: &str, name: Option<String>) {
        let done = AuditEnd { outcome: AuditOutcome::Done, status: None, revision_after: None, of_host: false };
        let entry = AuditEntry {
            action: action.to_owned(),
            kind: "host".to_owned(),
            name,
            end: Some(done),
            ..self.entry(None, &HeaderMap::new())
        };
        self.metrics.entries.get_or_create(&Outcome { outcome: "done" }).inc();
        if let Err(error) = self.journal.audit(entry).await {
            self.failed(&error, action);
        }
    }

    /// A call was refused for its key, or for want of one: told with others of its address.
    pub(super) fn refused(&self, head: &request::Parts, caller: Option<&Caller>, status: StatusCode) {
        self.metrics.refusals.inc();
        let address = address_of(head);
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(times) = refusals.refused(address, (self.clock)()) else { return };
        drop(refusals);
        let Action { action, kind, name, .. } = action_of(head);
        let end =
            AuditEnd { outcome: AuditOutcome::Refused, status: Some(status.as_u16()), revision_after: None, of_host: false };
        let entry = AuditEntry {
            // That of the key; without a good one it is the host's.
            workspace: caller.and_then(|caller| caller.workspace.clone()),
            key: caller.map(|caller| caller.key.clone()),
            action,
            kind,
            name,
            times,
            end: Some(end),
            ..self.entry(address, &head.headers)
        };
        self.metrics.entries.get_or_create(&Outcome { outcome: "refused" }).inc();
        // Nothing was changed, so nobody waits for it.
        drop(self.journal.audit(entry));
    }

    fn entry(&self, address: Option<IpAddr>, headers: &HeaderMap) -> AuditEntry {
        let text = |name: HeaderName, chars_max| {
            headers.get(name).map(|value| cut(&String::from_utf8_lossy(value.as_bytes()), chars_max))
        };
        AuditEntry {
            workspace: None,
            at: (self.clock)(),
            key: None,
            action: String::new(),
            kind: String::new(),
            name: None,
            revision_before: None,
            address,
            user_agent: text(header::USER_AGENT, USER_AGENT_CHARS_MAX),
            request_id: text(REQUEST_ID, REQUEST_ID_CHARS_MAX),
            times: 1,
            end: None,
        }
    }

    /// Writes down how the call ended whose entry is at this place. One of many that were refused is counted with the others.
    async fn ended(&self, seq: u64, end: AuditEnd, key: &str, workspace: Option<&Name>) -> Result<(), JournalError> {
        let summary = match end.outcome {
            AuditOutcome::Refused => {
                let mut summaries = self.summaries.lock().unwrap_or_else(PoisonError::into_inner);
                summaries.refused(key, workspace, seq, (self.clock)())
            }
            _ => None,
        };
        if let Some(summary) = summary {
            self.metrics.summed.inc();
            return self.journal.audit_sum(seq, summary).await;
        }
        self.metrics.entries.get_or_create(&Outcome { outcome: word_of(end.outcome) }).inc();
        self.journal.audit_end(seq, end).await
    }

    fn failed(&self, error: &JournalError, action: &str) {
        self.metrics.failures.inc();
        tracing::error!(error = error as &dyn std::error::Error, action, "the audit log could not be written");
    }
}

/// Has a call that was let through answered, with an entry around it where it changes anything. It stands behind `once`: a repeat that is only
/// told the first answer changes nothing.
pub(super) async fn on_record(State(parts): State<Parts>, request: Request, next: Next) -> Response {
    let (mut head, body) = request.into_parts();
    let call = head.extensions.get::<Call>().cloned().filter(|_| {
        let route = head.extensions.get::<MatchedPath>();
        route.is_some_and(|route| is_on_record(&head.method, route.as_str()))
    });
    let Some(Call { caller, workspace, .. }) = call else { return next.run(Request::from_parts(head, body)).await };
    let audit = Arc::clone(&parts.audit);
    let Action { action, kind, name, of_host } = action_of(&head);
    let of_host = of_host || (kind == "keys" && name.as_ref().is_some_and(|id| parts.hub.is_key_of_host(id)));
    let (key, workspace) = (caller.key, (!of_host).then_some(workspace));
    let revision = move || parts.hub.revision_in_force();
    let entry = AuditEntry {
        workspace: workspace.clone(),
        key: Some(key.clone()),
        action: action.clone(),
        kind,
        name,
        revision_before: Some(revision()),
        ..audit.entry(address_of(&head), &head.headers)
    };
    let seq = match audit.journal.audit(entry).await {
        Ok(seq) => seq,
        Err(error) => {
            audit.failed(&error, &action);
            let detail = "nothing was done: the audit log could not be written, and no change is made without it";
            return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "audit-unavailable", detail)
                .retry_after(RETRY_AFTER_SECS)
                .into_response();
        }
    };
    let remark = Remark::default();
    head.extensions.insert(remark.clone());
    let request = Request::from_parts(head, body);
    // On a task of its own: whoever asked may go away, and what is begun ends on record all the same.
    let done = tokio::spawn(async move {
        let answered = tokio::spawn(next.run(request)).await;
        let response = answered.unwrap_or_else(|error| Problem::of_fault(&error).into_response());
        let status = response.status();
        let (changes_nothing, of_host) = remark.read();
        let outcome = match outcome_of(status) {
            AuditOutcome::Done if changes_nothing => AuditOutcome::DryRun,
            outcome => outcome,
        };
        let end = AuditEnd { outcome, status: Some(status.as_u16()), revision_after: Some(revision()), of_host };
        if let Err(error) = audit.ended(seq, end, &key, workspace.as_ref()).await {
            audit.failed(&error, &action);
        }
        response
    });
    done.await.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

fn outcome_of(status: StatusCode) -> AuditOutcome {
    match status.as_u16() {
        ..400 => AuditOutcome::Done,
        400..500 => AuditOutcome::Refused,
        _ => AuditOutcome::Failed,
    }
}

fn action_of(head: &request::Parts) -> Action {
    let path = head.uri.path();
    let route = head.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
    Action::of(&head.method, route, path)
}

fn address_of(head: &request::Parts) -> Option<IpAddr> {
    head.extensions.get::<Peer>().map(|Peer(address)| *address)
}
