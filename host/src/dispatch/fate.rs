//! What becomes of a run whose plugin failed: tried again, and when, or given up. Pure; PLUGINS' table, row by row.

use crate::{
    event::{Failure, Timestamp},
    journal::Outcome,
    plugin::{After, Blame, Fault, FaultKind},
};

/// How often a plugin may ask for another try.
const ASKED_ATTEMPTS_MAX: u32 = 10;
/// How long after the run was made a plugin may ask for another try.
const ASKED_AGE_MS_MAX: u64 = 24 * 3_600_000;
/// A panic, and too much memory, may be a matter of chance: one more try.
const TRAPPED_ATTEMPTS_MAX: u32 = 2;
/// Too long on the clock may be our load: three more tries.
const TIME_ATTEMPTS_MAX: u32 = 4;
/// The first delay, doubled with each attempt.
const DELAY_MS_FIRST: u64 = 1000;
/// The longest delay of our own choice.
const DELAY_MS_MAX: u64 = 600_000;

/// Where a run stands in time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    /// 1 on the first try.
    pub(super) attempt: u32,
    /// When the run was made.
    pub(super) created_at: Timestamp,
    /// Now.
    pub(super) now: Timestamp,
    /// In `0.0..1.0`.
    pub(super) random: f64,
}

/// What follows from a fault, where the plugin's breaker has its say first.
pub(super) fn after(after: After, fault: Fault, standing: Standing) -> Outcome {
    match after {
        After::Fate => of(fault, standing),
        After::Hold(failure) => Outcome::Held { at: standing.now, failure },
        After::Bypass => Outcome::Retry { due_at: standing.now, failure: fault.failure, counted: false },
    }
}

/// What follows from a fault.
pub(super) fn of(fault: Fault, standing: Standing) -> Outcome {
    let again = |delay_ms: u64, counted, failure| {
        let due_at = standing.now.plus_ms(delay_ms);
        Outcome::Retry { due_at, failure, counted }
    };
    let Fault { kind, failure, .. } = fault;
    let tries_max = match kind {
        FaultKind::Host => return again(DELAY_MS_FIRST, false, failure),
        FaultKind::Rejected | FaultKind::Fuel | FaultKind::Output => 1,
        FaultKind::Trapped | FaultKind::Memory => TRAPPED_ATTEMPTS_MAX,
        FaultKind::Time | FaultKind::ChainTime => TIME_ATTEMPTS_MAX,
        FaultKind::RetryAsked { .. } => ASKED_ATTEMPTS_MAX,
    };
    // Only a plugin that asks is bound by age: whatever else fails for the first time may fail after a long downtime.
    let asked_ms = match kind {
        FaultKind::RetryAsked { after_ms } => {
            let left_ms = ASKED_AGE_MS_MAX.saturating_sub(standing.now.ms_since(standing.created_at));
            if left_ms == 0 {
                return Outcome::Dead(given_up(failure, standing.attempt));
            }
            after_ms.unwrap_or(0).min(left_ms)
        }
        _ => 0,
    };
    if standing.attempt >= tries_max {
        return Outcome::Dead(given_up(failure, standing.attempt));
    }
    again(delay_ms(standing.attempt, standing.random).max(asked_ms), true, failure)
}

/// Whose fault it is, as the plugin's breaker counts it: too long on the clock is the plugin's when no try is left.
pub(super) fn blame(kind: FaultKind, attempt: u32) -> Blame {
    match kind {
        FaultKind::Trapped | FaultKind::Memory | FaultKind::Fuel | FaultKind::Output => Blame::Plugin,
        FaultKind::Time if attempt >= TIME_ATTEMPTS_MAX => Blame::Plugin,
        FaultKind::Time => Blame::PluginPerhaps,
        FaultKind::Rejected | FaultKind::RetryAsked { .. } => Blame::Nobody,
        FaultKind::ChainTime | FaultKind::Host => Blame::Host,
    }
}

/// The code stays the failure's own, so that a search for it finds dead letters too.
fn given_up(failure: Failure, attempt: u32) -> Failure {
    match attempt {
        1 => failure,
        tries => Failure { message: format!("given up after {tries} tries: {}", failure.message), ..failure },
    }
}

