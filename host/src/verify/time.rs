//! The time of signing: written in one way, part of what is signed, and not too far from now.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Reason, Refusal, Request, place::Place};
use crate::event::Timestamp;

/// How a time is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum TimeUnit {
    /// Seconds since the Unix epoch.
    #[serde(rename = "s")]
    Seconds,
    /// Milliseconds since the Unix epoch.
    #[serde(rename = "ms")]
    Milliseconds,
    /// As in `2026-10-08T12:00:00Z` (RFC 3339).
    #[serde(rename = "rfc3339")]
    Rfc3339,
}

/// Where the time of signing stands, and how near it has to be.
#[derive(Clone, Debug)]
pub(super) struct SignedTime {
    pub(super) place: TimePlace,
    pub(super) unit: TimeUnit,
    /// Accepted distance from now, either way.
    pub(super) tolerance_ms: u64,
}

/// Where the time of signing stands.
#[derive(Clone, Debug)]
pub(super) enum TimePlace {
    /// In a place of its own.
    At(Place),
    /// In the list of signatures, as the entry with this prefix.
    Entry(String),
}

impl SignedTime {
    /// The time's exact text, and the time, once it is known to be near `now`. `entries` are the texts in the list of signatures that begin
    /// with a prefix.
    pub(super) fn read<'a>(
        &self,
        request: Request<'a>,
        entries: impl FnOnce(&str) -> Vec<String>,
        now: Timestamp,
    ) -> Result<(Cow<'a, str>, Timestamp), Refusal> {
        let text = match &self.place {
            TimePlace::At(place) => place.find(request)?,
            TimePlace::Entry(prefix) => match <[String; 1]>::try_from(entries(prefix)) {
                Ok([time]) => time.into(),
                Err(times) => {
                    let told = format!("the header does not hold exactly one time that begins with `{prefix}`");
                    let reason = if times.is_empty() { Reason::Missing } else { Reason::Repeated };
                    return Err(Refusal::new(reason, told));
                }
            },
        };
        let at = self.unit.read(&text).ok_or_else(|| Refusal::malformed(self.unit.told()))?;
        let distance_ms = now.0.abs_diff(at.0);
        if distance_ms > self.tolerance_ms {
            let (off, allowed) = (distance_ms / 1000, self.tolerance_ms / 1000);
            let told = format!("the time of signing is {off} s from now, more than the {allowed} s allowed");
            return Err(Refusal::new(Reason::Time, told));
        }
        Ok((text, at))
    }
}

impl TimeUnit {
    fn told(self) -> &'static str {
        match self {
            Self::Seconds => "the time of signing is not a number of seconds",
            Self::Milliseconds => "the time of signing is not a number of milliseconds",
            Self::Rfc3339 => "the time of signing is not written as in 2026-10-08T12:00:00Z",
        }
    }

    /// The time that a text tells. Nothing stands before or behind it that could as well belong to what it is signed with.
    fn read(self, text: &str) -> Option<Timestamp> {
        match self {
            Self::Seconds => number(text).map(|secs| Timestamp(secs.saturating_mul(1000))),
            Self::Milliseconds => number(text).map(Timestamp),
            Self::Rfc3339 => rfc3339(text),
        }
    }

    /// As a provider writes it.
    pub(super) fn write(self, at: Timestamp) -> String {
        match self {
            Self::Seconds => at.secs().to_string(),
            Self::Milliseconds => at.0.to_string(),
            Self::Rfc3339 => {
                let ms = i64::try_from(at.0).unwrap_or(i64::MAX);
                jiff::Timestamp::from_millisecond(ms).unwrap_or(jiff::Timestamp::MAX).to_string()
            }
        }
    }
}

/// Decimal digits and nothing else: `u64::from_str` would take a sign, and a leading zero could be the end of what stands before it.
fn number(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    if digits { text.parse().ok() } else { None }
}

/// A date and time of the one length that RFC 3339 allows but for the fraction of a second, with its zone at the end: so neither its beginning
/// nor its end can be elsewhere.
fn rfc3339(text: &str) -> Option<Timestamp> {
    let is_like = |text: &str, shape: &str| {
        text.len() == shape.len()
            && text.bytes().zip(shape.bytes()).all(|(b, like)| if like == b'0' { b.is_ascii_digit() } else { b == like })
    };
    let (head, rest) = text.split_at_checked(19)?;
    let zone_at = rest.find(['Z', '+', '-'])?;
    let (fraction, zone) = rest.split_at(zone_at);
    let digits = fraction.strip_prefix('.').unwrap_or("0");
    let is_fraction = (fraction.is_empty() || fraction.starts_with('.')) && !digits.is_empty();
    let is_zone = ["Z", "+00:00", "-00:00"].iter().any(|shape| is_like(zone, shape));
    if !is_like(head, "0000-00-00T00:00:00") || !is_fraction || !is_zone || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let at: jiff::Timestamp = text.parse().ok()?;
    u64::try_from(at.as_millisecond()).ok().map(Timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_in_its_unit() {
        let at = Timestamp(1_531_420_618_000);
        assert_eq!(TimeUnit::Seconds.read("1531420618"), Some(at));
        assert_eq!(TimeUnit::Milliseconds.read("1531420618000"), Some(at));
        for text in ["2018-07-12T18:36:58Z", "2018-07-12T20:36:58+02:00", "2018-07-12T18:36:58.000000001Z"] {
            assert_eq!(TimeUnit::Rfc3339.read(text), Some(at), "{text}");
        }
        for unit in [TimeUnit::Seconds, TimeUnit::Milliseconds, TimeUnit::Rfc3339] {
            assert_eq!(unit.read(&unit.write(at)), Some(at), "{unit:?}");
        }
    }

    #[test]
    fn a_time_has_one_beginning_and_one_end() {
        for bad in ["", "+1531420618", "-1", " 1", "01531420618", "1531420618.0", "0x5b47", "99999999999999999999999", "now"] {
            assert_eq!(TimeUnit::Seconds.read(bad), None, "{bad}");
        }
        for bad in [
            "",
            "2018-07-12",
            "2018-07-12T18:36:58",
            "2018-07-12t18:36:58Z",
            "2018-07-12T18:36:58z",
            "2018-07-12 18:36:58Z",
            "2018-07-12T18:36:58.Z",
            "2018-07-12T18:36:58.5.5Z",
            "2018-07-12T18:36:58Z[UTC]",
            "2018-07-12T18:36:58+02",
            "+02018-07-12T18:36:58Z",
            "12018-07-12T18:36:58Z",
            "2018-07-12T18:36:5äZ",
            "2018-13-12T18:36:58Z",
        ] {
            assert_eq!(TimeUnit::Rfc3339.read(bad), None, "{bad}");
        }
    }
}
