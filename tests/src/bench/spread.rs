//! Several measurements of the same thing.

/// The middle of several measurements, and their ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The one in the middle.
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

impl Spread {
    /// Of at least one measurement.
    #[must_use]
    pub fn of(measured: &[f64]) -> Self {
        Self { median: percentile(measured, 50.0), min: percentile(measured, 0.0), max: percentile(measured, 100.0) }
    }

    /// Of what is picked from each measurement.
    #[must_use]
    pub fn picked<T>(measured: &[T], pick: impl Fn(&T) -> f64) -> Self {
        Self::of(&measured.iter().map(pick).collect::<Vec<_>>())
    }
}

/// The smallest value that so many of a hundred are not over; of at least one.
#[must_use]
pub fn percentile(values: &[f64], percent: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a place in a list")]
    // A hair less, so that 99.9 % of 1,000 are 999 whatever the arithmetic of fractions makes of it.
    let place = (sorted.len() as f64 * percent / 100.0 - 1e-9).ceil() as usize;
    sorted[place.saturating_sub(1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let values: Vec<f64> = (1..=1_000).rev().map(f64::from).collect();
        assert_eq!(percentile(&values, 50.0), 500.0);
        assert_eq!(percentile(&values, 99.0), 990.0);
        assert_eq!(percentile(&values, 99.9), 999.0);
        assert_eq!(percentile(&[7.0], 99.9), 7.0);
    }

    #[test]
    fn a_spread_has_the_middle_and_the_ends() {
        assert_eq!(Spread::of(&[3.0, 1.0, 2.0]), Spread { median: 2.0, min: 1.0, max: 3.0 });
        assert_eq!(Spread::picked(&["a", "bbb"], |text| text.len() as f64), Spread { median: 1.0, min: 1.0, max: 3.0 });
    }
}
