//! When an event happened, in the ways that providers write it.

use jiff::{Timestamp as Instant, civil::DateTime, fmt::rfc2822, tz::Offset};

use crate::event::Timestamp;

/// From here on a number is milliseconds since the Unix epoch, below it seconds: as seconds this is the year 5138, as milliseconds 1973.
const MILLISECONDS_FROM: i64 = 100_000_000_000;

/// RFC 3339, an HTTP date (or another of RFC 2822), or seconds or milliseconds since the Unix epoch, with a fraction or without. A date and
/// time without an offset is taken for UTC. `None` for all else, and for what is before 1970 or after the year 9999.
pub(super) fn read(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let instant = number(text)
        .or_else(|| text.parse().ok())
        .or_else(|| rfc2822::DateTimeParser::new().parse_timestamp(text).ok())
        .or_else(|| Offset::UTC.to_timestamp(date_and_time(text)?).ok())?;
    u64::try_from(instant.as_millisecond()).ok().map(Timestamp)
}

fn number(text: &str) -> Option<Instant> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    let whole: i64 = whole.parse().ok()?;
    if whole >= MILLISECONDS_FROM {
        return Instant::from_millisecond(whole).ok();
    }
    // The first three digits behind the point, with zeros for those that are missing.
    let ms = fraction.bytes().chain(std::iter::repeat(b'0')).take(3).fold(0, |ms, digit| ms * 10 + i64::from(digit - b'0'));
    Instant::from_millisecond(whole * 1_000 + ms).ok()
}

/// A date alone is no time.
fn date_and_time(text: &str) -> Option<DateTime> {
    text.contains(':').then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_however_it_is_written() {
        for (text, ms) in [
            ("2026-01-02T03:04:05Z", 1_767_323_045_000),
            ("2026-01-02T04:04:05.25+01:00", 1_767_323_045_250),
            ("2026-01-02 03:04:05Z", 1_767_323_045_000),
            ("2026-01-02T03:04:05.000001", 1_767_323_045_000),
            ("Fri, 02 Jan 2026 03:04:05 GMT", 1_767_323_045_000),
            ("Fri, 2 Jan 2026 04:04:05 +0100", 1_767_323_045_000),
            ("1767323045", 1_767_323_045_000),
            (" 1767323045 ", 1_767_323_045_000),
            ("1767323045.1234", 1_767_323_045_123),
            ("1767323045.5", 1_767_323_045_500),
            ("1767323045123", 1_767_323_045_123),
            ("0", 0),
            ("99999999999", 99_999_999_999_000),
            ("100000000000", 100_000_000_000),
        ] {
            assert_eq!(read(text), Some(Timestamp(ms)), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        let huge = "9".repeat(400);
        for text in [
            "",
            ".",
            ".5",
            "-1",
            "1e9",
            "0x10",
            "now",
            "2026-01-02",
            "2026-13-02T03:04:05Z",
            "1969-12-31T23:59:59Z",
            "03:04:05",
            "999999999999999999",
            &huge,
            "1.2.3",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
