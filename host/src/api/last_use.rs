//! When keys were last used, told to the journal: once a minute, all together, beside the calls themselves.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::{sync::watch, time::MissedTickBehavior};

use crate::{event::Timestamp, hub::Hub, journal::Journal};

/// How often. So much of it is lost where the host is killed.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// Takes in what an earlier process knew, and tells the journal what is new, until `stopped`, and then once more.
pub async fn keep_last_use(hub: Arc<Hub>, journal: Arc<dyn Journal>, mut stopped: watch::Receiver<bool>) {
    let mut told = match journal.key_uses().await {
        Ok(uses) => {
            hub.recall_key_uses(&uses);
            uses.into_iter().collect()
        }
        Err(error) => {
            tracing::warn!(%error, "when API keys were last used could not be read");
            HashMap::new()
        }
    };
    let mut ticks = tokio::time::interval(TOLD_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let ends = tokio::select! {
            _ = ticks.tick() => false,
            _ = stopped.wait_for(|stopped| *stopped) => true,
        };
        let known: HashMap<_, _> = hub.key_uses().into_iter().collect();
        let news = news(&told, &known);
        if !news.is_empty() {
            match journal.keep_key_uses(news).await {
                Ok(()) => told = known,
                Err(error) => tracing::warn!(%error, "when API keys were last used could not be stored"),
            }
        }
        if ends {
            return;
        }
    }
}

/// What is to be told where `told` was; a key that is not known any more is gone.
fn news(told: &HashMap<String, Timestamp>, known: &HashMap<String, Timestamp>) -> Vec<(String, Option<Timestamp>)> {
    let changed = known.iter().filter(|(id, at)| told.get(*id) != Some(at)).map(|(id, at)| (id.clone(), Some(*at)));
    let gone = told.keys().filter(|id| !known.contains_key(*id)).map(|id| (id.clone(), None));
    changed.chain(gone).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_already_is_not_told_again() {
        let uses = |uses: &[(&str, u64)]| -> HashMap<String, Timestamp> {
            uses.iter().map(|(id, at)| ((*id).to_owned(), Timestamp(*at))).collect()
        };
        let mut news = news(&uses(&[("a", 1), ("b", 1), ("c", 1)]), &uses(&[("a", 1), ("b", 2), ("d", 3)]));
        news.sort();
        let expected = [("b", Some(2)), ("c", None), ("d", Some(3))];
        assert_eq!(news, expected.map(|(id, at)| (id.to_owned(), at.map(Timestamp))));
        assert_eq!(super::news(&uses(&[("a", 1)]), &uses(&[("a", 1)])), []);
    }
}
