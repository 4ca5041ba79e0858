//! Trace contexts: what a sender's headers say (W3C Trace Context), and the ids that follow from what is traced. Pure.
//!
//! No id is kept anywhere. The sender's context is among the event's headers, which are in the journal; where there is none, the trace has the
//! event's own id. The spans that later ones hang on (of an event's receipt, of its routing, of a message) have ids that are hashes of what they
//! are of. So a trace goes on after a restart as if there had been none, and an event tells its trace to whoever looks for it.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::event::{BatchId, Event, EventId, Header, MessageId};

/// The header of the context.
const TRACEPARENT: &str = "traceparent";
/// The header of what the tracers before us add to it.
const TRACESTATE: &str = "tracestate";
/// The same of a CloudEvent (its extension for distributed tracing), which counts where the request itself has none.
const OF_CLOUDEVENT: [&str; 2] = ["ce-traceparent", "ce-tracestate"];
/// Whether a header tells of a trace's context: the request's own, or a CloudEvent's.
#[must_use]
pub fn is_traceparent(name: &str) -> bool {
    [TRACEPARENT, OF_CLOUDEVENT[0]].contains(&name)
}

/// Whether a header is of a trace at all.
#[must_use]
pub fn is_of_trace(name: &str) -> bool {
    is_traceparent(name) || [TRACESTATE, OF_CLOUDEVENT[1]].contains(&name)
}

/// A longer list is left out; the specification has us carry at least that many bytes.
const TRACESTATE_BYTES_MAX: usize = 512;
/// `sampled`, and `random` of level 2; a flag that nobody knows yet is not passed on.
const FLAGS_KNOWN: u8 = 0b11;
const SAMPLED: u8 = 0b01;

/// A trace's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceId(pub [u8; 16]);

/// A span's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SpanId(pub [u8; 8]);

/// The trace that a piece of work belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// Its id.
    pub id: TraceId,
    /// The sender's span, where it told of one.
    pub sender: Option<SpanId>,
    pub(super) flags: u8,
    /// As the sender had it.
    pub(super) state: Option<String>,
}

impl Trace {
    /// That of an event: its sender's, else one of its own. `sampled` says whether one is recorded, from its id and from what its sender said.
    #[must_use]
    pub fn of_event(event: &Event, sampled: impl Fn(TraceId, Option<bool>) -> bool) -> Self {
        match sent(&event.headers) {
            Some(sent) => {
                let told = sent.flags & SAMPLED == SAMPLED;
                let flags = (sent.flags & !SAMPLED) | u8::from(sampled(sent.id, Some(told)));
                Self { flags, ..sent }
            }
            None => Self::own(TraceId(*event.id.as_bytes()), sampled),
        }
    }

    /// That of a batch, whose members may be of many traces: one of its own, which links to theirs.
    #[must_use]
    pub fn of_batch(id: BatchId, sampled: impl Fn(TraceId, Option<bool>) -> bool) -> Self {
        Self::own(TraceId(*id.as_bytes()), sampled)
    }

    fn own(id: TraceId, sampled: impl Fn(TraceId, Option<bool>) -> bool) -> Self {
        Self { id, sender: None, flags: u8::from(sampled(id, None)), state: None }
    }

    /// Whether its spans are recorded.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.flags & SAMPLED == SAMPLED
    }

    /// The headers that tell of a span of this trace.
    pub(super) fn headers(&self, span: SpanId) -> Vec<Header> {
        let header = |name: &str, value: String| Header { name: name.to_owned(), value };
        let context = format!("00-{}-{span}-{:02x}", self.id, self.flags);
        let state = self.state.as_ref().map(|state| header(TRACESTATE, state.clone()));
        [header(TRACEPARENT, context)].into_iter().chain(state).collect()
    }
}

impl SpanId {
    /// The receipt of an event.
    #[must_use]
    pub fn of_event(event: EventId) -> Self {
        Self::of("event", &[event.as_bytes()])
    }

    /// The routing of an event's generation.
    #[must_use]
    pub fn of_route(event: EventId, generation: u32) -> Self {
        Self::of("route", &[event.as_bytes(), &generation.to_be_bytes()])
    }

    /// The making of a message, which all its attempts hang on.
    #[must_use]
    pub fn of_message(message: MessageId) -> Self {
        Self::of("message", &[message.as_bytes()])
    }

    /// One of no other. Without a source of randomness it is one that is no span's, which collectors leave out.
    #[must_use]
    pub fn new() -> Self {
        Self(getrandom::u64().unwrap_or_default().to_be_bytes())
    }

    fn of(what: &str, parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new_with_prefix(what);
        parts.iter().for_each(|part| hash.update(part));
        let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(hash.finalize());
        Self([a, b, c, d, e, f, g, h])
    }
}

impl Default for SpanId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// The headers of a call that tell of its trace, to be given to events that tell of none.
pub(super) fn carried(headers: &http::HeaderMap) -> Vec<Header> {
    let named = |name: &&str| headers.contains_key(*name);
    let all = [TRACEPARENT, TRACESTATE].into_iter().filter(named).flat_map(|name| {
        let text =
            move |value: &http::HeaderValue| Some(Header { name: name.to_owned(), value: value.to_str().ok()?.to_owned() });
        headers.get_all(name).iter().filter_map(text)
    });
    all.collect()
}

