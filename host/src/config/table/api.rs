//! Settings of what operators are given.

use super::super::setting::{Setting, settings};

pub(super) const SETTINGS: &[Setting] = settings! { "api":
    /// Live tails of events (`sluicebox listen`) at once; one more is answered with 503.
    event_streams_max: number(COUNT) => config.api.event_streams_max;
    /// Live tails of one workspace at once; one more is answered with 503.
    workspace_event_streams_max: number(COUNT) => config.api.workspace_event_streams_max;
    /// A live tail whose reader takes nothing for so long is ended; the reader may go on from its last event.
    event_stream_stall_ms: number(MS, 1..) => config.api.event_stream_stall_ms;
    /// Calls that one key may make in a second in the long run; one more is answered with 429. What publishes and fetches events is not counted.
    calls_per_second_max: number(COUNT, 1..=1_000_000) => config.api.calls_per_second_max;
    /// Calls that one key may make at once after a pause.
    calls_burst_max: number(COUNT, 1..) => config.api.calls_burst_max;
    /// Wrong keys that one address may present in a second in the long run; one more is answered with 429.
    wrong_keys_per_second_max: number(COUNT, 1..=1_000_000) => config.api.wrong_keys_per_second_max;
    /// Wrong keys that one address may present at once after a pause.
    wrong_keys_burst_max: number(COUNT, 1..) => config.api.wrong_keys_burst_max;
    /// Answers of calls with an Idempotency-Key that are kept in memory for repeats, for up to a day; beyond it the oldest of the
    /// workspace that has most are forgotten.
    answers_kept_max: number(COUNT) => config.api.answers_kept_max;
    /// What these answers may be together.
    answers_kept_bytes_max: number(BYTES) => config.api.answers_kept_bytes_max;
    /// Of these answers those of one workspace; beyond it its oldest are forgotten.
    workspace_answers_kept_max: number(COUNT) => config.api.workspace_answers_kept_max;
    /// What those of one workspace may be together.
    workspace_answers_kept_bytes_max: number(BYTES) => config.api.workspace_answers_kept_bytes_max;
};
