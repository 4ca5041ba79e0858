//! The parser of patterns; what it takes has to be matched, too.

use serde_json::Value;
use sluicebox::route::{Index, Pattern};

use super::{Target, mutate, tree};
use crate::{
    patterns::{Sample, pattern_for},
    soak::chance::Chance,
};

const WORDS: &[&str] = &[
    "source",
    "type",
    "subject",
    "headers",
    "data",
    "$or",
    "prefix",
    "suffix",
    "equals-ignore-case",
    "wildcard",
    "anything-but",
    "numeric",
    "cidr",
    "exists",
    "=",
    "<",
    "<=",
    ">",
    ">=",
    "10.0.0.0/33",
    "::/129",
    "a**b",
    "a\\",
    "\\*",
    "*",
    "",
    "X-Upper",
    "\u{130}",
];

/// The parser.
#[derive(Default)]
pub(super) struct Patterns;

impl Target for Patterns {
    type Input = (String, Sample);

    fn make(&self, chance: &mut Chance) -> Self::Input {
        let sample = Sample::draw(chance);
        let mut pattern = pattern_for(chance, &sample);
        tree::mutate(chance, &mut pattern, WORDS);
        let mut text = pattern.to_string().into_bytes();
        if chance.below(4) == 0 {
            let corpus = [text.clone()];
            mutate::mutate(chance, &mut text, &corpus, WORDS);
        }
        (String::from_utf8_lossy(&text).into_owned(), sample)
    }

    fn feed(&self, (text, sample): &Self::Input) -> bool {
        let Ok(value) = serde_json::from_str::<Value>(text) else { return false };
        match Pattern::parse(&value) {
            Ok(pattern) => {
                let _ = Index::new(vec![pattern]).matches(&sample.event());
                true
            }
            Err(invalid) => {
                // It names a place that is there, or a key that is missing in one.
                let parent = invalid.pointer.rsplit_once('/').map_or("", |(parent, _)| parent);
                assert!(value.pointer(&invalid.pointer).or(value.pointer(parent)).is_some(), "{invalid}");
                false
            }
        }
    }
}
