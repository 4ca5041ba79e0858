//! How a trial is told: in one line, in full, and as JSON.

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::trial::{Became, Trial};
use crate::{
    event::{Header, Message, StateEntry},
    plugin::{Decision, FaultKind, Response},
};

/// `drop    fuel 201k/400k  mem 1.1 MiB  0.3 ms`
pub(super) fn line(trial: &Trial, max_fuel: Option<u64>) -> String {
    let used = used(trial.fuel(), max_fuel, trial.memory_bytes(), trial.elapsed_us());
    format!("{:<6}  {used}", label(&trial.became))
}

/// `fuel 201k/400k  mem 1.1 MiB  0.3 ms`
pub(super) fn used(fuel: u64, max_fuel: Option<u64>, memory_bytes: u64, elapsed_us: u64) -> String {
    let budget = max_fuel.map_or_else(String::new, |fuel| format!("/{}", thousands(fuel)));
    let tenths_ms = elapsed_us.div_ceil(100);
    format!("fuel {}{budget}  mem {}  {}.{} ms", thousands(fuel), mebibytes(memory_bytes), tenths_ms / 10, tenths_ms % 10)
}

/// What became of it: `keep`, `drop`, `emit`, or how it failed and by which code.
pub(super) fn label(became: &Became) -> String {
    match became {
        Became::Kept => "keep".to_owned(),
        Became::Dropped(_) => "drop".to_owned(),
        Became::Messages(_) => "emit".to_owned(),
        Became::Judged(Decision::Accepted(_)) => "accept".to_owned(),
        Became::Judged(Decision::Refused(_)) => "refuse".to_owned(),
        Became::Judged(Decision::Answered(_)) => "answer".to_owned(),
        Became::Failed(fault) => format!("{} {}", kind(fault.kind), fault.failure.code),
    }
}

/// Under which name a fixture expects a failure.
pub(super) fn kind(kind: FaultKind) -> &'static str {
    match kind {
        FaultKind::Rejected => "reject",
        FaultKind::RetryAsked { .. } => "retry",
        _ => "fault",
    }
}

/// For a person: the line, then reason or messages, then what was logged.
pub(super) fn text(trial: &Trial) -> String {
    let mut text = line(trial, None);
    if let Some(key) = &trial.key {
        text += &format!("\nbatch key: {key}");
    }
    match &trial.became {
        Became::Kept => {}
        Became::Judged(Decision::Accepted(facts)) => {
            facts.iter().for_each(|fact| text += &format!("\nattribute {}: {}", fact.key, fact.value));
        }
        Became::Judged(Decision::Answered(response)) => text += &answered(response),
        Became::Dropped(reason) | Became::Judged(Decision::Refused(reason)) => text += &format!("\nreason: {reason}"),
        Became::Failed(fault) => text += &format!("\n{}: {}", kind(fault.kind), fault.failure.message),
        Became::Messages(messages) => {
            for (index, message) in messages.iter().enumerate() {
                // Writing to a String cannot fail.
                let _ = write!(text, "\n\nmessage {}", index + 1);
                text += &in_full(message);
            }
            text += "\n";
        }
    }
    for (key, entry) in &trial.state {
        text += &format!("\nstate {key}: {}", String::from_utf8_lossy(&entry.value).escape_debug());
    }
    for line in trial.logs() {
        text += &format!("\nlog: {line}");
    }
    text
}

fn answered(response: &Response) -> String {
    let mut text = format!("\n\nstatus {}", response.status);
    for header in &response.headers {
        text += &format!("\n  header {}: {}", header.name, header.value);
    }
    format!("{text}\n{}\n", String::from_utf8_lossy(&response.body))
}

fn in_full(message: &Message) -> String {
    let mut text = format!("\n  type: {}", message.event_type);
    if let Some(content_type) = &message.content_type {
        text += &format!("\n  content-type: {content_type}");
    }
    for header in &message.headers {
        text += &format!("\n  header {}: {}", header.name, header.value);
    }
    if let Some(route) = &message.route {
        text += &format!("\n  route: {route}");
    }
    format!("{text}\n{}", body(message))
}

