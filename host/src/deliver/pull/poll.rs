//! Giving messages: as many as are asked for and due, or, where none is, as soon as one is.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{oneshot, watch},
    time::sleep,
};

use super::{
    super::{NoSeat, Seat, send::random_u64},
    CLAIMED_MS, Pull, QueueError, Queues,
    leases::Lease,
    metrics::Waiting,
    receipt::Receipt,
};
use crate::{
    event::{self, Timestamp},
    journal::{Delivery, JournalError, Lane, Settled, Verdict},
    sign,
};

/// The most messages of one answer.
const MESSAGES_MAX: usize = 100;
const MESSAGES_DEFAULT: usize = 10;
/// The longest wait for a message.
const WAIT_MS_MAX: u64 = 60_000;
/// No more messages are added to an answer whose bodies exceed this together; what is one too many may double it.
const BODY_BYTES: usize = 4 << 20;
/// After a claim that found nothing where something was due.
const CLAIM_AGAIN_MS: u64 = 1_000;

/// What a consumer asks for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Poll {
    /// At most this many: 1 to 100, else 10.
    pub max: Option<usize>,
    /// How long to wait where there is none: up to 60 s, else not at all.
    pub wait: Option<event::Duration>,
    /// For how long; else as the queue says.
    pub lease: Option<event::Duration>,
}

/// A message that a consumer has from now on.
#[derive(Clone, Debug)]
pub struct Given {
    /// With the very bytes.
    pub delivery: Delivery,
    /// To be handed back.
    pub receipt: String,
    /// The message is the consumer's until then.
    pub until: Timestamp,
    /// Where the queue has a secret.
    pub signature: Option<Signature>,
}

/// A signature by Standard Webhooks, as its three headers would have it.
#[derive(Clone, Debug)]
pub struct Signature {
    /// `webhook-timestamp`.
    pub timestamp_secs: u64,
    /// `webhook-signature`.
    pub entries: String,
}

/// A poll within its bounds.
struct Asked {
    lane: Lane,
    max: usize,
    wait_ms: u64,
    lease_ms: u64,
}

impl Queues {
    /// Gives up to as many messages as asked for. Empty where there is none in time, or the host stops. Whether the consumer may fetch is asked
    /// before each look.
    ///
    /// # Errors
    ///
    /// Where there is no such queue, or too many wait, or the consumer may not fetch any more, or the journal does not answer.
    pub async fn poll(self: &Arc<Self>, lane: Lane, poll: Poll, may: impl Fn() -> bool) -> Result<Vec<Given>, QueueError> {
        let pull = self.queue(&lane)?;
        let asked = asked(lane, poll, &pull)?;
        let _waiting = if asked.wait_ms > 0 { Some(self.wait(&asked.lane)?) } else { None };
        let until = (self.clock)().plus_ms(asked.wait_ms);
        let watch = self.journal.feed().deliveries.watch(&asked.lane);
        loop {
            // Before the look, so that no mark is missed.
            let marked = watch.marked();
            if !may() {
                return Err(QueueError::Refused);
            }
            let (given, next_due) = self.take(&asked, self.queue(&asked.lane)?).await?;
            let now = (self.clock)();
            if !given.is_empty() || now >= until || *self.shutdown.borrow() {
                return Ok(given);
            }
            let next_end = self.with_leases(|leases| leases.next_end());
            tokio::select! {
                () = marked => {}
                () = sleep(until_next([next_due, next_end], until, now)) => {}
                () = stopped(self.shutdown.clone()) => return Ok(Vec::new()),
            }
        }
    }

    fn wait(&self, lane: &Lane) -> Result<(Seat, Waiting), QueueError> {
        match self.polls.take(&lane.workspace) {
            Ok(seat) => Ok((seat, self.metrics.waiting())),
            Err(none) => {
                self.metrics.refused.inc();
                Err(match none {
                    NoSeat::Full(max) => QueueError::Busy { max },
                    NoSeat::Share(max) => QueueError::BusyWorkspace { max },
                })
            }
        }
    }

