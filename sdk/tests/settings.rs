//! What `#[derive(Config)]` makes of a type: held against serde, which reads the same type.

use sluicebox_sdk::config::{self, Problem};
use sluicebox_sdk::json::Path;
use sluicebox_sdk::prelude::*;
use sluicebox_sdk::{export, serde_json};
use std::collections::BTreeMap;

/// All that a field may be.
#[derive(Debug, Deserialize, Config, PartialEq)]
#[serde(rename_all = "kebab-case")]
struct Settings {
    /// Smaller ones "go" nowhere.
    #[config(min = 1, max = 1_000)]
    min_cents: u16,
    #[config(min = -0.5)]
    #[serde(default)]
    balance: f64,
    #[config(min_len = 1, max_len = 2)]
    #[serde(default = "names")]
    names: Vec<String>,
    #[config(one_of = ["eu", "us"])]
    region: Option<String>,
    #[serde(default)]
    level: Level,
    limits: Option<BTreeMap<String, Limit>>,
    #[serde(default, rename = "where")]
    path: Option<Path>,
    #[config(any)]
    #[serde(default)]
    pair: (u8, bool),
    #[serde(skip)]
    made: u8,
}

#[derive(Debug, Default, Deserialize, Config, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Level {
    #[default]
    Low,
    #[serde(rename = "top")]
    High,
}

#[derive(Debug, Deserialize, Config, PartialEq)]
#[config(part)]
struct Limit {
    most: u8,
}

fn names() -> Vec<String> {
    vec!["a".to_owned()]
}

fn problems(settings: &Value) -> Vec<(String, String)> {
    let told = config::check::<Settings>(settings).expect_err("is wrong");
    told.into_iter().map(|Problem { path, message }| (path, message)).collect()
}

#[test]
fn settings_that_fit_have_no_problem() {
    for right in [
        json!({ "min-cents": 1 }),
        json!({ "min-cents": 1000, "balance": -0.5, "names": ["a", "b"], "region": "eu", "level": "top", "where": "a.b",
            "limits": { "x": { "most": 255 } }, "pair": [1, true] }),
        json!({ "min-cents": 5, "region": null }),
    ] {
        assert_eq!(config::check::<Settings>(&right), Ok(()), "{right}");
        serde_json::from_value::<Settings>(right).expect("serde agrees");
    }
}

#[test]
fn each_problem_has_its_place_and_not_the_value() {
    for (wrong, path, message) in [
        (json!({}), "", "`min-cents` is missing"),
        (json!(7), "", "expected a table, found a number"),
        (json!({ "min-cents": 0 }), "/min-cents", "must be at least 1"),
        (json!({ "min-cents": 1001 }), "/min-cents", "must be at most 1000"),
        (json!({ "min-cents": 70_000 }), "/min-cents", "expected a whole number from 0 to 65535, found a number"),
        (json!({ "min-cents": 1, "names": [] }), "/names", "must have at least 1"),
        (json!({ "min-cents": 1, "names": ["a", "b", "c"] }), "/names", "must have at most 2"),
        (json!({ "min-cents": 1, "names": ["a", {}] }), "/names/1", "expected a text, found a table"),
        (json!({ "min-cents": 1, "region": "secret" }), "/region", "must be one of eu, us"),
        (json!({ "min-cents": 1, "level": "High" }), "/level", "must be one of low, top"),
        (
            json!({ "min-cents": 1, "limits": { "a/b": { "most": 256 } } }),
            "/limits/a~1b/most",
            "expected a whole number from 0 to 255, found a number",
        ),
        (
            json!({ "min-cents": 1, "made": 1 }),
            "/made",
            "unknown setting; there are min-cents, balance, names, region, level, limits, where, pair",
        ),
        (json!({ "min-cents": 1, "pair": ["secret", true] }), "/pair", "expected u8"),
    ] {
        assert_eq!(problems(&wrong), [(path.to_owned(), message.to_owned())], "{wrong}");
    }
    assert_eq!(problems(&json!({ "min-cents": 0, "balance": -1 })).len(), 2, "all are told at once");
    assert_eq!(problems(&json!({ "min-cents": 1, "where": "a..b" }))[0].0, "/where");
}

