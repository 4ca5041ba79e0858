//! The state of plugins between the chain and the journal: where a chain reads it, and what of its use is stored with the outcome.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use crate::{
    event::{Name, StateEntry, StateUse, Timestamp},
    journal::{Journal, JournalError, Lane, Outcome, Saw, SawState, StateEnd, StoredState},
    plugin::{StateFound, StateStore, StateUnavailable},
};

/// So many conflicts are followed by another run at once: usually the other one is done by then.
const CONFLICTS_AT_ONCE: u32 = 2;
/// The first pause after that, doubled with each further conflict.
const CONFLICT_PAUSE_MS_FIRST: u64 = 10;
/// The longest pause.
const CONFLICT_PAUSE_MS_MAX: u64 = 1_000;
/// What is kept of what a failed run saw, keys and values together: it stays with a dead letter.
const SAW_BYTES_MAX: usize = 64 << 10;

/// The state of a workspace's plugins, in the journal.
pub fn stored_state(journal: &Arc<dyn Journal>, workspace: &Name) -> Arc<dyn StateStore> {
    Arc::new(Stored { journal: Arc::clone(journal), workspace: workspace.clone(), rule: None })
}

/// The same, for the work of a rule.
pub(super) fn state_for(journal: &Arc<dyn Journal>, lane: &Lane) -> Arc<dyn StateStore> {
    Arc::new(Stored { journal: Arc::clone(journal), workspace: lane.workspace.clone(), rule: Some(lane.name.clone()) })
}

struct Stored {
    journal: Arc<dyn Journal>,
    workspace: Name,
    rule: Option<Name>,
}

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stored").field("workspace", &self.workspace).finish_non_exhaustive()
    }
}

impl StateStore for Stored {
    fn read(&self, plugin: &Name, key: &str, now: Timestamp, limit: Duration) -> Result<StateFound, StateUnavailable> {
        let pending = self.journal.state(self.workspace.clone(), plugin.clone(), key.to_owned(), now);
        match pending.wait_for(limit) {
            Some(Ok(StoredState { entry, bytes })) => Ok(StateFound { entry, bytes }),
            // What exactly is wrong with the disk is for the log.
            Some(Err(error)) => {
                tracing::warn!(error = &error as &dyn std::error::Error, %plugin, "the state of a plugin could not be read");
                Err(StateUnavailable(unavailable(&error).to_owned()))
            }
            None => Err(StateUnavailable(format!("the journal did not answer within {} ms", limit.as_millis()))),
        }
    }

    fn worker(&self) -> &str {
        self.rule.as_ref().map_or("", Name::as_str)
    }
}

/// The state as a run of this rule that failed found it. What it did not ask for is not there.
pub(super) fn seen_state(saw: &Saw, rule: &Name) -> Arc<dyn StateStore> {
    let of_key = |one: &SawState| Some(((one.plugin.clone(), one.key.clone()), one.entry.clone()?));
    Arc::new(Seen { entries: saw.state.iter().filter_map(of_key).collect(), rule: rule.clone() })
}

#[derive(Debug)]
struct Seen {
    entries: BTreeMap<(Name, String), StateEntry>,
    rule: Name,
}

impl StateStore for Seen {
    fn read(&self, plugin: &Name, key: &str, _now: Timestamp, _limit: Duration) -> Result<StateFound, StateUnavailable> {
        let of_plugin = self.entries.iter().filter(|((owner, _), _)| owner == plugin);
        let bytes = of_plugin.map(|((_, key), entry)| (key.len() + entry.value.len()) as u64).sum();
        Ok(StateFound { entry: self.entries.get(&(plugin.clone(), key.to_owned())).cloned(), bytes })
    }

    fn worker(&self) -> &str {
        self.rule.as_str()
    }
}

fn unavailable(error: &JournalError) -> &'static str {
    match error {
        JournalError::Busy => "the journal's queue is full",
        JournalError::Closed => "the journal is closed",
        JournalError::Full | JournalError::TooSlow | JournalError::Failed(_) => "the journal failed, see the server's log",
    }
}

/// What is stored of a chain's use of state, with this outcome. A failure leaves no writes; it is for good only where it rests on what
/// is still so, and one that is tried again rests on nothing.
pub(super) fn end(uses: Vec<StateUse>, outcome: &Outcome, now: Timestamp, again_at: Timestamp) -> StateEnd {
    let uses = match outcome {
        Outcome::Planned(_) | Outcome::Dropped { .. } | Outcome::Joined { .. } => uses,
        Outcome::Dead(_) => uses.into_iter().map(only_read).collect(),
        // Without keys: what has expired gives its room back all the same, so that a plugin that lacks room and asks for another try
        // finds some.
        Outcome::Retry { .. } | Outcome::Held { .. } => {
            uses.into_iter().map(|of_plugin| StateUse { keys: Vec::new(), ..of_plugin }).collect()
        }
    };
    StateEnd { uses, now, again_at }
}

fn only_read(mut of_plugin: StateUse) -> StateUse {
    of_plugin.keys.iter_mut().for_each(|key| key.left = None);
    of_plugin
}

