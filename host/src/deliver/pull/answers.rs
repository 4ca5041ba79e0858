//! Taking what consumers say of messages that they have: done, not done, or not yet.
//!
//! A receipt stands for its lease. Who is done after the lease is over is believed as long as nobody else has the message: it would only
//! be worked off twice. Everything else a lease has to be alive for.

use bytes::Bytes;

use super::{
    super::{
        backoff::delay_ms,
        send::random,
        settle::{Tried, again_or_dead},
    },
    QueueError, Queues,
    leases::{Holder, Lease},
    receipt::Receipt,
    spec::HELD_MS_MAX,
};
use crate::{
    event::{self, Failure, Timestamp},
    journal::{Acknowledged, Acknowledgement, Attempt, Lane, Said, Settled, Verdict},
};

/// The most receipts of one call.
const RECEIPTS_MAX: usize = 1_000;
/// A consumer's reason is cut to so many characters.
const REASON_CHARS_MAX: usize = 500;

/// What became of one receipt, in the order in which they were handed in.
pub type Word<T> = Result<T, Failure>;

/// How messages are given back.
#[derive(Clone, Debug, Default)]
pub struct Nack {
    /// When they may be given again; else as the queue's `retry` says.
    pub delay: Option<event::Duration>,
    /// What went wrong.
    pub reason: Option<String>,
}

impl Queues {
    /// Takes messages as done.
    ///
    /// # Errors
    ///
    /// Where there is no such queue, there are too many receipts, or the journal did not take any.
    pub async fn ack(&self, lane: &Lane, receipts: &[String]) -> Result<Vec<Word<()>>, QueueError> {
        let held = self.holders(lane, receipts)?;
        let now = (self.clock)();
        let acknowledged = held.iter().flatten().map(|receipt| Acknowledgement {
            workspace: lane.workspace.clone(),
            id: receipt.id,
            attempt_number: receipt.attempt,
            said: Said::Done(Some(attempt(receipt.given_at, now, None))),
        });
        let mut found = self.journal.acknowledge(acknowledged.collect()).await?.into_iter();
        let words = held.into_iter().map(|held| {
            let receipt = held?;
            self.acked(lane, &receipt, found.next().unwrap_or(Acknowledged::Unknown))
        });
        let words = words.collect();
        // There may be room again.
        self.journal.feed().deliveries.wake(lane);
        Ok(words)
    }

    fn acked(&self, lane: &Lane, receipt: &Receipt, found: Acknowledged) -> Word<()> {
        self.with_leases(|leases| leases.end(receipt.id, receipt.nonce));
        match found {
            Acknowledged::Taken => {
                self.metrics.count("acked", 1);
                self.deliveries.acknowledged(lane);
                Ok(())
            }
            Acknowledged::Delivered => Ok(()),
            Acknowledged::Dead => {
                Err(Failure::new("dead-letter", "the message was given up before; it is kept as a dead letter"))
            }
            Acknowledged::Unknown | Acknowledged::Early | Acknowledged::Over => {
                Err(Failure::new("unknown-message", "the message is not on record any more"))
            }
        }
    }

    /// Takes messages back, to be given again.
    ///
    /// # Errors
    ///
    /// As for [`Self::ack`].
    pub async fn nack(&self, lane: &Lane, receipts: &[String], nack: &Nack) -> Result<Vec<Word<()>>, QueueError> {
        let (pull, held) = (self.queue(lane)?, self.holders(lane, receipts)?);
        let now = (self.clock)();
        let taken: Vec<Word<Lease>> = held
            .into_iter()
            .map(|held| {
                let receipt = held?;
                self.with_leases(|leases| leases.end(receipt.id, receipt.nonce)).ok_or_else(lease_over)
            })
            .collect();
        let failure = failure_of(nack);
        let leases: Vec<Lease> = taken.iter().flatten().cloned().collect();
        let settled: Vec<Settled> = leases
            .iter()
            .map(|lease| {
                let wait_ms = nack.delay.map_or_else(|| delay_ms(&pull.retry.waits, lease.attempt, random()), |delay| delay.ms);
                failed(lease, again_or_dead(tried(lease), &pull.retry, &failure, now, wait_ms), failure.clone(), now)
            })
            .collect();
        if let Err(error) = self.journal.settle(settled.clone()).await {
            self.with_leases(|all| leases.into_iter().for_each(|lease| all.restore(lease)));
            return Err(error.into());
        }
        settled.iter().for_each(|one| self.deliveries.followed(one));
        self.metrics.count("nacked", settled.len());
        Ok(taken.into_iter().map(|lease| lease.map(drop)).collect())
    }

