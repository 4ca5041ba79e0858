//! Breaker and rates as the hub file declares them, and what makes them good ones.

use std::{borrow::Cow, fmt, ops::RangeInclusive};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};

use super::{BreakerPolicy, RatePolicy};
use crate::{
    deliver::bounds::{count_within, ms_within, number_within, written},
    event::{Duration, Invalid},
};

const FAILURES: RangeInclusive<u32> = 1..=1_000;
const FAILURES_DEFAULT: u32 = 10;
const RATIO: RangeInclusive<f64> = 0.01..=1.0;
const RATIO_DEFAULT: f64 = 0.5;
const ATTEMPTS_MIN: RangeInclusive<u32> = 1..=100_000;
const ATTEMPTS_MIN_DEFAULT: u32 = 20;
const WINDOW_MS: RangeInclusive<u64> = 10_000..=3_600_000;
const WINDOW_MS_DEFAULT: u64 = 60_000;
const OPEN_MS: RangeInclusive<u64> = 1_000..=3_600_000;
const OPEN_MS_DEFAULT: u64 = 30_000;
const OPEN_MS_MAX_DEFAULT: u64 = 600_000;
const PER_SECOND: RangeInclusive<u32> = 1..=10_000;
const PER_MINUTE: RangeInclusive<u32> = 1..=600_000;

/// `false`, or when a destination that fails is left alone for a while, and for how long.
#[derive(Clone, Debug)]
pub enum BreakerSpec {
    /// Whether there is a breaker, with the defaults.
    Switch(bool),
    /// With these settings.
    Settings(BreakerSettings),
}

/// When a breaker opens, and for how long.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Breaker")]
pub struct BreakerSettings {
    /// It opens after this many failures in a row: 1 to 1000, else 10.
    pub failures: Option<u32>,
    /// It opens when this part of the attempts within the window failed: 0.01 to 1, else 0.5.
    pub ratio: Option<f64>,
    /// Fewer attempts within the window tell nothing: 1 to 100000, else 20.
    pub attempts_min: Option<u32>,
    /// `10s` to `1h`, else `1m`.
    pub window: Option<Duration>,
    /// Until the first probe: `1s` to `1h`, else `30s`. It doubles with each probe that fails.
    pub open: Option<Duration>,
    /// At most: from `open` to `1h`, else `10m`.
    pub open_max: Option<Duration>,
}

/// How many attempts there are at most; without a setting, as many as there are places.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DestinationRate")]
pub struct RateSpec {
    /// 1 to 10000.
    pub per_second: Option<u32>,
    /// 1 to 600000.
    pub per_minute: Option<u32>,
}

impl BreakerSpec {
    /// `None`: there is no breaker.
    pub(in crate::deliver) fn refine(spec: Option<&Self>) -> Result<Option<BreakerPolicy>, Invalid> {
        match spec {
            Some(Self::Switch(false)) => Ok(None),
            Some(Self::Settings(settings)) => settings.refine().map(Some),
            None | Some(Self::Switch(true)) => BreakerSettings::default().refine().map(Some),
        }
    }
}

impl BreakerSettings {
    fn refine(&self) -> Result<BreakerPolicy, Invalid> {
        let open_ms = ms_within("/breaker/open", self.open, OPEN_MS_DEFAULT, OPEN_MS)?;
        // A longer `open` alone raises the bound with it.
        let open_ms_max = ms_within("/breaker/open_max", self.open_max, OPEN_MS_MAX_DEFAULT.max(open_ms), OPEN_MS)?;
        if open_ms_max < open_ms {
            let (open, max) = (written(open_ms), written(open_ms_max));
            let message = format!("{max} is less than `open`, which is {open}; raise one or lower the other");
            return Err(Invalid::at("/breaker/open_max", message));
        }
        Ok(BreakerPolicy {
            failures: count_within("/breaker/failures", self.failures, FAILURES_DEFAULT, FAILURES)?,
            ratio: number_within("/breaker/ratio", self.ratio, RATIO_DEFAULT, RATIO)?,
            attempts_min: count_within("/breaker/attempts_min", self.attempts_min, ATTEMPTS_MIN_DEFAULT, ATTEMPTS_MIN)?,
            window_ms: ms_within("/breaker/window", self.window, WINDOW_MS_DEFAULT, WINDOW_MS)?,
            open_ms,
            open_ms_max,
        })
    }
}

impl RateSpec {
    pub(in crate::deliver) fn refine(&self) -> Result<RatePolicy, Invalid> {
        let within = |pointer, given: Option<u32>, range: RangeInclusive<u32>| {
            given.map(|rate| count_within(pointer, Some(rate), rate, range)).transpose()
        };
        Ok(RatePolicy {
            per_second: within("/rate/per_second", self.per_second, PER_SECOND)?,
            per_minute: within("/rate/per_minute", self.per_minute, PER_MINUTE)?,
        })
    }
}

/// By hand, since what is wrong within the table is to be told as such.
impl<'de> Deserialize<'de> for BreakerSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = BreakerSpec;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("false, or a table of settings")
            }

            fn visit_bool<E>(self, on: bool) -> Result<BreakerSpec, E> {
                Ok(BreakerSpec::Switch(on))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<BreakerSpec, A::Error> {
                BreakerSettings::deserialize(MapAccessDeserializer::new(map)).map(BreakerSpec::Settings)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl JsonSchema for BreakerSpec {
    fn schema_name() -> Cow<'static, str> {
        "BreakerOrNone".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "boolean" }, generator.subschema_for::<BreakerSettings>()] })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn breaker(value: Value) -> Result<Option<BreakerPolicy>, Invalid> {
        BreakerSpec::refine(Some(&serde_json::from_value(value).expect("settings of the right types")))
    }

    #[test]
    fn a_breaker_is_there_unless_it_is_switched_off() {
        let default = BreakerSpec::refine(None).expect("the defaults are good");
        assert_eq!(default.expect("there is one").failures, 10);
        assert_eq!(breaker(json!(true)), Ok(default));
        assert_eq!(breaker(json!(false)), Ok(None));
        assert_eq!(breaker(json!({ "open": "20m" })).expect("good").expect("there is one").open_ms_max, 1_200_000);
    }

    #[test]
    fn what_is_refused_is_pointed_at() {
        for (fields, pointer) in [
            (json!({ "failures": 0 }), "/breaker/failures"),
            (json!({ "ratio": 1.5 }), "/breaker/ratio"),
            (json!({ "attempts_min": 0 }), "/breaker/attempts_min"),
            (json!({ "window": "1s" }), "/breaker/window"),
            (json!({ "open": "2h" }), "/breaker/open"),
            (json!({ "open": "1m", "open_max": "30s" }), "/breaker/open_max"),
        ] {
            let told = fields.to_string();
            assert_eq!(breaker(fields).expect_err(&told).pointer, pointer, "{told}");
        }
        let rate = |fields: Value| serde_json::from_value::<RateSpec>(fields).expect("the right types").refine();
        assert_eq!(rate(json!({ "per_second": 0 })).expect_err("0").pointer, "/rate/per_second");
        assert_eq!(rate(json!({ "per_minute": 600_001 })).expect_err("too many").pointer, "/rate/per_minute");
    }

    #[test]
    fn what_is_wrong_within_the_table_is_told() {
        let error = |value: Value| serde_json::from_value::<BreakerSpec>(value).expect_err("it is refused").to_string();
        assert!(error(json!({ "fails": 1 })).contains("`fails`"), "{}", error(json!({ "fails": 1 })));
        assert!(error(json!("off")).contains("false, or a table"), "{}", error(json!("off")));
    }
}
