//! What is recorded: a hub that is applied again and again under a load of events, through plugins with state, batches and deliveries, with
//! kills and ends in order between them.

use std::{os::unix::fs::MetadataExt, path::Path, sync::Arc};

use anyhow::ensure;
use tokio::task::JoinSet;

use super::{
    cut::Acknowledged,
    log::{Log, Marker},
    recorded::{Place, Recorded},
    sink::Sink,
};
use crate::{guests, soak::chance::Chance};

/// Hosts that follow each other on the folder. The second is killed, the last is stopped in order, and so is the first.
const LIVES: u64 = 3;
/// Times that the hub is applied in a life.
const APPLIES: u64 = 4;
/// Events that are sent after each.
const EVENTS: u64 = 12;
/// How many send at once.
const SENDERS: u64 = 4;
/// The longest body: a part of them spreads over several pages.
const BODY_BYTES_MAX: usize = 20_000;

/// Rules that match nothing, so that a hub is of some size.
const IDLE_RULES: usize = 12;
/// Rules of a hub.
pub(super) const RULES: usize = IDLE_RULES + 3;

/// What was recorded.
#[derive(Debug)]
pub(super) struct Story {
    pub(super) log: Log,
    /// The data folder's inode.
    pub(super) root: u64,
}

/// Records one in this folder.
pub(super) async fn record(folder: &Path, sink: &Sink, seed: u64) -> anyhow::Result<(Place, Story)> {
    let place = Place::new(folder)?;
    let root = place.data.metadata()?.ino();
    let log = Log::create(&place.log)?;
    let component = guests::component("remember");
    let mut chance = Chance::of(seed, 0);
    for life in 0..LIVES {
        let host = Recorded::start(&place).await?;
        let digest = host.upload(component.clone()).await.map_err(|answer| anyhow::anyhow!("{answer:?}"))?;
        let marker = Arc::new(log.marker()?);
        for apply in 0..APPLIES {
            let number = life * APPLIES + apply + 1;
            let answer = host.try_replace(&hub(number, &digest, sink.url())).await;
            ensure!(answer.status == 200, "{}", answer.json);
            marker.mark(&Acknowledged::hub(number))?;
            send(&host, &marker, &mut chance).await?;
        }
        if life == 1 { host.kill()? } else { host.stop().await? }
    }
    Ok((place, Story { log, root }))
}

/// The hub whose every rule has this number.
pub(super) fn hub(number: u64, digest: &str, url: &str) -> String {
    let mut hub = format!(
        "[sources.open]\nverify = {{ scheme = \"none\" }}\ntype = {{ header = \"x-type\" }}\n\
         [plugins.remember]\ndigest = \"{digest}\"\nconfig = {{ does = \"count\" }}\ngrants = {{ state = true }}\n\
         [destinations.out]\nurl = \"{url}/{number}\"\nretry = {{ first = \"100ms\", max = \"100ms\" }}\n\
         [rules.plain-{number}]\nmatch.type = [\"plain\", \"all\"]\ndestinations = [\"out\"]\n\
         [rules.counted-{number}]\nmatch.type = [\"all\"]\nplugins = [\"remember\"]\ndestinations = [\"out\"]\n\
         [rules.batched-{number}]\nmatch.type = [\"all\"]\nbatch = {{ max_events = 5, max_age = \"1s\" }}\ndestinations = [\"out\"]\n"
    );
    for idle in 0..IDLE_RULES {
        hub += &format!("[rules.idle-{idle}-{number}]\nmatch.type = [\"none-{idle}\"]\ndestinations = [\"out\"]\n");
    }
    hub
}

/// Sends events and marks each that was acknowledged, as all are.
async fn send(host: &Recorded, marker: &Arc<Marker>, chance: &mut Chance) -> anyhow::Result<()> {
    let mut senders = JoinSet::new();
    for _ in 0..SENDERS {
        let bodies: Vec<String> = (0..EVENTS / SENDERS).map(|_| body(chance)).collect();
        let (api, marker) = ((**host).clone(), Arc::clone(marker));
        senders.spawn(async move {
            for (number, body) in bodies.into_iter().enumerate() {
                let kind = if number % 2 == 0 { "all" } else { "plain" };
                let id = api.post("open", &[("x-type", kind), ("content-type", "application/json")], body.clone()).await;
                marker.mark(&Acknowledged::event(&id, &body))?;
            }
            Ok::<_, anyhow::Error>(())
        });
    }
    while let Some(sent) = senders.join_next().await {
        sent??;
    }
    Ok(())
}

/// JSON of some length, most of it short.
pub(super) fn body(chance: &mut Chance) -> String {
    let length = if chance.below(4) == 0 { chance.below(BODY_BYTES_MAX) } else { chance.below(300) };
    format!("{{\"n\":{},\"text\":\"{}\"}}", chance.next(), "x".repeat(length))
}
