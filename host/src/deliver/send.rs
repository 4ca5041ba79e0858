//! One delivery, one try: from the claim to its settlement.

use std::{sync::Arc, time::Duration};

use arc_swap::access::DynAccess;
use tokio::time::sleep;

use super::{
    Book, Destination, Parts,
    encode::encode,
    metrics::Metrics,
    settle::{RESPONSE_BYTES_MAX, record, verdict},
};
use crate::{
    event::{Clock, Failure, Timestamp},
    journal::{Attempt, Delivery, Journal, JournalError, Settled, Verdict},
    net::{Bounds, Client},
};

/// How long a claimed delivery is ours: the longest timeout there is (60 s), and time for the journal to take the settlement.
pub(super) const LEASE_MS: u64 = 120_000;
/// While a destination is disabled, its deliveries are put off by this much, uncounted.
pub(super) const DISABLED_AGAIN_MS: u64 = 60_000;
/// A settlement that finds the journal's queue full is told again, for a while: else the delivery would be repeated for nothing.
const SETTLE_AGAIN_MS: u64 = 250;
const SETTLE_TRIES_MAX: u32 = 40;

/// Who delivers.
pub(super) struct Courier {
    journal: Arc<dyn Journal>,
    /// Read for each delivery, so that a change of URL, secret or policy counts from the next try.
    book: Arc<dyn DynAccess<Book> + Send + Sync>,
    client: Client,
    clock: Clock,
    metrics: Metrics,
}

impl Courier {
    pub(super) fn new(parts: Parts, metrics: Metrics) -> Self {
        Self { journal: parts.journal, book: parts.book, client: parts.client, clock: parts.clock, metrics }
    }

    /// Tries a claimed delivery once, and settles it. Returns when its lane has to be looked at again for its sake.
    pub(super) async fn deliver(&self, delivery: Delivery) -> Option<Timestamp> {
        let _under_way = self.metrics.under_way();
        let destination = self.book.load().destinations.get(&delivery.lane).cloned();
        let settled = match destination {
            None => without_try(&delivery, Verdict::Dead(deleted(&delivery))),
            Some(destination) if !destination.enabled => {
                without_try(&delivery, Verdict::RetryAt((self.clock)().plus_ms(DISABLED_AGAIN_MS)))
            }
            Some(destination) => self.attempt(&delivery, &destination).await,
        };
        self.metrics.settled(&settled);
        self.settle(settled).await
    }

    async fn attempt(&self, delivery: &Delivery, destination: &Destination) -> Settled {
        let started_at = (self.clock)();
        let request = match encode(delivery, destination, started_at) {
            Ok(request) => request,
            Err(failure) => return without_try(delivery, Verdict::Dead(failure)),
        };
        let bounds = Bounds { timeout_ms: destination.timeout_ms, response_bytes_max: RESPONSE_BYTES_MAX };
        let answer = self.client.send(request, bounds).await;
        let ended_at = (self.clock)();
        let verdict = verdict(delivery, &destination.retry, &answer, ended_at, random());
        let attempt = record(answer, started_at, ended_at);
        settled(delivery, Some(attempt), verdict)
    }

    /// Tells the journal. Where it does not take it, the delivery is due again when its lease is over.
    async fn settle(&self, settled: Settled) -> Option<Timestamp> {
        let again_at = if let Verdict::RetryAt(at) = settled.verdict { Some(at) } else { None };
        match self.tell(&settled).await {
            Ok(()) => again_at,
            Err(error) => {
                tracing::error!(destination = %settled.lane.name, %error, "a delivery was not settled and will be repeated");
                Some((self.clock)().plus_ms(LEASE_MS))
            }
        }
    }

    async fn tell(&self, settled: &Settled) -> Result<(), JournalError> {
        for _ in 1..SETTLE_TRIES_MAX {
            match self.journal.settle(vec![settled.clone()]).await {
                Err(JournalError::Busy) => sleep(Duration::from_millis(SETTLE_AGAIN_MS)).await,
                other => return other,
            }
        }
        self.journal.settle(vec![settled.clone()]).await
    }
}

/// Settled without a try, which therefore does not count as one.
fn without_try(delivery: &Delivery, verdict: Verdict) -> Settled {
    settled(delivery, None, verdict)
}

fn settled(delivery: &Delivery, attempt: Option<Attempt>, verdict: Verdict) -> Settled {
    let (seq, lane, attempt_number) = (delivery.seq, delivery.lane.clone(), delivery.attempt);
    Settled { seq, lane, attempt_number, attempt, verdict }
}

fn deleted(delivery: &Delivery) -> Failure {
    let message = format!("the destination `{}` was deleted; declare it again and replay", delivery.lane.name);
    Failure::new("destination-deleted", message)
}

/// In [0, 1). Without a source of randomness, the middle: it only spreads load.
fn random() -> f64 {
    getrandom::u32().map_or(0.5, |random| f64::from(random) / (f64::from(u32::MAX) + 1.0))
}
