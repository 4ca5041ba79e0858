//! What a retry or a replay comes to, in words.

use serde::Serialize;
use serde_json::Value;

use super::{Hub, client::Client, progress::Progress, table::table};
use crate::api::{TakenUp, Through};

/// All answers of a command together.
#[derive(Debug, Default)]
pub(super) struct Sum(TakenUp);

impl Sum {
    pub(super) fn add(&mut self, more: &TakenUp) {
        self.0.deliveries += more.deliveries;
        self.0.runs += more.runs;
        self.0.batches += more.batches;
        self.0.events += more.events;
        self.0.letters += more.letters;
        self.0.skipped += more.skipped;
    }

    /// Prints it.
    pub(super) fn tell(&self, hub: &Hub) -> anyhow::Result<()> {
        if hub.json {
            outln!("{}", serde_json::to_string_pretty(&self.0)?);
        } else {
            outln!("{}", self.words());
        }
        Ok(())
    }

    fn words(&self) -> String {
        let TakenUp { deliveries, runs, batches, events, skipped, .. } = self.0;
        let counts = [
            (deliveries, "delivery", "deliveries"),
            (runs, "run", "runs"),
            (batches, "batch", "batches"),
            (events, "event through the rules of today", "events through the rules of today"),
        ];
        let counts = counts.into_iter().filter(|(count, ..)| *count > 0);
        let counts: Vec<String> =
            counts.map(|(count, one, more)| format!("{count} {}", if count == 1 { one } else { more })).collect();
        let mut words = if counts.is_empty() { "nothing".to_owned() } else { counts.join(", ") };
        words += " taken up again";
        if skipped > 0 {
            words += &format!("; {skipped} left, for their rules are no longer there");
        }
        words
    }
}

/// All that a query finds, taken up by calls that go on where the last one stopped.
pub(super) struct Many {
    /// The route.
    pub(super) path: &'static str,
    /// What is shown of each count.
    pub(super) columns: &'static [&'static str],
    /// `retried` or `replayed`.
    pub(super) done: &'static str,
}

impl Many {
    /// Says how much it would be, where the wishes are for a dry run; else takes it up, and tells the progress beside the answer.
    pub(super) async fn run(
        &self,
        client: &Client,
        query: &[(&str, String)],
        wishes: &impl Serialize,
        hub: &Hub,
    ) -> anyhow::Result<()> {
        let mut wishes = serde_json::to_value(wishes)?;
        if wishes["dry_run"] == true {
            let counts: Value = client.post_with(self.path, query, &wishes).await?;
            return self.tell_counts(&counts, hub);
        }
        let mut sum = Sum::default();
        let progress = Progress::of("the first ones ...");
        loop {
            let taken_up: TakenUp = client.post_with(self.path, query, &wishes).await?;
            sum.add(&taken_up);
            if taken_up.next.is_none() {
                drop(progress);
                return sum.tell(hub);
            }
            progress.tell(format!("{}, and more ...", sum.words()));
            wishes["next"] = taken_up.next.into();
        }
    }

    fn tell_counts(&self, counts: &Value, hub: &Hub) -> anyhow::Result<()> {
        if hub.json {
            outln!("{}", serde_json::to_string_pretty(counts)?);
            return Ok(());
        }
        out!("{}", table(self.columns, counts["counts"].as_array().map_or(&[], Vec::as_slice)));
        outln!("{} would be {}", counts["total"], self.done);
        Ok(())
    }
}

pub(super) fn through(today: bool) -> Through {
    if today { Through::Today } else { Through::AsItWas }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_in_words() {
        let mut sum = Sum::default();
        assert_eq!(sum.words(), "nothing taken up again");
        sum.add(&TakenUp { deliveries: 1, runs: 2, letters: 3, ..TakenUp::default() });
        sum.add(&TakenUp { runs: 1, skipped: 4, ..TakenUp::default() });
        assert_eq!(sum.words(), "1 delivery, 3 runs taken up again; 4 left, for their rules are no longer there");
    }
}
