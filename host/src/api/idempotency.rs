//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07): a write that is sent again is not done again, and is answered as it was.
//!
//! Answers are kept in memory, never on disk: some have a secret that was made and is shown once, which must not lie there in clear. So they
//! end with the process; what is repeated after a restart is done again, which changes nothing for documents, and nothing for events that have
//! an `idempotency_key` of their own.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};
use sha2::{Digest as _, Sha256};

use crate::event::{Name, Timestamp};

/// How long an answer is kept.
pub(super) const KEPT_MS: u64 = 24 * 60 * 60 * 1000;
/// The longest key, in characters.
pub(super) const KEY_CHARS_MAX: usize = 255;
/// The largest answer that is kept, in bytes; a repeat of a call with a larger one is done again.
pub(super) const ANSWER_BYTES_MAX: usize = 1 << 20;

/// How much is kept; beyond it the oldest answers are forgotten.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) answers_max: usize,
    pub(super) bytes_max: usize,
}

/// Whose key it is, and what it is: keys of different callers never meet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct CallKey {
    pub(super) caller: String,
    pub(super) workspace: Name,
    pub(super) key: String,
}

/// What a call asks: two are the same where method, path, query, type and body are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint([u8; 32]);

impl Kept {
    /// What it takes, in bytes of memory.
    fn bytes(&self) -> usize {
        let headers = self.headers.iter().map(|(name, value)| name.as_str().len() + value.len());
        self.body.len() + headers.sum::<usize>()
    }
}

impl Fingerprint {
    pub(super) fn of(parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }
}

/// An answer as it was.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// What becomes of a call.
#[derive(Debug)]
pub(super) enum Turn {
    /// It is the first: it is done, and its answer is kept by this.
    First(Ticket),
    /// It was done: this was the answer.
    Again(Arc<Kept>),
    /// The first is still under way.
    UnderWay,
    /// The key was another call's.
    Other,
}

enum Entry {
    UnderWay(Fingerprint),
    Done { fingerprint: Fingerprint, kept: Arc<Kept> },
}

struct Calls {
    bounds: Bounds,
    by_key: HashMap<CallKey, Entry>,
    /// Those that are done, by age and a number that tells those of one time apart.
    by_age: BTreeMap<(Timestamp, u64), CallKey>,
    answers_bytes: usize,
    done: u64,
    metrics: Metrics,
}

/// What is counted of them.
#[derive(Clone, Default)]
struct Metrics {
    kept: Gauge,
    kept_bytes: Gauge,
    repeated: Counter,
}

/// The calls that are remembered.
#[derive(Clone)]
pub(super) struct Idempotency {
    calls: Arc<Mutex<Calls>>,
}

/// A call that is done for the first time. Dropped without an answer, it may be tried again.
pub(super) struct Ticket {
    idempotency: Idempotency,
    key: CallKey,
    fingerprint: Fingerprint,
    is_done: bool,
}

impl std::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ticket").field("key", &self.key).finish_non_exhaustive()
    }
}

impl Idempotency {
    /// None yet.
    pub(super) fn new(bounds: Bounds, registry: &mut Registry) -> Self {
        let metrics = Metrics::default();
        let Metrics { kept, kept_bytes, repeated } = metrics.clone();
        registry.register("sluicebox_api_answers_kept", "Answers kept for repeats of calls with an Idempotency-Key", kept);
        registry.register("sluicebox_api_answers_kept_bytes", "The bytes of memory of these answers", kept_bytes);
        registry.register(
            "sluicebox_api_calls_repeated",
            "Calls that were not done again, since their Idempotency-Key was known",
            repeated,
        );
        let (by_key, by_age) = Default::default();
        Self { calls: Arc::new(Mutex::new(Calls { bounds, by_key, by_age, answers_bytes: 0, done: 0, metrics })) }
    }

    /// Whether this call is to be done.
    pub(super) fn begin(&self, key: CallKey, fingerprint: Fingerprint, now: Timestamp) -> Turn {
        let mut calls = self.lock();
        calls.forget_before(now);
        match calls.by_key.get(&key) {
            Some(Entry::UnderWay(other) | Entry::Done { fingerprint: other, .. }) if *other != fingerprint => return Turn::Other,
            Some(Entry::UnderWay(_)) => return Turn::UnderWay,
            Some(Entry::Done { kept, .. }) => {
                calls.metrics.repeated.inc();
                return Turn::Again(Arc::clone(kept));
            }
            None => {}
        }
        calls.by_key.insert(key.clone(), Entry::UnderWay(fingerprint));
        Turn::First(Ticket { idempotency: self.clone(), key, fingerprint, is_done: false })
    }

