//! The two events: a real one of GitHub's, and as much of it as goes into a kibibyte.

use serde_json::{Value, json};
use sluicebox::event::{Event, EventId, Header, Name, Timestamp};
use sluicebox_tests::github;

/// 10 KiB of `issues`, as GitHub sends it.
pub(crate) fn of_10_kib() -> Event {
    let body = payload().to_string();
    assert!((9 * 1024..12 * 1024).contains(&body.len()), "{} bytes", body.len());
    event(body)
}

/// The fields that rules name, beside others up to 1 KiB.
pub(crate) fn of_1_kib() -> Event {
    let whole = payload();
    let issue = &whole["issue"];
    let mut body = json!({
        "action": whole["action"],
        "issue": {
            "number": issue["number"], "id": issue["id"], "title": issue["title"], "html_url": issue["html_url"],
            "comments": issue["comments"], "user": { "login": issue["user"]["login"] }, "labels": issue["labels"],
        },
        "repository": { "name": whole["repository"]["name"], "full_name": whole["repository"]["full_name"] },
        "sender": { "login": whole["sender"]["login"] },
    });
    let room = 1024_usize.saturating_sub(body.to_string().len() + r#","pad":{}"#.len());
    let pad: serde_json::Map<_, _> = (0..room / 24).map(|n| (format!("field_{n:02}"), json!("some text"))).collect();
    body["pad"] = Value::Object(pad);
    let body = body.to_string();
    assert!((950..1100).contains(&body.len()), "{} bytes", body.len());
    event(body)
}

/// What is in it, so that rules can be made to match.
pub(crate) fn data(event: &Event) -> Value {
    serde_json::from_slice(&event.body).expect("JSON")
}

fn payload() -> Value {
    let payloads = github::payloads();
    let opened = payloads.iter().find(|payload| payload.name == "issues.opened").expect("a fixture");
    serde_json::from_slice(&opened.body).expect("JSON")
}

fn event(body: String) -> Event {
    let header = |name: &str, value: &str| Header { name: name.to_owned(), value: value.to_owned() };
    Event {
        workspace: Name::default_workspace(),
        id: EventId::from_bytes([1; 16]),
        source: "github".parse().expect("a name"),
        event_type: "issues".to_owned(),
        subject: None,
        received_at: Timestamp(0),
        time: None,
        external_id: None,
        content_type: Some("application/json".to_owned()),
        headers: vec![header("content-type", "application/json"), header("x-forwarded-for", "203.0.113.7")],
        body: body.into(),
        attributes: Vec::new(),
    }
}
