//! Numbers and lengths of time of a spec: a default where none is given, and bounds.

use std::ops::RangeInclusive;

use crate::event::{Duration, Invalid};

/// A day as hub files have it: 24 hours.
pub(super) const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// The length of time in milliseconds.
pub(super) fn ms_within(
    pointer: &str,
    given: Option<Duration>,
    default: u64,
    range: RangeInclusive<u64>,
) -> Result<u64, Invalid> {
    let ms = given.map_or(default, |duration| duration.ms);
    if range.contains(&ms) {
        return Ok(ms);
    }
    let (low, high) = (written(*range.start()), written(*range.end()));
    Err(Invalid::at(pointer, format!("{} is out of bounds; write {low} to {high}", written(ms))))
}

/// The count.
pub(super) fn count_within(pointer: &str, given: Option<u32>, default: u32, range: RangeInclusive<u32>) -> Result<u32, Invalid> {
    let count = given.unwrap_or(default);
    if range.contains(&count) {
        return Ok(count);
    }
    Err(Invalid::at(pointer, format!("{count} is out of bounds; write {} to {}", range.start(), range.end())))
}

/// The number.
pub(super) fn number_within(pointer: &str, given: Option<f64>, default: f64, range: RangeInclusive<f64>) -> Result<f64, Invalid> {
    let number = given.unwrap_or(default);
    if range.contains(&number) {
        return Ok(number);
    }
    Err(Invalid::at(pointer, format!("{number} is out of bounds; write {} to {}", range.start(), range.end())))
}

/// A length of time as the hub file has it, in the largest unit that fits it.
pub(super) fn written(ms: u64) -> String {
    let unit = [("d", DAY_MS), ("h", 3_600_000), ("m", 60_000), ("s", 1000)]
        .into_iter()
        .find(|(_, length)| ms > 0 && ms.is_multiple_of(*length));
    unit.map_or_else(|| format!("{ms}ms"), |(unit, length)| format!("{}{unit}", ms / length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_written_in_the_largest_unit_that_fits() {
        let all = [0, 250, 1500, 1000, 60_000, 90_000, 7_200_000, 3 * DAY_MS].map(written);
        assert_eq!(all, ["0ms", "250ms", "1500ms", "1s", "1m", "90s", "2h", "3d"]);
    }
}
