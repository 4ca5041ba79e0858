//! What queries have in common: times and pages.

use std::borrow::Cow;

use http::StatusCode;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de::Error as _};

use crate::{
    event::{Name, Timestamp},
    ingest::Problem,
};

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
        // What is before 1970 is before all events.
        let at = text.parse::<jiff::Timestamp>().ok().map(|at| u64::try_from(at.as_millisecond()).unwrap_or(0));
        at.map(|ms| Self(Timestamp(ms))).ok_or_else(|| D::Error::custom(format!("`{text}` is no time like 2026-01-31T12:00:00Z")))
    }
}

/// A place in a listing: what follows it comes next. For who calls, an opaque text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor(u64);

impl From<Cursor> for u64 {
    fn from(Cursor(place): Cursor) -> Self {
        place
    }
}

impl JsonSchema for Cursor {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Cursor".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "description": "`next` of the page before.", "pattern": "^[0-9]{1,19}$" })
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(|_| D::Error::custom(format!("`{text}` is no cursor: give `next` of the page before")))
    }
}

/// A page of what has names, in their order.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NamedQuery {
    /// Only names that begin so.
    #[schemars(regex(pattern = "^([a-z0-9][a-z0-9_-]{0,62})?$"))]
    prefix: Option<String>,
    /// `next` of the page before.
    after: Option<Name>,
    /// At most so many.
    #[schemars(range(min = 1, max = 500))]
    limit: Option<usize>,
}

/// Some of what has names.
pub(super) struct NamedPage<T> {
    pub(super) items: Vec<(Name, T)>,
    /// `after` of the next page, if there is one.
    pub(super) next: Option<Name>,
}

impl NamedQuery {
    /// A page of these.
    pub(super) fn page<T>(self, all: impl IntoIterator<Item = (Name, T)>) -> Result<NamedPage<T>, Problem> {
        let Self { prefix, after, limit } = self;
        let (limit, prefix) = (page_size(limit)?, prefix.unwrap_or_default());
        // Where a name goes on after it, it is the beginning of one; none is one too.
        if !prefix.is_empty() && prefix.parse::<Name>().is_err() {
            return Err(bad_query(format!("prefix: no name begins with `{prefix}`")));
        }
        let asked = |(name, _): &(Name, T)| name.as_str().starts_with(&prefix) && after.as_ref().is_none_or(|after| name > after);
        let mut found = all.into_iter().filter(asked);
        let items: Vec<_> = found.by_ref().take(limit).collect();
        let next = if found.next().is_some() { items.last().map(|(name, _)| name.clone()) } else { None };
        Ok(NamedPage { items, next })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_in_the_order_of_names() {
        let all = || ["a1", "a2", "b1", "b2", "b3"].map(|name| (name.parse().expect("a name"), ()));
        let page = |prefix: &str, after: Option<&str>, limit| {
            let after = after.map(|name| name.parse().expect("a name"));
            let query = NamedQuery { prefix: Some(prefix.to_owned()), after, limit: Some(limit) };
            let NamedPage { items, next } = query.page(all()).map_err(|problem| problem.kind)?;
            let names: Vec<String> = items.into_iter().map(|(name, ())| name.to_string()).collect();
            Ok::<_, &str>((names.join(" "), next.map(|name| name.to_string())))
        };
        let told = |names: &str, next: Option<&str>| Ok((names.to_owned(), next.map(str::to_owned)));
        assert_eq!(page("", None, 2), told("a1 a2", Some("a2")));
        assert_eq!(page("", Some("a2"), 3), told("b1 b2 b3", None));
        assert_eq!(page("b", None, 2), told("b1 b2", Some("b2")));
        assert_eq!(page("b", Some("b2"), 2), told("b3", None));
        assert_eq!(page("c", None, 2), told("", None));
        assert_eq!((page("", None, 0), page("0.5", None, 2)), (Err("bad-query"), Err("bad-query")));
    }
}
