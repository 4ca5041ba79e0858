//! `Retry-After` (RFC 9110, section 10.2.3): for how long a destination asks to be left alone. Pure.
//!
//! What it says is obeyed to the full, so reading it errs on the long side: the longest of several counts, a number too large for us is
//! for ever, and a date whose day of the week is wrong is a date.

use http::{HeaderMap, header::RETRY_AFTER};
use jiff::{
    civil::DateTime,
    fmt::{rfc2822::DateTimeParser, strtime},
    tz::TimeZone,
};

use crate::event::Timestamp;

/// A date of two digits that seems to be further ahead than this is of the century before (RFC 9110, section 5.6.7).
const YEARS_AHEAD_MAX: i16 = 50;

/// The wait that a response asks for: seconds, or a date in any of the three forms of HTTP. What is neither is ignored.
pub(super) fn retry_after_ms(headers: &HeaderMap, now: Timestamp) -> Option<u64> {
    let asked = |text: &str| seconds(text).or_else(|| Some(date(text, now)?.ms_since(now)));
    headers.get_all(RETRY_AFTER).iter().filter_map(|value| asked(value.to_str().ok()?.trim())).max()
}

fn seconds(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse::<u64>().map_or(u64::MAX, |secs| secs.saturating_mul(1000)))
}

fn date(text: &str, now: Timestamp) -> Option<Timestamp> {
    let fixed = DateTimeParser::new().relaxed_weekday(true).parse_timestamp(text).ok();
    let at = fixed.or_else(|| timestamp(rfc_850(text, now)?)).or_else(|| timestamp(asctime(text)?))?;
    Some(Timestamp(u64::try_from(at.as_millisecond()).unwrap_or_default()))
}

/// `Sunday, 06-Nov-94 08:49:37 GMT`
fn rfc_850(text: &str, now: Timestamp) -> Option<DateTime> {
    let (_day_of_the_week, rest) = text.split_once(", ")?;
    let at = strtime::parse("%d-%b-%y %H:%M:%S GMT", rest).ok()?.to_datetime().ok()?;
    let now = jiff::Timestamp::from_millisecond(i64::try_from(now.0).ok()?).ok()?.to_zoned(TimeZone::UTC);
    let year = now.year() - now.year().rem_euclid(100) + at.year().rem_euclid(100);
    let year = if year - now.year() > YEARS_AHEAD_MAX { year - 100 } else { year };
    at.with().year(year).build().ok()
}

/// `Sun Nov  6 08:49:37 1994`
fn asctime(text: &str) -> Option<DateTime> {
    let (_day_of_the_week, rest) = text.split_once(' ')?;
    strtime::parse("%b %e %H:%M:%S %Y", rest.trim_start()).ok()?.to_datetime().ok()
}

fn timestamp(at: DateTime) -> Option<jiff::Timestamp> {
    at.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2015-10-21T07:28:00Z
    const NOW: Timestamp = Timestamp(1_445_412_480_000);

    fn asked(values: &[&str]) -> Option<u64> {
        let mut headers = HeaderMap::new();
        for text in values {
            headers.append(RETRY_AFTER, text.parse().expect("a header's value"));
        }
        retry_after_ms(&headers, NOW)
    }

    #[test]
    fn it_is_seconds() {
        assert_eq!(asked(&["120"]), Some(120_000));
        assert_eq!(asked(&[" 0 "]), Some(0));
        assert_eq!(asked(&["18446744073709551615"]), Some(u64::MAX));
        assert_eq!(asked(&["99999999999999999999999"]), Some(u64::MAX), "too large for us is no reason to come at once");
    }

    #[test]
    fn it_is_a_date_in_any_of_the_forms_of_http() {
        assert_eq!(asked(&["Wed, 21 Oct 2015 07:29:00 GMT"]), Some(60_000));
        assert_eq!(asked(&["Wed, 21 Oct 2015 07:27:00 GMT"]), Some(0));
        assert_eq!(asked(&["Wednesday, 21-Oct-15 07:30:00 GMT"]), Some(120_000));
        assert_eq!(asked(&["Wed Oct 21 07:31:00 2015"]), Some(180_000));
        assert_eq!(asked(&["Sun Nov  1 07:28:00 2015"]), Some(11 * 86_400_000));
        assert_eq!(asked(&["Sunday, 06-Nov-94 08:49:37 GMT"]), Some(0), "79 years ahead would be too far");
        assert_eq!(asked(&["Tuesday, 21-Oct-64 07:28:00 GMT"]), Some(17_898 * 86_400_000), "49 years ahead");
    }

    #[test]
    fn a_wrong_day_of_the_week_shortens_nothing() {
        for wrong in ["Mon, 21 Oct 2015 07:29:00 GMT", "Monday, 21-Oct-15 07:29:00 GMT", "Mon Oct 21 07:29:00 2015"] {
            assert_eq!(asked(&[wrong]), Some(60_000), "{wrong}");
        }
    }

    #[test]
    fn the_longest_of_several_counts() {
        assert_eq!(asked(&["5", "Wed, 21 Oct 2015 07:29:00 GMT", "soon"]), Some(60_000));
    }

    #[test]
    fn what_is_neither_is_ignored() {
        for bad in ["", "soon", "-5", "+5", "1.5", "2015-10-21", "Wed Oct 32 07:31:00 2015"] {
            assert_eq!(asked(&[bad]), None, "{bad}");
        }
    }
}
