//! How many requests a source takes in a second and in a minute. Pure: the time is given.
//!
//! Each rate is kept by the generic cell rate algorithm: all that is kept of the past is when the next request would be due if they came
//! evenly; one may come before its time by as much as the burst allows.

use std::ops::RangeInclusive;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::event::{Invalid, Timestamp};

const PER_SECOND: RangeInclusive<u32> = 1..=10_000;
const PER_MINUTE: RangeInclusive<u32> = 1..=600_000;
const BURST: RangeInclusive<u32> = 1..=600_000;

const SECOND_MICROS: u64 = 1_000_000;
const MINUTE_MICROS: u64 = 60 * SECOND_MICROS;

/// How many requests a source takes, as the hub file declares it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SourceRate")]
pub struct RateSpec {
    /// 1 to 10000.
    pub per_second: Option<u32>,
    /// 1 to 600000.
    pub per_minute: Option<u32>,
    /// How many may come at once after a pause: 1 to 600000, else as many as within the second, and within the minute.
    pub burst: Option<u32>,
}

/// How many requests a source takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RatePolicy {
    second: Option<Cell>,
    minute: Option<Cell>,
}

/// One rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cell {
    /// From one request to the next, where they come evenly.
    every_micros: u64,
    /// By so much one may come before its time.
    early_micros: u64,
}

impl RateSpec {
    pub(super) fn refine(&self) -> Result<RatePolicy, Invalid> {
        if self.per_second.is_none() && self.per_minute.is_none() {
            return Err(Invalid::at("/rate", "say `per_second`, `per_minute` or both, as in { per_second = 100 }"));
        }
        let burst = self.burst.map(|burst| within("/rate/burst", burst, BURST)).transpose()?;
        let cell = |rate: Option<u32>, pointer, range, length_micros: u64| {
            rate.map(|rate| within(pointer, rate, range).map(|rate| Cell::new(rate, burst.unwrap_or(rate), length_micros)))
                .transpose()
        };
        Ok(RatePolicy {
            second: cell(self.per_second, "/rate/per_second", PER_SECOND, SECOND_MICROS)?,
            minute: cell(self.per_minute, "/rate/per_minute", PER_MINUTE, MINUTE_MICROS)?,
        })
    }
}

fn within(pointer: &str, given: u32, range: RangeInclusive<u32>) -> Result<u32, Invalid> {
    if range.contains(&given) {
        return Ok(given);
    }
    Err(Invalid::at(pointer, format!("{given} is out of bounds; write {} to {}", range.start(), range.end())))
}

impl Cell {
    fn new(rate: u32, burst: u32, length_micros: u64) -> Self {
        let every_micros = length_micros / u64::from(rate);
        Self { every_micros, early_micros: every_micros * u64::from(burst - 1) }
    }
}

/// What is kept of the requests of one source: when the next is due, by each rate.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rate {
    second_due_micros: u64,
    minute_due_micros: u64,
}

impl Rate {
    /// Takes a request, or tells in how many milliseconds one will be taken.
    pub(super) fn take(&mut self, policy: &RatePolicy, now: Timestamp) -> Result<(), u64> {
        let now = now.0.saturating_mul(1000);
        // No request is due later than this, unless the clock was set back.
        for (cell, due) in [(policy.second, &mut self.second_due_micros), (policy.minute, &mut self.minute_due_micros)] {
            *due = (*due).min(cell.map_or(0, |cell| now + cell.early_micros + cell.every_micros));
        }
        let cells = [(policy.second, &mut self.second_due_micros), (policy.minute, &mut self.minute_due_micros)];
        let wait = cells.iter().filter_map(|(cell, due)| Some(due.saturating_sub(now + cell.as_ref()?.early_micros))).max();
        if let Some(micros @ 1..) = wait {
            return Err(micros.div_ceil(1000));
        }
        for (cell, due) in cells {
            if let Some(cell) = cell {
                *due = (*due).max(now) + cell.every_micros;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn policy(spec: Value) -> Result<RatePolicy, Invalid> {
        serde_json::from_value::<RateSpec>(spec).expect("the right types").refine()
    }

    /// How many of 10,000 are taken at this moment.
    fn taken(rate: &mut Rate, policy: &RatePolicy, at_ms: u64) -> usize {
        (0..10_000).filter(|_| rate.take(policy, Timestamp(at_ms)).is_ok()).count()
    }

    #[test]
    fn after_a_burst_they_come_evenly() {
        let (mut rate, policy) = (Rate::default(), policy(json!({ "per_second": 10, "burst": 5 })).expect("good"));
        assert_eq!(taken(&mut rate, &policy, 1_000_000), 5);
        assert_eq!(rate.take(&policy, Timestamp(1_000_000)), Err(100));
        assert_eq!(rate.take(&policy, Timestamp(1_000_099)), Err(1));
        assert_eq!(taken(&mut rate, &policy, 1_000_100), 1);
        assert_eq!(taken(&mut rate, &policy, 1_000_400), 3);
        assert_eq!(taken(&mut rate, &policy, 2_000_000), 5, "a pause gives no more than a burst");
    }

    #[test]
    fn without_a_burst_it_is_what_the_time_has() {
        let (mut rate, policy) = (Rate::default(), policy(json!({ "per_second": 100 })).expect("good"));
        assert_eq!(taken(&mut rate, &policy, 5_000), 100);
    }

    #[test]
    fn both_rates_hold_and_who_is_refused_uses_up_neither() {
        let (mut rate, policy) = (Rate::default(), policy(json!({ "per_second": 10, "per_minute": 15 })).expect("good"));
        assert_eq!(taken(&mut rate, &policy, 60_000), 10);
        assert_eq!(taken(&mut rate, &policy, 61_000), 5);
        assert_eq!(rate.take(&policy, Timestamp(61_000)), Err(3_000));
        assert_eq!(taken(&mut rate, &policy, 64_000), 1);
    }

    #[test]
    fn a_clock_that_goes_back_lets_nobody_in_for_nothing() {
        let (mut rate, policy) = (Rate::default(), policy(json!({ "per_second": 1 })).expect("good"));
        assert_eq!(rate.take(&policy, Timestamp(10_000)), Ok(()));
        assert_eq!(rate.take(&policy, Timestamp(9_000)), Err(1_000));
    }

    #[test]
    fn a_clock_that_goes_back_shuts_nobody_out_for_long() {
        let (mut rate, policy) = (Rate::default(), policy(json!({ "per_second": 1 })).expect("good"));
        assert_eq!(rate.take(&policy, Timestamp(10_000_000)), Ok(()));
        assert_eq!(rate.take(&policy, Timestamp(6_400_000)), Err(1_000), "an hour earlier");
        assert_eq!(rate.take(&policy, Timestamp(6_401_000)), Ok(()));
    }

    #[test]
    fn what_is_refused_is_pointed_at() {
        let pointer = |spec: Value| policy(spec).expect_err("refused").pointer;
        assert_eq!(pointer(json!({})), "/rate");
        assert_eq!(pointer(json!({ "burst": 3 })), "/rate");
        assert_eq!(pointer(json!({ "per_second": 0 })), "/rate/per_second");
        assert_eq!(pointer(json!({ "per_minute": 600_001 })), "/rate/per_minute");
        assert_eq!(pointer(json!({ "per_second": 1, "burst": 0 })), "/rate/burst");
    }
}
