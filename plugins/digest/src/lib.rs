//! Folds the pushes to a GitHub repository into one message: who pushed what, where, and where to look at it.

use sluicebox_sdk::prelude::*;
use std::collections::BTreeSet;

/// How the message is told apart from the pushes.
#[derive(Deserialize, Config)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The message's type.
    #[serde(rename = "type")]
    #[config(min_len = 1, max_len = 255)]
    pub event_type: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self { event_type: "push.digest".to_owned() }
    }
}

/// What is read of a push.
#[derive(Deserialize)]
struct Push {
    #[serde(rename = "ref")]
    reference: String,
    compare: String,
    #[serde(default)]
    commits: Vec<Commit>,
    pusher: Person,
}

#[derive(Deserialize)]
struct Commit {
    author: Person,
}

#[derive(Deserialize)]
struct Person {
    name: String,
}

/// What is sent.
#[derive(Serialize)]
struct Digest<'b> {
    repository: &'b str,
    pushes: usize,
    commits: usize,
    /// Who wrote the commits.
    authors: BTreeSet<String>,
    /// Who pushed them.
    pushers: BTreeSet<String>,
    branches: BTreeSet<String>,
    tags: BTreeSet<String>,
    /// One page of GitHub for each push, in order.
    compare: Vec<String>,
    /// Milliseconds since the Unix epoch.
    first_at_ms: u64,
    last_at_ms: u64,
}

/// Pushes join the batch of their repository; anything else is delivered alone.
fn repository(event: &Event) -> Result<Option<String>> {
    if event.event_type() == "push" { event.json_at("repository.full_name") } else { Ok(None) }
}

/// One message for the batch.
#[batch(key = repository)]
pub fn digest(batch: Batch, settings: Settings) -> Result<Message> {
    let mut digest = Digest {
        repository: batch.key(),
        pushes: batch.len(),
        commits: 0,
        authors: BTreeSet::new(),
        pushers: BTreeSet::new(),
        branches: BTreeSet::new(),
        tags: BTreeSet::new(),
        compare: Vec::new(),
        first_at_ms: batch.iter().map(Event::received_at_ms).min().unwrap_or_default(),
        last_at_ms: batch.iter().map(Event::received_at_ms).max().unwrap_or_default(),
    };
    for event in &batch {
        let push: Push = event.json()?;
        digest.commits += push.commits.len();
        digest.authors.extend(push.commits.into_iter().map(|commit| commit.author.name));
        digest.pushers.insert(push.pusher.name);
        if let Some(tag) = push.reference.strip_prefix("refs/tags/") {
            digest.tags.insert(tag.to_owned());
        } else {
            digest.branches.insert(push.reference.trim_start_matches("refs/heads/").to_owned());
        }
        digest.compare.push(push.compare);
    }
    Ok(Message::json(&digest)?.with_type(settings.event_type))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUSHES: [&[u8]; 3] = [
        include_bytes!("../../../tests/fixtures/github/push.json"),
        include_bytes!("../../../tests/fixtures/github/push-2.json"),
        include_bytes!("../../../tests/fixtures/github/push-3.json"),
    ];

    fn push(body: impl Into<Vec<u8>>) -> Event {
        Event::new("github", "push").with_body(body)
    }

    fn run(events: impl IntoIterator<Item = Event>) -> Value {
        let message = digest(Batch::new("Codertocat/Hello-World", events), Settings::default()).expect("a message");
        assert_eq!(message.event_type(), Some("push.digest"));
        Event::new("", "").with_body(message.body()).json().expect("JSON")
    }

    #[test]
    fn the_fixtures_pass() {
        sluicebox_sdk::testing::fixtures("fixtures", digest);
    }

    #[test]
    fn pushes_join_their_repository() {
        for body in PUSHES {
            assert_eq!(repository(&push(body)), Ok(Some("Codertocat/Hello-World".to_owned())));
        }
    }

    #[test]
    fn anything_else_is_delivered_alone() {
        let issue = include_bytes!("../../../tests/fixtures/github/issues.opened.json");
        assert_eq!(repository(&Event::new("github", "issues").with_body(*issue)), Ok(None));
    }

    #[test]
    fn real_pushes_become_one_message() {
        let events = PUSHES.into_iter().zip([3000, 1000, 2000]).map(|(body, at)| push(body).with_received_at_ms(at));
        assert_eq!(
            run(events),
            json!({
                "repository": "Codertocat/Hello-World",
                "pushes": 3,
                "commits": 0,
                "authors": [],
                "pushers": ["Codertocat"],
                "branches": [],
                "tags": ["simple-tag"],
                "compare": [
                    "https://github.com/Codertocat/Hello-World/compare/simple-tag",
                    "https://github.com/Codertocat/Hello-World/compare/d70c5c6fa638^...000000000000",
                    "https://github.com/Codertocat/Hello-World/compare/6113728f27ae...000000000000",
                ],
                "first_at_ms": 1000,
                "last_at_ms": 3000,
            })
        );
    }

    #[test]
    fn commits_are_counted_and_authors_named_once() {
        let to = |branch: &str, authors: &[&str]| {
            let commits: Vec<_> = authors.iter().map(|name| json!({ "author": { "name": name } })).collect();
            let body = json!({ "ref": branch, "compare": "c", "commits": commits, "pusher": { "name": "ada" } });
            push(body.to_string())
        };
        let digest = run([to("refs/heads/main", &["ada", "bob"]), to("refs/heads/fix/a", &["bob"])]);
        assert_eq!(digest["commits"], 3);
        assert_eq!(digest["authors"], json!(["ada", "bob"]));
        assert_eq!(digest["branches"], json!(["fix/a", "main"]));
    }

    #[test]
    fn what_is_no_push_is_rejected() {
        let error = digest(Batch::new("a/b", [push("{}")]), Settings::default()).expect_err("no push");
        assert_eq!(error, Error::reject("invalid-json", "missing field `ref` at line 1 column 2"));
    }
}
