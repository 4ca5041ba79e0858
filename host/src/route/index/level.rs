//! Alternatives by what an event must have to meet them.
//!
//! Of each alternative one condition, its **anchor**, is looked up: the one that the fewest events are likely to meet, judged by how many
//! alternatives share its values. Where an anchor still leaves many alternatives (say, all rules name the same type, and one
//! of ten actions), those are a level of their own, by their other conditions: so a condition that all share hides none of them.

use std::collections::{BTreeMap, HashMap};

use super::{
    super::{
        compare::Values,
        leaves::{LeafAt, Leaves},
        places::PlaceId,
    },
    Work,
    distinct::Distinct,
    keys::{self, Key},
    lookup::Lookup,
};

/// Levels within each other.
const LEVELS_MAX: usize = 6;
/// So many alternatives are asked one by one; more become a level.
const LISTED_MAX: usize = 8;
/// How often an alternative with lists of values may stand in the levels below the first.
const COPIES_MAX: usize = 64;
/// Conditions of an alternative that can be its anchor, the first ones.
const ANCHORS_MAX: usize = 64;

/// Conditions of one alternative.
pub(super) type Conditions<'p> = Vec<(PlaceId, &'p Values)>;

/// Alternatives, found by their anchors.
#[derive(Debug, Default)]
pub(super) struct Level {
    /// Those that no look-up can rule out.
    always: Vec<u32>,
    /// By place, ascending.
    lookups: Vec<(PlaceId, Lookup)>,
    /// Places whose absence is a key.
    absences: Vec<(PlaceId, u32)>,
    /// By the number of the key.
    postings: Vec<Posting>,
}

/// The alternatives of a key.
#[derive(Debug)]
enum Posting {
    Listed(Box<[u32]>),
    Level(Box<Level>),
}

/// An alternative that is not yet in its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unplaced<'p> {
    number: u32,
    conditions: &'p [(PlaceId, &'p Values)],
    /// Bit for bit, the conditions that were anchors on a level above.
    used: u64,
    copies: usize,
}

impl<'p> Unplaced<'p> {
    pub(super) fn new(number: u32, conditions: &'p Conditions<'p>) -> Self {
        Self { number, conditions: &conditions[..conditions.len().min(ANCHORS_MAX)], used: 0, copies: 1 }
    }

    /// The conditions that may be the anchor, with their numbers.
    fn eligible(self, depth: usize) -> impl Iterator<Item = (usize, PlaceId, &'p Values)> {
        let conditions = self.conditions.iter().enumerate().map(|(index, (place, values))| (index, *place, *values));
        conditions.filter(move |(index, _, values)| {
            let count = keys::count(values);
            self.used & (1 << index) == 0 && (depth == 0 || count == 1 || self.copies * count <= COPIES_MAX)
        })
    }

    fn using(self, condition: usize, keys: usize) -> Self {
        Self { used: self.used | (1 << condition), copies: self.copies.saturating_mul(keys), ..self }
    }
}

impl Level {
    /// The level of these alternatives.
    pub(super) fn new(unplaced: &[Unplaced<'_>]) -> Self {
        Self::at_depth(unplaced, 0)
    }

    fn at_depth(unplaced: &[Unplaced<'_>], depth: usize) -> Self {
        let mut level = Self::default();
        let mut groups: BTreeMap<PlaceId, HashMap<Key<'_>, Vec<Unplaced<'_>>>> = BTreeMap::new();
        let shared = shared(unplaced, depth);
        for alternative in unplaced {
            let likelihood = |(_, place, values): &(usize, PlaceId, &Values)| {
                let each = keys::keys(values).map(|key| key.likelihood(shared[&(*place, key)], unplaced.len()));
                let (events, rank) = each.fold((0, 0), |(events, rank), (more, other)| (events + more, rank.max(other)));
                (events.min(unplaced.len()), rank)
            };
            let Some((index, place, values)) = alternative.eligible(depth).min_by_key(likelihood) else {
                level.always.push(alternative.number);
                continue;
            };
            let placed = alternative.using(index, keys::count(values));
            let groups = groups.entry(place).or_default();
            keys::keys(values).for_each(|key| groups.entry(key).or_default().push(placed));
        }
        for (place, groups) in groups {
            level.add_place(place, groups, depth);
        }
        level
    }

    fn add_place(&mut self, place: PlaceId, groups: HashMap<Key<'_>, Vec<Unplaced<'_>>>, depth: usize) {
        let mut keys = Vec::with_capacity(groups.len());
        for (key, group) in groups {
            let number = u32::try_from(self.postings.len()).expect("fewer than 2^32 keys fit into memory");
            self.postings.push(Posting::of(&group, depth));
            match key {
                Key::Absent => self.absences.push((place, number)),
                key => keys.push((key, number)),
            }
        }
        self.lookups.push((place, Lookup::new(&keys)));
    }

    /// Adds the alternatives that these leaves may meet.
    pub(super) fn find(&self, leaves: &Leaves<'_>, work: &mut Work, candidates: &mut Distinct) {
        candidates.extend(&self.always);
        for (place, number) in &self.absences {
            if leaves.may_lack(*place) {
                self.follow(*number, leaves, work, candidates);
            }
        }
        // Whichever are fewer are gone through: the places of the event or those asked about here.
        if self.lookups.len() < leaves.len() {
            for (place, lookup) in &self.lookups {
                self.find_at(lookup, leaves.at(*place), leaves, work, candidates);
            }
        } else {
            for found in leaves.by_place() {
                let lookup = self.lookups.binary_search_by_key(&found[0].place, |(place, _)| *place);
                let Ok(lookup) = lookup.map(|index| &self.lookups[index].1) else { continue };
                self.find_at(lookup, found, leaves, work, candidates);
            }
        }
    }

    fn find_at(&self, lookup: &Lookup, at_place: &[LeafAt<'_>], leaves: &Leaves<'_>, work: &mut Work, candidates: &mut Distinct) {
        let mut keys = Distinct::default();
        for found in at_place {
            work.wildcard_tries += lookup.find(found.leaf, &mut |key| keys.push(key));
        }
        for key in keys.sorted() {
            self.follow(key, leaves, work, candidates);
        }
    }

    fn follow(&self, key: u32, leaves: &Leaves<'_>, work: &mut Work, candidates: &mut Distinct) {
        match &self.postings[key as usize] {
            Posting::Listed(alternatives) => candidates.extend(alternatives),
            Posting::Level(level) => level.find(leaves, work, candidates),
        }
    }
}

impl Posting {
    fn of(group: &[Unplaced<'_>], depth: usize) -> Self {
        let below = depth + 1;
        let is_parted = group.len() > LISTED_MAX
            && below < LEVELS_MAX
            && group.iter().filter(|alternative| alternative.eligible(below).next().is_some()).count() > LISTED_MAX;
        if is_parted {
            return Self::Level(Box::new(Level::at_depth(group, below)));
        }
        Self::Listed(group.iter().map(|alternative| alternative.number).collect())
    }
}

/// How many conditions share a key, all eligible ones counted.
fn shared<'p>(unplaced: &[Unplaced<'p>], depth: usize) -> HashMap<(PlaceId, Key<'p>), usize> {
    let mut shared = HashMap::with_capacity(unplaced.len());
    for alternative in unplaced {
        for (_, place, values) in alternative.eligible(depth) {
            keys::keys(values).for_each(|key| *shared.entry((place, key)).or_default() += 1);
        }
    }
    shared
}
