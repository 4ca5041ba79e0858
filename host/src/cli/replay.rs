//! `sluicebox replay`: events once more, by their ids or all that a query finds.

use anyhow::{Context as _, bail};

use super::{
    Hub,
    client::{Client, segment},
    show::EventFilters,
    taken_up::{Many, Sum, through},
};
use crate::{
    api::{Replay, ReplayAll, TakenUp},
    event::Name,
};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Ids of events (evt_...); without any, the events that the filters find.
    ids: Vec<String>,
    #[command(flatten)]
    filters: EventFilters,
    /// What became of them by this rule only.
    #[arg(long)]
    rule: Option<Name>,
    /// What went to this destination only.
    #[arg(long)]
    destination: Option<Name>,
    /// Send them through the rules and plugins of today, under new ids, instead of sending what was sent again.
    #[arg(long)]
    today: bool,
    /// Only count them.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    hub: Hub,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { ids, filters, rule, destination, today, dry_run, hub } = arguments;
    let (client, query, through) = (Client::new(&hub)?, filters.query(), through(today));
    match (ids.is_empty(), query.is_empty()) {
        (true, true) => bail!("name events, or say which: --source, --type, --subject, --external-id, --since or --until"),
        (false, false) => bail!("ids and filters do not go together: the filters choose among all events"),
        (false, true) if dry_run => bail!("--dry-run counts what filters find; ids are counted already"),
        (false, true) => by_ids(&client, &ids, &Replay { through, rule, destination }).await?.tell(&hub),
        (true, false) => {
            let wishes = ReplayAll { through, rule, destination, dry_run, next: None };
            let all = Many { path: "/v1/events/replay", columns: &["count", "source", "type"], done: "replayed" };
            all.run(&client, &query, &wishes, &hub).await
        }
    }
}

async fn by_ids(client: &Client, ids: &[String], wishes: &Replay) -> anyhow::Result<Sum> {
    let mut sum = Sum::default();
    for id in ids {
        let taken_up: TakenUp =
            client.post(&format!("/v1/events/{}/replay", segment(id)), wishes).await.with_context(|| id.clone())?;
        sum.add(&taken_up);
    }
    Ok(sum)
}
