//! Masks values in JSON bodies, and changes no other byte.
//!
//! It is there for privacy, so it never lets pass what it cannot read: a body that is no JSON is rejected.

use sluicebox_sdk::json::{self, Path};
use sluicebox_sdk::prelude::*;

/// What to mask, and with what.
#[derive(Deserialize, Config)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where the values are: `sender.email`, `items[*].card`, `**.password`.
    pub fields: Vec<Path>,
    /// What stands in their place, as a text.
    #[serde(default = "stars")]
    pub mask: String,
}

fn stars() -> String {
    "***".to_owned()
}

/// Puts the mask in the place of each value, whatever its kind. Where there is none, the event goes on untouched.
#[transform]
pub fn redact(event: Event, settings: Settings) -> Result<Outcome> {
    let places = json::find(event.body(), &settings.fields)?;
    if places.is_empty() {
        return keep();
    }
    let mask = Value::from(settings.mask).to_string();
    let mut masked = Vec::with_capacity(event.body().len() + places.len() * mask.len());
    let mut copied = 0;
    for place in places {
        masked.extend_from_slice(&event.body()[copied..place.start]);
        masked.extend_from_slice(mask.as_bytes());
        copied = place.end;
    }
    masked.extend_from_slice(&event.body()[copied..]);
    emit(Message::bytes(masked))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUE: &[u8] = include_bytes!("../../../tests/fixtures/github/issues.opened.json");
    const PUSH: &[u8] = include_bytes!("../../../tests/fixtures/github/push.json");

    fn settings(fields: &[&str]) -> Settings {
        Settings { fields: fields.iter().map(|field| field.parse().expect("a path")).collect(), mask: stars() }
    }

    fn run(body: impl Into<Vec<u8>>, fields: &[&str]) -> Outcome {
        redact(Event::new("github", "push").with_body(body), settings(fields)).expect("an outcome")
    }

    fn masked(body: impl Into<Vec<u8>>, fields: &[&str]) -> String {
        match run(body, fields) {
            Outcome::Emit(messages) => String::from_utf8(messages[0].body().to_vec()).expect("UTF-8"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_fixtures_pass() {
        sluicebox_sdk::testing::fixtures("fixtures", redact);
    }

    #[test]
    fn a_value_of_any_kind_is_masked() {
        let body = r#"{"items": [{"card": "4242"}, {"card": {"no": 4242}}, {"card": null}], "card": 1}"#;
        let expected = r#"{"items": [{"card": "***"}, {"card": "***"}, {"card": "***"}], "card": 1}"#;
        assert_eq!(masked(body, &["items[*].card"]), expected);
    }

    #[test]
    fn no_other_byte_changes() {
        let body = "{ \"big\": 123456789012345678901234567890,\r\n\t\"price\": 1.10, \"exp\": 1E2, \"zero\": -0.0, \"z\": 1, \"a\": \"\\u00e9\",
            \"twice\": 1, \"twice\": 2, \"email\": \"x\" }\n";
        assert_eq!(
            masked(body, &["email", "twice"]),
            body.replace("\"x\"", "\"***\"").replace("1, \"twice\": 2", "\"***\", \"twice\": \"***\"")
        );
    }

    #[test]
    fn where_nothing_is_found_the_event_goes_on_untouched() {
        assert_eq!(run(ISSUE, &["sender.email", "issue.labels[7].name"]), Outcome::Keep);
    }

    #[test]
    fn a_real_push_loses_every_address() {
        let body = masked(PUSH, &["**.email"]);
        let before: Value = serde_json(PUSH);
        let after: Value = serde_json(body.as_bytes());
        assert_eq!(after["pusher"]["email"], "***");
        assert_eq!(after["head_commit"]["author"]["email"], "***");
        assert_eq!(after["repository"]["owner"]["email"], "***");
        assert_eq!(after["head_commit"]["message"], before["head_commit"]["message"]);
    }

    fn serde_json(body: &[u8]) -> Value {
        Event::new("", "").with_body(body).json().expect("JSON")
    }

    #[test]
    fn what_is_no_json_does_not_pass() {
        let error = redact(Event::new("github", "push").with_body("payload=%7B%7D"), settings(&["email"])).expect_err("no JSON");
        assert_eq!(error.code(), "invalid-json");
    }

    #[test]
    fn a_mask_is_a_text_whatever_is_in_it() {
        let settings = Settings { mask: "\"}".to_owned(), ..settings(&["a"]) };
        let outcome = redact(Event::new("", "").with_body(r#"{"a":1}"#), settings);
        assert_eq!(outcome, emit(Message::bytes(r#"{"a":"\"}"}"#)));
    }
}
