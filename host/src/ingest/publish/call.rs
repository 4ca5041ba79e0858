//! The events of one call: an entry or several as JSON, or CloudEvents, each judged for itself.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::Semaphore;

use super::entry::Entry;
use crate::{
    cloudevents::{self, Mode},
    event::{Name, Timestamp},
    ingest::{
        Book, Problem, Source,
        cloudevent::{self, Setting},
        schema,
    },
    journal::Arrival,
};

/// What the events of a call meet.
pub(super) struct Call<'a> {
    pub(super) workspace: &'a Name,
    pub(super) book: &'a Book,
    pub(super) received_at: Timestamp,
    pub(super) events_max: usize,
}

/// What a call brings.
pub(super) struct Entries {
    /// In their order.
    pub(super) judged: Vec<Judged>,
    /// Whether they came as a list, be it of one.
    pub(super) is_batch: bool,
}

/// An event, and the source that it is for, where there is one of that name.
pub(super) struct Judged {
    pub(super) source: Option<(Name, Arc<Source>)>,
    pub(super) arrival: Result<Arrival, Problem>,
}

impl Judged {
    fn refused(problem: Problem) -> Self {
        Self { source: None, arrival: Err(problem) }
    }
}

/// Entries under a name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<'a> {
    #[serde(borrow)]
    events: &'a RawValue,
}

impl Call<'_> {
    /// The events of a body; an error is of the call as a whole.
    pub(super) fn entries(&self, source: Option<&str>, headers: &HeaderMap, body: &Bytes) -> Result<Entries, Problem> {
        match cloudevents::mode(headers).map_err(|refusal| cloudevent::refused(&refusal))? {
            Some(_) => self.cloud_events(source, headers, body),
            None if source.is_some() => {
                Err(bad_body("?source= goes with CloudEvents; an entry as JSON names its `source` itself"))
            }
            None => self.json(body),
        }
    }

    fn cloud_events(&self, source: Option<&str>, headers: &HeaderMap, body: &Bytes) -> Result<Entries, Problem> {
        let name = source.ok_or_else(|| bad_body("CloudEvents name no source of this host: say which by ?source=NAME"))?;
        let (key, source) = self.source(name)?;
        let decoded = cloudevents::decode(headers, body, self.events_max).map_err(|refusal| cloudevent::refused(&refusal))?;
        // The headers of the call are not the event's, the key of the API among them.
        let setting = Setting { key: &key, source: &source, headers: &[], attributes: &[], received_at: self.received_at };
        let judged = decoded.events.into_iter().map(|event| Judged {
            source: Some((key.1.clone(), Arc::clone(&source))),
            arrival: match event {
                Ok(received) => within(&source, received.data.len()).and_then(|()| setting.arrival(received, decoded.mode)),
                Err(malformed) => Err(cloudevent::refused(&malformed.into())),
            },
        });
        Ok(Entries { judged: judged.collect(), is_batch: decoded.mode == Mode::Batched })
    }

    fn json(&self, body: &Bytes) -> Result<Entries, Problem> {
        if body.trim_ascii_start().first() == Some(&b'[') {
            return self.list(body, body);
        }
        let one: &RawValue = serde_json::from_slice(body).map_err(|error| bad_body(&format!("the body is no JSON: {error}")))?;
        match serde_json::from_str::<Envelope<'_>>(one.get()) {
            Ok(Envelope { events }) => self.list(events.get().as_bytes(), body),
            Err(_) => Ok(Entries { judged: vec![self.entry(one, body)], is_batch: false }),
        }
    }

    fn list(&self, list: &[u8], body: &Bytes) -> Result<Entries, Problem> {
        let items = cloudevents::items(list, self.events_max).map_err(|malformed| bad_body(&malformed.0))?;
        if items.len() > self.events_max {
            return Err(cloudevent::refused(&cloudevents::Refusal::TooMany(self.events_max)));
        }
        Ok(Entries { judged: items.into_iter().map(|item| self.entry(item, body)).collect(), is_batch: true })
    }

    fn entry(&self, item: &RawValue, body: &Bytes) -> Judged {
        let entry = match Entry::read(item) {
            Ok(entry) => entry,
            Err(problem) => return Judged::refused(problem),
        };
        let (key, source) = match self.source(&entry.source) {
            Ok(found) => found,
            Err(problem) => return Judged::refused(problem),
        };
        let arrival = entry.data(body).and_then(|data| {
            within(&source, data.len())?;
            entry.arrival(&key, &source, data, self.received_at)
        });
        Judged { source: Some((key.1, source)), arrival }
    }

    fn source(&self, name: &str) -> Result<((Name, Name), Arc<Source>), Problem> {
        let shown: String = name.chars().take(80).collect();
        let unknown = || Problem::new(StatusCode::NOT_FOUND, "unknown-source", format!("there is no source `{shown}`"));
        let key = (self.workspace.clone(), name.parse().map_err(|_| unknown())?);
        let source = self.book.sources.get(&key).cloned().ok_or_else(unknown)?;
        Ok((key, source))
    }
}

/// Each event as its source's schemas have it.
pub(super) async fn by_schema(turns: &Arc<Semaphore>, judged: Vec<Judged>) -> Result<Vec<Judged>, Problem> {
    let has_schemas = |one: &Judged| one.source.as_ref().is_some_and(|(_, source)| source.schemas.is_some());
    if !judged.iter().any(has_schemas) {
        return Ok(judged);
    }
    let judge = |Judged { source, arrival }| {
        let schemas = source.as_ref().and_then(|(_, source): &(Name, Arc<Source>)| source.schemas.as_ref());
        let arrival = match schemas {
            Some(schemas) => arrival.and_then(|arrival| schemas.admit(arrival)),
            None => arrival,
        };
        Judged { source, arrival }
    };
    schema::aside(turns, move || judged.into_iter().map(judge).collect()).await
}

/// A body that is no list of entries.
fn bad_body(detail: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "bad-body", detail)
}

/// Whether the data is within what the source allows.
fn within(source: &Source, bytes: usize) -> Result<(), Problem> {
    if bytes <= source.limits.body_bytes_max {
        return Ok(());
    }
    let detail = format!("the data is larger than {} bytes, the source's max_body_bytes", source.limits.body_bytes_max);
    Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", detail))
}
