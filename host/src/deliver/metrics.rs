//! What is counted. The label sets are bounded: destinations beyond the first [`DESTINATIONS_MAX`] seen are counted together.

use std::time::Duration;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use crate::{
    journal::{Attempt, Lane, Settled, Verdict},
    observe,
};

/// Destinations with a time series of their own.
const DESTINATIONS_MAX: usize = 1_000;
/// All others.
const OTHERS: &str = observe::Known::OTHERS;

/// In seconds: from a neighbour's answer to the longest timeout.
const SECONDS_BUCKETS: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 60.0];

/// The metrics of flow 3.
#[derive(Debug)]
pub(super) struct Metrics {
    attempts: Family<AttemptLabels, Counter>,
    failures: Family<FailureLabels, Counter>,
    seconds: Family<ClassLabels, Histogram, fn() -> Histogram>,
    in_flight: Gauge,
    dead_letters: Family<DeadLetterLabels, Counter>,
    known: Known,
}

/// The destinations that have time series of their own.
#[derive(Debug)]
pub(super) struct Known(observe::Known<Lane>);

impl Default for Known {
    fn default() -> Self {
        Self(observe::Known::new(DESTINATIONS_MAX))
    }
}

impl Known {
    pub(super) fn has(&self, lane: &Lane) -> bool {
        self.0.has(lane)
    }

    /// The labels `workspace` and `destination`.
    pub(super) fn labels(&self, lane: &Lane) -> (String, String) {
        match self.has(lane) {
            true => (lane.workspace.to_string(), lane.name.to_string()),
            false => (OTHERS.to_owned(), OTHERS.to_owned()),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AttemptLabels {
    workspace: String,
    destination: String,
    /// `delivered`, `received`, `retry` or `dead`.
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FailureLabels {
    workspace: String,
    destination: String,
    /// The failure's code; of statuses only the class, as in `status-5xx`.
    reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ClassLabels {
    class: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DeadLetterLabels {
    /// The failure's code; those of dead deliveries are a handful.
    reason: String,
}

impl Metrics {
    /// The metrics, made known to `registry`.
    pub(super) fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            attempts: Family::default(),
            failures: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(SECONDS_BUCKETS)),
            in_flight: Gauge::default(),
            dead_letters: Family::default(),
            known: Known::default(),
        };
        registry.register("sluicebox_delivery_attempts", "Attempts, by what followed", metrics.attempts.clone());
        registry.register("sluicebox_delivery_failures", "Attempts that failed, by why", metrics.failures.clone());
        let seconds = "How long attempts took, by the class of what came back";
        registry.register("sluicebox_delivery_attempt_seconds", seconds, metrics.seconds.clone());
        registry.register("sluicebox_deliveries_in_flight", "Deliveries under way", metrics.in_flight.clone());
        registry.register("sluicebox_delivery_dead_letters", "Deliveries given up", metrics.dead_letters.clone());
        // From the beginning on, so that the first is seen as one more than none.
        for reason in ["attempts-exhausted", "too-old", "gone", "address-forbidden"] {
            drop(metrics.dead_letters.get_or_create(&DeadLetterLabels { reason: reason.to_owned() }));
        }
        metrics
    }

    /// Counts a delivery as under way while the value lives.
    pub(super) fn under_way(&self) -> UnderWay {
        self.in_flight.inc();
        UnderWay(self.in_flight.clone())
    }

    /// Counts a settlement that the journal has taken.
    pub(super) fn settled(&self, settled: &Settled) {
        if let Some(attempt) = &settled.attempt {
            if let Some(failure) = &attempt.failure {
                let (workspace, destination) = self.known.labels(&settled.lane);
                let labels = FailureLabels { workspace, destination, reason: reason(&failure.code) };
                self.failures.get_or_create(&labels).inc();
            }
            let took = Duration::from_millis(attempt.duration_ms);
            self.seconds.get_or_create(&ClassLabels { class: class_of(attempt) }).observe(took.as_secs_f64());
        }
        self.followed(settled);
    }

    /// The same, without how long the attempt took: it was no request, or was timed when it was received.
    pub(super) fn followed(&self, settled: &Settled) {
        if settled.attempt.is_some() {
            self.attempts.get_or_create(&self.labels(&settled.lane, outcome_of(&settled.verdict))).inc();
        }
        if let Verdict::Dead(failure) = &settled.verdict {
            self.dead_letters.get_or_create(&DeadLetterLabels { reason: failure.code.clone() }).inc();
        }
    }

    /// Counts what a consumer has acknowledged.
    pub(super) fn acknowledged(&self, lane: &Lane) {
        self.attempts.get_or_create(&self.labels(lane, "delivered")).inc();
    }

    fn labels(&self, lane: &Lane, outcome: &'static str) -> AttemptLabels {
        let (workspace, destination) = self.known.labels(lane);
        AttemptLabels { workspace, destination, outcome }
    }
}

/// What came back: the status's class, or the code of what kept there from being one, or `other`. What is passed on
/// within the hub has no status, and is `none`.
pub(super) fn class_of(attempt: &Attempt) -> &'static str {
    const ERRORS: [&str; 7] = ["timeout", "connect", "dns", "tls", "protocol", "address-forbidden", "oauth2-token"];
    match (attempt.status, &attempt.failure) {
        (Some(status), _) => match status / 100 {
            1 => "1xx",
            2 => "2xx",
            3 => "3xx",
            4 => "4xx",
            5 => "5xx",
            _ => "other",
        },
        (None, Some(failure)) => ERRORS.into_iter().find(|code| *code == failure.code).unwrap_or("other"),
        (None, None) => "none",
    }
}

fn reason(code: &str) -> String {
    match code.strip_prefix("status-").and_then(|status| status.chars().next()) {
        Some(class) => format!("status-{class}xx"),
        None => code.to_owned(),
    }
}

/// How the places for deliveries are used.
#[derive(Debug)]
pub(super) struct Places(Family<PlaceLabels, Gauge>);

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PlaceLabels {
    /// `prompt`: lanes that give them back promptly; `unproven`: others, and those that nothing is known of yet.
    lanes: &'static str,
}

impl Places {
    /// The metrics, made known to `registry`.
    pub(super) fn new(places_max: usize, registry: &mut Registry) -> Self {
        let (held, max) = (Family::default(), Gauge::<i64>::default());
        max.set(whole(places_max));
        registry.register("sluicebox_delivery_places", "Places held, by the lanes that hold them", held.clone());
        registry.register("sluicebox_delivery_places_max", "All places there are", max);
        Self(held)
    }

    /// So many are held, and so many of them by unproven lanes.
    pub(super) fn held(&self, all: usize, unproven: usize) {
        self.0.get_or_create(&PlaceLabels { lanes: "prompt" }).set(whole(all.saturating_sub(unproven)));
        self.0.get_or_create(&PlaceLabels { lanes: "unproven" }).set(whole(unproven));
    }
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// What followed, for people.
pub(super) fn outcome_of(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Delivered | Verdict::PassedOn(_) => "delivered",
        Verdict::Awaiting(_) => "received",
        Verdict::RetryAt(_) => "retry",
        Verdict::Dead(_) => "dead",
    }
}

/// A delivery under way, also where it is called off.
#[derive(Debug)]
pub(super) struct UnderWay(Gauge);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        deliver::fake,
        event::{Failure, Timestamp},
    };

