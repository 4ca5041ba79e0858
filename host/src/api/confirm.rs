//! `POST /confirm/{token}`: a destination says that it is done with what it received, or that it failed after all. Who has the URL may call
//! it, and only by `POST`: whoever follows a link must not settle anything.

use aide::{generate::GenContext, openapi::Operation, operation::OperationInput};
use axum::{
    body::to_bytes,
    extract::{FromRequest, Request, State},
};
use http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    Parts,
    openapi::{Access, Path, Routes, Wishes, post},
    store_problem,
};
use crate::{event::plain_words, ingest::Problem, journal::Acknowledged};

/// The largest body, in bytes.
const BODY_BYTES_MAX: usize = 16 * 1024;

pub(super) fn routes() -> Routes {
    let confirm = post("/confirm/{token}", Access::Open, confirm)
        .named("confirm", "Confirm a delivery, or tell that it failed")
        .told("A destination that confirms calls the URL that its message came with, once it is done. The body may be left out.")
        .refuses(&["confirmation-late", "not-answered-yet", "storage-unavailable", "unknown-confirmation"])
        .answers_nothing(204, "Taken.");
    Routes::tagged("Deliveries").add(confirm)
}

#[derive(Deserialize, JsonSchema)]
struct ByToken {
    /// As the message's URL has it.
    token: String,
}

/// What may be said beside the call itself.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Said {
    #[serde(default)]
    status: Status,
    /// Why it failed.
    reason: Option<String>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Status {
    #[default]
    Done,
    Failed,
}

async fn confirm(
    State(parts): State<Parts>,
    Path(ByToken { token }): Path<ByToken>,
    body: Unread,
) -> Result<StatusCode, Problem> {
    let confirmations = &parts.delivering.confirmations;
    // Before the body is read and the journal is asked: a stranger costs no more than this.
    let confirmed = confirmations.read(&token).ok_or_else(unknown)?;
    let Said { status, reason } = said(body.0).await?;
    let refused = (status == Status::Failed).then(|| reason.unwrap_or_default());
    match confirmations.take(confirmed, refused).await.map_err(|error| store_problem(&error))? {
        Acknowledged::Taken | Acknowledged::Delivered => Ok(StatusCode::NO_CONTENT),
        Acknowledged::Unknown => Err(unknown()),
        Acknowledged::Early => {
            let detail =
                "the request is not answered yet: answer it with a status that is not 2xx, or tell of the failure after it";
            Err(Problem::new(StatusCode::CONFLICT, "not-answered-yet", detail).retry_after(1))
        }
        Acknowledged::Dead | Acknowledged::Over => {
            let detail = "this comes too late: the attempt is over, and the message was tried again or given up";
            Err(Problem::new(StatusCode::GONE, "confirmation-late", detail))
        }
    }
}

async fn said(request: Request) -> Result<Said, Problem> {
    let refused = |detail: String| Problem::new(StatusCode::BAD_REQUEST, "bad-document", detail);
    let bytes = to_bytes(request.into_body(), BODY_BYTES_MAX)
        .await
        .map_err(|_| refused(format!("a body has at most {BODY_BYTES_MAX} bytes")))?;
    if bytes.is_empty() {
        return Ok(Said::default());
    }
    serde_json::from_slice(&bytes).map_err(|error| {
        refused(format!(
            "{}; send nothing, or {{ \"status\": \"failed\", \"reason\": \"...\" }}",
            plain_words(&error.to_string())
        ))
    })
}

/// A body that is read when it is known who sends it.
struct Unread(Request);

impl FromRequest<Parts> for Unread {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &Parts) -> Result<Self, Problem> {
        Ok(Self(request))
    }
}

impl OperationInput for Unread {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        Wishes::<Said>::operation_input(ctx, operation);
    }
}

/// The same for a token that was never made and for a message that is not there any more.
fn unknown() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "unknown-confirmation", "this URL confirms nothing; it may have been cut or be too old")
}
