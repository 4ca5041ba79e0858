//! The matcher: good patterns, and bodies that are nearly JSON, deep, long, or another's.

use bytes::Bytes;
use serde_json::Value;
use sluicebox::{
    event::Event,
    route::{Index, Pattern},
};

use super::{Target, corpus, mutate};
use crate::{
    patterns::{Sample, pattern_for},
    soak::chance::Chance,
};

const WORDS: &[&str] =
    &["\"a\":", "\"b\":", "\"items\":[", "{\"sku\":1},", "[[", "]]", "{}", "\"\\ud83d\\ude00\"", "1E+2", "-", "\"a\": {\"b\": ["];

/// The matcher, and payloads to mutate.
pub(super) struct Matcher {
    payloads: Vec<Vec<u8>>,
}

impl Default for Matcher {
    fn default() -> Self {
        Self { payloads: corpus::files("tests/fixtures/github", "json") }
    }
}

impl Target for Matcher {
    type Input = (Vec<Value>, Event);

    fn make(&self, chance: &mut Chance) -> Self::Input {
        let sample = Sample::draw(chance);
        let patterns = (0..1 + chance.below(8)).map(|_| pattern_for(chance, &sample)).collect();
        let mut event = sample.event();
        let mut body = if chance.below(50) == 0 { chance.pick(&self.payloads).clone() } else { event.body.to_vec() };
        mutate::mutate(chance, &mut body, &self.payloads, WORDS);
        event.body = Bytes::from(body);
        (patterns, event)
    }

    fn feed(&self, (patterns, event): &Self::Input) -> bool {
        let patterns = patterns.iter().map(|pattern| Pattern::parse(pattern).expect("a good pattern")).collect();
        !Index::new(patterns).matches(event).is_empty()
    }
}
