//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07): a write that is sent again is not done again, and is answered as it was.
//!
//! Answers are kept in memory, never on disk: some have a secret that was made and is shown once, which must not lie there in clear. So they
//! end with the process; what is repeated after a restart is done again, which changes nothing for documents, and nothing for events that have
//! an `idempotency_key` of their own.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
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

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Of one workspace; beyond it the oldest of its answers are forgotten.
    pub(super) of_workspace: Bound,
    /// Of all together; beyond it the oldest of the workspace that has most are, so that nobody pushes out those of others who have less.
    pub(super) of_host: Bound,
}

/// A count, and the memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bound {
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

/// When a call was done, and a number that tells those of one time apart.
type Place = (Timestamp, u64);

/// What is kept of one workspace.
#[derive(Default)]
struct Share {
    by_age: BTreeSet<Place>,
    bytes: usize,
}

impl Share {
    fn is_beyond(&self, bound: &Bound) -> bool {
        self.by_age.len() > bound.answers_max || self.bytes > bound.bytes_max
    }
}

struct Calls {
    bounds: Bounds,
    by_key: HashMap<CallKey, Entry>,
    /// Those that are done, by age.
    by_age: BTreeMap<Place, CallKey>,
    /// The same of each workspace that has any.
    shares: HashMap<Name, Share>,
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
    forgotten: Family<Forgotten, Counter>,
}

/// The bound that an answer was forgotten for before its time.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Forgotten {
    bound: &'static str,
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
        let Metrics { kept, kept_bytes, repeated, forgotten } = metrics.clone();
        registry.register("sluicebox_api_answers_kept", "Answers kept for repeats of calls with an Idempotency-Key", kept);
        registry.register("sluicebox_api_answers_kept_bytes", "The bytes of memory of these answers", kept_bytes);
        registry.register(
            "sluicebox_api_calls_repeated",
            "Calls that were not done again, since their Idempotency-Key was known",
            repeated,
        );
        let what = "Answers forgotten before their time, by whose bound: workspace or host";
        registry.register("sluicebox_api_answers_forgotten", what, forgotten);
        let (by_key, by_age, shares) = Default::default();
        Self { calls: Arc::new(Mutex::new(Calls { bounds, by_key, by_age, shares, answers_bytes: 0, done: 0, metrics })) }
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
        let share = calls.shares.entry(self.key.workspace.clone()).or_default();
        share.bytes += kept.bytes();
        share.by_age.insert(place);
        let entry = Entry::Done { fingerprint: self.fingerprint, kept: Arc::new(kept) };
        calls.by_key.insert(self.key.clone(), entry);
        calls.keep_within(&self.key.workspace);
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
        while let Some((&place, _)) = self.by_age.first_key_value().filter(|((at, _), _)| at.0.saturating_add(KEPT_MS) <= now.0) {
            self.forget(place);
        }
        self.tell();
    }

    /// One more was kept of this workspace.
    fn keep_within(&mut self, workspace: &Name) {
        let Bounds { of_workspace, of_host } = self.bounds;
        while let Some(oldest) = self.shares.get(workspace).filter(|share| share.is_beyond(&of_workspace)).and_then(oldest) {
            self.forget_for("workspace", oldest);
        }
        while let Some(oldest) = self.most(&of_host).and_then(oldest) {
            self.forget_for("host", oldest);
        }
    }

    /// Where there is more than the host keeps: the workspace that has most of what there is too much of.
    fn most(&self, of_host: &Bound) -> Option<&Share> {
        let shares = self.shares.values();
        if self.by_age.len() > of_host.answers_max {
            shares.max_by_key(|share| share.by_age.len())
        } else if self.answers_bytes > of_host.bytes_max {
            shares.max_by_key(|share| share.bytes)
        } else {
            None
        }
    }

    fn forget_for(&mut self, bound: &'static str, place: Place) {
        self.metrics.forgotten.get_or_create(&Forgotten { bound }).inc();
        self.forget(place);
    }

    fn tell(&self) {
        self.metrics.kept.set(i64::try_from(self.by_age.len()).unwrap_or(i64::MAX));
        self.metrics.kept_bytes.set(i64::try_from(self.answers_bytes).unwrap_or(i64::MAX));
    }

    fn forget(&mut self, place: Place) {
        let Some(key) = self.by_age.remove(&place) else { return };
        let bytes = match self.by_key.remove(&key) {
            Some(Entry::Done { kept, .. }) => kept.bytes(),
            Some(Entry::UnderWay(_)) | None => 0,
        };
        self.answers_bytes -= bytes;
        if let Some(share) = self.shares.get_mut(&key.workspace) {
            share.by_age.remove(&place);
            share.bytes -= bytes;
            if share.by_age.is_empty() {
                self.shares.remove(&key.workspace);
            }
        }
    }
}

