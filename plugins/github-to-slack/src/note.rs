//! What is told of each type of GitHub's events.
//!
//! Only what a channel wants to know: an issue that is closed, not one that got a label. `create` and `delete` are not told, for
//! GitHub sends a `push` with each of them.

use crate::mrkdwn::{code, cut, line, link};
use sluicebox_sdk::prelude::*;

/// The most commits of a push that are named.
const COMMITS_MAX: usize = 10;
/// The most characters of a title, well within Slack's 3,000 for a block.
const TITLE_CHARS_MAX: usize = 250;

/// What one event comes to.
pub(crate) enum Note<'p> {
    /// This is told.
    Told {
        /// One line, as mrkdwn.
        headline: String,
        /// What somebody wrote, as it came.
        said: &'p str,
        /// More lines, as mrkdwn.
        list: Vec<String>,
    },
    /// It is known, and nothing to tell.
    Quiet(String),
    /// No such type is known.
    Unknown,
}

/// Reads an event by its type, as GitHub names it in `X-GitHub-Event`.
pub(crate) fn read<'p>(event: &str, payload: &'p Value, successes: bool) -> Note<'p> {
    match (event, text(payload, "/action")) {
        ("issues", "opened" | "closed" | "reopened") => item(payload, "Issue", &payload["issue"]),
        ("pull_request", "opened" | "closed" | "reopened" | "ready_for_review") => {
            item(payload, "Pull request", &payload["pull_request"])
        }
        ("issue_comment", "created") => comment(payload, "commented on", &payload["issue"], &payload["comment"]),
        ("pull_request_review_comment", "created") => {
            comment(payload, "commented on", &payload["pull_request"], &payload["comment"])
        }
        ("pull_request_review", "submitted") => review(payload),
        ("push", _) => push(payload),
        ("release", "published") => release(payload),
        ("star", "created") => star(payload),
        ("fork", _) => fork(payload),
        ("workflow_run", "completed") => workflow_run(payload, successes),
        ("deployment_status", "created") => deployment_status(payload, successes),
        (
            "issues"
            | "pull_request"
            | "issue_comment"
            | "pull_request_review_comment"
            | "pull_request_review"
            | "release"
            | "star"
            | "workflow_run"
            | "deployment_status",
            action,
        ) => Note::Quiet(format!("{event}.{action} is not told")),
        _ => Note::Unknown,
    }
}

/// The line for a type that has none of its own.
pub(crate) fn mention<'p>(event: &str, payload: &'p Value) -> Note<'p> {
    let action = text(payload, "/action");
    let what = if action.is_empty() { code(event) } else { code(&format!("{event}.{action}")) };
    headline(payload, &format!("{what}{}", by(payload)), "")
}

fn item<'p>(payload: &'p Value, kind: &str, item: &'p Value) -> Note<'p> {
    let action = match text(payload, "/action") {
        "closed" if item["merged"] == true => "merged",
        "ready_for_review" => "ready for review,",
        action => action,
    };
    let said = if action == "opened" { text(item, "/body") } else { "" };
    headline(payload, &format!("{kind} {action}{}: {}", by(payload), titled(item)), said)
}

/// `#1 Title`, linked.
fn titled(item: &Value) -> String {
    link(text(item, "/html_url"), &format!("#{} {}", item["number"], cut(text(item, "/title"), TITLE_CHARS_MAX)))
}

fn comment<'p>(payload: &'p Value, did: &str, item: &'p Value, comment: &'p Value) -> Note<'p> {
    let did = link(text(comment, "/html_url"), did);
    headline(payload, &format!("{} {did} {}", sender(payload), titled(item)), text(comment, "/body"))
}

fn review(payload: &Value) -> Note<'_> {
    let did = match text(payload, "/review/state") {
        "approved" => "approved",
        "changes_requested" => "asked for changes to",
        // A review that has neither verdict nor words only carries comments, which come as events of their own.
        _ if text(payload, "/review/body").is_empty() => return Note::Quiet("a review without words is not told".to_owned()),
        _ => "reviewed",
    };
    comment(payload, did, &payload["pull_request"], &payload["review"])
}

fn push(payload: &Value) -> Note<'_> {
    let reference = text(payload, "/ref");
    let (kind, name) = match reference.strip_prefix("refs/tags/") {
        Some(tag) => ("tag", tag),
        None => ("branch", reference.trim_start_matches("refs/heads/")),
    };
    let (kind, name, by) = (kind, code(name), by(payload));
    if payload["deleted"] == true {
        return headline(payload, &format!("{kind} {name} deleted{by}"), "");
    }
    let commits = payload["commits"].as_array().map(Vec::as_slice).unwrap_or_default();
    let compare = text(payload, "/compare");
    let what = match commits.len() {
        0 if payload["created"] == true => format!("{kind} {name} {}{by}", link(compare, "created")),
        0 => format!("{kind} {name} {}{by}", link(compare, "moved")),
        1 => format!("{} pushed to {name}{by}", link(compare, "1 commit")),
        many => format!("{} pushed to {name}{by}", link(compare, &format!("{many} commits"))),
    };
    let what = if payload["forced"] == true { format!("{what}, by force") } else { what };
    with_list(headline(payload, &what, ""), commit_lines(commits))
}

