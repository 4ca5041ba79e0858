//! Applying a hub file, and telling what that would do.

use axum::extract::State;
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Parts,
    access::Call,
    audit::Remark,
    documents::{REFUSALS, commit, hub_problem},
    openapi::{Checked, DOCUMENT_BYTES_MAX, Document, Json, Routes, post},
    precondition::{If, Tagged},
    warnings,
    wire::{Applied, ApplyRequest, PlanTold},
};
use crate::{
    hub::{Condition, Draft, Kind, Note, Origin, Scope, Tags},
    ingest::Problem,
};

/// What may be said of a revision, in characters.
const MESSAGE_CHARS_MAX: usize = 500;

pub(super) fn routes() -> Routes {
    let apply = post("/v1/apply", Scope::Rules, apply)
        .named("apply", "Apply a hub file: all of it or, where anything is wrong, nothing")
        .told(
            "Where it changes plugins, the key needs the scope `plugins` too. With `dry_run` nothing is applied, and the answer tells \
             what would change and what would be refused.",
        )
        .body_bytes_max(DOCUMENT_BYTES_MAX)
        .refuses(REFUSALS)
        .refuses(&["revision-changed"]);
    Routes::tagged("Hub file").add(apply)
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ApplyQuery {
    /// Whether what the file does not name goes.
    #[serde(default)]
    prune: bool,
    /// Whether nothing is done and only told what would be.
    #[serde(default)]
    dry_run: bool,
    /// The revision that it was made to; after another one it is refused.
    expect: Option<u64>,
    /// What is said of it.
    message: Option<String>,
}

/// What was done, or would be.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "ApplyAnswer")]
enum Answer {
    Applied(Applied),
    Plan(PlanTold),
}

async fn apply(
    State(parts): State<Parts>,
    call: Call,
    remark: Remark,
    Checked(query): Checked<ApplyQuery>,
    If(condition): If,
    Document(request): Document<ApplyRequest>,
) -> Result<Tagged<Answer>, Problem> {
    let ApplyQuery { prune, dry_run, expect, message } = query;
    let expect = expected(expect, revision_of(&condition)?)?;
    let entries = request.into_entries().map(|(key, document)| (key, Some(document))).collect();
    let only = (!call.caller.may(Scope::Plugins)).then(|| Kind::ALL.into_iter().filter(|kind| *kind != Kind::Plugin).collect());
    let draft = Draft { entries, prune, expect, only, note: note(Origin::HubFile, message, &call)? };
    let documents = draft.entries.iter().filter_map(|(key, document)| Some((key, document.as_ref()?)));
    let warnings = warnings::of(&parts, documents);
    if dry_run {
        remark.changes_nothing();
        let plan = parts.hub.plan(&call.workspace, draft).await.map_err(|error| hub_problem(&error))?;
        return Ok(Tagged { tag: None, answer: Json(Answer::Plan(PlanTold { warnings, ..PlanTold::of(plan) })) });
    }
    let Json(applied) = commit(&parts, &call.workspace, draft).await?;
    Ok(Tagged { tag: Some(applied.revision.to_string()), answer: Json(Answer::Applied(Applied { warnings, ..applied })) })
}

/// Either may say it; where both do and differ, it is not certain which of them is meant.
fn expected(by_query: Option<u64>, by_header: Option<u64>) -> Result<Option<u64>, Problem> {
    match (by_query, by_header) {
        (Some(query), Some(header)) if query != header => {
            let detail = format!("expect: {query}, but If-Match says {header}: give one of them, or the same in both");
            Err(Problem::new(StatusCode::BAD_REQUEST, "bad-parameter", detail))
        }
        (query, header) => Ok(query.or(header)),
    }
}

/// The tag of a hub file is the number of its revision, which `expect` may name instead.
fn revision_of(condition: &Condition) -> Result<Option<u64>, Problem> {
    let revision = match condition {
        Condition { is: None, is_not: None } => return Ok(None),
        Condition { is: Some(Tags::Of(tags)), is_not: None } => tags.first().filter(|_| tags.len() == 1),
        _ => None,
    };
    revision.and_then(|tag| tag.parse().ok()).map(Some).ok_or_else(|| {
        let detail = "If-Match: one revision, as the ETag of an apply gave it; If-None-Match is for documents";
        Problem::new(StatusCode::BAD_REQUEST, "bad-parameter", detail)
    })
}

/// What a revision's record says.
pub(super) fn note(origin: Origin, message: Option<String>, call: &Call) -> Result<Note, Problem> {
    if message.as_ref().is_some_and(|message| message.chars().count() > MESSAGE_CHARS_MAX) {
        let detail = format!("message: longer than {MESSAGE_CHARS_MAX} characters");
        return Err(Problem::new(StatusCode::BAD_REQUEST, "bad-query", detail));
    }
    Ok(Note { origin, by: Some(call.caller.key.clone()), message })
}
