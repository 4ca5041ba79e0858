//! Keeps a steady share of the events: by a hash of the event's id, or of a value in its body.
//!
//! No dice are thrown: the same key has the same verdict on every run, on every machine and in every version of this plugin.

use sluicebox_sdk::json::{self, Path};
use sluicebox_sdk::prelude::*;
use std::collections::BTreeMap;

/// How much is kept, and what is kept or dropped together.
#[derive(Deserialize, Config)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// How many of a hundred are kept; fractions are allowed.
    pub percent: Percent,
    /// Other shares for these types of events.
    #[serde(default)]
    pub types: BTreeMap<String, Percent>,
    /// The value whose events share a verdict: `customer.id`. None: each event has its own.
    pub by: Option<Path>,
    /// Two samples with the same salt keep the same keys; with another salt they choose anew.
    #[serde(default)]
    pub salt: String,
}

/// From 0 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Config)]
#[serde(try_from = "f64")]
#[config(part, min = 0, max = 100)]
pub struct Percent(f64);

impl TryFrom<f64> for Percent {
    type Error = String;

    fn try_from(percent: f64) -> Result<Self, String> {
        if (0.0..=100.0).contains(&percent) { Ok(Self(percent)) } else { Err(format!("{percent} is not between 0 and 100")) }
    }
}

/// An event without the value is judged by its id.
#[filter]
pub fn sample(event: Event, settings: Settings) -> Result<Verdict> {
    let Percent(percent) = *settings.types.get(event.event_type()).unwrap_or(&settings.percent);
    let key = match &settings.by {
        Some(path) => key_at(event.body(), path)?.unwrap_or_else(|| event.id().to_owned()),
        None => event.id().to_owned(),
    };
    if share(&settings.salt, &key) * 100.0 < percent { keep() } else { drop(format!("not among the {percent} % that are kept")) }
}

/// A text as it is, anything else as JSON; none for null, and where there is nothing.
fn key_at(body: &[u8], path: &Path) -> Result<Option<String>> {
    let Some(place) = json::find(body, std::slice::from_ref(path))?.into_iter().next() else { return Ok(None) };
    let value = String::from_utf8_lossy(&body[place]);
    Ok(match value.as_bytes().first() {
        Some(b'"') => Some(Event::new("", "").with_body(value.as_bytes()).json()?),
        Some(b'n') => None,
        _ => Some(value.into_owned()),
    })
}

/// Where a key is between 0 (with) and 1 (without), evenly. It never changes: those who took a sample want the same one again.
fn share(salt: &str, key: &str) -> f64 {
    // FNV-1a; the zero byte tells ("a", "bc") from ("ab", "c"). What follows is SplitMix64's last step, for the first bits of
    // an FNV hash are not even for keys that differ in their last letters only.
    let bytes = salt.bytes().chain([0]).chain(key.bytes());
    let mut hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^= hash >> 31;
    // The 53 bits that an f64 holds exactly.
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluicebox_sdk::{config, testing};

    const PUSHES: [&[u8]; 3] = [
        include_bytes!("../../../tests/fixtures/github/push.json"),
        include_bytes!("../../../tests/fixtures/github/push-2.json"),
        include_bytes!("../../../tests/fixtures/github/push-3.json"),
    ];

    fn run(event: Event, config: &Value) -> Result<Verdict> {
        testing::set_settings(config);
        sample(event, config::settings()?)
    }

    fn kept(events: impl Iterator<Item = Event>, config: &Value) -> Vec<bool> {
        events.map(|event| run(event, config).expect("a verdict") == Verdict::Keep).collect()
    }

    fn by_id(n: usize) -> impl Iterator<Item = Event> {
        (0..n).map(|n| Event::new("shop", "order").with_id(format!("evt_{n}")))
    }

    #[test]
    fn the_fixtures_pass() {
        testing::fixtures("fixtures", sample);
    }

    #[test]
    fn the_share_is_kept_also_of_keys_that_are_almost_the_same() {
        for (percent, expected) in
            [(0.0, 0..=0), (0.5, 60..=140), (10.0, 1_850..=2_150), (50.0, 9_750..=10_250), (100.0, 20_000..=20_000)]
        {
            let count = kept(by_id(20_000), &json!({ "percent": percent })).into_iter().filter(|kept| *kept).count();
            assert!(expected.contains(&count), "{percent} % of 20,000: {count}");
        }
    }

    /// Whoever changes the hash breaks the samples that others have taken.
    #[test]
    fn the_hash_stays_what_it_is() {
        assert_eq!(share("", ""), 0.148_383_010_976_318_56);
        assert_eq!(share("salt", "cus_1"), 0.505_926_603_758_146_2);
    }

    #[test]
    fn a_smaller_share_is_a_part_of_a_larger_one() {
        let small = kept(by_id(1_000), &json!({ "percent": 5 }));
        let large = kept(by_id(1_000), &json!({ "percent": 20 }));
        assert!(small.iter().zip(&large).all(|(small, large)| !small || *large));
    }

    #[test]
    fn a_salt_chooses_anew() {
        let one = kept(by_id(1_000), &json!({ "percent": 50, "salt": "a" }));
        let other = kept(by_id(1_000), &json!({ "percent": 50, "salt": "b" }));
        let same = one.iter().zip(&other).filter(|(one, other)| one == other).count();
        assert!((400..600).contains(&same), "{same}");
    }

    #[test]
    fn real_pushes_to_one_repository_share_a_verdict() {
        let config = json!({ "percent": 50, "by": "repository.full_name" });
        let pushes = PUSHES.iter().enumerate();
        let events = pushes.map(|(n, body)| Event::new("github", "push").with_id(format!("evt_{n}")).with_body(*body));
        let verdicts = kept(events, &config);
        assert!(verdicts.iter().all(|verdict| *verdict == verdicts[0]));
    }

    #[test]
    fn a_key_is_what_it_means_and_without_one_the_id_counts() {
        let config = json!({ "percent": 50, "by": "k" });
        let body = |body: String| Event::new("shop", "order").with_body(body);
        for n in 0..50 {
            let plain = run(body(format!(r#"{{"k": "k{n}"}}"#)), &config);
            assert_eq!(plain, run(body(format!(r#"{{ "k": "\u006b{n}", "x": {n} }}"#)), &config));
            let id = format!("evt_{n}");
            let without = run(body(r#"{"k": null}"#.to_owned()).with_id(&id), &config);
            assert_eq!(without, run(Event::new("shop", "order").with_id(&id), &json!({ "percent": 50 })));
        }
    }

    #[test]
    fn types_may_have_shares_of_their_own() {
        let config = json!({ "percent": 0, "types": { "order.failed": 100 } });
        assert_eq!(run(Event::new("shop", "order.failed"), &config), keep());
        assert_eq!(run(Event::new("shop", "order.paid"), &config), drop("not among the 0 % that are kept"));
    }

    #[test]
    fn wrong_settings_and_a_body_without_json_are_refused() {
        for config in [json!({}), json!({ "percent": 101 }), json!({ "percent": -1 }), json!({ "percent": 5, "rate": 1 })] {
            assert_eq!(run(Event::new("", ""), &config).expect_err("wrong settings").code(), "invalid-config", "{config}");
        }
        let error = run(Event::new("", "").with_body("k=1"), &json!({ "percent": 5, "by": "k" })).expect_err("no JSON");
        assert_eq!(error.code(), "invalid-json");
    }
}