/// Exponential, between half and the whole of the step, so that runs that failed together do not come back together.
fn delay_ms(attempt: u32, random: f64) -> u64 {
    let step = DELAY_MS_FIRST.saturating_mul(1 << attempt.saturating_sub(1).min(20)).min(DELAY_MS_MAX);
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at most DELAY_MS_MAX"
    )]
    let jitter = (step as f64 / 2.0 * random) as u64;
    step / 2 + jitter
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fate(kind: FaultKind, attempt: u32) -> Outcome {
        let fault = Fault { plugin: "p".parse().expect("name"), kind, failure: Failure::new("code", "text") };
        of(fault, Standing { attempt, created_at: Timestamp(0), now: Timestamp(10_000), random: 0.5 })
    }

    fn tries(kind: FaultKind) -> usize {
        (1..100).take_while(|&attempt| matches!(fate(kind, attempt), Outcome::Retry { counted: true, .. })).count() + 1
    }

    #[test]
    fn each_kind_has_its_number_of_tries() {
        assert_eq!(tries(FaultKind::Rejected), 1);
        assert_eq!(tries(FaultKind::Fuel), 1);
        assert_eq!(tries(FaultKind::Memory), 2);
        assert_eq!(tries(FaultKind::Output), 1);
        assert_eq!(tries(FaultKind::Trapped), 2);
        assert_eq!(tries(FaultKind::Time), 4);
        assert_eq!(tries(FaultKind::ChainTime), 4);
        assert_eq!(tries(FaultKind::RetryAsked { after_ms: None }), 10);
    }

    #[test]
    fn the_breaker_counts_what_is_the_plugins_fault() {
        for kind in [FaultKind::Trapped, FaultKind::Memory, FaultKind::Fuel, FaultKind::Output] {
            assert_eq!(blame(kind, 1), Blame::Plugin, "{kind:?}");
        }
        for kind in [FaultKind::Rejected, FaultKind::RetryAsked { after_ms: None }] {
            assert_eq!(blame(kind, 10), Blame::Nobody, "{kind:?}");
        }
        assert_eq!((blame(FaultKind::Time, 3), blame(FaultKind::Time, 4)), (Blame::PluginPerhaps, Blame::Plugin));
        assert_eq!(blame(FaultKind::Host, 1), Blame::Host);
        assert_eq!(blame(FaultKind::ChainTime, 4), Blame::Host, "who was next has not taken the time");
    }

    #[test]
    fn the_hosts_own_failures_never_count() {
        assert!(matches!(fate(FaultKind::Host, 1_000_000), Outcome::Retry { counted: false, .. }));
    }

    #[test]
    fn a_plugin_is_not_called_before_it_asked() {
        let asked = fate(FaultKind::RetryAsked { after_ms: Some(3_600_000) }, 1);
        assert!(matches!(asked, Outcome::Retry { due_at: Timestamp(3_610_000), .. }), "{asked:?}");
    }

    #[test]
    fn a_plugin_may_not_ask_for_ever() {
        let fault = Fault {
            plugin: "p".parse().expect("name"),
            kind: FaultKind::RetryAsked { after_ms: None },
            failure: Failure::new("code", "text"),
        };
        let late = Standing { attempt: 2, created_at: Timestamp(0), now: Timestamp(ASKED_AGE_MS_MAX), random: 0.0 };
        assert!(matches!(of(fault, late), Outcome::Dead(failure) if failure.message.contains("after 2 tries")));
    }

    #[test]
    fn a_plugin_that_asks_for_too_long_a_wait_is_called_at_the_end_of_its_time() {
        let asked = fate(FaultKind::RetryAsked { after_ms: Some(u64::MAX) }, 1);
        assert!(matches!(asked, Outcome::Retry { due_at: Timestamp(ASKED_AGE_MS_MAX), .. }), "{asked:?}");
    }

    #[test]
    fn an_old_run_that_fails_for_the_first_time_is_tried_again() {
        for kind in [FaultKind::Time, FaultKind::Trapped] {
            let fault = Fault { plugin: "p".parse().expect("name"), kind, failure: Failure::new("code", "text") };
            let late = Standing { attempt: 1, created_at: Timestamp(0), now: Timestamp(10 * ASKED_AGE_MS_MAX), random: 0.0 };
            assert!(matches!(of(fault, late), Outcome::Retry { .. }), "{kind:?}");
        }
    }
}
