//! What a source lets in: sizes, content codings, and how many requests.

use std::{fmt::Display, ops::RangeInclusive};

use super::{Spec, coding::Coding, gate::Admitted, rate::RateSpec};
use crate::event::Invalid;

/// What a source lets in.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    /// The largest body, after decoding too.
    pub(super) body_bytes_max: usize,
    /// All headers together; `None`: what the door lets in.
    pub(super) header_bytes_max: Option<usize>,
    /// The codings that bodies may have.
    pub(super) codings: Vec<Coding>,
    /// How many requests.
    pub(super) admitted: Admitted,
}

/// The largest body of a source that names none.
const BODY_BYTES_DEFAULT: usize = 1024 * 1024;
const BODY_BYTES: RangeInclusive<usize> = 1..=16 * 1024 * 1024;
const HEADER_BYTES: RangeInclusive<usize> = 256..=1024 * 1024;
const CONCURRENCY: RangeInclusive<u32> = 1..=10_000;

impl Limits {
    pub(super) fn of(spec: &Spec) -> Result<Self, Invalid> {
        let Spec { max_body_bytes, max_header_bytes, content_encodings, rate, concurrency, .. } = spec;
        let header_bytes_max = max_header_bytes.map(|max| within("/max_header_bytes", max, HEADER_BYTES, "bytes"));
        Ok(Self {
            body_bytes_max: within("/max_body_bytes", max_body_bytes.unwrap_or(BODY_BYTES_DEFAULT), BODY_BYTES, "bytes")?,
            header_bytes_max: header_bytes_max.transpose()?,
            codings: content_encodings.clone().unwrap_or_default(),
            admitted: Admitted {
                rate: rate.as_ref().map(RateSpec::refine).transpose()?,
                concurrency: concurrency.map(|max| within("/concurrency", max, CONCURRENCY, "requests")).transpose()?,
            },
        })
    }
}

fn within<T: PartialOrd + Display>(pointer: &str, given: T, range: RangeInclusive<T>, unit: &str) -> Result<T, Invalid> {
    if range.contains(&given) {
        return Ok(given);
    }
    Err(Invalid::at(pointer, format!("{given} is outside of {} to {} {unit}", range.start(), range.end())))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn limits(name: &str, value: &Value) -> Result<Limits, Invalid> {
        let spec = json!({ "verify": { "scheme": "none" }, name: value });
        Limits::of(&serde_json::from_value(spec).expect("a spec"))
    }

    #[test]
    fn each_limit_has_bounds() {
        for (name, wrong) in [
            ("max_body_bytes", json!(0)),
            ("max_body_bytes", json!(1_000_000_000)),
            ("max_header_bytes", json!(255)),
            ("max_header_bytes", json!(2_000_000)),
            ("concurrency", json!(0)),
            ("concurrency", json!(10_001)),
        ] {
            assert_eq!(limits(name, &wrong).expect_err(name).pointer, format!("/{name}"), "{wrong}");
        }
        assert_eq!(limits("rate", &json!({ "per_second": 0 })).expect_err("0").pointer, "/rate/per_second");
    }

    #[test]
    fn no_coding_is_taken_unless_it_is_named() {
        assert_eq!(limits("max_body_bytes", &json!(5)).expect("good").codings, []);
        let all = limits("content_encodings", &json!(["gzip", "br", "zstd"])).expect("good").codings;
        assert_eq!(all, [Coding::Gzip, Coding::Br, Coding::Zstd]);
    }
}
