//! `sluicebox dead`: what was given up, newest first.

use serde_json::Value;

use super::{
    Hub,
    client::Client,
    show::{Narrow, Query},
    table::table,
};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    which: Which,
    /// How many, newest first.
    #[arg(long)]
    limit: Option<usize>,
    /// What follows this cursor, which the page before ended with.
    #[arg(long)]
    after: Option<String>,
    #[command(flatten)]
    hub: Hub,
}

/// Which dead letters.
#[derive(Debug, clap::Args)]
pub(super) struct Which {
    /// Of this kind only: delivery, run, batch or event.
    #[arg(long)]
    kind: Option<String>,
    /// Of this rule only.
    #[arg(long)]
    rule: Option<String>,
    /// To this destination only.
    #[arg(long)]
    destination: Option<String>,
    #[command(flatten)]
    narrow: Narrow,
}

impl Which {
    pub(super) fn query(self) -> Query {
        let of_letters = [("kind", self.kind), ("rule", self.rule), ("destination", self.destination)];
        let of_letters = of_letters.into_iter().filter_map(|(key, value)| Some((key, value?)));
        of_letters.chain(self.narrow.query()).collect()
    }
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { which, limit, after, hub } = arguments;
    let mut query = which.query();
    query.extend(limit.map(|limit| ("limit", limit.to_string())));
    query.extend(after.map(|after| ("after", after)));
    let page: Value = Client::new(&hub)?.get("/v1/dead-letters", &query).await?;
    if hub.json {
        outln!("{}", serde_json::to_string_pretty(&page)?);
        return Ok(());
    }
    let columns = ["dead_at", "kind", "id", "rule", "destination", "failure", "last_code", "attempts"];
    out!("{}", table(&columns, page["items"].as_array().map_or(&[], Vec::as_slice)));
    if let Some(next) = page["next"].as_str() {
        outln!("more: --after {next}");
    }
    Ok(())
}
