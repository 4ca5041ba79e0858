//! How many events a workspace takes in a second, of all its sources together. What is refused is refused before its body is read; what is
//! counted are events, once they are known to be their source's, so that who cannot sign uses nothing up.
//!
//! Kept by the generic cell rate algorithm, as [`rate`](super::rate) has it, but that a request may bring more events than there is room
//! for: those are a debt, and the next ones wait until it is paid.

use std::{
    collections::HashMap,
    ops::RangeInclusive,
    sync::{Mutex, PoisonError},
};

use http::StatusCode;

use super::{Book, Problem};
use crate::event::{Name, Timestamp};

const SECOND_MICROS: u64 = 1_000_000;

/// The most events for which one workspace is ever in debt, unless one request may bring more; a clock that was set back makes no greater one.
const DEBT_EVENTS_MAX: usize = 1_000;

/// How many events a workspace takes in a second; as many may come at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkspaceRate {
    every_micros: u64,
}

impl WorkspaceRate {
    /// What it may be.
    pub const EVENTS_PER_SECOND: RangeInclusive<u32> = 1..=10_000;

    /// So many events in a second; the nearest that it may be.
    #[must_use]
    pub fn per_second(events: u32) -> Self {
        let events = events.clamp(*Self::EVENTS_PER_SECOND.start(), *Self::EVENTS_PER_SECOND.end());
        Self { every_micros: SECOND_MICROS / u64::from(events) }
    }
}

/// When the next event of each workspace would be due, if they came evenly: in microseconds since the Unix epoch.
#[derive(Debug, Default)]
pub(super) struct WorkspaceRates(Mutex<HashMap<Name, u64>>);

impl WorkspaceRates {
    /// Whether a workspace takes an event now, or when it will.
    pub(super) fn admit(&self, workspace: &Name, book: &Book, request_events_max: usize, now: Timestamp) -> Result<(), Problem> {
        let Some(rate) = book.rates.get(workspace) else { return Ok(()) };
        let mut dues = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(due) = dues.get_mut(workspace) else { return Ok(()) };
        let now_micros = now.0.saturating_mul(1000);
        *due = bounded(*rate, request_events_max, *due, now_micros);
        match due.saturating_sub(now_micros + SECOND_MICROS - rate.every_micros) {
            0 => Ok(()),
            micros => {
                let detail = "more comes than this workspace takes; come again later";
                let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "workspace-rate", detail);
                Err(problem.retry_after(micros.div_ceil(SECOND_MICROS).max(1)))
            }
        }
    }

    /// Counts events that are their source's.
    pub(super) fn count(&self, workspace: &Name, book: &Book, request_events_max: usize, now: Timestamp, events: usize) {
        let Some(rate) = book.rates.get(workspace) else { return };
        let mut dues = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if dues.len() > book.rates.len() {
            dues.retain(|workspace, _| book.rates.contains_key(workspace));
        }
        let (due, now_micros) = (dues.entry(workspace.clone()).or_default(), now.0.saturating_mul(1000));
        let later = (*due).max(now_micros).saturating_add(rate.every_micros.saturating_mul(events as u64));
        *due = bounded(*rate, request_events_max, later, now_micros);
    }
}

/// No event is due later than this, unless the clock was set back.
fn bounded(rate: WorkspaceRate, request_events_max: usize, due: u64, now: u64) -> u64 {
    let debt = rate.every_micros.saturating_mul(DEBT_EVENTS_MAX.max(request_events_max) as u64);
    due.min(now.saturating_add(SECOND_MICROS).saturating_add(debt))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn name(text: &str) -> Name {
        text.parse().expect("a name")
    }

    fn book(rates: &[(&str, u32)]) -> Book {
        let rates = rates.iter().map(|(workspace, rate)| (name(workspace), WorkspaceRate::per_second(*rate)));
        Book { rates: Arc::new(rates.collect()), ..Book::default() }
    }

    /// How many single events of 1,000 are taken at this moment.
    fn taken(rates: &WorkspaceRates, book: &Book, workspace: &str, at_ms: u64) -> usize {
        let take = |_: &u32| {
            let admitted = rates.admit(&name(workspace), book, 1_000, Timestamp(at_ms)).is_ok();
            if admitted {
                rates.count(&name(workspace), book, 1_000, Timestamp(at_ms), 1);
            }
            admitted
        };
        (0..1_000_u32).filter(take).count()
    }

    #[test]
    fn as_many_are_taken_in_a_second_as_the_quota_says() {
        let (rates, book) = (WorkspaceRates::default(), book(&[("shop", 10)]));
        assert_eq!(taken(&rates, &book, "shop", 50_000), 10);
        assert_eq!(taken(&rates, &book, "shop", 50_099), 0);
        assert_eq!(taken(&rates, &book, "shop", 50_100), 1);
        assert_eq!(taken(&rates, &book, "shop", 51_100), 10);
        assert_eq!(taken(&rates, &book, "bank", 51_100), 1_000, "a workspace without the quota");
    }

    #[test]
    fn workspaces_use_up_only_their_own() {
        let (rates, book) = (WorkspaceRates::default(), book(&[("shop", 5), ("bank", 7)]));
        assert_eq!((taken(&rates, &book, "shop", 1_000), taken(&rates, &book, "bank", 1_000)), (5, 7));
    }

    #[test]
    fn a_batch_is_taken_whole_and_paid_for_afterwards() {
        let (rates, book) = (WorkspaceRates::default(), book(&[("shop", 10)]));
        rates.count(&name("shop"), &book, 1_000, Timestamp(50_000), 100);
        let wait = rates.admit(&name("shop"), &book, 1_000, Timestamp(50_000)).expect_err("refused").retry_after_secs;
        assert_eq!(wait, Some(10), "100 events are ten seconds' worth, of which one may come at once");
        assert_eq!(taken(&rates, &book, "shop", 59_000), 0);
        assert_eq!(taken(&rates, &book, "shop", 59_100), 1);
    }

    #[test]
    fn a_batch_beyond_the_greatest_debt_is_paid_for_whole() {
        let (rates, book) = (WorkspaceRates::default(), book(&[("shop", 10)]));
        rates.count(&name("shop"), &book, 5_000, Timestamp(50_000), 5_000);
        let wait = rates.admit(&name("shop"), &book, 5_000, Timestamp(50_000)).expect_err("refused").retry_after_secs;
        assert_eq!(wait, Some(500), "5,000 events are 500 seconds' worth");
    }

    #[test]
    fn a_clock_that_was_set_back_shuts_nobody_out_for_long() {
        let (rates, book) = (WorkspaceRates::default(), book(&[("shop", 1_000)]));
        rates.count(&name("shop"), &book, 1_000, Timestamp(10_000_000), 1);
        assert_eq!(taken(&rates, &book, "shop", 6_400_000), 0, "an hour earlier");
        assert!(taken(&rates, &book, "shop", 6_402_000) > 0, "and a second later again, as far as the greatest debt goes");
    }
}
