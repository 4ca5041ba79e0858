//! What queries have in common: times and pages.

use std::borrow::Cow;

use http::StatusCode;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de::Error as _};

use crate::{event::Timestamp, ingest::Problem};

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

impl JsonSchema for Moment {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Moment".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
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
