//! A destination of kind `pull`: as the hub file declares it, and refined.

use std::{fmt, ops::RangeInclusive};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;

use super::super::{
    bounds::{DAY_MS, count_within, ms_within},
    destination::Signing,
    retry::{Retry, RetrySpec},
    spec::{FurtherSecret, Kind, signing::refine_keys},
};
use crate::event::{Duration, Invalid, Secret};

/// A lease, however often it is extended: after so long the message is given again.
pub(super) const HELD_MS_MAX: u64 = DAY_MS / 2;
const LEASE_MS: RangeInclusive<u64> = 1_000..=HELD_MS_MAX;
const LEASE_MS_DEFAULT: u64 = 60_000;
const LEASED: RangeInclusive<u32> = 1..=10_000;
const LEASED_DEFAULT: u32 = 1_000;

/// A queue that consumers fetch from, as the hub file declares it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PullDestination")]
pub struct PullSpec {
    /// `pull`.
    #[schemars(schema_with = "pull_only")]
    pub kind: Kind,
    /// How long a consumer has a message that it was given, unless it asks for another time: `1s` to `12h`, else `60s`.
    pub lease: Option<Duration>,
    /// Messages that are given and neither acknowledged nor given back, at once: 1 to 10,000, else 1,000.
    pub leased_max: Option<u32>,
    /// When what was given back is given again, and when it is given up. A lease that ends is an attempt that failed.
    #[serde(default)]
    pub retry: RetrySpec,
    /// A signing secret, `whsec_...`; without one messages are not signed.
    pub secret: Option<Secret>,
    /// Further signing secrets, which sign too.
    #[serde(default)]
    pub secrets: Vec<FurtherSecret>,
    /// `false`: its messages wait, and nobody is given any. Else `true`.
    pub enabled: Option<bool>,
}

fn pull_only(_: &mut SchemaGenerator) -> Schema {
    Kind::Pull.only()
}

/// A refined queue. Made by [`PullSpec::refine`] only.
#[derive(Clone)]
pub struct Pull {
    pub(super) lease_ms: u64,
    pub(super) leased_max: usize,
    pub(super) retry: Retry,
    /// Without keys messages are not signed.
    pub(super) signing: Signing,
    pub(super) enabled: bool,
}

impl PullSpec {
    /// Checks the spec and parses what it holds.
    ///
    /// # Errors
    ///
    /// The first value that is refused.
    pub fn refine(&self) -> Result<Pull, Invalid> {
        if self.secret.is_none() && !self.secrets.is_empty() {
            return Err(Invalid::at("/secrets", "these are further secrets, beside `secret`: write the one that stays there"));
        }
        Ok(Pull {
            lease_ms: ms_within("/lease", self.lease, LEASE_MS_DEFAULT, LEASE_MS)?,
            leased_max: count_within("/leased_max", self.leased_max, LEASED_DEFAULT, LEASED)? as usize,
            retry: self.retry.refine()?,
            signing: Signing { keys: refine_keys(self.secret.as_ref(), &self.secrets)?, other: None },
            enabled: self.enabled.unwrap_or(true),
        })
    }
}

impl Pull {
    /// How long a consumer has a message, where it asks for `lease`.
    ///
    /// # Errors
    ///
    /// Where that is out of bounds.
    pub fn lease_ms(&self, lease: Option<Duration>) -> Result<u64, Invalid> {
        ms_within("lease", lease, self.lease_ms, LEASE_MS)
    }
}

/// Without keys.
impl fmt::Debug for Pull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pull")
            .field("lease_ms", &self.lease_ms)
            .field("leased_max", &self.leased_max)
            .field("retry", &self.retry)
            .field("signing", &self.signing)
            .field("enabled", &self.enabled)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn refined(fields: Value) -> Result<Pull, Invalid> {
        let mut all = json!({ "kind": "pull" });
        let Value::Object(fields) = fields else { panic!("fields are an object") };
        all.as_object_mut().expect("an object").extend(fields);
        serde_json::from_value::<PullSpec>(all).expect("fields of the right types").refine()
    }

    #[test]
    fn a_queue_needs_nothing_but_its_kind() {
        let pull = refined(json!({})).expect("the defaults are good");
        assert_eq!((pull.lease_ms, pull.leased_max, pull.signing.keys.len(), pull.enabled), (60_000, 1_000, 0, true));
        assert_eq!(pull.lease_ms(None), Ok(60_000));
        assert_eq!(pull.lease_ms(Some(Duration { ms: 5_000 })), Ok(5_000));
    }

    #[test]
    fn what_is_refused_is_pointed_at() {
        for (fields, pointer) in [
            (json!({ "lease": "13h" }), "/lease"),
            (json!({ "lease": "10ms" }), "/lease"),
            (json!({ "leased_max": 0 }), "/leased_max"),
            (json!({ "retry": { "attempts_max": 0 } }), "/retry/attempts_max"),
            (json!({ "secret": "whsec_short" }), "/secret"),
            (json!({ "secrets": ["whsec_short"] }), "/secrets"),
        ] {
            let told = fields.to_string();
            assert_eq!(refined(fields).expect_err(&told).pointer, pointer, "{told}");
        }
    }
}
