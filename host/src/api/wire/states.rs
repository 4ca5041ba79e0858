//! States by their names, which are the same in answers and in queries.

use crate::journal::{BatchState, DeliveryState, RunState};

pub(super) const RUN_STATES: [(RunState, &str); 6] = [
    (RunState::Pending, "pending"),
    (RunState::Held, "held"),
    (RunState::Batched, "batched"),
    (RunState::Planned, "planned"),
    (RunState::Dropped, "dropped"),
    (RunState::Dead, "dead"),
];

pub(super) const BATCH_STATES: [(BatchState, &str); 5] = [
    (BatchState::Open, "open"),
    (BatchState::Closed, "closed"),
    (BatchState::Planned, "planned"),
    (BatchState::Dropped, "dropped"),
    (BatchState::Dead, "dead"),
];

pub(super) const DELIVERY_STATES: [(DeliveryState, &str); 3] =
    [(DeliveryState::Waiting, "waiting"), (DeliveryState::Delivered, "delivered"), (DeliveryState::Dead, "dead")];

pub(super) fn name_of<S: PartialEq>(states: &[(S, &'static str)], state: &S) -> &'static str {
    states.iter().find(|(candidate, _)| candidate == state).map_or("", |(_, name)| name)
}

/// A state by its name in queries; the error names all of them.
pub(in crate::api) trait StateName: Copy + 'static {
    fn read(text: &str) -> Result<Self, String>;
}

impl StateName for RunState {
    fn read(text: &str) -> Result<Self, String> {
        by_name(&RUN_STATES, text)
    }
}

impl StateName for BatchState {
    fn read(text: &str) -> Result<Self, String> {
        by_name(&BATCH_STATES, text)
    }
}

impl StateName for DeliveryState {
    fn read(text: &str) -> Result<Self, String> {
        by_name(&DELIVERY_STATES, text)
    }
}

fn by_name<S: Copy>(states: &[(S, &str)], text: &str) -> Result<S, String> {
    let found = states.iter().find(|(_, name)| *name == text).map(|(state, _)| *state);
    found.ok_or_else(|| {
        let names: Vec<&str> = states.iter().map(|(_, name)| *name).collect();
        format!("`{text}` is none of {}", names.join(", "))
    })
}