    /// Ends what is over, claims and gives, in a task of its own: what is claimed is given, or given back, even where the consumer goes away meanwhile.
    async fn take(self: &Arc<Self>, asked: &Asked, pull: Arc<Pull>) -> Result<(Vec<Given>, Option<Timestamp>), QueueError> {
        if !pull.enabled {
            return Err(QueueError::Disabled(asked.lane.name.clone()));
        }
        let (queues, lane, max, lease_ms) = (Arc::clone(self), asked.lane.clone(), asked.max, asked.lease_ms);
        let (answer, answered) = oneshot::channel();
        tokio::spawn(async move {
            // A mark wakes all who wait: they look one after the other, so that they do not keep other lanes from their claims.
            let turn = queues.turn(&lane);
            let _turn = turn.lock().await;
            queues.end_lapsed().await;
            let room = queues.with_leases(|leases| leases.reserve(&lane, max, pull.leased_max));
            let claimed = queues.claim(&lane, &pull, room, lease_ms).await;
            let used = claimed.as_ref().map_or(0, |(given, _)| given.len());
            queues.with_leases(|leases| leases.release(&lane, room - used));
            if let Err(Ok((unheard, _))) = answer.send(claimed) {
                queues.give_back(unheard).await;
            }
        });
        Ok(answered.await.unwrap_or(Err(JournalError::Closed))?)
    }

    /// Claims one message, and then as many as there are already, so that an answer's bodies are bounded without being known before.
    async fn claim(
        &self,
        lane: &Lane,
        pull: &Pull,
        max: usize,
        lease_ms: u64,
    ) -> Result<(Vec<Given>, Option<Timestamp>), JournalError> {
        let (mut given, mut next_due, mut bytes) = (Vec::new(), None, 0);
        while given.len() < max && bytes < BODY_BYTES {
            let now = (self.clock)();
            let count = given.len().clamp(1, max - given.len());
            let claim = match self.journal.claim_deliveries(lane.clone(), now, now.plus_ms(CLAIMED_MS), count).await {
                Ok(claim) => claim,
                Err(error) if given.is_empty() => return Err(error),
                Err(_) => break,
            };
            next_due = claim.next_due;
            let found = claim.items.len();
            bytes += claim.items.iter().map(|delivery| delivery.body.len()).sum::<usize>();
            given.extend(claim.items.into_iter().map(|delivery| self.give(delivery, pull, now, lease_ms)));
            if found < count {
                break;
            }
        }
        self.metrics.count("given", given.len());
        self.sooner.notify_one();
        Ok((given, next_due))
    }

    fn give(&self, delivery: Delivery, pull: &Pull, now: Timestamp, lease_ms: u64) -> Given {
        let lease = Lease::new(&delivery, now, now.plus_ms(lease_ms), random_u64());
        let receipt = Receipt::written(&self.key, &lease);
        let until = lease.until;
        self.with_leases(|leases| leases.give(lease));
        let signature = (!pull.signing.keys.is_empty()).then(|| {
            let (id, timestamp_secs) = (delivery.id.to_string(), now.secs());
            let content = sign::Content { id: &id, timestamp_secs, url: "", body: &delivery.body };
            Signature { timestamp_secs, entries: sign::standard_webhooks(pull.signing.keys_at(now), content) }
        });
        Given { delivery, receipt, until, signature }
    }

    /// What nobody heard of is due again, and was no attempt.
    async fn give_back(&self, given: Vec<Given>) {
        let now = (self.clock)();
        let ends = given.iter().filter_map(|one| {
            let receipt = Receipt::read(&self.key, &one.delivery.lane, &one.receipt)?;
            self.with_leases(|leases| leases.end(receipt.id, receipt.nonce))
        });
        let settled: Vec<Settled> = ends
            .map(|Lease { seq, lane, number, .. }| {
                let verdict = Verdict::RetryAt(now);
                Settled { seq, lane, attempt_number: number, attempt: None, verdict }
            })
            .collect();
        if !settled.is_empty() {
            self.store(settled).await;
        }
    }
}

fn asked(lane: Lane, poll: Poll, pull: &Pull) -> Result<Asked, QueueError> {
    let max = poll.max.unwrap_or(MESSAGES_DEFAULT);
    if !(1..=MESSAGES_MAX).contains(&max) {
        return Err(QueueError::Bounds(format!("max: {max} is outside of 1 to {MESSAGES_MAX}")));
    }
    let wait_ms = poll.wait.map_or(0, |wait| wait.ms);
    if wait_ms > WAIT_MS_MAX {
        return Err(QueueError::Bounds(format!("wait: at most {}s, then ask again", WAIT_MS_MAX / 1000)));
    }
    let lease_ms = pull.lease_ms(poll.lease).map_err(|invalid| QueueError::Bounds(invalid.to_string()))?;
    Ok(Asked { lane, max, wait_ms, lease_ms })
}

/// Until the first of these, or the end of the wait.
fn until_next(times: [Option<Timestamp>; 2], until: Timestamp, now: Timestamp) -> Duration {
    // What is due and was not given is held by somebody who is not told of here, or there is no room for it.
    let due = |at: Timestamp| if at <= now { now.plus_ms(CLAIM_AGAIN_MS) } else { at };
    let first = times.into_iter().flatten().map(due).min().unwrap_or(until);
    Duration::from_millis(first.min(until).ms_since(now).max(1))
}