fn oldest(share: &Share) -> Option<Place> {
    share.by_age.first().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(answers_max: usize) -> Idempotency {
        let bound = Bound { answers_max, bytes_max: 32 << 20 };
        Idempotency::new(Bounds { of_workspace: bound, of_host: bound }, &mut Registry::default())
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

    /// Does a call of a workspace; the answer has so many bytes.
    fn done_in(idempotency: &Idempotency, workspace: &str, number: u64, bytes: usize) {
        let key = in_workspace(workspace, number);
        let Turn::First(ticket) = idempotency.begin(key, Fingerprint::of(&[b"a"]), Timestamp(number)) else {
            panic!("not the first")
        };
        ticket.done(Kept { body: Bytes::from(vec![0; bytes]), ..kept(b"") }, Timestamp(number));
    }

    fn in_workspace(workspace: &str, number: u64) -> CallKey {
        CallKey { workspace: workspace.parse().expect("a name"), ..key(&number.to_string()) }
    }

    fn is_kept(idempotency: &Idempotency, workspace: &str, number: u64) -> bool {
        idempotency.lock().by_key.contains_key(&in_workspace(workspace, number))
    }

    #[test]
    fn a_workspace_has_its_share_and_pushes_out_only_its_own() {
        let bound = |answers_max, bytes_max| Bound { answers_max, bytes_max };
        let bounds = Bounds { of_workspace: bound(10, 1_000), of_host: bound(1_000, 1 << 20) };
        let idempotency = Idempotency::new(bounds, &mut Registry::default());
        done_in(&idempotency, "quiet", 0, 10);
        for number in 0..50 {
            done_in(&idempotency, "many", number, 0);
            done_in(&idempotency, "large", number, 400);
        }
        assert!(is_kept(&idempotency, "quiet", 0));
        assert!(!is_kept(&idempotency, "many", 39) && is_kept(&idempotency, "many", 40));
        assert!(!is_kept(&idempotency, "large", 47) && is_kept(&idempotency, "large", 48));
        let calls = idempotency.lock();
        assert_eq!((calls.by_key.len(), calls.answers_bytes), (1 + 10 + 2, 810));
        assert_eq!(calls.metrics.forgotten.get_or_create(&Forgotten { bound: "workspace" }).get(), 40 + 48);
    }

    #[test]
    fn where_the_host_is_full_who_has_most_loses_first() {
        let bound = |answers_max, bytes_max| Bound { answers_max, bytes_max };
        let bounds = Bounds { of_workspace: bound(100, 1 << 20), of_host: bound(20, 1 << 20) };
        let idempotency = Idempotency::new(bounds, &mut Registry::default());
        done_in(&idempotency, "quiet", 0, 10);
        for number in 1..200 {
            done_in(&idempotency, "greedy", number, 10);
        }
        assert!(is_kept(&idempotency, "quiet", 0), "the oldest of all, and of who has least");
        let calls = idempotency.lock();
        assert_eq!((calls.by_age.len(), calls.shares.len()), (20, 2));
        drop(calls);
        // All of it ends in its time, and nothing of anybody is left.
        drop(first(&idempotency, "later", KEPT_MS + 1_000));
        let calls = idempotency.lock();
        assert!(calls.by_age.is_empty() && calls.shares.is_empty() && calls.answers_bytes == 0);
    }
}
