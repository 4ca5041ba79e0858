//! Which traces are recorded: OpenTelemetry's samplers by their names, as a pure function of a trace's id and of what its sender said.
//!
//! By the id, so that each part of a trace, here and elsewhere, decides alike without asking, and again after a restart.

use std::{fmt, str::FromStr};

use super::TraceId;

/// Which traces are recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sampler {
    /// Those that the sender says, and of those that nobody has decided on, a part.
    #[default]
    ParentBasedRatio,
    /// The same, and all others.
    ParentBasedAlwaysOn,
    /// The same, and no others.
    ParentBasedAlwaysOff,
    /// A part of all, whatever the sender says.
    Ratio,
    /// All.
    AlwaysOn,
    /// None.
    AlwaysOff,
}

/// A part of a whole: 0 none, 1 all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio(f64);

/// A sampler of another name, or no part of a whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SamplerError {
    /// Another name.
    #[error(
        "`{0}` is no sampler: write parentbased_traceidratio, parentbased_always_on, parentbased_always_off, traceidratio, always_on or \
         always_off"
    )]
    Name(String),
    /// Not within 0 and 1.
    #[error("`{0}` is no part of a whole: write a number from 0 to 1, as in 0.1")]
    Ratio(String),
}

impl Sampler {
    const ALL: [Self; 6] = [
        Self::ParentBasedRatio,
        Self::ParentBasedAlwaysOn,
        Self::ParentBasedAlwaysOff,
        Self::Ratio,
        Self::AlwaysOn,
        Self::AlwaysOff,
    ];

    /// OpenTelemetry's name of it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ParentBasedRatio => "parentbased_traceidratio",
            Self::ParentBasedAlwaysOn => "parentbased_always_on",
            Self::ParentBasedAlwaysOff => "parentbased_always_off",
            Self::Ratio => "traceidratio",
            Self::AlwaysOn => "always_on",
            Self::AlwaysOff => "always_off",
        }
    }

    /// Whether a trace is recorded, of which its sender may have said whether it is.
    #[must_use]
    pub fn samples(self, ratio: Ratio, id: TraceId, told: Option<bool>) -> bool {
        match (self, told) {
            (Self::ParentBasedRatio | Self::ParentBasedAlwaysOn | Self::ParentBasedAlwaysOff, Some(told)) => told,
            (Self::ParentBasedAlwaysOn | Self::AlwaysOn, _) => true,
            (Self::ParentBasedAlwaysOff | Self::AlwaysOff, _) => false,
            (Self::ParentBasedRatio | Self::Ratio, _) => ratio.takes(id),
        }
    }
}

impl Ratio {
    /// All.
    pub const ALL: Self = Self(1.0);

    /// By 53 of the last 56 bits, which are random in every id that was made as level 2 has it; an event's own id is random there too. More
    /// would not fit into an f64, and the last ids of all would round up to the whole.
    fn takes(self, TraceId(id): TraceId) -> bool {
        const WHOLE: f64 = (1_u64 << 53) as f64;
        let [.., a, b, c, d, e, f, g] = id;
        let random = u64::from_be_bytes([0, a, b, c, d, e, f, g]) >> 3;
        #[expect(clippy::cast_precision_loss, reason = "it has 53 bits")]
        let at = random as f64;
        at < self.0 * WHOLE
    }
}

impl FromStr for Sampler {
    type Err = SamplerError;

    fn from_str(name: &str) -> Result<Self, SamplerError> {
        Self::ALL.into_iter().find(|sampler| sampler.name() == name).ok_or_else(|| SamplerError::Name(name.to_owned()))
    }
}

impl FromStr for Ratio {
    type Err = SamplerError;

    fn from_str(text: &str) -> Result<Self, SamplerError> {
        let ratio = text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
        ratio.map(Self).ok_or_else(|| SamplerError::Ratio(text.to_owned()))
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(last: u64) -> TraceId {
        let mut id = [7; 16];
        id[8..].copy_from_slice(&last.to_be_bytes());
        TraceId(id)
    }

    fn samples(name: &str, ratio: &str, last: u64, told: Option<bool>) -> bool {
        let (sampler, ratio): (Sampler, Ratio) = (name.parse().expect("a sampler"), ratio.parse().expect("a part"));
        sampler.samples(ratio, id(last), told)
    }

    #[test]
    fn the_sender_decides_where_it_is_asked() {
        let asks = |told| samples("parentbased_always_off", "1", 0, told);
        assert!(asks(Some(true)) && !asks(Some(false)) && !asks(None));
        assert!(samples("parentbased_always_on", "0", 0, None) && !samples("parentbased_always_on", "0", 0, Some(false)));
        assert!(samples("always_on", "0", 0, Some(false)) && !samples("always_off", "1", 0, Some(true)));
        assert!(!samples("traceidratio", "0", 0, Some(true)));
    }

    #[test]
    fn a_part_of_all_ids_is_taken_and_always_the_same() {
        let spread = |n: u64| n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        // Of the last seven bytes the first are the most, and the spread is in the upper bits: so it is moved there.
        let taken = (0..10_000_u64).filter(|n| samples("traceidratio", "0.1", spread(*n) >> 8, None)).count();
        assert!((900..1_100).contains(&taken), "{taken}");
        assert!(!samples("traceidratio", "0", 0, None) && samples("traceidratio", "1", u64::MAX, None));
    }

    #[test]
    fn other_names_and_parts_are_refused() {
        assert_eq!("sometimes".parse::<Sampler>(), Err(SamplerError::Name("sometimes".to_owned())));
        for wrong in ["1.5", "-1", "NaN", "half", ""] {
            assert_eq!(wrong.parse::<Ratio>(), Err(SamplerError::Ratio(wrong.to_owned())));
        }
    }
}