/// The context that an event came with.
fn sent(headers: &[Header]) -> Option<Trace> {
    let [parent, state] = OF_CLOUDEVENT;
    sent_by(headers, TRACEPARENT, TRACESTATE).or_else(|| sent_by(headers, parent, state))
}

/// The specification has one who finds several, or one that is wrong, begin a trace of its own.
fn sent_by(headers: &[Header], parent: &str, state: &str) -> Option<Trace> {
    let mut parents = headers.iter().filter(|header| header.name == parent);
    let mut trace = parsed(parents.next()?.value.trim())?;
    if parents.next().is_some() {
        return None;
    }
    let all: Vec<&str> = headers.iter().filter(|header| header.name == state).map(|header| header.value.trim()).collect();
    let joined = all.join(",");
    let fits = (1..=TRACESTATE_BYTES_MAX).contains(&joined.len()) && joined.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    trace.state = fits.then_some(joined);
    Some(trace)
}

/// `version-trace-span-flags`; a later version may add more after them.
fn parsed(text: &str) -> Option<Trace> {
    let lower = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    let mut parts = text.splitn(5, '-');
    let (version, id, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let more = parts.next();
    if ![version, id, span, flags].into_iter().all(lower) || version == "ff" || (version == "00" && more.is_some()) {
        return None;
    }
    let (mut bytes, mut own) = ([0; 16], [0; 8]);
    hex::decode_to_slice(id, &mut bytes).ok()?;
    hex::decode_to_slice(span, &mut own).ok()?;
    let [_, flags] =
        [version, flags].map(|text| (text.len() == 2).then(|| u8::from_str_radix(text, 16).ok())).map(Option::flatten);
    if version.len() != 2 || bytes == [0; 16] || own == [0; 8] {
        return None;
    }
    Some(Trace { id: TraceId(bytes), sender: Some(SpanId(own)), flags: flags? & FLAGS_KNOWN, state: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn headers(all: &[(&str, &str)]) -> Vec<Header> {
        all.iter().map(|(name, value)| Header { name: (*name).to_owned(), value: (*value).to_owned() }).collect()
    }

    fn event(all: &[(&str, &str)]) -> Event {
        Event { headers: headers(all), ..Event::bare("paid", "") }
    }

    fn as_told(_: TraceId, told: Option<bool>) -> bool {
        told.unwrap_or(true)
    }

    #[test]
    fn headers_of_a_trace_are_known_by_their_whole_names() {
        assert!(is_traceparent("traceparent") && is_traceparent("ce-traceparent") && !is_traceparent("x-my-traceparent"));
        assert!(is_of_trace("ce-tracestate") && !is_of_trace("my-tracestate"));
    }

    #[test]
    fn a_trace_is_the_senders_and_passed_on_as_it_came() {
        let trace = Trace::of_event(&event(&[("tracestate", "a=1"), ("traceparent", SENT), ("tracestate", "b=2")]), as_told);
        assert_eq!(trace.sender, Some(SpanId([0, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7])));
        assert!(trace.is_sampled());
        let told = trace.headers(SpanId([1; 8]));
        assert_eq!(
            told,
            headers(&[("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-0101010101010101-01"), ("tracestate", "a=1,b=2")])
        );
        let back = Trace::of_event(&Event { headers: told, ..Event::bare("", "") }, as_told);
        assert_eq!((back.id, back.sender, back.state), (trace.id, Some(SpanId([1; 8])), trace.state));
    }

    #[test]
    fn without_a_sender_the_trace_is_the_events_id() {
        let event = event(&[]);
        let trace = Trace::of_event(&event, as_told);
        assert_eq!((trace.id.0, trace.sender), (*event.id.as_bytes(), None));
        let of_cloudevent = Trace::of_event(&Event { headers: headers(&[("ce-traceparent", SENT)]), ..event }, as_told);
        assert!(of_cloudevent.sender.is_some());
    }

    #[test]
    fn what_is_no_context_begins_another() {
        let good = SENT.to_owned();
        let wrong = [
            "",
            "00",
            &good[..54],
            &good.to_uppercase(),
            &good.replacen("00", "ff", 1),
            &format!("{good}-more"),
            &good.replace("4bf92f3577b34da6a3ce929d0e0e4736", "00000000000000000000000000000000"),
            &good.replace("00f067aa0ba902b7", "0000000000000000"),
            &good.replace("-01", "-1"),
        ];
        for text in wrong {
            assert_eq!(sent(&headers(&[("traceparent", text)])), None, "{text}");
        }
        assert_eq!(sent(&headers(&[("traceparent", SENT), ("traceparent", SENT)])), None, "there are two");
        let later = sent(&headers(&[("traceparent", &format!("{}-more", good.replacen("00", "01", 1)))]));
        assert!(later.is_some(), "a later version may add to it");
        let long = "a".repeat(TRACESTATE_BYTES_MAX + 1);
        assert_eq!(sent(&headers(&[("traceparent", SENT), ("tracestate", &long)])).and_then(|trace| trace.state), None);
    }

    #[test]
    fn ids_follow_from_what_they_are_of() {
        let (one, other) = (Event::bare("", "").id, EventId::new(crate::event::Timestamp(1), [1; 10]));
        assert_eq!(SpanId::of_event(one), SpanId::of_event(one));
        assert_ne!(SpanId::of_event(one), SpanId::of_event(other));
        assert_ne!(SpanId::of_event(one), SpanId::of_route(one, 0));
        assert_ne!(SpanId::of_route(one, 0), SpanId::of_route(one, 1));
    }
}
