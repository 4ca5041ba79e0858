//! What a call is answered. One event: 202, or its problem. Several: 202 where all are stored, 207 (RFC 4918, section 13) where some are, so that
//! who looks at nothing else sees that there is more to know, and a refusal where none is; in each case what became of each, in order.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::ingest::{Problem, append::Stored};

/// What became of the events of a call, in order.
pub(super) struct Answer {
    pub(super) outcomes: Vec<Result<Stored, Problem>>,
    /// Whether they came as a list.
    pub(super) is_batch: bool,
}

impl Answer {
    /// Of several that are all refused for the same reason, that reason's.
    fn status(&self) -> StatusCode {
        let refused: Vec<StatusCode> =
            self.outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).map(|it| it.status).collect();
        match refused.first() {
            None => StatusCode::ACCEPTED,
            Some(_) if refused.len() < self.outcomes.len() => StatusCode::MULTI_STATUS,
            Some(first) if refused.iter().all(|status| status == first) => *first,
            Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
        }
    }
}

impl IntoResponse for Answer {
    fn into_response(mut self) -> Response {
        let status = self.status();
        if !self.is_batch {
            return match self.outcomes.pop() {
                Some(Ok(stored)) => (status, Json(told(stored))).into_response(),
                Some(Err(problem)) => problem.into_response(),
                None => status.into_response(),
            };
        }
        let refused = self.outcomes.iter().filter(|outcome| outcome.is_err()).count();
        let stored = self.outcomes.len() - refused;
        let each = |(index, outcome): (usize, Result<Stored, Problem>)| match outcome {
            Ok(stored) => told(stored),
            Err(problem) => json!({ "index": index, "problem": problem.document() }),
        };
        let events: Value = self.outcomes.into_iter().enumerate().map(each).collect();
        (status, Json(json!({ "stored": stored, "refused": refused, "events": events }))).into_response()
    }
}

fn told(Stored { id, duplicate, .. }: Stored) -> Value {
    let mut told = Map::from_iter([("id".to_owned(), id.to_string().into())]);
    if duplicate {
        told.insert("duplicate".to_owned(), true.into());
    }
    told.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{EventId, Timestamp};

    fn status(outcomes: &[Option<u16>]) -> u16 {
        let stored = Stored { id: EventId::new(Timestamp(0), [0; 10]), duplicate: false, given_up: false };
        let refused = |status| Problem::new(StatusCode::from_u16(status).expect("a status"), "schema", "why");
        let outcomes = outcomes.iter().map(|outcome| outcome.map_or(Ok(stored), |status| Err(refused(status))));
        Answer { outcomes: outcomes.collect(), is_batch: true }.status().as_u16()
    }

    #[test]
    fn the_status_tells_whether_all_some_or_none_is_stored() {
        assert_eq!(status(&[]), 202);
        assert_eq!(status(&[None, None]), 202);
        assert_eq!(status(&[None, Some(404)]), 207);
        assert_eq!(status(&[Some(404), Some(404)]), 404);
        assert_eq!(status(&[Some(404), Some(400)]), 422);
    }
}