    fn settled(name: &str, verdict: Verdict) -> Settled {
        let attempt = crate::deliver::settle::record(
            Err(crate::net::SendError { class: crate::net::Class::Dns, message: String::new(), source: None }),
            Timestamp(0),
            Timestamp(20),
        );
        Settled { seq: 1, lane: fake::lane(name), attempt_number: 1, attempt: Some(attempt), verdict }
    }

    fn text(registry: &Registry) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, registry).expect("it encodes");
        text
    }

    #[test]
    fn attempts_and_dead_letters_are_counted() {
        let mut registry = Registry::default();
        let metrics = Metrics::new(&mut registry);
        let under_way = metrics.under_way();
        metrics.settled(&settled("crm", Verdict::Delivered));
        metrics.settled(&settled("crm", Verdict::Dead(Failure::new("gone", ""))));
        let told = text(&registry);
        for line in [
            r#"sluicebox_delivery_attempts_total{workspace="default",destination="crm",outcome="delivered"} 1"#,
            r#"sluicebox_delivery_dead_letters_total{reason="gone"} 1"#,
            r#"sluicebox_delivery_failures_total{workspace="default",destination="crm",reason="dns"} 2"#,
            "sluicebox_deliveries_in_flight 1",
            r#"sluicebox_delivery_attempt_seconds_count{class="dns"} 2"#,
        ] {
            assert!(told.contains(line), "{line}\n{told}");
        }
        drop(under_way);
        assert!(text(&registry).contains("sluicebox_deliveries_in_flight 0"));
    }

    #[test]
    fn statuses_are_counted_by_their_class() {
        assert_eq!(["status-404", "status-503", "tls"].map(reason), ["status-4xx", "status-5xx", "tls"]);
    }

    #[test]
    fn time_series_are_bounded() {
        let mut registry = Registry::default();
        let metrics = Metrics::new(&mut registry);
        for n in 0..DESTINATIONS_MAX + 10 {
            metrics.settled(&settled(&format!("d{n}"), Verdict::Delivered));
        }
        let told = text(&registry);
        assert_eq!(told.matches("outcome=").count(), DESTINATIONS_MAX + 1);
        assert!(told.contains(r#"destination="_others",outcome="delivered"} 10"#));
    }
}