fn commit_lines(commits: &[Value]) -> Vec<String> {
    let one = |commit: &Value| {
        let hash: String = text(commit, "/id").chars().take(7).collect();
        let subject = text(commit, "/message").lines().next().unwrap_or_default();
        let author = line(&cut(text(commit, "/author/name"), 50));
        format!("• {} {} ({author})", link(text(commit, "/url"), &hash), line(&cut(subject, 100)))
    };
    let mut lines: Vec<_> = commits.iter().take(COMMITS_MAX).map(one).collect();
    if commits.len() > COMMITS_MAX {
        lines.push(format!("… and {} more", commits.len() - COMMITS_MAX));
    }
    lines
}

fn release(payload: &Value) -> Note<'_> {
    let tag = text(payload, "/release/tag_name");
    let name = Some(text(payload, "/release/name")).filter(|name| !name.is_empty()).unwrap_or(tag);
    let kind = if payload["release"]["prerelease"] == true { "Pre-release" } else { "Release" };
    let release = link(text(payload, "/release/html_url"), &cut(name, TITLE_CHARS_MAX));
    headline(payload, &format!("{kind} published{}: {release}", by(payload)), text(payload, "/release/body"))
}

fn star(payload: &Value) -> Note<'_> {
    let stars = match payload["repository"]["stargazers_count"].as_u64() {
        Some(1) => ", the first".to_owned(),
        Some(count) => format!(", now {count} stars"),
        None => String::new(),
    };
    headline(payload, &format!("starred{}{stars}", by(payload)), "")
}

fn fork(payload: &Value) -> Note<'_> {
    let fork = link(text(payload, "/forkee/html_url"), text(payload, "/forkee/full_name"));
    headline(payload, &format!("forked{} to {fork}", by(payload)), "")
}

fn workflow_run(payload: &Value, successes: bool) -> Note<'_> {
    let ended = match text(payload, "/workflow_run/conclusion") {
        "failure" | "startup_failure" => "failed",
        "timed_out" => "timed out",
        "action_required" => "waits for an approval",
        "success" if successes => "succeeded",
        other => return Note::Quiet(format!("a workflow run that ended as {other:?} is not told")),
    };
    let name = format!("{} #{}", text(payload, "/workflow_run/name"), payload["workflow_run"]["run_number"]);
    let run = link(text(payload, "/workflow_run/html_url"), &cut(&name, TITLE_CHARS_MAX));
    let branch = code(text(payload, "/workflow_run/head_branch"));
    let said = text(payload, "/workflow_run/head_commit/message").lines().next().unwrap_or_default();
    headline(payload, &format!("Workflow {ended} on {branch}: {run}"), said)
}

fn deployment_status(payload: &Value, successes: bool) -> Note<'_> {
    let ended = match text(payload, "/deployment_status/state") {
        "failure" | "error" => "failed",
        "success" if successes => "succeeded",
        other => return Note::Quiet(format!("a deployment in the state {other:?} is not told")),
    };
    let environment = code(text(payload, "/deployment/environment"));
    let reference = code(text(payload, "/deployment/ref"));
    let ended = link(text(payload, "/deployment_status/log_url"), ended);
    headline(
        payload,
        &format!("Deployment of {reference} to {environment} {ended}"),
        text(payload, "/deployment_status/description"),
    )
}

/// The line begins with where it happened: the repository, else the organization.
fn headline<'p>(payload: &Value, what: &str, said: &'p str) -> Note<'p> {
    let repository = link(text(payload, "/repository/html_url"), text(payload, "/repository/full_name"));
    let place = if repository.is_empty() { line(text(payload, "/organization/login")) } else { repository };
    let headline = if place.is_empty() { what.to_owned() } else { format!("[{place}] {what}") };
    Note::Told { headline, said, list: Vec::new() }
}

fn with_list<'p>(note: Note<'p>, lines: Vec<String>) -> Note<'p> {
    match note {
        Note::Told { headline, said, .. } => Note::Told { headline, said, list: lines },
        other => other,
    }
}

fn by(payload: &Value) -> String {
    let sender = sender(payload);
    if sender.is_empty() { sender } else { format!(" by {sender}") }
}

fn sender(payload: &Value) -> String {
    link(text(payload, "/sender/html_url"), text(payload, "/sender/login"))
}

/// The text at a JSON pointer; empty where there is none.
fn text<'p>(payload: &'p Value, pointer: &str) -> &'p str {
    payload.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}
