//! `GET /v1/audit` and `GET /v1/audit/export`: the audit log, a page at a time or as a whole.

use axum::{
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::header;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::{
    api::{
        Parts,
        access::Call,
        openapi::{Checked, Json, Routes, get},
        query::{Cursor, Moment, bad_query, page_size},
        store_problem,
        wire::{AuditOutcomeName, AuditPage, AuditTold},
    },
    event::Timestamp,
    hub::Scope,
    ingest::Problem,
    journal::{AuditFilter, AuditRecord},
};

const NDJSON: &str = "application/x-ndjson";
/// Entries that an export reads at once.
const EXPORT_PAGE: usize = 500;
/// Pages that were read and not taken by the connection yet.
const EXPORT_PAGES_AHEAD: usize = 1;

/// What both may answer.
const REFUSALS: [&str; 3] = ["bad-query", "query-too-slow", "storage-unavailable"];

pub(in crate::api) fn routes() -> Routes {
    let list = get("/v1/audit", Scope::Admin, list)
        .named("listAudit", "List who changed what, when, and from where")
        .told("Newest first. Those of the host itself need the scope `operator` as well.")
        .refuses(&REFUSALS);
    let export = get("/v1/audit/export", Scope::Admin, export)
        .named("exportAudit", "Export the audit log")
        .told("Oldest first, one line of JSON each, as in the listing.")
        .answers_text(200, "The entries that the query finds.", NDJSON)
        .refuses(&REFUSALS);
    Routes::tagged("Audit log").add(list).add(export)
}

/// Which entries.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AuditQuery {
    key: Option<String>,
    action: Option<String>,
    kind: Option<String>,
    name: Option<String>,
    outcome: Option<AuditOutcomeName>,
    since: Option<Moment>,
    until: Option<Moment>,
    /// Those of the host itself, which only an operator sees.
    #[serde(default)]
    host: bool,
    after: Option<Cursor>,
    #[schemars(range(min = 1, max = 500))]
    limit: Option<usize>,
}

impl AuditQuery {
    fn filter(self, parts: &Parts, call: &Call) -> Result<AuditFilter, Problem> {
        if self.host {
            call.needs(Scope::Operator)?;
        }
        // What is older is of another tenant who had this name; only who has the host sees that.
        let begun = parts.hub.workspace_since(&call.workspace).filter(|_| call.caller.workspace.is_some());
        Ok(AuditFilter {
            workspace: (!self.host).then(|| call.workspace.clone()),
            key: self.key,
            action: self.action,
            kind: self.kind,
            name: self.name,
            outcome: self.outcome.map(Into::into),
            since: self.since.map(Timestamp::from).max(begun),
            until: self.until.map(Timestamp::from),
            before: self.after.map(u64::from),
            after: None,
            limit: page_size(self.limit)?,
        })
    }
}

async fn list(State(parts): State<Parts>, call: Call, Checked(query): Checked<AuditQuery>) -> Result<Json<AuditPage>, Problem> {
    let page = parts.journal.audit_log(query.filter(&parts, &call)?).await.map_err(|error| store_problem(&error))?;
    Ok(Json(AuditPage { items: page.items.iter().map(AuditTold::of).collect(), next: page.next.map(|next| next.to_string()) }))
}

/// All entries that the query finds, oldest first, one line of JSON each.
async fn export(State(parts): State<Parts>, call: Call, Checked(query): Checked<AuditQuery>) -> Result<Response, Problem> {
    if query.after.is_some() || query.limit.is_some() {
        return Err(bad_query("after, limit: an export is all that the query finds; bound it by since and until"));
    }
    let filter = AuditFilter { after: Some(0), limit: EXPORT_PAGE, ..query.filter(&parts, &call)? };
    // The first page is read before the answer begins, so that what is refused is told.
    let first = parts.journal.audit_log(filter.clone()).await.map_err(|error| store_problem(&error))?;
    let (pages, taken) = mpsc::channel::<Result<Bytes, std::io::Error>>(EXPORT_PAGES_AHEAD);
    tokio::spawn(async move {
        let mut page = first;
        loop {
            let lines = lines(&page.items);
            let is_cut = lines.is_err();
            if pages.send(lines).await.is_err() || is_cut {
                return;
            }
            let Some(after) = page.next else { return };
            match parts.journal.audit_log(AuditFilter { after: Some(after), ..filter.clone() }).await {
                Ok(next) => page = next,
                // The connection is cut, so that what was read is not taken for all.
                Err(error) => return drop(pages.send(Err(std::io::Error::other(error))).await),
            }
        }
    });
    let kind = [(header::CONTENT_TYPE, NDJSON)];
    Ok((kind, Body::from_stream(ReceiverStream::new(taken))).into_response())
}

/// Where one cannot be told, none are: the connection is cut for it, as above.
fn lines(records: &[AuditRecord]) -> Result<Bytes, std::io::Error> {
    let line = |record| Ok(serde_json::to_string(&AuditTold::of(record))? + "\n");
    records.iter().map(line).collect::<Result<String, std::io::Error>>().map(Bytes::from)
}
