//! CloudEvents that come in, in each of the three modes. What is taken has to come out again as headers, and in again as the same event.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header::CONTENT_TYPE};
use serde_json::{Map, Value, json};
use sluicebox::cloudevents::{self, BATCH, Malformed, Received, Refusal, STRUCTURED};

use super::{Target, mutate, tree};
use crate::soak::chance::Chance;

/// Of a batch.
const EVENTS_MAX: usize = 4;
/// What a refusal may say: the sender gets it as an answer, and must not get back whatever was sent.
const REFUSAL_BYTES_MAX: usize = 512;

/// Attributes, of which each event has the first four.
const ATTRIBUTES: &[(&str, &str)] = &[
    ("specversion", "1.0"),
    ("id", "A234-1234-1234"),
    ("source", "/mycontext/4"),
    ("type", "com.example.order.paid"),
    ("subject", "5% of \"a\u{20ac}\""),
    ("time", "2026-01-31T12:00:00.123456Z"),
    ("dataschema", "https://example.com/schema"),
    ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b9c7c989f97918e1-01"),
    ("partitionkey", ""),
];

const CONTENT_TYPES: &[&str] = &[
    "application/json",
    "application/vnd.a+json; charset=utf-8",
    "text/plain",
    "application/octet-stream",
    "application/cloudevents+json; charset=UTF-8",
    "application/cloudevents-batch+json",
    "application/cloudevents+avro",
];

const WORDS: &[&str] = &[
    "specversion",
    "id",
    "time",
    "datacontenttype",
    "data",
    "data_base64",
    "Upper",
    "a-b",
    "0.3",
    "text/plain",
    "/w==",
    "%E2%82%AC",
    "%2541",
    "%FF",
    "%f",
    "%0a",
    "%00",
    "\"",
    "\\\"",
    "\u{20ac}",
    "1970-01-01t00:00:00.000+23:59",
    "9999-12-31T23:59:60Z",
    "2026-01-31T12:00:00Z[UTC]",
    "-2147483649",
];

/// The decoder.
#[derive(Default)]
pub(super) struct CloudEvents;

impl Target for CloudEvents {
    type Input = (HeaderMap, Bytes);

    fn make(&self, chance: &mut Chance) -> Self::Input {
        let (mut headers, mut body) = (HeaderMap::new(), Vec::new());
        match chance.below(3) {
            0 => {
                for (name, value) in attributes(chance) {
                    put(&mut headers, &format!("ce-{name}"), &encoded(chance, &value));
                }
                put(&mut headers, CONTENT_TYPE.as_str(), chance.pick(CONTENT_TYPES).as_bytes());
                body = chance.bytes(8);
            }
            1 => {
                put(&mut headers, CONTENT_TYPE.as_str(), STRUCTURED.as_bytes());
                body = document(chance).to_string().into_bytes();
            }
            _ => {
                put(&mut headers, CONTENT_TYPE.as_str(), BATCH.as_bytes());
                let documents: Vec<Value> = (0..chance.below(EVENTS_MAX + 2)).map(|_| document(chance)).collect();
                body.extend(json!(documents).to_string().bytes());
            }
        }
        if chance.below(4) == 0 {
            let corpus = [body.clone()];
            mutate::mutate(chance, &mut body, &corpus, WORDS);
        }
        (headers, Bytes::from(body))
    }

    fn feed(&self, (headers, body): &Self::Input) -> bool {
        match cloudevents::decode(headers, body, EVENTS_MAX) {
            Ok(decoded) => {
                assert!(decoded.events.len() <= EVENTS_MAX, "{} events", decoded.events.len());
                for refused in decoded.events.iter().filter_map(|event| event.as_ref().err()) {
                    is_short(&refused.to_string());
                }
                let taken: Vec<&Received> = decoded.events.iter().flatten().collect();
                taken.iter().for_each(|event| comes_in_again(event));
                !taken.is_empty()
            }
            Err(refusal) => {
                is_short(&refusal.to_string());
                false
            }
        }
    }
}

fn is_short(refusal: &str) {
    assert!((1..=REFUSAL_BYTES_MAX).contains(&refusal.len()), "a refusal of {} bytes", refusal.len());
}

/// The event in binary mode is the same event; its content type, which may be one that no header can hold or that names another mode, is
/// left out.
fn comes_in_again(event: &Received) {
    let mut headers = HeaderMap::new();
    for (name, value) in event.headers() {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap_or_else(|error| panic!("{name}: {error}"));
        headers.append(name, HeaderValue::from_str(&value).unwrap_or_else(|error| panic!("{value}: {error}")));
    }
    let again: Result<Vec<Result<Received, Malformed>>, Refusal> =
        cloudevents::decode(&headers, &event.data, EVENTS_MAX).map(|decoded| decoded.events);
    assert_eq!(again, Ok(vec![Ok(Received { content_type: None, ..event.clone() })]));
}

/// Names and values, most of them good.
fn attributes(chance: &mut Chance) -> Vec<(String, String)> {
    let many = 4 + chance.below(ATTRIBUTES.len() - 3);
    let mut all: Vec<_> = ATTRIBUTES[..many].iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let at = chance.below(all.len());
    match chance.below(8) {
        0 => drop(all.remove(at)),
        1 => all.push(all[at].clone()),
        2 => all[at].0 = (*chance.pick(WORDS)).to_owned(),
        3 => all[at].1 = chance.pick(WORDS).repeat(1 + chance.below(600)),
        4 => all.extend((0..chance.below(80)).map(|at| (format!("x{at}"), at.to_string()))),
        _ => {}
    }
    all
}

/// As senders write it in a header: encoded, between quotes, or neither.
fn encoded(chance: &mut Chance, value: &str) -> Vec<u8> {
    let every_byte = || value.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let mut encoded = match chance.below(4) {
        0 => every_byte(),
        1 => format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")),
        _ => value.to_owned(),
    }
    .into_bytes();
    if chance.below(16) == 0 {
        let corpus = [encoded.clone()];
        mutate::mutate(chance, &mut encoded, &corpus, WORDS);
    }
    encoded
}

/// An event in the JSON format, or a text that is none.
fn document(chance: &mut Chance) -> Value {
    if chance.below(40) == 0 {
        return json!(chance.pick(WORDS).repeat(1_000));
    }
    let mut members: Map<String, Value> = attributes(chance).into_iter().map(|(name, value)| (name, json!(value))).collect();
    if chance.below(3) == 0 {
        members.insert("datacontenttype".to_owned(), json!(chance.pick(CONTENT_TYPES)));
    }
    match chance.below(4) {
        0 => drop(members.insert("data_base64".to_owned(), json!("AAECAwQ="))),
        1 => drop(members.insert("data".to_owned(), json!("text \u{1f600}"))),
        2 => drop(members.insert("data".to_owned(), json!({ "a": [1, 2.50, null] }))),
        _ => {}
    }
    let mut document = json!(members);
    if chance.below(3) == 0 {
        tree::mutate(chance, &mut document, WORDS);
    }
    document
}

/// Where it is one that HTTP can carry.
fn put(headers: &mut HeaderMap, name: &str, value: &[u8]) {
    if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value)) {
        headers.append(name, value);
    }
}
