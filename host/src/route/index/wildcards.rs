//! Which of many wildcards fit a text? Each is tried only where the text has a piece of it that few others have: what stands before
//! its first star, what stands after its last, or four bytes between two.
//!
//! Every wildcard is tried once a text at most, and one try is linear in the text: so many wildcards with the same beginning cost no more
//! than that, where an automaton of them all would explode.

use std::collections::{HashMap, HashSet};

use super::{
    super::wildcard::Wildcard,
    trie::{Direction, Trie},
};

/// Bytes of a piece between two stars that are looked for.
const GRAM_BYTES: usize = 4;
/// Windows of a pattern that are looked at, to find its rarest.
const WINDOWS_MAX: usize = 64;

/// Wildcards, each with a number.
#[derive(Debug, Default)]
pub(super) struct Wildcards {
    all: Vec<(Wildcard, u32)>,
    /// By what stands before the first star; the numbers are indexes into `all`, here as below.
    by_first: Trie,
    /// By what stands after the last.
    by_last: Trie,
    by_gram: Grams,
    /// Those without a piece, or with none but the shortest.
    always: Vec<u32>,
}

/// A piece of a wildcard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Piece<'w> {
    First(&'w str),
    Last(&'w str),
    Middle(Gram),
}

/// As many bytes of a text, the first ones zero where there are fewer, and how many.
type Gram = ([u8; GRAM_BYTES], usize);

#[derive(Debug, Default)]
struct Grams {
    by_gram: HashMap<Gram, Vec<u32>>,
    /// Which lengths are in use, ascending.
    lengths: Vec<usize>,
}

impl Wildcards {
    pub(super) fn new(wildcards: Vec<(&Wildcard, u32)>) -> Self {
        let mut frequency: HashMap<Piece<'_>, usize> = HashMap::new();
        for (wildcard, _) in &wildcards {
            pieces(wildcard).into_iter().for_each(|piece| *frequency.entry(piece).or_default() += 1);
        }
        let (mut firsts, mut lasts, mut grams, mut always) = (Vec::new(), Vec::new(), Grams::default(), Vec::new());
        for (index, (wildcard, _)) in (0..).zip(&wildcards) {
            // Of pieces that are as rare the longest, the gram last.
            let rarest = pieces(wildcard).into_iter().min_by_key(|piece| (frequency[piece], usize::MAX - piece.length()));
            match rarest {
                Some(Piece::First(first)) => firsts.push((first, index)),
                Some(Piece::Last(last)) => lasts.push((last, index)),
                Some(Piece::Middle(gram)) => grams.by_gram.entry(gram).or_default().push(index),
                None => always.push(index),
            }
        }
        grams.lengths = grams.by_gram.keys().map(|(_, length)| *length).collect();
        grams.lengths.sort_unstable();
        grams.lengths.dedup();
        Self {
            by_first: Trie::new(firsts, Direction::Forwards),
            by_last: Trie::new(lasts, Direction::Backwards),
            by_gram: grams,
            always,
            all: wildcards.into_iter().map(|(wildcard, number)| (wildcard.clone(), number)).collect(),
        }
    }

    /// Calls back with the number of each wildcard that the whole text fits; gives how many were tried.
    pub(super) fn find(&self, text: &str, mut found: impl FnMut(u32)) -> usize {
        let mut tried = 0;
        let mut try_one = |index: u32| {
            tried += 1;
            let (wildcard, number) = &self.all[index as usize];
            if wildcard.matches(text) {
                found(*number);
            }
        };
        self.always.iter().for_each(|index| try_one(*index));
        self.by_first.find(text, Direction::Forwards, &mut try_one);
        self.by_last.find(text, Direction::Backwards, &mut try_one);
        self.by_gram.find(text.as_bytes(), &mut try_one);
        tried
    }
}

impl Piece<'_> {
    fn length(self) -> usize {
        match self {
            Self::First(piece) | Self::Last(piece) => piece.len() + GRAM_BYTES,
            Self::Middle((_, length)) => length,
        }
    }
}

/// What a text must have to fit.
fn pieces(wildcard: &Wildcard) -> HashSet<Piece<'_>> {
    let first = Some(&*wildcard.first).filter(|piece| !piece.is_empty()).map(Piece::First);
    let last = wildcard.last.as_deref().filter(|piece| !piece.is_empty()).map(Piece::Last);
    let windows = wildcard.middle.iter().flat_map(|piece| piece.as_bytes().windows(piece.len().min(GRAM_BYTES)));
    let middle = windows.take(WINDOWS_MAX).map(|window| Piece::Middle(gram(window)));
    first.into_iter().chain(last).chain(middle).collect()
}

fn gram(window: &[u8]) -> Gram {
    let mut bytes = [0; GRAM_BYTES];
    bytes[GRAM_BYTES - window.len()..].copy_from_slice(window);
    (bytes, window.len())
}

impl Grams {
    /// Calls back once for each entry that has a gram which the text has.
    fn find(&self, text: &[u8], found: &mut impl FnMut(u32)) {
        let mut seen: HashSet<Gram> = HashSet::new();
        for &length in &self.lengths {
            for window in text.windows(length).map(gram) {
                let Some(known) = self.by_gram.get(&window) else { continue };
                if seen.insert(window) {
                    known.iter().for_each(|index| found(*index));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(wildcards: &[&str]) -> Vec<Wildcard> {
        wildcards.iter().map(|text| Wildcard::parse(text).expect(text)).collect()
    }

    fn found(wildcards: &[Wildcard], text: &str) -> (Vec<u32>, usize) {
        let index = Wildcards::new(wildcards.iter().zip(0..).collect());
        let mut numbers = Vec::new();
        let tried = index.find(text, |number| numbers.push(number));
        numbers.sort_unstable();
        (numbers, tried)
    }

    #[test]
    fn a_common_beginning_is_not_what_they_are_found_by() {
        let texts: Vec<String> = (0..1_000).map(|n| format!("Simple*-{n:04}-*Service")).collect();
        let wildcards = parsed(&texts.iter().map(String::as_str).collect::<Vec<_>>());
        let (matching, tried) = found(&wildcards, "Simple Queue -0815- Service");
        assert_eq!(matching, [815]);
        assert!(tried < 200, "{tried} of 1,000 were tried");
    }

    #[test]
    fn each_is_tried_once_however_often_its_piece_occurs() {
        let (matching, tried) = found(&parsed(&["*abcd*", "*ab*", "*", "a*", "*d"]), &"abcd".repeat(1_000));
        assert_eq!((&matching[..], tried), (&[0, 1, 2, 3, 4][..], 5));
    }

    proptest! {
        #[test]
        fn it_finds_what_asking_each_wildcard_finds(
            wildcards in prop::collection::vec("[abä]{0,5}(\\*[abä]{1,5}){0,3}\\*?", 0..40),
            text in "[abä]{0,12}",
        ) {
            let wildcards = parsed(&wildcards.iter().map(String::as_str).collect::<Vec<_>>());
            let each: Vec<u32> = (0..).zip(&wildcards).filter(|(_, wildcard)| wildcard.matches(&text)).map(|(n, _)| n).collect();
            let (matching, tried) = found(&wildcards, &text);
            prop_assert_eq!(matching, each);
            prop_assert!(tried <= wildcards.len());
        }
    }
}
