//! The keys of one place, each kind in the structure that finds it without asking the others.

use std::{collections::HashMap, sync::Arc};

use super::{
    super::compare::{Leaf, Number, Values, folded},
    keys::Key,
    nets::Nets,
    ranges::Ranges,
    trie::{Direction, Trie},
    wildcards::Wildcards,
};

/// Keys, each with a number.
#[derive(Debug, Default)]
pub(super) struct Lookup {
    null: Option<u32>,
    /// `false`, `true`.
    bools: [Option<u32>; 2],
    numbers: HashMap<Number, u32>,
    ranges: Ranges,
    plain: Texts,
    /// Without their case, as the texts that are looked up here.
    folded: Texts,
    nets: Nets,
    wildcards: Wildcards,
    /// Each distinct one is asked once, whatever the number of rules with it.
    anything_but: Vec<(Arc<Values>, u32)>,
    present: Option<u32>,
}

#[derive(Debug, Default)]
struct Texts {
    exact: HashMap<Box<str>, u32>,
    prefixes: Trie,
    suffixes: Trie,
}

impl Lookup {
    /// All but [`Key::Absent`], which no leaf has.
    pub(super) fn new(keys: &[(Key<'_>, u32)]) -> Self {
        let mut lookup = Self::default();
        let (mut prefixes, mut suffixes, mut folded_prefixes, mut folded_suffixes) = (vec![], vec![], vec![], vec![]);
        let (mut ranges, mut nets, mut wildcards) = (vec![], vec![], vec![]);
        for &(key, number) in keys {
            match key {
                Key::Null => lookup.null = Some(number),
                Key::Bool(value) => lookup.bools[usize::from(value)] = Some(number),
                Key::Number(value) => drop(lookup.numbers.insert(value, number)),
                Key::Text(text) => drop(lookup.plain.exact.insert(text.into(), number)),
                Key::Folded(text) => drop(lookup.folded.exact.insert(text.into(), number)),
                Key::Prefix(text) => prefixes.push((text, number)),
                Key::Suffix(text) => suffixes.push((text, number)),
                Key::FoldedPrefix(text) => folded_prefixes.push((text, number)),
                Key::FoldedSuffix(text) => folded_suffixes.push((text, number)),
                Key::Net(net) => nets.push((net, number)),
                Key::Range(range) => ranges.push((range, number)),
                Key::Wildcard(wildcard) => wildcards.push((wildcard, number)),
                Key::AnythingBut(values) => lookup.anything_but.push((values.clone(), number)),
                Key::Present => lookup.present = Some(number),
                Key::Absent => {}
            }
        }
        lookup.plain.prefixes = Trie::new(prefixes, Direction::Forwards);
        lookup.plain.suffixes = Trie::new(suffixes, Direction::Backwards);
        lookup.folded.prefixes = Trie::new(folded_prefixes, Direction::Forwards);
        lookup.folded.suffixes = Trie::new(folded_suffixes, Direction::Backwards);
        lookup.nets = Nets::new(nets);
        lookup.ranges = Ranges::new(ranges);
        lookup.wildcards = Wildcards::new(wildcards);
        lookup
    }

    /// Calls back with the number of each key that the leaf has, once; gives how many wildcards were tried.
    pub(super) fn find(&self, leaf: &Leaf<'_>, found: &mut impl FnMut(u32)) -> usize {
        self.present.into_iter().for_each(&mut *found);
        let holding = self.anything_but.iter().filter(|(values, _)| !values.accept(leaf));
        holding.for_each(|(_, number)| found(*number));
        match leaf {
            Leaf::Null => self.null.into_iter().for_each(found),
            Leaf::Bool(value) => self.bools[usize::from(*value)].into_iter().for_each(found),
            Leaf::Number(number) => {
                self.numbers.get(number).into_iter().for_each(|key| found(*key));
                self.ranges.find(*number, found);
            }
            Leaf::Text(text) => {
                self.plain.find(text, found);
                if !self.folded.is_empty() {
                    self.folded.find(&folded(text), found);
                }
                self.nets.find(text, &mut *found);
                return self.wildcards.find(text, found);
            }
        }
        0
    }
}

impl Texts {
    fn find(&self, text: &str, found: &mut impl FnMut(u32)) {
        self.exact.get(text).into_iter().for_each(|number| found(*number));
        self.prefixes.find(text, Direction::Forwards, &mut *found);
        self.suffixes.find(text, Direction::Backwards, found);
    }

    fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.prefixes.is_empty() && self.suffixes.is_empty()
    }
}
