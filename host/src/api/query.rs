//! Query strings, refused with a problem that says what is wrong with them.

use axum::extract::{FromRequestParts, Query};
use http::{StatusCode, request};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _},
};

use crate::{event::Timestamp, ingest::Problem};

/// A query string of this shape.
pub(super) struct Checked<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Checked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut request::Parts, _state: &S) -> Result<Self, Problem> {
        Query::try_from_uri(&parts.uri)
            .map(|Query(query)| Self(query))
            .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, "bad-query", error.body_text()))
    }
}

/// The refusal of a query.
pub(super) fn bad_query(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "bad-query", detail)
}

/// A time, as RFC 3339 has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment(Timestamp);

impl From<Moment> for Timestamp {
    fn from(Moment(at): Moment) -> Self {
        at
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let at = text.parse::<jiff::Timestamp>().ok().and_then(|at| u64::try_from(at.as_millisecond()).ok());
        at.map(|ms| Self(Timestamp(ms))).ok_or_else(|| D::Error::custom(format!("`{text}` is no time like 2026-01-31T12:00:00Z")))
    }
}

/// A page's size where none is asked for.
const PAGE_DEFAULT: usize = 50;
/// The largest page.
const PAGE_MAX: usize = 500;

/// The size of a page.
pub(super) fn page_size(asked: Option<usize>) -> Result<usize, Problem> {
    match asked.unwrap_or(PAGE_DEFAULT) {
        size @ 1..=PAGE_MAX => Ok(size),
        size => Err(Problem::new(StatusCode::BAD_REQUEST, "bad-query", format!("limit: {size} is outside of 1 to {PAGE_MAX}"))),
    }
}
