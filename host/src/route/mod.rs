//! Which rules does an event match? The pattern language of Amazon EventBridge over `source`, `type`, `subject`,
//! `headers.NAME` and `data` (the JSON body), and an index of patterns.
//!
//! Read in the order of the work: `parse` reads a pattern's tables and `operator` its values; [`Pattern`] holds the result as
//! alternatives, so that `$or` is settled before the first event; `places` are what all of them name, `seen` and `leaves` what an
//! event has there; `matcher` asks one alternative about one event, `compare` and `wildcard` one value; [`Index`] asks only the
//! patterns that may match. `explain` tells, for people, why.
//!
//! Pure. Patterns and events may be hostile: everything about a pattern has a limit, nothing recurses deeper than a limit, and
//! matching never goes back, so that its work is bounded by the values in the body times the conditions of the patterns.
//!
//! A body is JSON if it parses as JSON, whatever its content type says. One that does not, or that nests deeper than the 128
//! levels of `serde_json`, has no `data`. An empty `type` counts as none.

mod compare;
mod explain;
mod index;
mod leaves;
mod matcher;
mod operator;
mod parse;
mod pattern;
mod places;
mod schema;
mod seen;
#[cfg(test)]
mod tests;
mod wildcard;

pub use explain::{Condition, Explanation, Seen, explain};
pub use index::{Change, Compacted, Compaction, Found, Index, Work};
pub use pattern::Pattern;