    /// Gives consumers more time, from now on, but not beyond twelve hours since a message was given. Gives the new ends.
    ///
    /// # Errors
    ///
    /// As for [`Self::ack`], but that the journal is not asked.
    pub fn extend(
        &self,
        lane: &Lane,
        receipts: &[String],
        lease: Option<event::Duration>,
    ) -> Result<Vec<Word<Timestamp>>, QueueError> {
        let pull = self.queue(lane)?;
        let lease_ms = pull.lease_ms(lease).map_err(|invalid| QueueError::Bounds(invalid.to_string()))?;
        let until = (self.clock)().plus_ms(lease_ms);
        let held = self.holders(lane, receipts)?;
        let ends = held.into_iter().map(|held| {
            let receipt = held?;
            self.with_leases(|leases| leases.extend(receipt.id, receipt.nonce, until, HELD_MS_MAX)).ok_or_else(lease_over)
        });
        let ends = ends.collect();
        self.sooner.notify_one();
        Ok(ends)
    }

    /// The receipts; a failure for those that are none, or whose message another consumer has.
    fn holders(&self, lane: &Lane, receipts: &[String]) -> Result<Vec<Word<Receipt>>, QueueError> {
        self.queue(lane)?;
        if !(1..=RECEIPTS_MAX).contains(&receipts.len()) {
            let detail = format!("receipts: {} are outside of 1 to {RECEIPTS_MAX}", receipts.len());
            return Err(QueueError::Bounds(detail));
        }
        Ok(receipts.iter().map(|text| self.holder(lane, text)).collect())
    }

    fn holder(&self, lane: &Lane, text: &str) -> Word<Receipt> {
        let receipt = Receipt::read(&self.key, lane, text)
            .ok_or_else(|| Failure::new("unknown-receipt", "this is no receipt of this destination"))?;
        match self.with_leases(|leases| leases.holder(receipt.id, receipt.nonce)) {
            Holder::This | Holder::Nobody => Ok(receipt),
            Holder::Another => Err(lease_over()),
        }
    }
}

fn lease_over() -> Failure {
    Failure::new("lease-over", "the lease was over, and the message is another's by now, or will be given again")
}

fn failure_of(nack: &Nack) -> Failure {
    let reason = nack.reason.iter().flat_map(|reason| reason.chars()).filter(|c| !c.is_control());
    let reason: String = reason.take(REASON_CHARS_MAX).collect();
    let reason = if reason.is_empty() { "without a reason".to_owned() } else { reason };
    Failure::new("nacked", format!("the consumer gave it back: {reason}"))
}

fn tried(lease: &Lease) -> Tried {
    Tried { attempt: lease.attempt, created_at: lease.created_at }
}

/// A lease that ended without an acknowledgement, and what follows.
pub(super) fn lapsed(lease: &Lease, policy: Option<&super::super::retry::Retry>, now: Timestamp) -> Settled {
    let failure = Failure::new("lease-over", "the consumer did not acknowledge the message within its lease");
    // Without a policy the destination is no queue any more; it is for those who deliver to say what follows.
    let verdict = policy.map_or(Verdict::RetryAt(now), |policy| again_or_dead(tried(lease), policy, &failure, now, 0));
    failed(lease, verdict, failure, now.min(lease.until))
}

fn failed(lease: &Lease, verdict: Verdict, failure: Failure, ended_at: Timestamp) -> Settled {
    Settled {
        seq: lease.seq,
        lane: lease.lane.clone(),
        attempt_number: lease.number,
        attempt: Some(attempt(lease.given_at, ended_at, Some(failure))),
        verdict,
    }
}

/// A lease as an attempt.
fn attempt(given_at: Timestamp, ended_at: Timestamp, failure: Option<Failure>) -> Attempt {
    Attempt {
        started_at: given_at,
        duration_ms: ended_at.ms_since(given_at),
        status: None,
        failure,
        response_headers: Vec::new(),
        response_body: Bytes::new(),
    }
}
