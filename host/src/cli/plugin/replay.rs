//! The last real events of a host, through a plugin on this machine.

use std::str::FromStr;

use anyhow::Context;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{fixture, run::settings, told, trial::Bench};
use crate::{
    cli::{Hub, client::Client},
    event::{Attribute, Event, Header, Name, Timestamp},
};

#[derive(Debug, clap::Args)]
pub(super) struct Replay {
    /// Run so many of the last events of a host through each build, on this machine.
    #[arg(long, value_name = "N")]
    events: Option<usize>,
    /// Of those, only what came in by this source.
    #[arg(long, requires = "events")]
    source: Option<Name>,
    /// The plugin of the host whose settings these events are run with.
    #[arg(long, value_name = "NAME", requires = "events")]
    plugin: Option<Name>,
    /// Or these settings: a JSON object, or a .json or .toml file.
    #[arg(long, value_name = "JSON|FILE", requires = "events", conflicts_with = "plugin")]
    config: Option<String>,
    #[command(flatten)]
    hub: Hub,
}

impl Replay {
    /// Finds what is wrong before anything is built.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        self.config.as_deref().map_or(Ok(()), |config| settings(config).map(drop)).context("--config")
    }

    /// Whether all is told as JSON.
    pub(super) fn as_json(&self) -> bool {
        self.hub.json
    }

    async fn settings(&self, client: &Client) -> anyhow::Result<Map<String, Value>> {
        match (&self.config, &self.plugin) {
            (Some(config), _) => settings(config).context("--config"),
            (None, Some(name)) => {
                let mut plugin: Map<String, Value> = client.get(&format!("/v1/plugins/{name}"), &[]).await?;
                Ok(plugin.remove("config").and_then(|config| config.as_object().cloned()).unwrap_or_default())
            }
            (None, None) => Ok(Map::new()),
        }
    }
}

/// What became of an event.
pub(super) struct Replayed {
    pub(super) id: String,
    pub(super) event_type: String,
    pub(super) line: String,
}

/// Tells what becomes of each, the oldest first. Nothing of it reaches the host: grants are not there, and what is drawn at random differs.
pub(super) async fn run(replay: &Replay, bench: &Bench, mut tell: impl FnMut(Replayed)) -> anyhow::Result<()> {
    let Some(count) = replay.events else { return Ok(()) };
    let client = Client::new(&replay.hub)?;
    let config = replay.settings(&client).await?;
    for id in last(&client, count, replay.source.as_ref()).await?.into_iter().rev() {
        let event: Whole = client.get(&format!("/v1/events/{id}"), &[]).await?;
        let event = event.refine().with_context(|| format!("event {id}"))?;
        let event_type = event.event_type.clone();
        let mut given = fixture::of_event(event);
        given.config.clone_from(&config);
        let trial = bench.run(&given).await.with_context(|| format!("event {id}"))?;
        tell(Replayed { id, event_type, line: told::line(&trial, None) });
    }
    Ok(())
}

/// Ids, the newest first.
async fn last(client: &Client, count: usize, source: Option<&Name>) -> anyhow::Result<Vec<String>> {
    #[derive(Deserialize)]
    struct Page {
        items: Vec<Item>,
    }
    #[derive(Deserialize)]
    struct Item {
        id: String,
    }
    let mut query = vec![("limit", count.to_string())];
    query.extend(source.map(|source| ("source", source.to_string())));
    let page: Page = client.get("/v1/events", &query).await?;
    Ok(page.items.into_iter().map(|item| item.id).collect())
}

/// An event as the API tells it.
#[derive(Deserialize)]
struct Whole {
    id: String,
    source: Name,
    #[serde(rename = "type")]
    event_type: String,
    subject: Option<String>,
    received_at: String,
    time: Option<String>,
    external_id: Option<String>,
    content_type: Option<String>,
    headers: Vec<(String, String)>,
    attributes: Map<String, Value>,
    body: Body,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Body {
    Text(String),
    Base64(String),
}

impl Whole {
    fn refine(self) -> anyhow::Result<Event> {
        let received_at = instant(&self.received_at).context("received_at")?;
        let attribute = |(key, value): (String, Value)| Some(Attribute { key, value: value.as_str()?.to_owned() });
        Ok(Event {
            workspace: Name::default_workspace(),
            id: self.id.parse().context("id")?,
            source: self.source,
            event_type: self.event_type,
            subject: self.subject,
            received_at,
            time: self.time.as_deref().map(instant).transpose().context("time")?,
            external_id: self.external_id,
            content_type: self.content_type,
            headers: self.headers.into_iter().map(|(name, value)| Header { name, value }).collect(),
            body: match self.body {
                Body::Text(text) => Bytes::from(text),
                Body::Base64(text) => Bytes::from(STANDARD.decode(text).context("body")?),
            },
            attributes: self.attributes.into_iter().filter_map(attribute).collect(),
        })
    }
}

fn instant(text: &str) -> anyhow::Result<Timestamp> {
    let instant = jiff::Timestamp::from_str(text)?;
    Ok(Timestamp(u64::try_from(instant.as_millisecond()).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_is_what_it_was() {
        let mut told = json!({
            "id": "evt_0123456789abcdef0123456789abcdef", "source": "shop", "type": "order.paid", "subject": null,
            "received_at": "2026-01-01T00:00:00.007Z", "time": "2026-01-01T00:00:00Z", "external_id": "x-1", "content_type": "text/plain",
            "headers": [["x-a", "1"], ["x-a", "2"]], "attributes": { "region": "eu" }, "body": { "text": "hello" }, "runs": [],
        });
        let refined = |told: &Value| Whole::deserialize(told).expect("an event").refine().expect("an event");
        let event = refined(&told);
        assert_eq!((event.received_at, event.body.as_ref()), (Timestamp(1_767_225_600_007), &b"hello"[..]));
        assert_eq!(event.time, Some(Timestamp(1_767_225_600_000)));
        assert_eq!(event.headers.iter().map(|header| header.value.as_str()).collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(event.attributes[0].value, "eu");
        told["body"] = json!({ "base64": "/wA=" });
        assert_eq!(refined(&told).body.as_ref(), [0xff, 0]);
    }
}
