//! Settings of what operators are given.

use super::super::setting::{Setting, settings};

pub(super) const SETTINGS: &[Setting] = settings! { "api":
    /// Live tails of events (`sluicebox listen`) at once; one more is answered with 503.
    event_streams_max: number(COUNT) => config.api.event_streams_max;
    /// A live tail whose reader takes nothing for so long is ended; the reader may go on from its last event.
    event_stream_stall_ms: number(MS, 1..) => config.api.event_stream_stall_ms;
};
