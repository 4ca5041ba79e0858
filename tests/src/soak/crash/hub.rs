//! The hub file of the host that is killed: for each kind of event a rule and a destination, and two entries that only change.

use std::collections::BTreeMap;

use super::kind::Kind;
use crate::{Api, guests};

/// Beside the kinds that need none: the plugin's name, its guest and its table.
const PLUGINS: [(Kind, &str, &str); 4] = [
    (Kind::Human, "only-humans", ""),
    (Kind::Split, "misbehave", "config = { mode = \"split\" }"),
    (Kind::Count, "remember", "config = { does = \"count\" }\ngrants = { state = true }"),
    (Kind::Push, "digest", ""),
];

/// The destination whose URL is the marker.
pub(super) const MARKER: &str = "marker";
/// The plugin that changes, and that nothing uses.
pub(super) const COMPONENT: &str = "component";

/// The header with the idempotency key of an event that is posted more than once.
pub(super) const KEY: &str = "idempotency-key";
/// The header that tells a sender; destinations with an order get it too.
pub(super) const SENDER: &str = "x-sender";

/// Uploads what is needed and applies it all.
pub(super) async fn apply(api: &Api, sink: &str) {
    let mut digests = BTreeMap::new();
    for (_, guest, _) in PLUGINS {
        digests.insert(guest, api.upload(guests::component(guest)).await.expect("a component"));
    }
    let mut hub = format!(
        "[sources.open]\nverify = {{ scheme = \"none\" }}\ntype = {{ header = \"x-type\" }}\n\
         idempotency = {{ key = {{ header = \"{KEY}\" }}, window = \"1d\" }}\n"
    );
    for (_, guest, table) in PLUGINS {
        hub += &format!("[plugins.{guest}]\ndigest = \"{}\"\n{table}\n", digests[guest]);
    }
    for kind in Kind::ALL {
        hub += &entries(kind, sink);
    }
    api.apply(&(hub + &destination(MARKER, &marker(sink, 0)))).await;
}

/// The marker at this value.
pub(super) fn marker(sink: &str, value: u64) -> String {
    format!("{sink}/marker/{value}")
}

/// A component like no other: a custom section tells it apart.
pub(super) fn component(value: u64) -> Vec<u8> {
    let mut component = guests::component("only-humans");
    // An id of 0, the length of what follows, and of its name.
    component.extend([0, 13, 4]);
    component.extend([&b"soak"[..], &value.to_le_bytes()].concat());
    component
}

fn entries(kind: Kind, sink: &str) -> String {
    let name = kind.name();
    let rule = match kind {
        // The rule of humans meets them.
        Kind::Bot => return String::new(),
        Kind::Human => "match.type = [\"human\", \"bot\"]\n".to_owned(),
        _ => format!("match.type = [\"{name}\"]\n"),
    };
    let plugin = PLUGINS.iter().find(|(of, ..)| *of == kind);
    let plugins = plugin.map_or_else(String::new, |(_, plugin, _)| format!("plugins = [\"{plugin}\"]\n"));
    let batch = match kind {
        Kind::Push => "batch = { max_events = 3, max_age = \"200ms\" }\n",
        Kind::Collect => "batch = { max_events = 4, max_age = \"150ms\" }\n",
        _ => "",
    };
    let destination = destination(name, &format!("{sink}/{name}"));
    let order = if kind == Kind::Ordered {
        format!("order = {{ header = \"{SENDER}\" }}\nheaders = {{ {SENDER} = \"{{headers.{SENDER}}}\" }}\n")
    } else {
        String::new()
    };
    format!("{destination}{order}[rules.{name}]\n{rule}{plugins}{batch}destinations = [\"{name}\"]\n")
}

fn destination(name: &str, url: &str) -> String {
    // A published vector of Standard Webhooks.
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    format!(
        "[destinations.{name}]\nurl = \"{url}\"\nsecret = \"{secret}\"\nretry = {{ first = \"100ms\", max = \"100ms\" }}\n\
         breaker = {{ open = \"1s\", open_max = \"1s\" }}\n"
    )
}
