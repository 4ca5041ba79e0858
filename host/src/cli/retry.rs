//! `sluicebox retry`: deliveries, runs and batches once more, by their ids or all that a query finds.

use anyhow::{Context as _, bail};

use super::{
    Hub,
    client::{Client, segment},
    dead::Which,
    taken_up::{Many, Sum, through},
};
use crate::api::{Retry, RetryAll, TakenUp};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Ids of deliveries (msg_...), runs (run_...) or batches (bat_...); without any, the dead letters that the filters find.
    ids: Vec<String>,
    #[command(flatten)]
    which: Which,
    /// All dead letters.
    #[arg(long)]
    all: bool,
    /// Only count them.
    #[arg(long)]
    dry_run: bool,
    /// Send their events through their rules as these are today, under new ids, instead of retrying them as they were.
    #[arg(long)]
    today: bool,
    /// Retry the members of a batch each as a batch of its own.
    #[arg(long)]
    singly: bool,
    /// Send a delivery again also where it was delivered.
    #[arg(long)]
    delivered: bool,
    #[command(flatten)]
    hub: Hub,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { ids, which, all, dry_run, today, singly, delivered, hub } = arguments;
    let (client, query) = (Client::new(&hub)?, which.query());
    let chosen = !query.is_empty() || all;
    match (ids.is_empty(), chosen) {
        (true, false) => {
            bail!("name ids, or say which dead letters: --destination, --rule, --code and others; --all takes them all")
        }
        (false, true) => bail!("ids and filters do not go together: the filters choose among all dead letters"),
        (false, false) if dry_run => bail!("--dry-run counts what filters find; ids are counted already"),
        _ if !ids.is_empty() => {
            let wishes = Retry { through: through(today), delivered, singly };
            by_ids(&client, &ids, &wishes).await?.tell(&hub)
        }
        _ if delivered => bail!("--delivered is for ids: what was delivered is no dead letter"),
        _ => {
            let wishes = RetryAll { through: through(today), singly, dry_run, next: None };
            let columns = &["count", "kind", "code", "last_code", "destination"];
            Many { path: "/v1/dead-letters/retry", columns, done: "retried" }.run(&client, &query, &wishes, &hub).await
        }
    }
}

async fn by_ids(client: &Client, ids: &[String], wishes: &Retry) -> anyhow::Result<Sum> {
    let mut sum = Sum::default();
    for id in ids {
        let what = match id.split('_').next() {
            Some("msg") => "deliveries",
            Some("run") => "runs",
            Some("bat") => "batches",
            Some("evt") => bail!("{id} is an event: `sluicebox replay {id}`"),
            _ => bail!("`{id}` is no id of a delivery (msg_...), a run (run_...) or a batch (bat_...)"),
        };
        let taken_up: TakenUp =
            client.post(&format!("/v1/{what}/{}/retry", segment(id)), wishes).await.with_context(|| id.clone())?;
        sum.add(&taken_up);
    }
    Ok(sum)
}
