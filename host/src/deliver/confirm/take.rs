//! Taking confirmations: what a destination says by calling a URL that it was given.

use std::sync::Arc;

use prometheus_client::{encoding::EncodeLabelSet, metrics::counter::Counter, metrics::family::Family, registry::Registry};

use super::{Callbacks, Confirmed};
use crate::{
    event::Failure,
    journal::{Acknowledged, Acknowledgement, Journal, JournalError, Said},
};

/// A reason that a destination gives is cut to so many characters.
const REASON_CHARS_MAX: usize = 500;

/// Takes confirmations.
pub struct Confirmations {
    journal: Arc<dyn Journal>,
    callbacks: Callbacks,
    taken: Family<Labels, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    outcome: &'static str,
}

impl Confirmations {
    pub(in crate::deliver) fn new(journal: Arc<dyn Journal>, callbacks: Callbacks, registry: &mut Registry) -> Self {
        let taken = Family::default();
        registry.register("sluicebox_confirmations", "Calls of confirmation URLs, by outcome", Family::clone(&taken));
        Self { journal, callbacks, taken }
    }

    /// What a token stands for. It asks no store; `None` for a stranger's.
    #[must_use]
    pub fn read(&self, token: &str) -> Option<Confirmed> {
        let confirmed = self.callbacks.read(token);
        if confirmed.is_none() {
            self.count("unknown");
        }
        confirmed
    }

    /// Takes what the destination says: that it is done, or why it has failed.
    ///
    /// # Errors
    ///
    /// Where the journal did not take it.
    pub async fn take(&self, confirmed: Confirmed, refused: Option<String>) -> Result<Acknowledged, JournalError> {
        let Confirmed { workspace, id, attempt_number } = confirmed;
        let has_failed = refused.is_some();
        let said = refused.map_or(Said::Done(None), |reason| Said::Failed(refusal(&reason)));
        let found = self.journal.acknowledge(vec![Acknowledgement { workspace, id, attempt_number, said }]).await?;
        let found = found.first().copied().unwrap_or(Acknowledged::Unknown);
        self.count(match found {
            Acknowledged::Taken if has_failed => "failed",
            Acknowledged::Taken => "confirmed",
            Acknowledged::Delivered => "repeated",
            Acknowledged::Dead | Acknowledged::Over => "late",
            Acknowledged::Early => "early",
            Acknowledged::Unknown => "unknown",
        });
        Ok(found)
    }

    fn count(&self, outcome: &'static str) {
        self.taken.get_or_create(&Labels { outcome }).inc();
    }
}

fn refusal(reason: &str) -> Failure {
    let reason: String = reason.chars().filter(|c| !c.is_control()).take(REASON_CHARS_MAX).collect();
    let why = if reason.is_empty() { "no reason was given" } else { reason.as_str() };
    Failure::new("confirmed-failed", format!("the destination received it and told of its failure: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_line_and_not_too_long() {
        assert_eq!(refusal("no\n room").message, "the destination received it and told of its failure: no room");
        assert_eq!(refusal("").message, "the destination received it and told of its failure: no reason was given");
        assert!(refusal(&"x".repeat(10_000)).message.len() < 600);
    }
}
