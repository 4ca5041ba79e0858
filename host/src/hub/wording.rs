//! How a document that does not fit its spec is told to people: an unknown key comes with the nearest known one, and the rest in plain words.

use serde_json::Value;
use serde_path_to_error::{Path, Segment};

use crate::event::{Invalid, plain_words};

/// A misfit: where, what, and the known name that was perhaps meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Misfit {
    pub(super) pointer: String,
    /// Without the nearest name, and without the key where the pointer ends in it.
    pub(super) message: String,
    pub(super) nearest: Option<String>,
    /// The unknown key; for one, the place of the key is shown and not that of its value.
    pub(super) unknown_key: Option<String>,
    /// The key that is missing at the pointer.
    pub(super) missing: Option<String>,
}

impl Misfit {
    pub(super) fn at(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), message: message.into(), nearest: None, unknown_key: None, missing: None }
    }

    /// From the error of reading `document`, with serde's path to it.
    pub(super) fn of_serde(path: &Path, sentence: &str, document: &Value) -> Self {
        let mut misfit = Self { pointer: pointer_of(path), ..reworded(sentence) };
        if let Some(key) = &misfit.unknown_key {
            // A tagged spec is buffered by serde, and its path ends before the key.
            let deeper = format!("{}{}", misfit.pointer, token(key));
            if document.pointer(&deeper).is_some() {
                misfit.pointer = deeper;
            }
        }
        misfit
    }

    /// In one sentence, for readers who see no place beside it.
    pub(super) fn into_invalid(self) -> Invalid {
        let subject = self.unknown_key.map_or(String::new(), |key| format!(" `{key}`"));
        let hint = self.nearest.map_or(String::new(), |name| did_you_mean(&name));
        Invalid::at(self.pointer, format!("{}{subject}{hint}", self.message))
    }
}

/// The end of a sentence about an unknown name.
pub(super) fn did_you_mean(name: &str) -> String {
    format!(", did you mean `{name}`?")
}

/// The known name that `word` was perhaps meant to be: a third of its letters may be wrong.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let allowed = (word.chars().count() / 3).max(1);
    let near = known.into_iter().map(|name| (strsim::damerau_levenshtein(word, name), name));
    near.filter(|(distance, _)| *distance <= allowed).min().map(|(_, name)| name.to_owned())
}

/// One reference token of a JSON pointer, with its slash (RFC 6901, section 3).
pub(super) fn token(key: &str) -> String {
    format!("/{}", key.replace('~', "~0").replace('/', "~1"))
}

fn pointer_of(path: &Path) -> String {
    let segments = path.iter().map(|segment| match segment {
        Segment::Seq { index } => format!("/{index}"),
        Segment::Map { key } => token(key),
        // An enum's variant is a value here, not a level of the document.
        Segment::Enum { .. } | Segment::Unknown => String::new(),
    });
    segments.collect()
}

fn reworded(sentence: &str) -> Misfit {
    let quoted: Vec<&str> = sentence.split('`').skip(1).step_by(2).collect();
    let (subject, known) = quoted.split_first().map_or(("", &[][..]), |(first, rest)| (*first, rest));
    let nearest = || nearest(subject, known.iter().copied());
    if sentence.starts_with("unknown field") {
        return Misfit { nearest: nearest(), unknown_key: Some(subject.to_owned()), ..Misfit::at("", "unknown key") };
    }
    if sentence.starts_with("unknown variant") {
        let all = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        // Not what was found: a secret may stand where a word should.
        return Misfit { nearest: nearest(), ..Misfit::at("", format!("this is none of {all}")) };
    }
    if sentence.starts_with("missing field") {
        return Misfit { missing: Some(subject.to_owned()), ..Misfit::at("", format!("`{subject}` is missing")) };
    }
    Misfit::at("", plain_words(sentence))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct Outer {
        url: String,
        #[serde(default)]
        inner: Vec<Inner>,
        mode: Option<Mode>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct Inner {
        retries: u8,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Mode {
        Fast,
        Slow,
    }

    fn told(document: &Value) -> Invalid {
        let error = serde_path_to_error::deserialize::<_, Outer>(document).expect_err("a misfit");
        Misfit::of_serde(error.path(), &error.inner().to_string(), document).into_invalid()
    }

    #[test]
    fn an_unknown_key_comes_with_the_nearest_known_one() {
        assert_eq!(told(&json!({ "urll": "x" })), Invalid::at("/urll", "unknown key `urll`, did you mean `url`?"));
        assert_eq!(told(&json!({ "url": "x", "zebra": 1 })), Invalid::at("/zebra", "unknown key `zebra`"));
        let deep = told(&json!({ "url": "x", "inner": [{ "retrys": 1 }] }));
        assert_eq!(deep, Invalid::at("/inner/0/retrys", "unknown key `retrys`, did you mean `retries`?"));
    }

    #[test]
    fn other_misfits_are_told_with_their_place() {
        assert_eq!(told(&json!({})), Invalid::at("", "`url` is missing"));
        let variant = told(&json!({ "url": "x", "mode": "fsat" }));
        assert_eq!(variant, Invalid::at("/mode", "this is none of `fast`, `slow`, did you mean `fast`?"));
    }

    #[test]
    fn a_value_in_the_wrong_place_is_not_repeated() {
        for hidden in [
            json!({ "url": ["canary"] }),
            json!({ "url": "x", "inner": "canary, expected" }),
            json!("canary"),
            json!({ "url": "x", "mode": "canary" }),
        ] {
            let told = told(&hidden);
            assert!(!told.message.contains("canary"), "{told}");
        }
        assert_eq!(told(&json!({ "url": 271_828 })), Invalid::at("/url", "expected a text, found a whole number"));
    }
}
