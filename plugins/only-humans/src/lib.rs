//! Drops events that a bot sent, as GitHub marks them: by the sender's type, or by a login that ends in `[bot]`.

use sluicebox_sdk::json::Path;
use sluicebox_sdk::prelude::*;

/// Where the sender is, and who may pass all the same.
#[derive(Deserialize, Config)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Logins that pass though they are bots: `dependabot[bot]`.
    #[serde(default)]
    pub allow: Vec<String>,
    /// The object with the sender's `login` and `type`.
    #[serde(default = "sender")]
    pub sender: Path,
}

fn sender() -> Path {
    "sender".parse().expect("a path")
}

/// What is read of a sender; GitLab's and Gitea's have no type.
#[derive(Default, Deserialize)]
struct Sender {
    #[serde(default)]
    login: String,
    #[serde(default, rename = "type")]
    kind: String,
}

/// An event without a sender was sent by no bot, and goes on.
#[filter]
pub fn only_humans(event: Event, settings: Settings) -> Result<Verdict> {
    let Sender { login, kind } = event.json_at(&settings.sender)?.unwrap_or_default();
    let bot = kind == "Bot" || login.ends_with("[bot]");
    if bot && !settings.allow.contains(&login) { drop(format!("sent by {login}, a bot")) } else { keep() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluicebox_sdk::{config, testing};

    const BY_A_HUMAN: &[u8] = include_bytes!("../../../tests/fixtures/github/issues.opened.json");
    const BY_NOBODY: &[u8] = include_bytes!("../../../tests/fixtures/github/security_advisory.published.json");

    fn run(body: impl Into<Vec<u8>>, config: &Value) -> Result<Verdict> {
        testing::set_settings(config);
        only_humans(Event::new("github", "issues").with_body(body), config::settings()?)
    }

    #[test]
    fn the_fixtures_pass() {
        testing::fixtures("fixtures", only_humans);
    }

    #[test]
    fn humans_pass() {
        assert_eq!(run(BY_A_HUMAN, &json!({})), keep());
    }

    #[test]
    fn events_without_a_sender_pass() {
        assert_eq!(run(BY_NOBODY, &json!({})), keep());
    }

    #[test]
    fn bots_are_known_by_type_and_by_login() {
        assert_eq!(run(r#"{"sender": {"login": "ci", "type": "Bot"}}"#, &json!({})), drop("sent by ci, a bot"));
        assert_eq!(run(r#"{"sender": {"login": "renovate[bot]"}}"#, &json!({})), drop("sent by renovate[bot], a bot"));
    }

    #[test]
    fn allowed_bots_pass() {
        let allow = json!({ "allow": ["dependabot[bot]"] });
        assert_eq!(run(r#"{"sender": {"login": "dependabot[bot]", "type": "Bot"}}"#, &allow), keep());
        assert_eq!(run(r#"{"sender": {"login": "renovate[bot]", "type": "Bot"}}"#, &allow), drop("sent by renovate[bot], a bot"));
    }

    #[test]
    fn the_sender_may_be_elsewhere() {
        let config = json!({ "sender": "data.actor" });
        assert_eq!(run(r#"{"data": {"actor": {"login": "x[bot]"}}}"#, &config), drop("sent by x[bot], a bot"));
    }

    #[test]
    fn wrong_settings_are_refused() {
        let error = run(BY_A_HUMAN, &json!({ "allowed": [] })).expect_err("wrong settings");
        assert!(error.failure().message.contains("unknown field `allowed`, expected `allow` or `sender`"), "{error}");
        let error = run(BY_A_HUMAN, &json!({ "sender": "a..b" })).expect_err("wrong settings");
        assert_eq!(error.code(), "invalid-config");
    }
}
