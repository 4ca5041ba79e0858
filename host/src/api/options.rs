//! Settings of what operators are given, and the limits on who calls.

/// Settings of the API.
#[derive(Clone, Debug)]
pub struct Options {
    /// Streams of events at once.
    pub event_streams_max: usize,
    /// Of these those of one workspace.
    pub workspace_event_streams_max: usize,
    /// A stream whose reader takes nothing for so long is ended; the reader may go on from its last event.
    pub event_stream_stall_ms: u64,
    /// Calls that one key may make in a second, in the long run.
    pub calls_per_second_max: u32,
    /// Calls that one key may make at once, after a pause.
    pub calls_burst_max: u32,
    /// Wrong keys that one address may present in a second, in the long run.
    pub wrong_keys_per_second_max: u32,
    /// Wrong keys that one address may present at once, after a pause.
    pub wrong_keys_burst_max: u32,
    /// Answers of calls with an `Idempotency-Key` that are kept for repeats.
    pub answers_kept_max: usize,
    /// What these answers may be together, in bytes of memory.
    pub answers_kept_bytes_max: usize,
    /// Of these answers those of one workspace.
    pub workspace_answers_kept_max: usize,
    /// What those of one workspace may be together, in bytes of memory.
    pub workspace_answers_kept_bytes_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            event_streams_max: 32,
            workspace_event_streams_max: 8,
            event_stream_stall_ms: 60_000,
            calls_per_second_max: 500,
            calls_burst_max: 1_000,
            wrong_keys_per_second_max: 5,
            wrong_keys_burst_max: 50,
            answers_kept_max: 10_000,
            answers_kept_bytes_max: 32 << 20,
            workspace_answers_kept_max: 5_000,
            workspace_answers_kept_bytes_max: 16 << 20,
        }
    }
}
