//! `sluicebox events`, `deliveries`, `runs` and `batches`: listings as tables, one thing as its JSON.

use serde_json::Value;

use super::{
    Hub,
    client::{Client, segment},
    table::table,
};

#[derive(Debug, clap::Args)]
pub(super) struct EventArguments {
    /// Show this event with its runs and deliveries.
    id: Option<String>,
    #[command(flatten)]
    filters: EventFilters,
    #[command(flatten)]
    page: Page,
    #[command(flatten)]
    hub: Hub,
}

/// Which events.
#[derive(Debug, clap::Args)]
pub(super) struct EventFilters {
    /// Of this source only.
    #[arg(long)]
    source: Option<String>,
    /// Of this type only.
    #[arg(long = "type")]
    event_type: Option<String>,
    /// Of this subject only.
    #[arg(long)]
    subject: Option<String>,
    /// That its sender calls by this id only.
    #[arg(long)]
    external_id: Option<String>,
    /// Received at this time or later: 2026-01-31T12:00:00Z.
    #[arg(long)]
    since: Option<String>,
    /// Received before this time.
    #[arg(long)]
    until: Option<String>,
}

impl EventFilters {
    pub(super) fn query(self) -> Query {
        given([
            ("source", self.source),
            ("type", self.event_type),
            ("subject", self.subject),
            ("external_id", self.external_id),
            ("since", self.since),
            ("until", self.until),
        ])
    }
}

/// By what work tells of itself.
#[derive(Debug, clap::Args)]
pub(super) struct Narrow {
    /// Of events of this source only.
    #[arg(long)]
    source: Option<String>,
    /// Of events of this type only.
    #[arg(long = "type")]
    event_type: Option<String>,
    /// That failed by this code only: timeout, status-500, panic.
    #[arg(long)]
    code: Option<String>,
    /// Whose failure's text contains this only.
    #[arg(long)]
    text: Option<String>,
    /// Made (of dead letters: given up) at this time or later: 2026-01-31T12:00:00Z.
    #[arg(long)]
    since: Option<String>,
    /// Made (of dead letters: given up) before this time.
    #[arg(long)]
    until: Option<String>,
}

impl Narrow {
    pub(super) fn query(self) -> Query {
        given([
            ("source", self.source),
            ("type", self.event_type),
            ("code", self.code),
            ("text", self.text),
            ("since", self.since),
            ("until", self.until),
        ])
    }
}

#[derive(Debug, clap::Args)]
pub(super) struct DeliveryArguments {
    /// Show this delivery with its attempts.
    id: Option<String>,
    /// In this state only: waiting, delivered or dead.
    #[arg(long)]
    state: Option<String>,
    /// Of this rule only.
    #[arg(long)]
    rule: Option<String>,
    /// To this destination only.
    #[arg(long)]
    destination: Option<String>,
    #[command(flatten)]
    narrow: Narrow,
    #[command(flatten)]
    page: Page,
    #[command(flatten)]
    hub: Hub,
}

#[derive(Debug, clap::Args)]
pub(super) struct RunArguments {
    /// In this state only: pending, held, batched, planned, dropped or dead.
    #[arg(long)]
    state: Option<String>,
    /// Of this rule only.
    #[arg(long)]
    rule: Option<String>,
    #[command(flatten)]
    narrow: Narrow,
    #[command(flatten)]
    page: Page,
    #[command(flatten)]
    hub: Hub,
}

#[derive(Debug, clap::Args)]
pub(super) struct BatchArguments {
    /// In this state only: open, closed, planned, dropped or dead.
    #[arg(long)]
    state: Option<String>,
    /// Of this rule only.
    #[arg(long)]
    rule: Option<String>,
    #[command(flatten)]
    narrow: Narrow,
    #[command(flatten)]
    page: Page,
    #[command(flatten)]
    hub: Hub,
}

#[derive(Debug, clap::Args)]
struct Page {
    /// How many, newest first.
    #[arg(long)]
    limit: Option<usize>,
    /// What follows this cursor, which the page before ended with.
    #[arg(long)]
    after: Option<String>,
}

pub(super) type Query = Vec<(&'static str, String)>;

pub(super) async fn events(arguments: EventArguments) -> anyhow::Result<()> {
    let columns = ["id", "received_at", "source", "type", "body_bytes"];
    show(&arguments.hub, "events", arguments.id, query(arguments.filters.query(), &arguments.page), &columns).await
}

pub(super) async fn deliveries(arguments: DeliveryArguments) -> anyhow::Result<()> {
    let filters = given([("state", arguments.state), ("rule", arguments.rule), ("destination", arguments.destination)])
        .into_iter()
        .chain(arguments.narrow.query());
    let columns = ["id", "created_at", "rule", "destination", "state", "attempts", "last_status", "failure"];
    show(&arguments.hub, "deliveries", arguments.id, query(filters, &arguments.page), &columns).await
}

pub(super) async fn runs(arguments: RunArguments) -> anyhow::Result<()> {
    let filters = given([("state", arguments.state), ("rule", arguments.rule)]).into_iter().chain(arguments.narrow.query());
    let columns = ["id", "event", "rule", "revision", "state", "attempts", "failure"];
    show(&arguments.hub, "runs", None, query(filters, &arguments.page), &columns).await
}

pub(super) async fn batches(arguments: BatchArguments) -> anyhow::Result<()> {
    let filters = given([("state", arguments.state), ("rule", arguments.rule)]).into_iter().chain(arguments.narrow.query());
    let columns = ["id", "opened_at", "rule", "key", "state", "reason", "events", "bytes", "attempts", "failure"];
    show(&arguments.hub, "batches", None, query(filters, &arguments.page), &columns).await
}

/// The filters that were given.
fn given<const N: usize>(filters: [(&'static str, Option<String>); N]) -> Query {
    filters.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
}

fn query(filters: impl IntoIterator<Item = (&'static str, String)>, page: &Page) -> Query {
    let page = given([("limit", page.limit.map(|n| n.to_string())), ("after", page.after.clone())]);
    filters.into_iter().chain(page).collect()
}

async fn show(hub: &Hub, what: &str, id: Option<String>, query: Query, columns: &[&str]) -> anyhow::Result<()> {
    let path = id.as_ref().map_or_else(|| format!("/v1/{what}"), |id| format!("/v1/{what}/{}", segment(id)));
    let answer: Value = Client::new(hub)?.get(&path, &query).await?;
    if hub.json || id.is_some() {
        outln!("{}", serde_json::to_string_pretty(&answer)?);
        return Ok(());
    }
    out!("{}", table(columns, answer["items"].as_array().map_or(&[], Vec::as_slice)));
    if let Some(next) = answer["next"].as_str() {
        outln!("more: --after {next}");
    }
    Ok(())
}
