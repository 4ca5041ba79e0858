//! When a key ends, as people write it.

use std::str::FromStr;

use crate::{
    api::Moment,
    event::{Duration, Timestamp},
};

/// `90d`, `2027-01-31T12:00:00Z` or `never`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expires {
    After(Duration),
    At(Timestamp),
    Never,
}

impl Expires {
    pub(super) fn at(self, now: Timestamp) -> Option<Moment> {
        match self {
            Self::After(time) => Some(now.plus_ms(time.ms).into()),
            Self::At(at) => Some(at.into()),
            Self::Never => None,
        }
    }
}

impl FromStr for Expires {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "never" {
            return Ok(Self::Never);
        }
        if let Ok(time) = text.parse() {
            return Ok(Self::After(time));
        }
        let moment = text.parse::<jiff::Timestamp>().ok().and_then(|at| u64::try_from(at.as_millisecond()).ok());
        let wrong = || "write a length of time as in 90d, a time as in 2027-01-31T12:00:00Z, or `never`".to_owned();
        moment.map(|ms| Self::At(Timestamp(ms))).ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_after_a_time_or_at_one() {
        let now = Timestamp(1_000);
        let at = |text: &str| text.parse::<Expires>().map(|expires| expires.at(now).map(Timestamp::from));
        assert_eq!(at("90d"), Ok(Some(Timestamp(1_000 + 90 * 86_400_000))));
        assert_eq!(at("1970-01-01T00:00:05Z"), Ok(Some(Timestamp(5_000))));
        assert_eq!(at("never"), Ok(None));
        for bad in ["", "90", "tomorrow", "2027-01-31"] {
            assert!(at(bad).is_err(), "{bad}");
        }
    }
}