/// What a chain that failed was told beside its event.
pub(super) fn saw(uses: &[StateUse], outcome: &Outcome, now: Timestamp, attempt: u32) -> Option<Saw> {
    if !matches!(outcome, Outcome::Retry { .. } | Outcome::Dead(_)) {
        return None;
    }
    let (mut saw, mut bytes) = (Saw { now, attempt, state: Vec::new(), cut: false }, 0);
    for (plugin, key) in uses.iter().flat_map(|of_plugin| of_plugin.keys.iter().map(|key| (&of_plugin.plugin, key))) {
        bytes += key.key.len() + key.seen.as_ref().map_or(0, |entry| entry.value.len());
        if bytes > SAW_BYTES_MAX {
            saw.cut = true;
            break;
        }
        saw.state.push(SawState { plugin: plugin.clone(), key: key.key.clone(), entry: key.seen.clone() });
    }
    Some(saw)
}

/// When work is run again that conflicted: at once and before what is younger, or, where it has conflicted before, after a pause that
/// differs from that of those whom it meets. `random` is in `0.0..1.0`.
pub(super) fn again_at(created_at: Timestamp, now: Timestamp, conflicts: u32, random: f64) -> Timestamp {
    if conflicts < CONFLICTS_AT_ONCE {
        return created_at.min(now);
    }
    let doubled = CONFLICT_PAUSE_MS_FIRST.saturating_mul(1 << (conflicts - CONFLICTS_AT_ONCE).min(20));
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at most CONFLICT_PAUSE_MS_MAX"
    )]
    let pause_ms = (doubled.min(CONFLICT_PAUSE_MS_MAX) as f64 * random) as u64;
    now.plus_ms(pause_ms.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Failure, KeyUse, StateChange};

    const NOW: Timestamp = Timestamp(1_000);

    fn uses(value_bytes: usize) -> Vec<StateUse> {
        let entry = StateEntry { value: vec![7; value_bytes].into(), version: 3, expires_at: None };
        let key = |key: &str| KeyUse { key: key.into(), seen: Some(entry.clone()), left: Some(StateChange::Removed) };
        vec![StateUse { plugin: "p".parse().expect("a name"), bytes_max: 9, keys: vec![key("a"), key("b")] }]
    }

    fn dead() -> Outcome {
        Outcome::Dead(Failure::new("trap", "no"))
    }

    #[test]
    fn a_failure_leaves_no_writes_and_rests_on_what_it_read_only_where_it_is_for_good() {
        let kept = |outcome: &Outcome| end(uses(1), outcome, NOW, NOW).uses;
        assert_eq!(kept(&Outcome::Dropped { reason: String::new() }), uses(1));
        let only_read = kept(&dead());
        assert!(only_read[0].keys.iter().all(|key| key.seen.is_some() && key.left.is_none()), "{only_read:?}");
        let again = kept(&Outcome::Retry { due_at: NOW, failure: Failure::new("a", "b"), counted: true });
        assert_eq!(again.iter().map(|of_plugin| of_plugin.keys.len()).collect::<Vec<_>>(), [0]);
    }

    #[test]
    fn what_a_failed_chain_saw_is_kept_up_to_a_limit() {
        let saw = |bytes, outcome: &Outcome| super::saw(&uses(bytes), outcome, NOW, 2);
        assert_eq!(saw(1, &Outcome::Planned(Vec::new())), None);
        let whole = saw(1, &dead()).expect("a failure");
        assert_eq!((whole.now, whole.attempt, whole.state.len(), whole.cut), (NOW, 2, 2, false));
        let cut = saw(SAW_BYTES_MAX - 1, &dead()).expect("a failure");
        assert_eq!((cut.state.len(), cut.cut), (1, true));
    }

    #[test]
    fn what_a_run_saw_is_what_its_repeat_reads() {
        let saw = super::saw(&uses(4), &dead(), NOW, 1).expect("a failure");
        let read = |plugin: &str, key: &str| {
            let plugin = plugin.parse().expect("a name");
            seen_state(&saw, &plugin).read(&plugin, key, NOW, Duration::ZERO).expect("read")
        };
        let found = read("p", "a");
        assert_eq!((found.entry.map(|entry| entry.version), found.bytes), (Some(3), 10), "both keys, of five bytes each");
        assert_eq!(read("p", "c").entry, None, "it did not ask for it");
        let of_another = read("q", "a");
        assert_eq!((of_another.entry, of_another.bytes), (None, 0));
    }

    #[test]
    fn the_pause_after_conflicts_is_none_at_first_and_never_long() {
        let again_at = |conflicts, random| super::again_at(Timestamp(7), NOW, conflicts, random).0;
        assert_eq!([0, 1].map(|conflicts| again_at(conflicts, 0.9)), [7; 2], "before what is younger");
        assert_eq!([2, 3, 4].map(|conflicts| again_at(conflicts, 0.5)), [1_006, 1_011, 1_021]);
        assert_eq!(again_at(u32::MAX, 0.5), 1_501);
        assert_eq!(again_at(2, 0.0), 1_001, "never at once again");
    }
}
