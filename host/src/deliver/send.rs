//! One delivery, one try: from the claim to its settlement.

use std::{error::Error, sync::Arc, time::Duration};

use arc_swap::access::DynAccess;
use bytes::Bytes;
use http::Request;
use tokio::{task::spawn_blocking, time::sleep};

use super::{
    Book, Destination, Onward, Parts,
    confirm::{Callbacks, amendment, awaited, unconfirmed},
    encode::encode,
    exchange::exchange,
    metrics::{Metrics, outcome_of},
    onward,
    pace::{Heard, Leave, Paces, Pause},
    settle::{record, verdict},
    traced,
};
use crate::{
    event::{Clock, Failure, Timestamp},
    failpoint::{self, Step},
    journal::{Attempt, Delivery, Journal, JournalError, Lane, Origin, Pending, Settled, Space, Verdict},
    net::Client,
    observe::Tracer,
};

/// How long a claimed delivery is ours: the longest timeout there is (60 s), three requests for a token (10 s each: another's, and two of
/// its own), and time for the journal to take the settlement. Where the journal takes longer, the delivery may be handed out again, but
/// only to a place that is free.
pub(super) const LEASE_MS: u64 = 120_000;
/// Between two tries to have a settlement stored.
const SETTLE_AGAIN_MS: u64 = 500;
/// What would be an event of this hub again is tried so much later where there is no space for events.
const FULL_AGAIN_MS: u64 = 30_000;

/// Who delivers.
pub(super) struct Courier {
    journal: Arc<dyn Journal>,
    /// Read for each delivery, so that a change of URL, secret or policy counts from the next try.
    book: Arc<dyn DynAccess<Book> + Send + Sync>,
    paces: Arc<Paces>,
    client: Client,
    tracer: Tracer,
    clock: Clock,
    callbacks: Callbacks,
    metrics: Arc<Metrics>,
    hops_max: u32,
}

impl Courier {
    pub(super) fn new(parts: Parts, metrics: Arc<Metrics>, hops_max: u32) -> Self {
        let Parts { journal, book, paces, client, tracer, clock, callbacks, .. } = parts;
        Self { journal, book, paces, client, tracer, clock, callbacks, metrics, hops_max }
    }

    /// Tries a claimed delivery once, and settles it. Returns when its lane has to be looked at again for its sake.
    pub(super) async fn deliver(&self, delivery: Delivery) -> Option<Timestamp> {
        failpoint::reach(Step::DeliveryClaimed);
        let _under_way = self.metrics.under_way();
        let (onward, destination, is_fetched) = self.look_up(&delivery.lane);
        if let Some(onward) = onward {
            return self.settle(&self.pass_on(&delivery, &onward)).await;
        }
        let settled = match destination {
            // It is fetched from now on.
            None if is_fetched => {
                self.paces.claimed(&delivery.lane, 0, 1);
                without_try(&delivery, Verdict::RetryAt((self.clock)()))
            }
            None => {
                self.paces.claimed(&delivery.lane, 0, 1);
                without_try(&delivery, Verdict::Dead(deleted(&delivery)))
            }
            Some(destination) if delivery.received.is_some() => return self.judge(&delivery, &destination).await,
            Some(destination) => match self.paces.begin(&delivery.lane, &destination) {
                Err(Pause { ms, .. }) => without_try(&delivery, Verdict::RetryAt((self.clock)().plus_ms(ms))),
                Ok(leave) => {
                    let (settled, heard) = self.attempt(&delivery, &destination).await;
                    self.pace(&delivery, &destination, leave, heard).await;
                    settled
                }
            },
        };
        self.settle(&settled).await
    }

    /// What the destination of this lane is at present, and whether it is one that is fetched from.
    fn look_up(&self, lane: &Lane) -> (Option<Arc<Onward>>, Option<Arc<Destination>>, bool) {
        let book = self.book.load();
        (book.onwards.get(lane).cloned(), book.destinations.get(lane).cloned(), book.pulls.contains_key(lane))
    }

