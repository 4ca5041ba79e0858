//! What is certain of a file or a folder, and the changes after that, each of which a power cut may take back.

use std::{collections::BTreeMap, sync::Arc};

use super::disk::Keep;
use crate::soak::chance::Chance;

/// What disks write whole at the most.
const SECTOR_BYTES: usize = 512;

/// Something on disk, with the changes that are not certain yet.
#[derive(Debug)]
pub(super) struct Tail<C: Contents> {
    certain: C,
    now: C,
    changes: Vec<(Fate, C::Change)>,
}

/// What is known of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Not asked to be on disk yet.
    Open,
    /// A sync of it failed: the system holds it for written, and it may be lost.
    Doomed,
    /// On disk, but behind one that is doomed.
    Certain,
}

/// What changes apply to.
pub(super) trait Contents: Clone + Default {
    /// One change.
    type Change: Clone;

    /// Makes it.
    fn apply(&mut self, change: &Self::Change);

    /// What of the change a power cut leaves that came while it was written.
    fn torn(change: &Self::Change, chance: &mut Chance) -> Self::Change;

    /// Changes that are not on disk yet may get there in any order.
    const REORDERED: bool;

    /// What a failed sync was to write is not written by the next one.
    const DOOMED: bool;

    /// What else may be left of changes that were not kept.
    fn haunt(&mut self, now: &Self, chance: &mut Chance);
}

impl<C: Contents> Default for Tail<C> {
    fn default() -> Self {
        Self { certain: C::default(), now: C::default(), changes: Vec::new() }
    }
}

impl<C: Contents> Tail<C> {
    pub(super) fn change(&mut self, change: C::Change) {
        self.now.apply(&change);
        self.changes.push((Fate::Open, change));
    }

    /// A sync was `done`, or failed.
    pub(super) fn synced(&mut self, done: bool) {
        if !done && !C::DOOMED {
            return;
        }
        let became = if done { Fate::Certain } else { Fate::Doomed };
        self.changes.iter_mut().filter(|(fate, _)| *fate == Fate::Open).for_each(|(fate, _)| *fate = became);
        let certain = self.changes.iter().take_while(|(fate, _)| *fate == Fate::Certain).count();
        for (_, change) in self.changes.drain(..certain) {
            self.certain.apply(&change);
        }
    }

    /// What the processes see.
    pub(super) fn now(&self) -> &C {
        &self.now
    }

    /// What a power cut leaves.
    pub(super) fn after_crash(&self, chance: &mut Chance, keep: Keep) -> C {
        if keep == Keep::All {
            return self.now.clone();
        }
        let mut left = self.certain.clone();
        // The same for all changes of a file, so that nothing and everything come up too.
        let kept_of_8 = if keep == Keep::Some { chance.below(9) } else { 0 };
        let settled = self.changes.iter().rposition(|(fate, _)| *fate == Fate::Certain).map_or(0, |last| last + 1);
        for (fate, change) in &self.changes[..settled] {
            if *fate == Fate::Certain || chance.below(8) < kept_of_8 {
                left.apply(change);
            }
        }
        let mut open: Vec<&C::Change> = self.changes[settled..].iter().map(|(_, change)| change).collect();
        open.retain(|_| chance.below(8) < kept_of_8);
        if C::REORDERED && chance.below(2) == 0 {
            (1..open.len()).rev().for_each(|end| open.swap(end, chance.below(end + 1)));
        }
        for change in open {
            if chance.below(4) == 0 { left.apply(&C::torn(change, chance)) } else { left.apply(change) }
        }
        if keep == Keep::Some && settled < self.changes.len() && chance.below(4) == 0 {
            left.haunt(&self.now, chance);
        }
        left
    }
}

/// The bytes of a file.
pub(super) type Content = Vec<u8>;

/// A change of a file.
#[derive(Clone, Debug)]
pub(super) enum Change {
    /// Pieces of one write, each at its place.
    Write(Vec<(usize, Arc<[u8]>)>),
    /// A new length.
    Resize(usize),
}

impl Contents for Content {
    type Change = Change;

    const REORDERED: bool = true;

    /// Linux marks such pages as written, and goes on showing them.
    const DOOMED: bool = true;

    fn apply(&mut self, change: &Change) {
        match change {
            Change::Resize(length) => self.resize(*length, 0),
            Change::Write(pieces) => {
                for (at, bytes) in pieces {
                    let end = at + bytes.len();
                    if self.len() < end {
                        self.resize(end, 0);
                    }
                    self[*at..end].copy_from_slice(bytes);
                }
            }
        }
    }

    /// Up to some byte, up to some sector, or some sectors. What was there before a write and is not within it stays as it was: disks of
    /// today keep that, and SQLite relies on it (its "powersafe overwrite").
    fn torn(change: &Change, chance: &mut Chance) -> Change {
        let Change::Write(pieces) = change else { return change.clone() };
        let sectors = pieces.iter().flat_map(|(at, bytes)| sectors(*at, bytes)).collect::<Vec<_>>();
        let kept = chance.below(sectors.len() + 1);
        match chance.below(3) {
            0 => Change::Write(sectors.into_iter().filter(|_| chance.below(2) == 0).collect()),
            1 => Change::Write(sectors.into_iter().take(kept).collect()),
            _ => {
                let cut = |(at, bytes): &(usize, Arc<[u8]>)| (*at, Arc::from(&bytes[..chance.below(bytes.len() + 1)]));
                Change::Write(pieces.iter().map(cut).collect())
            }
        }
    }

