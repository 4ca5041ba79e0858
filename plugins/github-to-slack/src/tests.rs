//! Real payloads, and changes of them, as a channel would see them.

use super::*;
use sluicebox_sdk::{config, testing};

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../../../tests/fixtures/github/", $name, ".json"))
    };
}

const REPOSITORY: &str = "[<https://github.com/Codertocat/Hello-World|Codertocat/Hello-World>]";
const BY: &str = "by <https://github.com/Codertocat|Codertocat>";

fn run(event_type: &str, body: &[u8], config: &Value) -> Result<Outcome> {
    testing::set_settings(config);
    github_to_slack(Event::new("github", event_type).with_body(body), config::settings()?)
}

fn told(event_type: &str, body: &[u8], config: &Value) -> Value {
    match run(event_type, body, config).expect("an outcome") {
        Outcome::Emit(messages) => Event::new("", "").with_body(messages[0].body()).json().expect("JSON"),
        other => panic!("{other:?}"),
    }
}

fn headline(event_type: &str, body: &[u8]) -> String {
    let message = told(event_type, body, &json!({ "successes": true }));
    message["text"].as_str().expect("a text").to_owned()
}

fn changed(body: &[u8], change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut payload: Value = Event::new("", "").with_body(body).json().expect("JSON");
    change(&mut payload);
    payload.to_string().into_bytes()
}

#[test]
fn the_fixtures_pass() {
    testing::fixtures("fixtures", github_to_slack);
}

#[test]
fn an_issue_is_told_with_its_words() {
    let message = told("issues", fixture!("issues.opened"), &json!({}));
    let link = "<https://github.com/Codertocat/Hello-World/issues/1|#1 Spelling error in the README file>";
    let headline = format!("{REPOSITORY} Issue opened {BY}: {link}");
    let section = |text: &str| json!({ "type": "section", "text": { "type": "mrkdwn", "text": text, "verbatim": true } });
    let said = ">It looks like you accidently spelled 'commit' with two 't's.";
    assert_eq!(
        message,
        json!({ "text": headline, "unfurl_links": false, "unfurl_media": false, "blocks": [section(&headline), section(said)] })
    );
    let bare = told("issues", fixture!("issues.opened"), &json!({ "excerpt_chars": 0 }));
    assert_eq!(bare, json!({ "text": headline, "unfurl_links": false, "unfurl_media": false }));
}

#[test]
fn each_type_has_its_line() {
    let repository = "https://github.com/Codertocat/Hello-World";
    let readme = "#2 Update the README with new information.";
    for (event_type, body, expected) in [
        (
            "pull_request",
            &fixture!("pull_request.opened")[..],
            format!("Pull request opened {BY}: <{repository}/pull/2|{readme}>"),
        ),
        ("push", fixture!("push"), format!("tag `simple-tag` <{repository}/compare/simple-tag|created> {BY}")),
        ("push", fixture!("push-3"), format!("tag `simple-tag` deleted {BY}")),
        ("release", fixture!("release.published"), format!("Release published {BY}: <{repository}/releases/tag/0.0.1|0.0.1>")),
        ("star", fixture!("star.created"), format!("starred {BY}, the first")),
        (
            "deployment_status",
            fixture!("deployment_status.created"),
            "Deployment of `master` to `production` succeeded".to_owned(),
        ),
        (
            "issue_comment",
            fixture!("issue_comment.created"),
            format!(
                "<https://github.com/Codertocat|Codertocat> <{repository}/issues/1#issuecomment-492700400|commented on> \
                 <{repository}/issues/1|#1 Spelling error in the README file>"
            ),
        ),
    ] {
        assert_eq!(headline(event_type, body), format!("{REPOSITORY} {expected}"), "{event_type}");
    }
    assert!(
        headline("fork", fixture!("fork")).ends_with("to <https://github.com/Octocoders/Hello-World|Octocoders/Hello-World>")
    );
}

#[test]
fn a_push_names_its_commits() {
    let commit = |n: usize| json!({ "id": format!("{n:040}"), "url": "https://github.com/c", "message": "Fix <b> & co\n\nmore", "author": { "name": "ada" } });
    let body = changed(fixture!("push"), |push| {
        push["ref"] = json!("refs/heads/fix/a");
        push["commits"] = (0..12).map(commit).collect();
        push["forced"] = json!(true);
    });
    let message = told("push", &body, &json!({}));
    let text = message["text"].as_str().expect("a text");
    assert!(text.ends_with(&format!("|12 commits> pushed to `fix/a` {BY}, by force")), "{text}");
    let lines = message["blocks"][1]["text"]["text"].as_str().expect("a text");
    assert!(lines.starts_with("• <https://github.com/c|0000000> Fix &lt;b&gt; &amp; co (ada)\n"), "{lines}");
    assert!(lines.ends_with("(ada)\n… and 2 more"), "{lines}");
}

