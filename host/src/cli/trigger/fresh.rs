//! What is fresh in each event: ids and times. Within one event the same words in braces are the same value, so that an id may stand at
//! several places; a further word makes another one (`{{hex 40 before}}`, `{{hex 40 after}}`).

use std::collections::HashMap;

use anyhow::{Context, bail};

use crate::event::Timestamp;

/// The values of one event.
pub(super) struct Fresh<R> {
    now: Timestamp,
    random: R,
    made: HashMap<String, String>,
}

const HEX: &[u8] = b"0123456789abcdef";
const DIGITS: &[u8] = b"0123456789";
const ALPHANUMERIC: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

impl<R: FnMut() -> anyhow::Result<u64>> Fresh<R> {
    /// Of an event that happens now; `random` gives numbers that nobody can tell before.
    pub(super) fn new(now: Timestamp, random: R) -> Self {
        Self { now, random, made: HashMap::new() }
    }

    /// The text with its values.
    pub(super) fn fill(&mut self, text: &str) -> anyhow::Result<String> {
        let (mut filled, mut rest) = (String::with_capacity(text.len()), text);
        while let Some((before, after)) = rest.split_once("{{") {
            let (words, after) = after.split_once("}}").context("`{{` without `}}`")?;
            filled.push_str(before);
            filled.push_str(&self.value(words)?);
            rest = after;
        }
        Ok(filled + rest)
    }

    fn value(&mut self, words: &str) -> anyhow::Result<String> {
        if let Some(made) = self.made.get(words) {
            return Ok(made.clone());
        }
        let made = self.make(words)?;
        self.made.insert(words.to_owned(), made.clone());
        Ok(made)
    }

    fn make(&mut self, words: &str) -> anyhow::Result<String> {
        let mut parts = words.split(' ');
        let kind = parts.next().unwrap_or_default();
        let mut length =
            || parts.next().and_then(|text| text.parse::<usize>().ok()).with_context(|| format!("`{words}` has no length"));
        Ok(match kind {
            "secs" => self.now.secs().to_string(),
            "ms" => self.now.0.to_string(),
            "rfc3339" => {
                let secs = i64::try_from(self.now.secs()).context("the time")?;
                jiff::Timestamp::from_second(secs).context("the time")?.to_string()
            }
            "uuid" => {
                let (high, low) = ((self.random)()?, (self.random)()?);
                let bytes = ((u128::from(high) << 64) | u128::from(low)).to_be_bytes();
                uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
            }
            "hex" => self.letters(HEX, length()?)?,
            "alnum" => self.letters(ALPHANUMERIC, length()?)?,
            // A number as JSON writes them does not begin with 0.
            "digits" => self.letters(&DIGITS[1..], 1)? + &self.letters(DIGITS, length()?.saturating_sub(1))?,
            _ => bail!("`{kind}` is nothing that can be made"),
        })
    }

    fn letters(&mut self, of: &[u8], count: usize) -> anyhow::Result<String> {
        let mut letter = || Ok(char::from(of[usize::try_from((self.random)()? % of.len() as u64)?]));
        (0..count).map(|_| letter()).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{super::catalogue::FIXTURES, *};
    use crate::event::Random;

    fn fresh() -> Fresh<impl FnMut() -> anyhow::Result<u64>> {
        let mut random = Random(7);
        Fresh::new(Timestamp(1_790_000_000_123), move || Ok(random.next()))
    }

    #[test]
    fn the_same_words_are_the_same_value() {
        let filled = fresh().fill("{{hex 4}} {{hex 4}} {{hex 4 other}} {{secs}} {{ms}} {{rfc3339}}").expect("known words");
        let words: Vec<&str> = filled.split(' ').collect();
        assert_eq!(words[0], words[1]);
        assert_ne!(words[0], words[2]);
        assert_eq!(words[3..], ["1790000000", "1790000000123", "2026-09-21T14:13:20Z"]);
        assert!(fresh().fill("{{nothing}}").is_err());
        assert!(fresh().fill("{{hex 4").is_err());
    }

    /// Bodies that are JSON stay JSON.
    #[test]
    fn every_event_can_be_filled() {
        for one in FIXTURES {
            let mut fresh = fresh();
            let body = fresh.fill(one.body()).expect(one.name);
            for (_, value) in one.headers() {
                fresh.fill(value).expect(one.name);
            }
            assert!(!body.contains("{{"), "{}", one.name);
            if one.headers().any(|(name, value)| name == "content-type" && value.starts_with("application/json")) {
                serde_json::from_str::<Value>(&body).expect(one.name);
            }
        }
    }
}