/// The host stops, or whoever could say so is gone.
async fn stopped(mut shutdown: watch::Receiver<bool>) {
    let _ = shutdown.wait_for(|stop| *stop).await;
}

#[cfg(test)]
mod tests {
    use arc_swap::ArcSwap;
    use prometheus_client::registry::Registry;
    use tokio::sync::mpsc;
    use zeroize::Zeroizing;

    use super::*;
    use crate::{
        deliver::{Book, Callbacks, Options, Paces, Parts, PullSpec, fake, metrics},
        event::Clock,
        net,
        observe::Tracer,
    };

    /// One queue over a fake journal.
    async fn queues() -> (Arc<Queues>, Arc<fake::Journal>, mpsc::UnboundedReceiver<Settled>, watch::Sender<bool>) {
        let spec: PullSpec = serde_json::from_value(serde_json::json!({ "kind": "pull" })).expect("a spec");
        let pulls = [(fake::lane("jobs"), Arc::new(spec.refine().expect("it is good")))].into();
        let book = Arc::new(ArcSwap::from_pointee(Book { pulls, ..Book::default() }));
        let (clock, mut registry): (Clock, _) = (Arc::new(|| Timestamp(1_790_000_000_000)), Registry::default());
        let (journal, settled) = fake::Journal::new();
        let (stop, shutdown) = watch::channel(false);
        let token_key = sign::TokenKey::new(Zeroizing::new([7; 32]));
        let paces = Paces::open(journal.clone(), book.clone(), clock.clone(), &mut registry).await;
        let parts = Parts {
            journal: journal.clone(),
            book,
            paces: paces.expect("the fake journal tells"),
            client: net::Client::new(&net::Options::default()),
            tracer: Tracer::default(),
            clock,
            callbacks: Callbacks::new(token_key.clone(), None).expect("none is good"),
            token_key,
            shutdown,
        };
        let deliveries = Arc::new(metrics::Metrics::new(&mut registry));
        (Queues::new(&Options::default(), &parts, deliveries, &mut registry), journal, settled, stop)
    }

    #[tokio::test]
    async fn who_goes_away_while_claiming_leaves_no_lease() {
        let (queues, journal, mut settled, _stop) = queues().await;
        journal.plan([fake::delivery("jobs", 1)]);
        let mut polling = Box::pin(queues.poll(fake::lane("jobs"), Poll::default(), || true));
        assert!(once(polling.as_mut()).is_none(), "it has begun");
        drop(polling);
        let given_back = settled.recv().await.expect("a settlement");
        assert!(given_back.attempt.is_none(), "no attempt was made");
        assert!(matches!(given_back.verdict, Verdict::RetryAt(Timestamp(1_790_000_000_000))), "{given_back:?}");
        assert_eq!(queues.with_leases(|leases| leases.len()), 0);
    }

    /// Polls once.
    fn once<T>(future: std::pin::Pin<&mut (impl Future<Output = T> + ?Sized)>) -> Option<T> {
        match future.poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
            std::task::Poll::Ready(value) => Some(value),
            std::task::Poll::Pending => None,
        }
    }

    /// Bodies are not known before they are claimed: one, then as many as there are.
    #[tokio::test]
    async fn an_answer_is_bounded_by_its_bodies() {
        let (queues, journal, _settled, _stop) = queues().await;
        journal.plan((0..20).map(|n| Delivery { body: vec![0; 1 << 20].into(), ..fake::delivery("jobs", n) }));
        let all = Poll { max: Some(100), ..Poll::default() };
        let given = queues.poll(fake::lane("jobs"), all, || true).await.expect("messages");
        assert_eq!(given.len(), 4, "of 1 MiB each");
        assert_eq!(queues.poll(fake::lane("jobs"), all, || true).await.expect("messages").len(), 4);
    }

    #[test]
    fn a_wait_goes_to_the_next_thing_that_may_happen() {
        let at = |times, until| until_next(times, Timestamp(until), Timestamp(1_000)).as_millis();
        assert_eq!(at([None, None], 21_000), 20_000);
        assert_eq!(at([Some(Timestamp(5_000)), Some(Timestamp(3_000))], 21_000), 2_000);
        assert_eq!(at([Some(Timestamp(1_000)), None], 21_000), 1_000, "due, and not given: not asked for over and over");
        assert_eq!(at([Some(Timestamp(1_000)), None], 1_300), 300);
    }
}
