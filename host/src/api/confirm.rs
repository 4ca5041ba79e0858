//! `POST /confirm/{token}`: a destination says that it is done with what it received, or that it failed after all. Who has the URL may call
//! it, and only by `POST`: whoever follows a link must not settle anything.

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Path, State},
    routing::post,
};
use http::StatusCode;
use serde::Deserialize;

use super::{Parts, store_problem};
use crate::{ingest::Problem, journal::Acknowledged};

/// The largest body, in bytes.
const BODY_BYTES_MAX: usize = 16 * 1024;

pub(super) fn routes() -> Router<Parts> {
    Router::new().route("/confirm/{token}", post(confirm))
}

/// What may be said beside the call itself.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    #[serde(default)]
    status: Status,
    /// Why it failed.
    reason: Option<String>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Status {
    #[default]
    Done,
    Failed,
}

async fn confirm(State(parts): State<Parts>, Path(token): Path<String>, body: Body) -> Result<StatusCode, Problem> {
    let confirmations = &parts.delivering.confirmations;
    // Before the body is read and the journal is asked: a stranger costs no more than this.
    let confirmed = confirmations.read(&token).ok_or_else(unknown)?;
    let Said { status, reason } = said(body).await?;
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

async fn said(body: Body) -> Result<Said, Problem> {
    let refused = |detail: String| Problem::new(StatusCode::BAD_REQUEST, "bad-document", detail);
    let bytes =
        to_bytes(body, BODY_BYTES_MAX).await.map_err(|_| refused(format!("a body has at most {BODY_BYTES_MAX} bytes")))?;
    if bytes.is_empty() {
        return Ok(Said::default());
    }
    serde_json::from_slice(&bytes)
        .map_err(|error| refused(format!("{error}; send nothing, or {{ \"status\": \"failed\", \"reason\": \"...\" }}")))
}

/// The same for a token that was never made and for a message that is not there any more.
fn unknown() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "unknown-confirmation", "this URL confirms nothing; it may have been cut or be too old")
}
