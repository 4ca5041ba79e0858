//! How a destination does, as operators are shown it.

use serde_json::{Value, json};

use super::time;
use crate::{deliver::LaneStatus, event::Failure};

/// How a destination does.
pub(in crate::api) fn lane_status(status: &LaneStatus) -> Value {
    let (state, opened) = match (status.opened, status.probing) {
        (None, _) => ("closed", None),
        (Some(opened), false) => ("open", Some(opened)),
        (Some(opened), true) => ("probing", Some(opened)),
    };
    let disabled = status.disabled.as_ref().map(|disabled| {
        let Failure { code, message } = &disabled.failure;
        json!({ "at": time(disabled.at), "code": code, "message": message })
    });
    json!({
        "disabled": disabled,
        "held_until": status.held_until.map(time),
        "breaker": {
            "state": state,
            "since": opened.map(|opened| time(opened.since)),
            "probe_at": opened.map(|opened| time(opened.until)),
            "probes_failed": opened.map_or(0, |opened| opened.probes),
            "failures": status.failures,
        },
        "concurrency": status.concurrency,
    })
}
