//! Settings of the flows behind the journal.

use super::super::setting::{Setting, settings};

pub(super) const DISPATCH: &[Setting] = settings! { "dispatch":
    /// Events that are routed in one transaction.
    routed_events_max: number(EVENTS, 1..) => config.dispatch.events_max;
    /// Runs that are under way at once, of all rules together.
    runs_max: number(COUNT, 1..) => config.dispatch.runs_max;
    /// Runs of one rule that are under way at once.
    runs_per_rule_max: number(COUNT, 1..) => config.dispatch.runs_per_rule_max;
    /// Batches that are folded at once.
    batches_max: number(COUNT, 1..) => config.dispatch.batches_max;
};

pub(super) const DELIVER: &[Setting] = settings! { "deliver":
    /// Deliveries under way at once, of all destinations together.
    in_flight_max: number(COUNT, 1..) => config.deliver.in_flight_max;
    /// As many of these are only for destinations that answer promptly.
    in_flight_healthy_only: number(COUNT) => config.deliver.in_flight_healthy_only;
    /// A delivery that takes longer makes its destination a slow one, until its next that does not.
    slow_ms: number(MS) => config.deliver.slow_ms;
    /// How often an event, or what it came from, may be passed on by destinations of kind "hub"; then it is a dead letter.
    hops_max: number(COUNT) => config.deliver.hops_max;
    /// Polls of destinations of kind "pull" that may wait for messages at once; one more is answered with 429.
    pull_polls_max: number(COUNT) => config.deliver.pull_polls_max;
    /// Polls of one workspace that may wait for messages at once; one more is answered with 429.
    workspace_pull_polls_max: number(COUNT) => config.deliver.workspace_pull_polls_max;
};