    /// Makes an event of it again. Where there is no space for new events, it waits as they do.
    fn pass_on(&self, delivery: &Delivery, onward: &Onward) -> Settled {
        let now = (self.clock)();
        if !onward.enabled() {
            return without_try(delivery, Verdict::RetryAt(now.plus_ms(onward::DISABLED_AGAIN_MS)));
        }
        if let Space::Full(_) = self.journal.space() {
            return without_try(delivery, Verdict::RetryAt(now.plus_ms(FULL_AGAIN_MS)));
        }
        let (attempt, mut verdict) = onward.pass_on(delivery, self.hops_max, now);
        if let Verdict::PassedOn(passed) = &mut verdict {
            traced::pass_on(&self.tracer, delivery, &mut passed.event);
        }
        settled(delivery, Some(attempt), verdict)
    }

    async fn attempt(&self, delivery: &Delivery, destination: &Arc<Destination>) -> (Settled, Heard) {
        let started_at = (self.clock)();
        let mut request = match encoded(delivery, destination, started_at).await {
            Ok(request) => request,
            Err(failure) => return (without_try(delivery, Verdict::Dead(failure)), Heard::NOTHING),
        };
        self.callbacks.put_headers(request.headers_mut(), delivery, destination.confirm, started_at);
        let span = traced::begin(&self.tracer, delivery);
        if let Some(span) = &span {
            span.put_headers(request.headers_mut());
        }
        failpoint::reach(Step::RequestEncoded);
        let answer = exchange(&self.client, destination, request).await;
        failpoint::reach(Step::ResponseRead);
        let ended_at = (self.clock)();
        let verdict = verdict(delivery, &destination.retry, &answer, ended_at, random());
        let verdict = awaited(verdict, destination.confirm, ended_at);
        let heard = Heard::of(&answer, ended_at);
        let attempt = record(answer, started_at, ended_at);
        self.tell(delivery, &attempt, &verdict);
        traced::ended(span, delivery, destination, &attempt, &verdict);
        (settled(delivery, Some(attempt), verdict), heard)
    }

    /// The log has each attempt that failed, by the ids that it is asked for by; one that went well only for who looks closely.
    fn tell(&self, delivery: &Delivery, attempt: &Attempt, verdict: &Verdict) {
        let (workspace, destination, rule) = (&delivery.lane.workspace, &delivery.lane.name, &delivery.rule);
        let (id, number, outcome, took_ms) = (delivery.id, delivery.number, outcome_of(verdict), attempt.duration_ms);
        let trace = traced::of(&self.tracer, delivery).map(|traced| tracing::field::display(traced.trace.id));
        let (event, batch) = match &delivery.origin {
            Origin::Event(event) => (Some(tracing::field::display(event.id)), None),
            Origin::Batch { id, .. } => (None, Some(tracing::field::display(id))),
        };
        match &attempt.failure {
            Some(failure) => tracing::info!(
                delivery = %id, event, batch, %workspace, %destination, %rule, attempt = number, code = failure.code, outcome, took_ms, trace,
                "an attempt failed"
            ),
            None => tracing::debug!(
                delivery = %id, event, batch, %workspace, %destination, %rule, attempt = number, outcome, took_ms, trace,
                "an attempt went well"
            ),
        }
    }

    /// What the attempt says of its destination is stored before what it says of the delivery: after a crash between the two the message may
    /// be repeated, but only when the destination's pace allows.
    async fn pace(&self, delivery: &Delivery, destination: &Destination, leave: Leave, heard: Heard) {
        if self.paces.end(&delivery.lane, destination, leave, heard) {
            // Where it is closed, so is the delivery's settlement.
            let _ = until_stored(|| self.paces.keep(&delivery.lane)).await;
        }
    }

    /// Settles an attempt that was received and not confirmed. Nothing is sent, so it takes nothing of the destination's pace.
    async fn judge(&self, delivery: &Delivery, destination: &Destination) -> Option<Timestamp> {
        self.paces.claimed(&delivery.lane, 0, 1);
        let (failure, verdict) = unconfirmed(delivery, &destination.retry, (self.clock)(), random());
        let settled = settled(delivery, Some(amendment(delivery, failure)), verdict);
        self.store(&settled).await.then(|| self.metrics.followed(&settled))?;
        // A probe may have been kept for what turned out to send nothing: who waits for it is looked at again.
        again_at(&settled).or_else(|| Some((self.clock)()))
    }

    async fn settle(&self, settled: &Settled) -> Option<Timestamp> {
        self.store(settled).await.then(|| self.metrics.settled(settled))?;
        again_at(settled)
    }

