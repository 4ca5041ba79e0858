//! Which of many words does a text begin with? A byte tree in which a chain of nodes without choice is one node; nodes lie in one
//! array, the children of a node side by side.
//!
//! A look-up follows the text once, so it costs the length of the text at most, however many words there are.

use std::collections::VecDeque;

/// Words, each with a number. Suffixes are words read backwards.
#[derive(Debug, Default)]
pub(super) struct Trie {
    /// The first is the root. Empty where there are no words.
    nodes: Vec<Node>,
    labels: Vec<u8>,
    numbers: Vec<u32>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Node {
    /// The first byte of the label, by which siblings are sorted.
    first: u8,
    label: Span,
    children: Span,
    /// Of the words that end here.
    numbers: Span,
}

/// A part of one of the arrays.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    from: u32,
    until: u32,
}

/// How a text is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Forwards,
    Backwards,
}

impl Trie {
    /// The tree of these words.
    pub(super) fn new(words: Vec<(&str, u32)>, direction: Direction) -> Self {
        let bytes = |word: &str| match direction {
            Direction::Forwards => word.bytes().collect::<Vec<_>>(),
            Direction::Backwards => word.bytes().rev().collect(),
        };
        let mut words: Vec<_> = words.into_iter().map(|(word, number)| (bytes(word), number)).collect();
        words.sort_unstable();
        let mut trie = Self::default();
        if words.is_empty() {
            return trie;
        }
        trie.nodes.push(Node::default());
        // Node, its words, and how many of their bytes lie above or in it. A queue, not recursion: words may be long.
        let mut queue = VecDeque::from([(0, &words[..], 0)]);
        while let Some((node, words, depth)) = queue.pop_front() {
            let ending = words.partition_point(|(word, _)| word.len() == depth);
            let from = index(trie.numbers.len());
            trie.numbers.extend(words[..ending].iter().map(|(_, number)| *number));
            trie.nodes[node].numbers = Span { from, until: index(trie.numbers.len()) };
            let from = index(trie.nodes.len());
            for group in words[ending..].chunk_by(|(a, _), (b, _)| a[depth] == b[depth]) {
                let shared = shared_length(&group[0].0, &group[group.len() - 1].0);
                queue.push_back((trie.nodes.len(), group, shared));
                trie.push_node(&group[0].0[depth..shared]);
            }
            trie.nodes[node].children = Span { from, until: index(trie.nodes.len()) };
        }
        trie
    }

    fn push_node(&mut self, label: &[u8]) {
        let from = index(self.labels.len());
        self.labels.extend_from_slice(label);
        let label_span = Span { from, until: index(self.labels.len()) };
        self.nodes.push(Node { first: label[0], label: label_span, ..Node::default() });
    }

    /// Calls back with the number of each word that the text begins with, or ends with.
    pub(super) fn find(&self, text: &str, direction: Direction, mut found: impl FnMut(u32)) {
        let text = text.as_bytes();
        let at = |index: usize| match direction {
            Direction::Forwards => text.get(index),
            Direction::Backwards => text.len().checked_sub(index + 1).map(|index| &text[index]),
        };
        let Some(mut node) = self.nodes.first() else { return };
        let mut depth = 0;
        loop {
            node.numbers.of(&self.numbers).iter().for_each(|number| found(*number));
            let Some(next) = at(depth) else { return };
            let children = node.children.of(&self.nodes);
            let Ok(child) = children.binary_search_by_key(next, |child| child.first) else { return };
            node = &children[child];
            let label = node.label.of(&self.labels);
            if !label.iter().enumerate().all(|(index, byte)| at(depth + index) == Some(byte)) {
                return;
            }
            depth += label.len();
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }
}

impl Span {
    fn of<T>(self, all: &[T]) -> &[T] {
        &all[self.from as usize..self.until as usize]
    }
}

fn shared_length(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

fn index(length: usize) -> u32 {
    u32::try_from(length).expect("the words of a rule set are less than 4 GiB")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(words: &[&str], text: &str, direction: Direction) -> Vec<u32> {
        let trie = Trie::new(words.iter().copied().zip(0..).collect(), direction);
        let mut numbers = Vec::new();
        trie.find(text, direction, |number| numbers.push(number));
        numbers.sort_unstable();
        numbers
    }

    #[test]
    fn words_within_words_are_all_found() {
        let words = ["", "re", "refs/", "refs/heads/", "refs/tags/", "x", "refs/"];
        assert_eq!(found(&words, "refs/heads/main", Direction::Forwards), [0, 1, 2, 3, 6]);
        assert_eq!(found(&words, "ref", Direction::Forwards), [0, 1]);
        assert_eq!(found(&[".com", "a.com", "om", "b"], "ba.com", Direction::Backwards), [0, 1, 2]);
        assert_eq!(found(&[], "a", Direction::Forwards), [0; 0]);
    }

    proptest! {
        #[test]
        fn it_finds_what_asking_each_word_finds(words in prop::collection::vec("[abä]{0,4}", 0..40), text in "[abä]{0,6}") {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let each = |fits: &dyn Fn(&str) -> bool| (0..).zip(&words).filter(|(_, word)| fits(word)).map(|(n, _)| n).collect::<Vec<u32>>();
            prop_assert_eq!(found(&words, &text, Direction::Forwards), each(&|word| text.starts_with(word)));
            prop_assert_eq!(found(&words, &text, Direction::Backwards), each(&|word| text.ends_with(word)));
        }
    }
}