#[test]
fn long_lists_are_spread_over_blocks() {
    let commit = json!({ "id": "1234567", "url": "https://github.com/c", "message": "&".repeat(200), "author": { "name": "a" } });
    let body = changed(fixture!("push"), |push| push["commits"] = vec![commit; 10].into());
    let message = told("push", &body, &json!({}));
    let blocks = message["blocks"].as_array().expect("blocks");
    assert_eq!(blocks.len(), 3);
    assert!(
        blocks.iter().all(|block| block["text"]["text"].as_str().is_some_and(|text| text.chars().count() <= BLOCK_CHARS_MAX))
    );
}

#[test]
fn a_merged_pull_request_is_not_merely_closed() {
    let body = changed(fixture!("pull_request.opened"), |payload| {
        payload["action"] = json!("closed");
        payload["pull_request"]["merged"] = json!(true);
    });
    assert!(headline("pull_request", &body).contains("] Pull request merged by "));
}

#[test]
fn reviews_are_told_by_their_verdict() {
    let review = |state: &str, said: &str| {
        changed(fixture!("pull_request.opened"), |payload| {
            payload["action"] = json!("submitted");
            payload["review"] = json!({ "state": state, "body": said, "html_url": "https://github.com/r" });
        })
    };
    assert!(headline("pull_request_review", &review("approved", "")).contains(" <https://github.com/r|approved> <"));
    let quiet = run("pull_request_review", &review("commented", ""), &json!({}));
    assert_eq!(quiet, drop("a review without words is not told"));
}

#[test]
fn workflow_runs_are_told_when_they_fail() {
    let ended =
        |how: &str| changed(fixture!("workflow_run.completed"), |payload| payload["workflow_run"]["conclusion"] = json!(how));
    let failed = told("workflow_run", &ended("failure"), &json!({}));
    let text = failed["text"].as_str().expect("a text");
    let run_36 = "<https://github.com/octo-org/octo-repo/actions/runs/1589141559|Manually triggered workflow #36>";
    assert!(text.ends_with(&format!("] Workflow failed on `main`: {run_36}")), "{text}");
    let quiet = run("workflow_run", &ended("success"), &json!({}));
    assert_eq!(quiet, drop("a workflow run that ended as \"success\" is not told"));
    assert!(headline("workflow_run", &ended("success")).contains("Workflow succeeded on `main`"));
}

#[test]
fn what_people_write_stays_text() {
    let body = changed(fixture!("issues.opened"), |payload| {
        payload["issue"]["title"] = json!("<!channel> <https://evil|here>");
        payload["issue"]["body"] = json!("&".repeat(5_000));
    });
    let message = told("issues", &body, &json!({ "excerpt_chars": 5_000 }));
    assert!(message["text"].as_str().is_some_and(|text| text.contains("|#1 &lt;!channel&gt; &lt;https://evil|here&gt;>")));
    let quoted = message["blocks"][1]["text"]["text"].as_str().expect("a text");
    assert!(quoted.len() <= BLOCK_CHARS_MAX && quoted.ends_with("&amp;…"), "{}", quoted.len());
}

#[test]
fn actions_that_are_only_noise_are_dropped() {
    let noise = run("pull_request", fixture!("pull_request.assigned"), &json!({}));
    assert_eq!(noise, drop("pull_request.assigned is not told"));
}

#[test]
fn unknown_types_become_what_the_settings_say() {
    let body = fixture!("check_run.created");
    assert_eq!(run("check_run", body, &json!({})), drop("\"check_run\" is a type without words"));
    assert_eq!(run("check_run", body, &json!({ "unknown": "keep" })), keep());
    let mention = told("check_run", body, &json!({ "unknown": "mention" }));
    assert_eq!(mention["text"], format!("{REPOSITORY} `check_run.created` {BY}"));
    let advisory = told("security_advisory", fixture!("security_advisory.published"), &json!({ "unknown": "mention" }));
    assert_eq!(advisory["text"], "`security_advisory.published`", "neither a repository nor a sender");
}

#[test]
fn the_type_is_githubs_header_where_it_came_along() {
    let event = Event::new("github", "something.else").with_header("X-GitHub-Event", "star").with_body(fixture!("star.created"));
    testing::set_settings(&json!({}));
    assert!(matches!(github_to_slack(event, config::settings().expect("settings")), Ok(Outcome::Emit(_))));
    assert!(headline("star.created", fixture!("star.created")).contains("starred"));
}

#[test]
fn what_is_no_json_and_settings_that_do_not_exist_are_rejected() {
    assert_eq!(run("push", b"payload=%7B%7D", &json!({})).expect_err("a form").code(), "invalid-json");
    assert_eq!(run("push", b"{}", &json!({ "unknown": "shout" })).expect_err("settings").code(), "invalid-config");
    assert_eq!(run("push", b"{}", &json!({ "chanel": "#x" })).expect_err("settings").code(), "invalid-config");
}
