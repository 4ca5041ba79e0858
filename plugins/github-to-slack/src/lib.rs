//! Tells GitHub's events in Slack's words: messages for an incoming webhook.
//!
//! What people wrote on GitHub is untrusted: it reaches Slack as text, never as a link or a mention of its own (`mrkdwn`).

mod mrkdwn;
mod note;

use note::Note;
use sluicebox_sdk::prelude::*;

/// What is told, and how much of it.
#[derive(Deserialize, Config)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What becomes of types that have no words here.
    #[serde(default)]
    pub unknown: Unknown,
    /// The most characters of what somebody wrote (a body, a comment); 0: none of it.
    #[serde(default = "excerpt_chars")]
    #[config(max = 500)]
    pub excerpt_chars: usize,
    /// Whether workflow runs and deployments that succeeded are told as well.
    #[serde(default)]
    pub successes: bool,
}

/// What becomes of types that have no words here.
#[derive(Clone, Copy, Default, Deserialize, Config)]
#[serde(rename_all = "lowercase")]
pub enum Unknown {
    /// They end here.
    #[default]
    Drop,
    /// They go on as they are; Slack itself would refuse them.
    Keep,
    /// One line says that they happened.
    Mention,
}

fn excerpt_chars() -> usize {
    300
}

/// Slack refuses a block with more.
const BLOCK_CHARS_MAX: usize = 3_000;

/// One message for each event that is worth telling.
#[transform]
pub fn github_to_slack(event: Event, settings: Settings) -> Result<Outcome> {
    let name = event.header("x-github-event").unwrap_or_else(|| event.event_type());
    let name = name.split('.').next().unwrap_or_default();
    let payload: Value = event.json()?;
    match (note::read(name, &payload, settings.successes), settings.unknown) {
        (Note::Quiet(why), _) => drop(why),
        (Note::Unknown, Unknown::Drop) => drop(format!("{name:?} is a type without words")),
        (Note::Unknown, Unknown::Keep) => keep(),
        (Note::Unknown, Unknown::Mention) => message(note::mention(name, &payload), &settings),
        (told, _) => message(told, &settings),
    }
}

/// `text` is what notifications show; where there is more than that line, `blocks` has all of it.
fn message(note: Note<'_>, settings: &Settings) -> Result<Outcome> {
    let Note::Told { headline, said, list } = note else { return keep() };
    // Escaped, a character is up to five; a block is never cut within one.
    let quoted = mrkdwn::quote(said, settings.excerpt_chars.min(BLOCK_CHARS_MAX / 6));
    let mut message = json!({ "text": headline, "unfurl_links": false, "unfurl_media": false });
    let more: Vec<_> = [quoted].into_iter().chain(packed(list)).filter(|part| !part.is_empty()).collect();
    if !more.is_empty() {
        message["blocks"] = [headline].into_iter().chain(more).map(|part| section(&part)).collect();
    }
    emit(Message::json(&message)?)
}

/// Lines in as few parts as Slack allows, none of them cut.
fn packed(lines: Vec<String>) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for line in lines {
        match parts.last_mut() {
            Some(part) if part.len() + line.len() < BLOCK_CHARS_MAX => {
                part.push('\n');
                part.push_str(&line);
            }
            _ => parts.push(line),
        }
    }
    parts
}

/// `verbatim`: Slack makes no links of its own of `#names` and `@names`.
fn section(mrkdwn: &str) -> Value {
    json!({ "type": "section", "text": { "type": "mrkdwn", "text": mrkdwn, "verbatim": true } })
}

#[cfg(test)]
mod tests;
