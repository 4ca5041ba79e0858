//! Renames, moves, drops, keeps and sets fields of JSON bodies. Where there is nothing to change, the event goes on untouched.

use sluicebox_sdk::json::{Edits, Node};
use sluicebox_sdk::prelude::*;

/// The settings are the edits.
#[derive(Deserialize, Config)]
pub struct Settings(Edits);

/// What the edits do not name keeps its text, to the last digit of a number.
#[transform]
pub fn edit_fields(event: Event, Settings(edits): Settings) -> Result<Outcome> {
    let mut document = Node::read(event.body())?;
    if !edits.apply(&mut document)? {
        return keep();
    }
    emit(Message::bytes(document.to_text()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluicebox_sdk::{config, testing};

    const ISSUE: &[u8] = include_bytes!("../../../tests/fixtures/github/issues.opened.json");
    const PUSH: &[u8] = include_bytes!("../../../tests/fixtures/github/push.json");

    fn run(body: impl Into<Vec<u8>>, config: &Value) -> Result<Outcome> {
        testing::set_settings(config);
        edit_fields(Event::new("github", "issues").with_body(body), config::settings()?)
    }

    fn edited(body: impl Into<Vec<u8>>, config: &Value) -> String {
        match run(body, config).expect("an outcome") {
            Outcome::Emit(messages) => String::from_utf8(messages[0].body().to_vec()).expect("UTF-8"),
            other => panic!("{other:?}"),
        }
    }

    fn read(body: impl Into<Vec<u8>>) -> Value {
        Event::new("", "").with_body(body).json().expect("JSON")
    }

    #[test]
    fn the_fixtures_pass() {
        testing::fixtures("fixtures", edit_fields);
    }

    #[test]
    fn a_real_issue_becomes_what_another_system_wants() {
        let config = json!({
            "keep": ["action", "issue.number", "issue.title", "issue.labels[*].name", "sender.login"],
            "rename": { "issue.number": "no", "issue.labels[*].name": "label" },
            "move": { "sender.login": "by" },
            "drop": ["sender.nothing"],
            "set": { "meta.origin": "github" },
        });
        let expected = "{\"action\":\"opened\",\"issue\":{\"no\":1,\"title\":\"Spelling error in the README file\",\
            \"labels\":[{\"label\":\"bug\"}]},\"sender\":{},\"by\":\"Codertocat\",\"meta\":{\"origin\":\"github\"}}";
        assert_eq!(edited(ISSUE, &config), expected);
    }

    #[test]
    fn what_is_not_named_means_the_same() {
        let mut expected = read(PUSH);
        let id = expected["repository"].as_object_mut().and_then(|repository| repository.remove("id")).expect("an id");
        expected["repository"]["key"] = id;
        assert_eq!(read(edited(PUSH, &json!({ "rename": { "repository.id": "key" } }))), expected);
    }

    #[test]
    fn numbers_keep_every_digit_and_members_their_order() {
        let body = "{\"z\": 123456789012345678901234567890, \"price\": 1.10, \"x\": [1E2 , -0.0], \"a\": 1}";
        let expected = "{\"z\":123456789012345678901234567890,\"cost\":1.10,\"x\":[1E2 , -0.0]}";
        assert_eq!(edited(body, &json!({ "rename": { "price": "cost" }, "drop": ["a"] })), expected);
    }

    #[test]
    fn where_nothing_is_found_the_event_goes_on_untouched() {
        let config =
            json!({ "drop": ["issue.nothing", "**.e-mail"], "rename": { "nothing": "x" }, "default": { "action": "?" } });
        assert_eq!(run(ISSUE, &config), keep());
        assert_eq!(run(ISSUE, &json!({})), keep());
    }

    #[test]
    fn what_is_no_json_and_what_cannot_be_edited_is_rejected() {
        assert_eq!(run("a=1", &json!({ "drop": ["a"] })).expect_err("a form").code(), "invalid-json");
        let error = run(ISSUE, &json!({ "set": { "action.x": 1 } })).expect_err("in the way");
        assert_eq!(error, Error::reject("in-the-way", "action.x: a text cannot have a member \"x\""));
    }

    #[test]
    fn wrong_settings_are_refused() {
        for config in
            [json!({ "remove": [] }), json!({ "drop": ["a..b"] }), json!({ "set": { "a.*": 1 } }), json!({ "keep": "a" })]
        {
            assert_eq!(run(ISSUE, &config).expect_err("wrong settings").code(), "invalid-config", "{config}");
        }
    }
}