    fn lock(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket {
    /// Keeps the answer.
    pub(super) fn done(mut self, kept: Kept, now: Timestamp) {
        self.is_done = true;
        let mut calls = self.idempotency.lock();
        let place = (now, calls.done);
        calls.done += 1;
        calls.answers_bytes += kept.bytes();
        calls.by_age.insert(place, self.key.clone());
        let entry = Entry::Done { fingerprint: self.fingerprint, kept: Arc::new(kept) };
        calls.by_key.insert(self.key.clone(), entry);
        while calls.by_age.len() > calls.bounds.answers_max || calls.answers_bytes > calls.bounds.bytes_max {
            calls.forget_oldest();
        }
        calls.tell();
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.is_done {
            self.idempotency.lock().by_key.remove(&self.key);
        }
    }
}

impl Calls {
    fn forget_before(&mut self, now: Timestamp) {
        while self.by_age.first_key_value().is_some_and(|((at, _), _)| at.0.saturating_add(KEPT_MS) <= now.0) {
            self.forget_oldest();
        }
        self.tell();
    }

    fn tell(&self) {
        self.metrics.kept.set(i64::try_from(self.by_age.len()).unwrap_or(i64::MAX));
        self.metrics.kept_bytes.set(i64::try_from(self.answers_bytes).unwrap_or(i64::MAX));
    }

    fn forget_oldest(&mut self) {
        let Some((_, key)) = self.by_age.pop_first() else { return };
        if let Some(Entry::Done { kept, .. }) = self.by_key.remove(&key) {
            self.answers_bytes -= kept.bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(answers_max: usize) -> Idempotency {
        Idempotency::new(Bounds { answers_max, bytes_max: 32 << 20 }, &mut Registry::default())
    }

    fn key(text: &str) -> CallKey {
        CallKey { caller: "k".to_owned(), workspace: Name::default_workspace(), key: text.to_owned() }
    }

    fn kept(body: &'static [u8]) -> Kept {
        Kept { status: StatusCode::OK, headers: HeaderMap::new(), body: Bytes::from_static(body) }
    }

    fn first(idempotency: &Idempotency, text: &str, now: u64) -> Ticket {
        match idempotency.begin(key(text), Fingerprint::of(&[b"a"]), Timestamp(now)) {
            Turn::First(ticket) => ticket,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_call_is_done_once_and_answered_as_often_as_it_is_sent() {
        let idempotency = some(2);
        let same = |now| idempotency.begin(key("1"), Fingerprint::of(&[b"a"]), Timestamp(now));
        let ticket = first(&idempotency, "1", 0);
        assert!(matches!(same(0), Turn::UnderWay));
        ticket.done(kept(b"answer"), Timestamp(1));
        assert!(matches!(same(2), Turn::Again(kept) if kept.body == "answer"));
        let other = idempotency.begin(key("1"), Fingerprint::of(&[b"b"]), Timestamp(2));
        assert!(matches!(other, Turn::Other), "{other:?}");
        let stranger = CallKey { caller: "l".to_owned(), ..key("1") };
        assert!(matches!(idempotency.begin(stranger, Fingerprint::of(&[b"a"]), Timestamp(2)), Turn::First(_)));
        assert!(matches!(same(KEPT_MS), Turn::Again(_)));
        assert!(matches!(same(1 + KEPT_MS), Turn::First(_)), "a day later it is forgotten");
    }

    #[test]
    fn a_call_without_an_answer_may_be_tried_again() {
        let idempotency = some(2);
        drop(first(&idempotency, "1", 0));
        drop(first(&idempotency, "1", 0));
        assert!(idempotency.lock().by_key.is_empty());
    }

    #[test]
    fn so_many_answers_are_kept() {
        let idempotency = some(1_000);
        let large = Bytes::from(vec![0; ANSWER_BYTES_MAX]);
        for number in 0..40 {
            let answer = Kept { body: large.clone(), ..kept(b"") };
            first(&idempotency, &number.to_string(), 0).done(answer, Timestamp(0));
        }
        let few = some(2);
        for number in 0..3 {
            first(&few, &number.to_string(), 0).done(kept(b""), Timestamp(0));
        }
        assert!(matches!(few.begin(key("0"), Fingerprint::of(&[b"a"]), Timestamp(0)), Turn::First(_)), "the oldest is forgotten");
        let calls = idempotency.lock();
        assert_eq!((calls.by_key.len(), calls.by_age.len(), calls.answers_bytes), (32, 32, 32 << 20));
    }
}