/// The body as text; what is no UTF-8 is replaced.
pub(super) fn body(message: &Message) -> String {
    String::from_utf8_lossy(message.body.as_deref().unwrap_or_default()).into_owned()
}

pub(super) fn as_json(trial: &Trial) -> Value {
    let mut told = json!({
        "outcome": label(&trial.became),
        "fuel": trial.fuel(),
        "memory_bytes": trial.memory_bytes(),
        "elapsed_us": trial.elapsed_us(),
        "logs": trial.logs().collect::<Vec<_>>(),
    });
    if !trial.state.is_empty() {
        told["state"] = trial.state.iter().map(|(key, entry)| (key.clone(), state_json(entry))).collect();
    }
    if let Some(key) = &trial.key {
        told["batch_key"] = json!(key);
    }
    match &trial.became {
        Became::Kept => {}
        Became::Dropped(reason) | Became::Judged(Decision::Refused(reason)) => told["reason"] = json!(reason),
        Became::Judged(Decision::Accepted(facts)) => {
            told["attributes"] = facts.iter().map(|fact| (fact.key.clone(), json!(fact.value))).collect();
        }
        Became::Judged(Decision::Answered(response)) => {
            let body = String::from_utf8_lossy(&response.body);
            told["answer"] = json!({ "status": response.status, "headers": headers_json(&response.headers), "body": body });
        }
        Became::Failed(fault) => {
            told["outcome"] = json!(kind(fault.kind));
            told["failure"] = json!({ "code": fault.failure.code, "message": fault.failure.message });
        }
        Became::Messages(messages) => told["messages"] = messages.iter().map(message_json).collect(),
    }
    told
}

fn state_json(entry: &StateEntry) -> Value {
    json!({ "value_base64": STANDARD.encode(&entry.value), "expires_at_ms": entry.expires_at.map(|at| at.0) })
}

fn message_json(message: &Message) -> Value {
    json!({
        "type": message.event_type,
        "content_type": message.content_type,
        "headers": headers_json(&message.headers),
        "route": message.route,
        "body": body(message),
    })
}

fn headers_json(headers: &[Header]) -> Value {
    headers.iter().map(|header| json!({ "name": header.name, "value": header.value })).collect()
}

/// `201k`: to be compared at a glance, and never less than it was.
pub(super) fn thousands(fuel: u64) -> String {
    format!("{}k", fuel.div_ceil(1000))
}

/// `1.1 MiB`, and never less than it was.
pub(super) fn mebibytes(bytes: u64) -> String {
    let tenths = bytes.saturating_mul(10).div_ceil(1 << 20);
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}

/// What differs between two texts, with two lines around it: `-` was expected, `+` is there.
pub(super) fn diff(expected: &str, found: &str) -> String {
    let (expected, found): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), found.lines().collect());
    let same = expected.iter().zip(&found).take_while(|(a, b)| a == b).count();
    let least = expected.len().min(found.len()) - same;
    let same_end = expected.iter().rev().zip(found.iter().rev()).take(least).take_while(|(a, b)| a == b).count();
    let around = |lines: &[&str]| lines.iter().map(|line| format!("    {line}\n")).collect::<String>();
    let marked = |mark: char, lines: &[&str]| lines.iter().map(|line| format!("  {mark} {line}\n")).collect::<String>();
    let end = expected.len() - same_end;
    around(&expected[same.saturating_sub(2)..same])
        + &marked('-', &expected[same..end])
        + &marked('+', &found[same..found.len() - same_end])
        + &around(&expected[end..(end + 2).min(expected.len())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diff_shows_what_changed_and_two_lines_around_it() {
        assert_eq!(diff("a\nb\nc\nd\ne\nf\n", "a\nb\nc\nx\ny\ne\nf\n"), "    b\n    c\n  - d\n  + x\n  + y\n    e\n    f\n");
        assert_eq!(diff("a", ""), "  - a\n");
        assert_eq!(diff("a\na", "a"), "    a\n  - a\n");
    }
}
