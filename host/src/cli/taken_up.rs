//! What a retry or a replay comes to, in words.

use super::Hub;
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
            println!("{}", serde_json::to_string_pretty(&self.0)?);
        } else {
            println!("{}", self.words());
        }
        Ok(())
    }

    /// Beside the answer, for who waits for it.
    pub(super) fn tell_progress(&self) {
        eprintln!("{}, and more ...", self.words());
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