    /// The new length may be there without the bytes: then there are zeros, or what the disk held before.
    fn haunt(&mut self, now: &Self, chance: &mut Chance) {
        if self.len() < now.len() {
            let missing = now.len() - self.len();
            let fill = if chance.below(2) == 0 { vec![0; missing] } else { chance.bytes(missing) };
            self.extend(fill);
        }
    }
}

/// A piece by what the disk writes whole.
fn sectors(at: usize, bytes: &Arc<[u8]>) -> Vec<(usize, Arc<[u8]>)> {
    let first = (SECTOR_BYTES - at % SECTOR_BYTES).min(bytes.len());
    let (head, rest) = bytes.split_at(first);
    let rest = rest.chunks(SECTOR_BYTES).scan(at + first, |at, sector| {
        let begin = *at;
        *at += sector.len();
        Some((begin, Arc::from(sector)))
    });
    std::iter::once((at, Arc::from(head))).chain(rest).collect()
}

/// The names of a folder, and the numbers of what they stand for.
pub(super) type Entries = BTreeMap<String, usize>;

/// A change of a folder.
#[derive(Clone, Debug)]
pub(super) enum Entry {
    /// A new name.
    Link(String, usize),
    /// A name before and after, and for what. What had the second is replaced.
    Rename(String, String, usize),
    /// A name that is gone.
    Unlink(String),
}

impl Contents for Entries {
    type Change = Entry;

    /// File systems keep the changes of one folder in their order, where they keep them.
    const REORDERED: bool = false;

    /// Names are in the file system's own log; where that fails it takes nothing more.
    const DOOMED: bool = false;

    fn apply(&mut self, change: &Entry) {
        match change {
            Entry::Link(name, node) => drop(self.insert(name.clone(), *node)),
            Entry::Rename(before, after, node) => {
                self.remove(before);
                self.insert(after.clone(), *node);
            }
            Entry::Unlink(name) => drop(self.remove(name)),
        }
    }

    fn torn(change: &Entry, _: &mut Chance) -> Entry {
        change.clone()
    }

    fn haunt(&mut self, _: &Self, _: &mut Chance) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(at: usize, bytes: &[u8]) -> Change {
        Change::Write(vec![(at, bytes.into())])
    }

    fn chance() -> Chance {
        Chance::of(1, 1)
    }

    #[test]
    fn what_was_synced_stays_and_what_was_not_may_go() {
        let mut file = Tail::<Content>::default();
        file.change(write(0, b"abc"));
        file.synced(true);
        file.change(write(1, b"xyz"));
        assert_eq!(file.after_crash(&mut chance(), Keep::Nothing), b"abc");
        assert_eq!(file.after_crash(&mut chance(), Keep::All), b"axyz");
        let mut chance = chance();
        let left: std::collections::BTreeSet<_> = (0..200).map(|_| file.after_crash(&mut chance, Keep::Some)).collect();
        assert!(left.contains(&b"abc"[..]) && left.contains(&b"axyz"[..]) && left.contains(&b"axc"[..]), "{left:?}");
        assert!(left.iter().all(|bytes| bytes[0] == b'a'), "{left:?}");
    }

    #[test]
    fn what_a_failed_sync_was_to_write_is_not_certain_after_a_later_one() {
        let mut file = Tail::<Content>::default();
        file.change(write(0, b"a"));
        file.synced(false);
        file.change(write(1, b"b"));
        file.synced(true);
        assert_eq!(file.after_crash(&mut chance(), Keep::Nothing), b"\0b");
        file.change(write(0, b"c"));
        file.synced(true);
        let mut chance = chance();
        assert!((0..100).all(|_| file.after_crash(&mut chance, Keep::Some) == b"cb"), "written again, and synced");
    }

    #[test]
    fn a_torn_write_changes_nothing_beside_itself() {
        let (before, mut chance) = (vec![1; 4096], chance());
        let mut wholes = 0;
        for _ in 0..500 {
            let mut after = before.clone();
            after.apply(&Content::torn(&write(700, &[2; 2000]), &mut chance));
            assert_eq!(after.len(), before.len());
            assert!(after[..700].iter().chain(&after[2700..]).all(|byte| *byte == 1));
            wholes += usize::from(after[700..2700].iter().all(|byte| *byte == 2));
        }
        assert!(wholes < 250, "{wholes} of 500 were not torn at all");
    }

    #[test]
    fn a_name_is_certain_with_its_folder_only() {
        let mut folder = Tail::<Entries>::default();
        folder.change(Entry::Link("a".to_owned(), 1));
        assert!(folder.after_crash(&mut chance(), Keep::Nothing).is_empty());
        folder.synced(true);
        folder.change(Entry::Rename("a".to_owned(), "b".to_owned(), 1));
        assert_eq!(folder.after_crash(&mut chance(), Keep::Nothing), Entries::from([("a".to_owned(), 1)]));
        assert_eq!(folder.after_crash(&mut chance(), Keep::All), Entries::from([("b".to_owned(), 1)]));
    }
}
