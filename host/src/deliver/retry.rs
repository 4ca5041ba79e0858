//! When a failed delivery is tried again, and when it is given up: as the hub file declares it, and as it is used.

use std::ops::RangeInclusive;

use schemars::JsonSchema;
use serde::Deserialize;

use super::bounds::{DAY_MS, count_within, ms_within, number_within, written};
use crate::event::{Duration, Invalid};

// The waits double from 5 s to 12 h: the first five tries fall within about a minute, all twenty take about two days on average.
const ATTEMPTS: RangeInclusive<u32> = 1..=100;
const ATTEMPTS_DEFAULT: u32 = 20;
const WAIT_MS: RangeInclusive<u64> = 100..=7 * DAY_MS;
const FIRST_MS_DEFAULT: u64 = 5_000;
const MAX_MS_DEFAULT: u64 = DAY_MS / 2;
const FACTOR: RangeInclusive<f64> = 1.0..=10.0;
const FACTOR_DEFAULT: f64 = 2.0;
const AGE_MS: RangeInclusive<u64> = 1_000..=30 * DAY_MS;
const AGE_MS_DEFAULT: u64 = 3 * DAY_MS;

/// When a failed delivery is tried again: after a random wait, whose bound grows from `first` to `max`, or after the `waits` of a list.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Retry")]
pub struct RetrySpec {
    /// Tries, the first included: 1 to 100, else 20; with `waits`, else one more than there are waits.
    pub attempts_max: Option<u32>,
    /// The bound of the first wait: `100ms` to `7d`, else `5s`.
    pub first: Option<Duration>,
    /// The bound of all waits: from `first` to `7d`, else `12h`.
    pub max: Option<Duration>,
    /// By how much the bound grows with each further failure: 1 to 10, else 2.
    pub factor: Option<f64>,
    /// Instead of those three: the wait after each failure, `100ms` to `7d`, the last one for all further failures.
    pub waits: Option<Vec<Duration>>,
    /// Given up when planned this long ago: `1s` to `30d`, else `3d`.
    pub age_max: Option<Duration>,
}

/// When a failed delivery is tried again, and when it is given up.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Retry {
    /// Tries, the first included.
    pub(super) attempts_max: u32,
    pub(super) waits: Waits,
    /// Since the delivery was planned.
    pub(super) age_ms_max: u64,
}

/// How long to wait after a failure, unless the destination asks for longer.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Waits {
    /// At random up to a bound.
    Growing {
        /// The bound after the first failure.
        first_ms: u64,
        /// The bound of all bounds.
        max_ms: u64,
        /// The bound grows by it with each further failure.
        factor: f64,
    },
    /// One for each failure, the last one for all further ones. Never empty.
    Listed(Vec<u64>),
}

impl RetrySpec {
    pub(super) fn refine(&self) -> Result<Retry, Invalid> {
        let waits = match &self.waits {
            None => self.refine_growing()?,
            Some(waits) => self.refine_listed(waits)?,
        };
        let attempts_default = match &waits {
            Waits::Growing { .. } => ATTEMPTS_DEFAULT,
            Waits::Listed(waits) => u32::try_from(waits.len()).unwrap_or(u32::MAX).saturating_add(1),
        };
        Ok(Retry {
            attempts_max: count_within("/retry/attempts_max", self.attempts_max, attempts_default, ATTEMPTS)?,
            waits,
            age_ms_max: ms_within("/retry/age_max", self.age_max, AGE_MS_DEFAULT, AGE_MS)?,
        })
    }

    fn refine_growing(&self) -> Result<Waits, Invalid> {
        let first_ms = ms_within("/retry/first", self.first, FIRST_MS_DEFAULT, WAIT_MS)?;
        let max_ms = ms_within("/retry/max", self.max, MAX_MS_DEFAULT, WAIT_MS)?;
        if max_ms < first_ms {
            let (first, max) = (written(first_ms), written(max_ms));
            let message = format!("{max} is less than `first`, which is {first}; raise one or lower the other");
            return Err(Invalid::at("/retry/max", message));
        }
        let factor = number_within("/retry/factor", self.factor, FACTOR_DEFAULT, FACTOR)?;
        Ok(Waits::Growing { first_ms, max_ms, factor })
    }

    fn refine_listed(&self, waits: &[Duration]) -> Result<Waits, Invalid> {
        let most = *ATTEMPTS.end() as usize - 1;
        if waits.is_empty() || waits.len() > most {
            return Err(Invalid::at("/retry/waits", format!("{} waits; write 1 to {most}", waits.len())));
        }
        let growing = [("first", self.first.is_some()), ("max", self.max.is_some()), ("factor", self.factor.is_some())];
        if let Some((name, _)) = growing.into_iter().find(|(_, given)| *given) {
            let message = format!("`waits` lists them all, so `{name}` says nothing; remove one of the two");
            return Err(Invalid::at(format!("/retry/{name}"), message));
        }
        let wait = |(index, wait): (usize, &Duration)| ms_within(&format!("/retry/waits/{index}"), Some(*wait), 0, WAIT_MS);
        Ok(Waits::Listed(waits.iter().enumerate().map(wait).collect::<Result<_, _>>()?))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::deliver::backoff::delay_ms;

    fn refined(fields: Value) -> Result<Retry, Invalid> {
        serde_json::from_value::<RetrySpec>(fields).expect("fields of the right types").refine()
    }

    #[test]
    fn the_defaults_retry_for_days() {
        let retry = RetrySpec::default().refine().expect("the defaults are good");
        let longest: u64 = (1..retry.attempts_max).map(|n| delay_ms(&retry.waits, n, 0.999)).sum();
        assert!((3 * DAY_MS..4 * DAY_MS).contains(&longest), "{longest}");
    }

    #[test]
    fn a_list_of_waits_says_how_many_attempts_there_are() {
        let retry = refined(json!({ "waits": ["5s", "1m", "1h"] })).expect("it is good");
        assert_eq!(retry.waits, Waits::Listed(vec![5_000, 60_000, 3_600_000]));
        assert_eq!(retry.attempts_max, 4);
        let more = refined(json!({ "waits": ["5s"], "attempts_max": 9 })).expect("it is good");
        assert_eq!(more.attempts_max, 9);
    }

    #[test]
    fn what_is_refused_is_pointed_at() {
        for (fields, pointer) in [
            (json!({ "attempts_max": 0 }), "/retry/attempts_max"),
            (json!({ "first": "1ms" }), "/retry/first"),
            (json!({ "first": "1m", "max": "30s" }), "/retry/max"),
            (json!({ "factor": 0.5 }), "/retry/factor"),
            (json!({ "factor": 11 }), "/retry/factor"),
            (json!({ "waits": [] }), "/retry/waits"),
            (json!({ "waits": vec!["1s"; 100] }), "/retry/waits"),
            (json!({ "waits": ["5s", "8d"] }), "/retry/waits/1"),
            (json!({ "waits": ["5s"], "max": "1m" }), "/retry/max"),
            (json!({ "age_max": "31d" }), "/retry/age_max"),
        ] {
            let told = fields.to_string();
            assert_eq!(refined(fields).expect_err(&told).pointer, pointer, "{told}");
        }
    }
}
