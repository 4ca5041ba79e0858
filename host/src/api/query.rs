//! Query strings, refused with a problem that says what is wrong with them.

use axum::extract::{FromRequestParts, Query};
use http::{StatusCode, request};
use serde::de::DeserializeOwned;

use crate::ingest::Problem;

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
