//! Keeps every event: what a call costs by itself.

use sluicebox_sdk::prelude::*;

/// Keeps it.
#[transform]
pub fn bench_empty(_event: Event) -> Result<Outcome> {
    keep()
}
