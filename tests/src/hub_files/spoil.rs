//! What makes a good hub file a bad one, in one place.

use serde_json::{Value, json};
use sluicebox::{
    event::{Digest, Name},
    hub::Kind,
};

use super::make::File;
use crate::soak::chance::Chance;

/// What is done to it.
#[derive(Clone, Debug)]
pub(super) enum Spoilt {
    /// This entry takes that one's place, or comes beside the others; and where in it the fault is.
    Entry(Kind, Name, Value, &'static str),
    /// It is said to be made to another revision.
    Revision,
    /// What an entry uses goes; what is left of the hub stays.
    Deleted(Kind, Name),
}

/// One way to spoil it.
pub(super) fn spoil(chance: &mut Chance, file: &File) -> Spoilt {
    let name = || "spoilt".parse::<Name>().expect("a name");
    let destination = file.names(Kind::Destination).first().cloned();
    let rule = |document: Value, at| Spoilt::Entry(Kind::Rule, name(), document, at);
    let named = json!([destination.as_ref().map_or("none", |name| name.as_str())]);
    match chance.below(13) {
        0 => Spoilt::Revision,
        1 => rule(json!({ "destinations": ["no-such-destination"] }), "/destinations/0"),
        2 => rule(json!({ "destinations": named, "plugins": ["no-such-plugin"] }), "/plugins/0"),
        3 => rule(json!({ "destinations": named, "match": { "type": [{ "prefx": "a" }] } }), "/match/type"),
        4 => rule(json!({ "destinations": named, "match": { "data": { "a": [] } } }), "/match/data/a"),
        12 => rule(json!({ "destinations": named, "match": { "source": ["no-such-source"] } }), "/match/source"),
        5 => rule(json!({ "destinations": named, "plugns": [] }), "/plugns"),
        6 => Spoilt::Entry(Kind::Destination, name(), json!({ "url": "ftp://example.com" }), "/url"),
        7 => Spoilt::Entry(
            Kind::Destination,
            name(),
            json!({ "url": "https://example.com", "secret": { "set": true } }),
            "/secret",
        ),
        8 => Spoilt::Entry(Kind::Source, name(), json!({ "verify": { "scheme": "githib" } }), "/verify/scheme"),
        9 => Spoilt::Entry(Kind::Plugin, name(), json!({ "digest": Digest::of(b"nowhere").to_string() }), "/digest"),
        10 => Spoilt::Entry(
            Kind::Plugin,
            name(),
            json!({ "digest": file.redact.to_string(), "config": { "feilds": ["a"] } }),
            "/config",
        ),
        _ => {
            let used = file.entries.iter().find_map(|((kind, _), document)| {
                let name = document.pointer("/destinations/0").filter(|_| *kind == Kind::Rule)?;
                name.as_str()?.parse().ok()
            });
            used.map_or(Spoilt::Revision, |name| Spoilt::Deleted(Kind::Destination, name))
        }
    }
}
