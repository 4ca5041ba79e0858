//! `sluicebox audit`: who changed what, when, and from where.

use anyhow::Context as _;
use http::HeaderMap;
use serde_json::{Value, json};

use super::{Hub, client::Client, out, show::Query, table::table};
use crate::api::{AuditPage, AuditTold};

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    export: Option<Command>,
    #[command(flatten)]
    which: Which,
    /// How many, newest first.
    #[arg(long)]
    limit: Option<usize>,
    /// Older than this cursor, which the page before ended with.
    #[arg(long)]
    after: Option<String>,
    #[command(flatten)]
    hub: Hub,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Write all entries, oldest first, one line of JSON each.
    Export(ExportArguments),
}

#[derive(Debug, clap::Args)]
struct ExportArguments {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    hub: Hub,
}

/// Which entries.
#[derive(Debug, clap::Args)]
struct Which {
    /// By this key only, as in `admin`.
    #[arg(long = "by", value_name = "KEY_ID")]
    by: Option<String>,
    /// Of this action only, as in `sources.put`.
    #[arg(long)]
    action: Option<String>,
    /// Of things of this kind only, as in `sources`.
    #[arg(long)]
    kind: Option<String>,
    /// Of the thing of this name only.
    #[arg(long)]
    name: Option<String>,
    /// That ended like this only: done, dry-run, refused, failed or begun.
    #[arg(long)]
    outcome: Option<String>,
    /// At this time or later: 2026-01-31T12:00:00Z.
    #[arg(long)]
    since: Option<String>,
    /// Before this time.
    #[arg(long)]
    until: Option<String>,
    /// Those of the host itself: its starts and stops, backups, workspaces, calls without a good key.
    #[arg(long)]
    host: bool,
}

impl Which {
    fn query(self) -> Query {
        let filters = [
            ("key", self.by),
            ("action", self.action),
            ("kind", self.kind),
            ("name", self.name),
            ("outcome", self.outcome),
            ("since", self.since),
            ("until", self.until),
            ("host", self.host.then(|| "true".to_owned())),
        ];
        filters.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
    }
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { export, which, limit, after, hub } = arguments;
    if let Some(Command::Export(ExportArguments { which, hub })) = export {
        return self::export(which, &hub).await;
    }
    let mut query = which.query();
    query.extend(limit.map(|limit| ("limit", limit.to_string())));
    query.extend(after.map(|after| ("after", after)));
    let page: AuditPage = Client::new(&hub)?.get("/v1/audit", &query).await?;
    if hub.json {
        outln!("{}", serde_json::to_string_pretty(&page)?);
        return Ok(());
    }
    let rows: Vec<Value> = page.items.iter().map(row).collect();
    out!("{}", table(&["at", "key", "action", "name", "outcome", "revision", "address", "times"], &rows));
    if let Some(next) = page.next {
        outln!("more: --after {next}");
    }
    Ok(())
}

fn row(told: &AuditTold) -> Value {
    let revision = match (told.revision_before, told.revision_after) {
        (Some(before), Some(after)) if before != after => format!("{before} -> {after}"),
        (Some(before), _) => before.to_string(),
        (None, _) => String::new(),
    };
    json!({
        "at": told.at,
        "key": told.key,
        "action": told.action,
        "name": told.name,
        "outcome": told.outcome,
        "revision": revision,
        "address": told.address,
        "times": told.times,
    })
}

async fn export(which: Which, hub: &Hub) -> anyhow::Result<()> {
    let mut answer = Client::new(hub)?.open("/v1/audit/export", &which.query(), HeaderMap::new()).await?;
    while out::is_read()
        && let Some(piece) = answer.chunk().await.context("the host stopped sending: these are not all entries")?
    {
        out::bytes(&piece);
    }
    Ok(())
}
