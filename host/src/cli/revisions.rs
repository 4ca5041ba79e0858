//! `sluicebox revisions`, `rollback` and `drift`: what was applied, how it differs, and the way back.

use super::{Hub, apply, client::Client, difference};
use crate::{
    api::{Applied, DriftTold, RevisionDiffTold, RevisionTold, RevisionsTold},
    hub::Origin,
};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List revisions, newest first.
    List {
        /// What follows this cursor, which the page before ended with.
        #[arg(long)]
        after: Option<String>,
        /// How many.
        #[arg(long, default_value_t = 50)]
        limit: usize,
        #[command(flatten)]
        hub: Hub,
    },
    /// Show what a revision changed.
    Show {
        /// Its number.
        revision: u64,
        #[command(flatten)]
        hub: Hub,
    },
    /// Tell what differs between two revisions, field by field.
    Diff {
        /// From this one
        from: u64,
        /// to this one; the one in force unless named.
        to: Option<u64>,
        #[command(flatten)]
        hub: Hub,
    },
}

pub(super) async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::List { after, limit, hub } => list(after, limit, &hub).await,
        Command::Show { revision, hub } => show(revision, &hub).await,
        Command::Diff { from, to, hub } => diff(from, to, &hub).await,
    }
}

async fn list(after: Option<String>, limit: usize, hub: &Hub) -> anyhow::Result<()> {
    let mut query = vec![("limit", limit.to_string())];
    query.extend(after.map(|after| ("after", after)));
    let page: RevisionsTold = Client::new(hub)?.get("/v1/revisions", &query).await?;
    if hub.json {
        outln!("{}", serde_json::to_string_pretty(&page)?);
        return Ok(());
    }
    page.items.iter().for_each(|revision| outln!("{}", line(revision)));
    if let Some(next) = page.next {
        outln!("more: --after {next}");
    }
    Ok(())
}

fn line(revision: &RevisionTold) -> String {
    let RevisionTold { revision, at, origin, by, message, created, updated, deleted, .. } = revision;
    let origin = match origin {
        Origin::HubFile => "hub file",
        Origin::Api => "API",
        Origin::Rollback => "rollback",
    };
    let by = by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
    let message = message.as_ref().map(|message| format!("  {message}")).unwrap_or_default();
    format!("{revision:>6}  {at}  {origin:<8}{by}  +{created} ~{updated} -{deleted}{message}")
}

async fn show(revision: u64, hub: &Hub) -> anyhow::Result<()> {
    let told: RevisionTold = Client::new(hub)?.get(&format!("/v1/revisions/{revision}"), &[]).await?;
    if hub.json {
        outln!("{}", serde_json::to_string_pretty(&told)?);
        return Ok(());
    }
    outln!("{}", line(&told));
    out!("{}", difference::told(told.changes.as_deref().unwrap_or_default()));
    Ok(())
}

async fn diff(from: u64, to: Option<u64>, hub: &Hub) -> anyhow::Result<()> {
    let query: Vec<_> = to.map(|to| ("to", to.to_string())).into_iter().collect();
    let told: RevisionDiffTold = Client::new(hub)?.get(&format!("/v1/revisions/{from}/diff"), &query).await?;
    if hub.json {
        outln!("{}", serde_json::to_string_pretty(&told)?);
        return Ok(());
    }
    out!("{}", difference::told(&told.changes));
    if told.changes.is_empty() {
        outln!("nothing differs between revision {} and {}", told.from, told.to);
    }
    Ok(())
}

#[derive(Debug, clap::Args)]
pub(super) struct RollbackArguments {
    /// The revision to go back to.
    revision: u64,
    /// Do it only if this revision is in force still.
    #[arg(long)]
    expect: Option<u64>,
    /// Say what this is about; it is kept with the revision.
    #[arg(long, short)]
    message: Option<String>,
    #[command(flatten)]
    hub: Hub,
}

pub(super) async fn roll_back(arguments: RollbackArguments) -> anyhow::Result<()> {
    let RollbackArguments { revision, expect, message, hub } = arguments;
    let mut query: Vec<_> = expect.map(|expect| ("expect", expect.to_string())).into_iter().collect();
    query.extend(message.map(|message| ("message", message)));
    let path = format!("/v1/revisions/{revision}/rollback");
    let applied: Applied = Client::new(&hub)?.post_with(&path, &query, &serde_json::Value::Null).await?;
    apply::tell(&applied, hub.json)
}

#[derive(Debug, clap::Args)]
pub(super) struct DriftArguments {
    #[command(flatten)]
    hub: Hub,
}

pub(super) async fn drift(DriftArguments { hub }: DriftArguments) -> anyhow::Result<()> {
    let drift: DriftTold = Client::new(&hub)?.get("/v1/drift", &[]).await?;
    if hub.json {
        outln!("{}", serde_json::to_string_pretty(&drift)?);
        return Ok(());
    }
    for change in &drift.changes {
        let by = change.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
        outln!("{} {} {} in revision {}{by}", change.what, change.kind.singular(), change.name, change.revision);
    }
    match drift.since {
        Some(revision) if drift.changes.is_empty() => outln!("nothing was changed since the hub file of revision {revision}"),
        Some(revision) => outln!("since the hub file of revision {revision}"),
        None if drift.changes.is_empty() => outln!("no hub file was applied yet"),
        None => outln!("the last hub file is very many revisions ago"),
    }
    Ok(())
}
