//! What is taken, and will hardly do what it is meant to.

use serde_json::Value;

use super::{Parts, wire::SpecProblem};
use crate::{event::Name, hub::Kind};

/// What there is to say of these documents.
pub(super) fn of<'a>(parts: &Parts, documents: impl Iterator<Item = (&'a (Kind, Name), &'a Value)>) -> Vec<SpecProblem> {
    documents.filter_map(|(key, document)| closed(parts, key, document)).collect()
}

/// A destination that nothing can be sent to, as the host is set up.
fn closed(parts: &Parts, (kind, name): &(Kind, Name), document: &Value) -> Option<SpecProblem> {
    let url = document["url"].as_str().filter(|_| *kind == Kind::Destination)?;
    let why = parts.delivering.reach.closed(url)?;
    let message = format!("all that is sent there will become a dead letter: {why}");
    Some(SpecProblem { kind: *kind, name: name.to_string(), pointer: "/url".to_owned(), message })
}
