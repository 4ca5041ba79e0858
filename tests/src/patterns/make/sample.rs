//! Events to match: arrays of objects, arrays in arrays, nulls, missing fields, and bodies that are no JSON.

use bytes::Bytes;
use sluicebox::event::{Event, EventId, Header, Name, Timestamp};

use super::scalar;
use crate::{
    patterns::doc::{Doc, without},
    soak::chance::Chance,
};

const KEYS: &[&str] = &["a", "b", "c", "items", "sku", "qty", "", "A", "\u{e9}", "a.b", "$or"];
/// How deep documents go.
const DEPTH_MAX: usize = 4;

/// What an event is made of, so that it can be made smaller.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    source: &'static str,
    event_type: String,
    subject: Option<String>,
    headers: Vec<(&'static str, String)>,
    body: Body,
}

#[derive(Clone, Debug)]
enum Body {
    Json(Doc),
    Other(Vec<u8>),
}

impl Sample {
    pub(crate) fn draw(chance: &mut Chance) -> Self {
        let header = |chance: &mut Chance| (*chance.pick(&["x-a", "x-b", "content-type"]), scalar::text(chance));
        Self {
            source: *chance.pick::<&str>(&["shop", "github"]),
            event_type: (*chance.pick(&["", "opened", "Opened", "order.paid"])).to_owned(),
            subject: (chance.below(2) == 0).then(|| scalar::text(chance)),
            headers: (0..chance.below(4)).map(|_| header(chance)).collect(),
            body: body(chance),
        }
    }

    pub(crate) fn event(&self) -> Event {
        let header = |(name, value): &(&'static str, String)| Header { name: (*name).to_owned(), value: value.clone() };
        Event {
            workspace: Name::default_workspace(),
            id: EventId::from_bytes([7; 16]),
            source: self.source.parse().expect("a name"),
            event_type: self.event_type.clone(),
            subject: self.subject.clone(),
            received_at: Timestamp(0),
            time: None,
            external_id: None,
            content_type: None,
            headers: self.headers.iter().map(header).collect(),
            body: match &self.body {
                Body::Json(doc) => Bytes::from(doc.to_string()),
                Body::Other(bytes) => Bytes::from(bytes.clone()),
            },
            attributes: Vec::new(),
        }
    }

    /// Every sample that is this one with a little less in it.
    pub(crate) fn smaller(&self) -> Vec<Self> {
        let mut smaller: Vec<Self> = match &self.body {
            Body::Json(doc) => doc.smaller().into_iter().map(|doc| Self { body: Body::Json(doc), ..self.clone() }).collect(),
            Body::Other(bytes) => {
                (0..bytes.len()).map(|at| Self { body: Body::Other(without(bytes, at)), ..self.clone() }).collect()
            }
        };
        let fewer = (0..self.headers.len()).map(|at| Self { headers: without(&self.headers, at), ..self.clone() });
        smaller.extend(fewer);
        if self.subject.is_some() {
            smaller.push(Self { subject: None, ..self.clone() });
        }
        smaller
    }
}

fn body(chance: &mut Chance) -> Body {
    let doc = match chance.below(12) {
        0 => value(chance, 0),
        _ => object(chance, 0),
    };
    let text = doc.to_string();
    match chance.below(16) {
        0 => Body::Other(chance.bytes(12)),
        // Cut off, or with something behind it.
        1 => Body::Other(text.as_bytes()[..chance.below(text.len())].to_vec()),
        2 => Body::Other(format!(" \n{text}\t{}", chance.pick(&["", "x", "{}", ","])).into_bytes()),
        3 => Body::Other(
            format!("{{\"a\": {}}}", chance.pick(&["\"\\ud800\"", "1e400", "01", "\"\u{1}\"", "NaN", "+1"])).into_bytes(),
        ),
        _ => Body::Json(doc),
    }
}

fn value(chance: &mut Chance, depth: usize) -> Doc {
    let kinds = if depth < DEPTH_MAX { 10 } else { 5 };
    match chance.below(kinds) {
        0..=4 => Doc::Scalar(scalar::token(chance)),
        5 | 6 => object(chance, depth),
        7 => Doc::Array((0..chance.below(4)).map(|_| value(chance, depth + 1)).collect()),
        _ => Doc::Array((0..1 + chance.below(3)).map(|_| object(chance, depth + 1)).collect()),
    }
}

fn object(chance: &mut Chance, depth: usize) -> Doc {
    // Of the first keys mostly, so that patterns find them again.
    let key = |chance: &mut Chance| {
        let until = if chance.below(4) == 0 { KEYS.len() } else { 4 };
        let key = chance.pick(&KEYS[..until]);
        scalar::spelled(key, chance)
    };
    Doc::Object((0..chance.below(5)).map(|_| (key(chance), value(chance, depth + 1))).collect())
}