    /// Tells the journal. Where it was closed first, the delivery is tried again after the restart.
    async fn store(&self, settled: &Settled) -> bool {
        let stored = until_stored(|| self.journal.settle(vec![settled.clone()])).await;
        if let Err(error) = &stored {
            tracing::warn!(workspace = %settled.lane.workspace, destination = %settled.lane.name, seq = settled.seq, %error, "a delivery was not settled and will be repeated");
        }
        stored.is_ok()
    }
}

/// When a lane has to be looked at again for the sake of what was settled.
fn again_at(settled: &Settled) -> Option<Timestamp> {
    match settled.verdict {
        Verdict::RetryAt(at) | Verdict::Awaiting(at) => Some(at),
        Verdict::Delivered | Verdict::PassedOn(_) | Verdict::Dead(_) => None,
    }
}

/// The request. Compressing takes its time, which is not the runtime's: other lanes wait there.
async fn encoded(delivery: &Delivery, destination: &Arc<Destination>, now: Timestamp) -> Result<Request<Bytes>, Failure> {
    if destination.compression.is_none() {
        return encode(delivery, destination, now);
    }
    let (message, to) = (delivery.clone(), Arc::clone(destination));
    // A runtime that is shutting down takes no more such work.
    spawn_blocking(move || encode(&message, &to, now)).await.unwrap_or_else(|_| encode(delivery, destination, now))
}

/// Stores until it is stored, or the journal is closed. To give up would be to send the message again, for as long as the disk is full;
/// while this goes on, the delivery holds its place, and a lane whose places are all held sends nothing.
pub(super) async fn until_stored(mut store: impl FnMut() -> Pending<()>) -> Result<(), JournalError> {
    let mut told = false;
    loop {
        match store().await {
            Ok(()) => return Ok(()),
            Err(JournalError::Closed) => return Err(JournalError::Closed),
            Err(error) if !told => {
                tracing::error!(
                    error = &error as &dyn Error,
                    "what became of a delivery was not stored; it is tried until it is"
                );
                told = true;
            }
            Err(_) => {}
        }
        sleep(Duration::from_millis(SETTLE_AGAIN_MS)).await;
    }
}

/// Settled without a try, which therefore does not count as one.
fn without_try(delivery: &Delivery, verdict: Verdict) -> Settled {
    settled(delivery, None, verdict)
}

fn settled(delivery: &Delivery, attempt: Option<Attempt>, verdict: Verdict) -> Settled {
    let (seq, lane, attempt_number) = (delivery.seq, delivery.lane.clone(), delivery.number);
    Settled { seq, lane, attempt_number, attempt, verdict }
}

fn deleted(delivery: &Delivery) -> Failure {
    let message = format!("the destination `{}` was deleted; declare it again and replay", delivery.lane.name);
    Failure::new("destination-deleted", message)
}

/// In [0, 1). Without a source of randomness, the middle: it only spreads load.
pub(super) fn random() -> f64 {
    getrandom::u32().map_or(0.5, |random| f64::from(random) / (f64::from(u32::MAX) + 1.0))
}

/// Tells apart what nothing else does. Without a source of randomness, the same each time: a receipt is still known by its attempt and time.
pub(super) fn random_u64() -> u64 {
    getrandom::u64().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of a settlement that the journal answers so, one after the other; and how many answers are left.
    async fn told(answers: Vec<Result<(), JournalError>>) -> (Result<(), JournalError>, usize) {
        let mut answers = answers.into_iter();
        let stored = until_stored(|| Pending::ready(answers.next().expect("it does not ask after the end"))).await;
        (stored, answers.len())
    }

    #[tokio::test]
    async fn a_settlement_is_told_until_it_is_stored() {
        let broken = JournalError::Failed(Arc::new(std::io::Error::other("broken")));
        let (stored, left) = told(vec![Err(JournalError::Full), Err(JournalError::Busy), Err(broken), Ok(())]).await;
        assert!(stored.is_ok(), "{stored:?}");
        assert_eq!(left, 0);
    }

    #[tokio::test]
    async fn a_closed_journal_is_the_end_of_it() {
        let (stored, left) = told(vec![Err(JournalError::Closed), Ok(())]).await;
        assert!(matches!(stored, Err(JournalError::Closed)), "{stored:?}");
        assert_eq!(left, 1);
    }
}
