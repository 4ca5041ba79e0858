//! The events that a host is loaded with, one kind for each thing that can become of one; and what has to arrive of each.

use serde_json::{Value, json};

/// The rule, the destination and the path of a kind have its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    /// Goes on as it is.
    Plain,
    /// Passes a filter.
    Human,
    /// The filter drops it.
    Bot,
    /// Becomes several.
    Split,
    /// Is counted in the state of a plugin.
    Count,
    /// Joins a batch that a plugin folds.
    Push,
    /// Joins a batch without a plugin.
    Collect,
    /// Its destination fails at first.
    Flaky,
    /// Its destination is slow.
    Slow,
    /// Its destination fails at first, and wants those of one sender in their order.
    Ordered,
    /// Is posted more than once, with an idempotency key.
    Once,
}

/// How many messages a [`Kind::Split`] becomes.
const PIECES: u64 = 3;

impl Kind {
    pub(super) const ALL: [Self; 11] = [
        Self::Plain,
        Self::Human,
        Self::Bot,
        Self::Split,
        Self::Count,
        Self::Push,
        Self::Collect,
        Self::Flaky,
        Self::Slow,
        Self::Ordered,
        Self::Once,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Human => "human",
            Self::Bot => "bot",
            Self::Split => "split",
            Self::Count => "count",
            Self::Push => "push",
            Self::Collect => "collect",
            Self::Flaky => "flaky",
            Self::Slow => "slow",
            Self::Ordered => "ordered",
            Self::Once => "once",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Of the `number`-th event.
    pub(super) fn of(number: u64) -> Self {
        let kinds = Self::ALL.len() as u64;
        Self::ALL[usize::try_from(number % kinds).unwrap_or(0)]
    }

    /// What is posted. No two have the same bytes.
    pub(super) fn body(self, number: u64) -> String {
        match self {
            Self::Human => json!({ "n": number, "sender": { "login": "ada", "type": "User" } }).to_string(),
            Self::Bot => json!({ "n": number, "sender": { "login": "hal", "type": "Bot" } }).to_string(),
            Self::Split => (0..PIECES).map(|piece| format!("{number}/{piece}\n")).collect(),
            Self::Push => json!({
                "ref": "refs/heads/main",
                "repository": { "full_name": format!("a/{}", number % 2) },
                "compare": number.to_string(),
                "pusher": { "name": "ada" },
            })
            .to_string(),
            Self::Collect => number.to_string(),
            Self::Plain | Self::Count | Self::Flaky | Self::Slow | Self::Ordered | Self::Once => {
                json!({ "n": number }).to_string()
            }
        }
    }

    /// What has to arrive of the `number`-th event, each in one message and no other; of a count only that there is one.
    pub(super) fn tokens(self, number: u64) -> Vec<String> {
        match self {
            Self::Bot | Self::Count => Vec::new(),
            Self::Split => (0..PIECES).map(|piece| format!("{number}/{piece}")).collect(),
            Self::Plain | Self::Human | Self::Push | Self::Collect | Self::Flaky | Self::Slow | Self::Ordered | Self::Once => {
                vec![number.to_string()]
            }
        }
    }

    /// The tokens that a message carries; `None`: it is nothing that this kind's rule could have sent.
    pub(super) fn carried(self, body: &[u8]) -> Option<Vec<String>> {
        let json = || serde_json::from_slice::<Value>(body).ok();
        let number = |value: &Value| value.as_u64().map(|number| number.to_string());
        match self {
            Self::Bot => None,
            Self::Split => Some(vec![String::from_utf8(body.to_vec()).ok()?]),
            Self::Count => Some(vec![number(&json()?)?]),
            Self::Push => json()?["compare"].as_array()?.iter().map(|page| page.as_str().map(str::to_owned)).collect(),
            Self::Collect => json()?.as_array()?.iter().map(number).collect(),
            Self::Plain | Self::Human | Self::Flaky | Self::Slow | Self::Ordered | Self::Once => {
                Some(vec![number(&json()?["n"])?])
            }
        }
    }
}
