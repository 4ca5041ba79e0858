//! How many requests a source takes: in a second or a minute, and at once. What is beyond is refused before its body is read, and told when
//! to come again.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use http::StatusCode;

use super::{
    Book, Problem, Source,
    rate::{Rate, RatePolicy},
};
use crate::event::{Name, Timestamp};

/// After so long a request may find a place that found none.
const AT_ONCE_RETRY_SECS: u64 = 1;
/// So many more gates are kept than there are sources, before those of sources that are gone are removed.
const STALE_MAX: usize = 64;

/// What a source takes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Admitted {
    pub(super) rate: Option<RatePolicy>,
    /// Requests under way at once.
    pub(super) concurrency: Option<u32>,
}

/// The gates of all sources that have one.
#[derive(Debug, Default)]
pub(super) struct Gates(Mutex<HashMap<(Name, Name), Shared>>);

type Shared = Arc<Mutex<Gate>>;

#[derive(Debug, Default)]
struct Gate {
    rate: Rate,
    under_way: u32,
}

/// A request that got in. Its place is given back when the value is dropped.
#[derive(Debug)]
pub(super) struct Entered(Shared);

impl Gates {
    /// Lets a request in, or tells when it may come again.
    pub(super) fn enter(
        &self,
        key: &(Name, Name),
        source: &Source,
        book: &Book,
        now: Timestamp,
    ) -> Result<Option<Entered>, Problem> {
        let Admitted { rate, concurrency } = source.limits.admitted;
        if rate.is_none() && concurrency.is_none() {
            return Ok(None);
        }
        let gate = self.gate(key, book);
        let mut held = gate.lock().unwrap_or_else(PoisonError::into_inner);
        if concurrency.is_some_and(|max| held.under_way >= max) {
            return Err(too_many("too-many-at-once", "more requests are under way than this source takes", AT_ONCE_RETRY_SECS));
        }
        if let Some(policy) = rate {
            let refused = |wait_ms: u64| too_many("rate", "more comes than this source takes", wait_ms.div_ceil(1000).max(1));
            held.rate.take(&policy, now).map_err(refused)?;
        }
        held.under_way += 1;
        drop(held);
        Ok(Some(Entered(gate)))
    }

    fn gate(&self, key: &(Name, Name), book: &Book) -> Shared {
        let mut gates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(gate) = gates.get(key) {
            return Arc::clone(gate);
        }
        if gates.len() >= book.sources.len() + STALE_MAX {
            gates.retain(|key, _| book.sources.contains_key(key));
        }
        Arc::clone(gates.entry(key.clone()).or_default())
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).under_way -= 1;
    }
}

fn too_many(kind: &'static str, what: &str, retry_secs: u64) -> Problem {
    Problem::new(StatusCode::TOO_MANY_REQUESTS, kind, format!("{what}; come again later")).retry_after(retry_secs)
}
