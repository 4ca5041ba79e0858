//! The rule sets. In each as many rules match, however many there are: the first ten, unless it is said.

use serde_json::{Value, json};
use sluicebox::{
    event::Event,
    route::{Index, Pattern},
};

use super::events::data;

/// A rule set.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) rules: usize,
    pub(crate) index: Index,
}

/// All of them, for an event like this.
pub(crate) fn all(event: &Event) -> Vec<Case> {
    let counts = [
        ("mixed", &[10, 1_000, 100_000][..]),
        ("skewed", &[10, 1_000, 100_000]),
        ("anything-but", &[10, 1_000, 100_000]),
        ("wildcards", &[10, 1_000, 10_000]),
        ("same-beginning", &[10, 1_000, 10_000]),
    ];
    let case = |name, rules| Case { name, rules, index: Index::new(patterns(name, rules, event)) };
    counts.iter().flat_map(|(name, counts)| counts.iter().map(move |rules| case(name, *rules))).collect()
}

/// The patterns of a rule set.
pub(crate) fn patterns(name: &str, count: usize, event: &Event) -> Vec<Pattern> {
    let body = data(event);
    let pattern = |n| match name {
        "mixed" => mixed(n, &body),
        "skewed" => skewed(n, &body),
        "anything-but" => anything_but(n, &body),
        "wildcards" => wildcards(n, &body),
        _ => same_beginning(n),
    };
    (0..count).map(|n| Pattern::parse(&pattern(n)).expect("a pattern")).collect()
}

/// Ten operators in turn, each on a field of its own; half of the rules name the type too.
fn mixed(n: usize, body: &Value) -> Value {
    let is_first = n < 10;
    let (issue, repository) = (&body["issue"], &body["repository"]);
    let text = |value: &Value, other: String| if is_first { value.clone() } else { json!(other) };
    let id = issue["id"].as_u64().expect("a number");
    let mut pattern = match n % 10 {
        0 => {
            json!({ "data": { "issue": { "number": [if is_first { issue["number"].clone() } else { json!(n + 1_000_000) }] } } })
        }
        1 => {
            json!({ "data": { "issue": { "html_url": [{ "prefix": text(&issue["html_url"], format!("https://github.com/org-{n}/")) }] } } })
        }
        2 => {
            json!({ "data": { "repository": { "full_name": [{ "suffix": text(&repository["name"], format!("/repository-{n}")) }] } } })
        }
        3 => {
            json!({ "data": { "sender": { "login": [{ "equals-ignore-case": text(&body["sender"]["login"], format!("SOMEBODY-{n}")) }] } } })
        }
        4 => {
            let title = issue["title"].as_str().expect("a title");
            json!({ "data": { "issue": { "title": [{ "wildcard": if is_first { format!("{}*", &title[..3]) } else { format!("*error {n} in*") } }] } } })
        }
        5 => {
            let from = if is_first { id } else { id + 10 * n as u64 };
            json!({ "data": { "issue": { "id": [{ "numeric": [">=", from, "<", from + 5] }] } } })
        }
        6 => {
            let block = if is_first { "203.0.113.0/24".to_owned() } else { format!("10.{}.{}.0/24", n / 256 % 256, n % 256) };
            json!({ "headers": { "x-forwarded-for": [{ "cidr": block }] } })
        }
        7 => {
            json!({ "data": { "action": [{ "anything-but": ["closed", "deleted"] }], "repository": { "name": [text(&repository["name"], format!("repo-{n}"))] } } })
        }
        8 => {
            let label = text(&issue["labels"][0]["name"], format!("label-{n}"));
            json!({ "data": { "issue": { "labels": { "name": [label], "default": [true] } } } })
        }
        _ => {
            json!({ "data": { "issue": { "comments": [{ "exists": true }], "user": { "login": [text(&issue["user"]["login"], format!("user-{n}")), format!("other-{n}")] } } } })
        }
    };
    if n.is_multiple_of(2) {
        pattern["type"] = json!(["issues"]);
    }
    pattern
}

/// All name the same type and one of two actions, and differ in another field.
fn skewed(n: usize, body: &Value) -> Value {
    let issue = &body["issue"];
    let number = if n < 10 { issue["number"].clone() } else { json!(n + 1_000_000) };
    let action = if n.is_multiple_of(2) || n < 10 { &body["action"] } else { &json!("closed") };
    json!({ "source": ["github"], "type": ["issues"], "data": { "action": [action], "issue": { "number": [number], "title": [{ "exists": true }] } } })
}

/// All conditions but one are `anything-but`, and hold.
fn anything_but(n: usize, body: &Value) -> Value {
    let login = if n < 10 { body["sender"]["login"].clone() } else { json!(format!("user-{n}")) };
    json!({
        "type": [{ "anything-but": [format!("type-{n}"), "push"] }],
        "data": { "action": [{ "anything-but": { "prefix": format!("x{n}") } }], "sender": { "login": [login] } },
    })
}

/// Wildcards of many words on one field.
fn wildcards(n: usize, body: &Value) -> Value {
    let title = body["issue"]["title"].as_str().expect("a title");
    let wildcard =
        if n < 10 { format!("*{}*{}", &title[1..5], &title[6 + n % 3..]) } else { format!("*word {n} in*some {}*", n % 100) };
    json!({ "data": { "issue": { "title": [{ "wildcard": wildcard }] } } })
}

/// Wildcards that all begin and end alike, as the field does; none matches.
fn same_beginning(n: usize) -> Value {
    json!({ "data": { "issue": { "html_url": [{ "wildcard": format!("https://*{}*{}*/issues/*", n % 100, n / 100) }] } } })
}
