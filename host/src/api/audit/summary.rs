//! Which refused calls have an entry of their own. A key can have calls refused as often as its rate lets it, by names that are not there or documents
//! that do not fit; so of one key in one workspace so many a minute have one each, and the rest of that minute has one together. Calls that
//! change anything always have their own. Pure: the time is given.

use std::collections::HashMap;

use crate::event::{Name, Timestamp};

/// Refused calls of one key in one workspace within a minute that have an entry each.
const ENTRIES_PER_MINUTE_MAX: u32 = 100;
/// A minute, in milliseconds.
const MINUTE_MS: u64 = 60_000;
/// Keys, each in a workspace, that are remembered; where there are more, they begin anew.
const KEYS_MAX: usize = 4_096;

/// Who had calls refused in this minute.
#[derive(Debug, Default)]
pub(super) struct Summaries {
    of: HashMap<(String, Option<Name>), Seen>,
    minute: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    entries: u32,
    /// The place of the entry that stands for the rest.
    summary: Option<u64>,
}

impl Summaries {
    /// One more was refused, whose entry is at this place. `Some`: the entry at that place stands for it, which may be itself.
    pub(super) fn refused(&mut self, key: &str, workspace: Option<&Name>, seq: u64, now: Timestamp) -> Option<u64> {
        let minute = now.0 / MINUTE_MS;
        if self.minute != minute || self.of.len() >= KEYS_MAX {
            (self.minute, self.of) = (minute, HashMap::new());
        }
        let seen = self.of.entry((key.to_owned(), workspace.cloned())).or_default();
        if seen.entries < ENTRIES_PER_MINUTE_MAX {
            seen.entries += 1;
            return None;
        }
        Some(*seen.summary.get_or_insert(seq))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_a_minute_have_their_own_entry_and_one_stands_for_the_rest() {
        let mut summaries = Summaries::default();
        let (here, there) = ("here".parse().expect("a name"), "there".parse().expect("a name"));
        let own = u64::from(ENTRIES_PER_MINUTE_MAX);
        for seq in 1..=own {
            assert_eq!(summaries.refused("a", Some(&here), seq, Timestamp(seq)), None);
        }
        for seq in own + 1..own + 1_000 {
            assert_eq!(summaries.refused("a", Some(&here), seq, Timestamp(seq)), Some(own + 1));
        }
        for (key, workspace) in [("b", Some(&here)), ("a", Some(&there)), ("a", None)] {
            assert_eq!(summaries.refused(key, workspace, 5_000, Timestamp(2_000)), None, "others have their own");
        }
        assert_eq!(summaries.refused("a", Some(&here), 9_000, Timestamp(MINUTE_MS)), None, "and so has the next minute");
    }

    #[test]
    fn however_many_keys_there_are_memory_is_bounded() {
        let mut summaries = Summaries::default();
        for n in 0..3 * KEYS_MAX {
            summaries.refused(&n.to_string(), None, 1, Timestamp(0));
        }
        assert!(summaries.of.len() <= KEYS_MAX);
    }
}