#[test]
fn the_schema_says_the_same() {
    let schema: Value = serde_json::from_str(<Settings as Config>::SCHEMA.as_str()).expect("JSON");
    assert_eq!(schema["description"], "All that a field may be.");
    assert_eq!(schema["required"], json!(["min-cents"]));
    assert_eq!(schema["additionalProperties"], false);
    let fields = &schema["properties"];
    let first = json!({ "type": "integer", "format": "u16", "description": "Smaller ones \"go\" nowhere.", "minimum": 1, "maximum": 1000 });
    assert_eq!(fields["min-cents"], first);
    assert_eq!(fields["balance"]["minimum"], -0.5);
    assert_eq!(fields["names"]["items"], json!({ "type": "string" }));
    assert_eq!((&fields["names"]["maxItems"], &fields["region"]["enum"]), (&json!(2), &json!(["eu", "us", null])));
    assert_eq!(fields["level"]["enum"], json!(["low", "top"]));
    assert_eq!(fields["limits"]["anyOf"][0]["additionalProperties"]["properties"]["most"]["type"], "integer");
    assert_eq!(fields["pair"], json!({}));
}

/// What serde makes from another type.
#[allow(dead_code, reason = "what is read is only whether it can be")]
mod converted {
    use super::*;
    use sluicebox_sdk::json::Edits;

    #[derive(Debug, Deserialize, Config)]
    struct Settings(Inner);

    #[derive(Debug, Deserialize, Config)]
    #[config(part)]
    struct Inner {
        share: Percent,
        #[serde(default)]
        edits: Vec<Edits>,
    }

    #[derive(Debug, Deserialize, Config)]
    #[serde(try_from = "f64")]
    #[config(part, max = 100)]
    struct Percent(f64);

    impl TryFrom<f64> for Percent {
        type Error = String;

        fn try_from(percent: f64) -> Result<Self, String> {
            if percent == 13.0 { Err("not today".to_owned()) } else { Ok(Self(percent)) }
        }
    }

    #[test]
    fn it_has_the_form_of_that_type_and_the_conversions_own_problems() {
        let schema: Value = serde_json::from_str(<Settings as Config>::SCHEMA.as_str()).expect("JSON");
        assert_eq!(schema["properties"]["share"], json!({ "type": "number", "maximum": 100 }));
        let edits = &schema["properties"]["edits"]["items"]["properties"];
        assert_eq!(edits["rename"]["additionalProperties"], json!({ "type": "string" }));
        for (wrong, path, message) in [
            (json!({ "share": "1" }), "/share", "expected a number, found a text"),
            (json!({ "share": 101 }), "/share", "must be at most 100"),
            (json!({ "share": 13 }), "/share", "not today"),
            (json!({ "share": 1, "edits": [{ "rename": { "a": 1 } }] }), "/edits/0/rename/a", "expected a text, found a number"),
            (
                json!({ "share": 1, "edits": [{ "set": { "a[*]": 1 } }] }),
                "/edits/0/set/a[*]",
                "\"a[*]\" leads to many places, and one is needed",
            ),
        ] {
            assert_eq!(config::check::<Settings>(&wrong), Err(vec![Problem::new(path, message)]), "{wrong}");
        }
        assert_eq!(config::check::<Settings>(&json!({ "share": 1, "edits": [{ "move": { "a": "b" } }] })), Ok(()));
    }
}

#[test]
fn what_the_host_asks_with_is_text() {
    assert_eq!(export::validate_config::<Settings>(r#"{"min-cents":1}"#), Ok(()));
    assert_eq!(export::validate_config::<Settings>("{").map_err(|problems| problems.len()), Err(1));
}
