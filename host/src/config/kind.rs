//! The kinds of settings: how the words that are given become the value of a field, and how a field's value is written. Each is a module with
//! `FORM`, `read` and `show`; [`settings`](super::setting::settings) names it.

use super::word::Word;

/// What a kind is in TOML and JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A whole number from 0.
    Number,
    /// A text.
    Text,
    /// A list of texts; by flag or environment with commas between them.
    List,
}

fn only(words: &[String]) -> Result<&str, String> {
    match words {
        [word] => Ok(word),
        _ => Err("one value is wanted".to_owned()),
    }
}

fn whole(word: &str) -> Result<u64, String> {
    word.parse().map_err(|_| format!("`{word}` is no whole number from 0"))
}

/// A number.
pub(super) mod number {
    use super::{Form, only, whole};

    pub(in crate::config) const FORM: Form = Form::Number;

    pub(in crate::config) fn read<T: TryFrom<u64>>(words: &[String]) -> Result<T, String> {
        let number = whole(only(words)?)?;
        T::try_from(number).map_err(|_| format!("{number} is too large"))
    }

    pub(in crate::config) fn show<T: ToString>(value: &T) -> Vec<String> {
        vec![value.to_string()]
    }
}

/// A number, where 0 is none.
pub(super) mod optional_number {
    use super::{Form, number};

    pub(in crate::config) const FORM: Form = Form::Number;

    pub(in crate::config) fn read(words: &[String]) -> Result<Option<u64>, String> {
        number::read(words).map(|number: u64| Some(number).filter(|number| *number > 0))
    }

    pub(in crate::config) fn show(value: &Option<u64>) -> Vec<String> {
        vec![value.unwrap_or_default().to_string()]
    }
}

/// A length of time with its unit; the field holds milliseconds.
pub(super) mod time {
    use super::{Form, only};
    use crate::event::{Duration, DurationError};

    /// The largest first.
    const UNITS: [(u64, &str); 4] = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];

    pub(in crate::config) const FORM: Form = Form::Text;

    pub(in crate::config) fn read(words: &[String]) -> Result<u64, String> {
        let time: Duration = only(words)?.parse().map_err(|error: DurationError| error.to_string())?;
        Ok(time.ms)
    }

    pub(in crate::config) fn show(ms: &u64) -> Vec<String> {
        let whole = UNITS.iter().find(|(unit, _)| *ms >= *unit && ms.is_multiple_of(*unit));
        vec![whole.map_or_else(|| format!("{ms}ms"), |(unit, name)| format!("{}{name}", ms / unit))]
    }
}

/// A text.
pub(super) mod text {
    use super::{Form, Word, only};

    pub(in crate::config) const FORM: Form = Form::Text;

    pub(in crate::config) fn read<T: Word>(words: &[String]) -> Result<T, String> {
        T::read(only(words)?)
    }

    pub(in crate::config) fn show<T: Word>(value: &T) -> Vec<String> {
        vec![value.show()]
    }
}

/// A text, where the empty one is none.
pub(super) mod optional_text {
    use super::{Form, Word, only};

    pub(in crate::config) const FORM: Form = Form::Text;

    pub(in crate::config) fn read<T: Word>(words: &[String]) -> Result<Option<T>, String> {
        let word = only(words)?;
        if word.is_empty() { Ok(None) } else { T::read(word).map(Some) }
    }

    pub(in crate::config) fn show<T: Word>(value: &Option<T>) -> Vec<String> {
        vec![value.as_ref().map_or_else(String::new, T::show)]
    }
}

/// A list of texts.
pub(super) mod list {
    use super::{Form, Word};

    pub(in crate::config) const FORM: Form = Form::List;

    pub(in crate::config) fn read<T: Word>(words: &[String]) -> Result<Vec<T>, String> {
        words.iter().map(|word| T::read(word)).collect()
    }

    pub(in crate::config) fn show<T: Word>(value: &[T]) -> Vec<String> {
        value.iter().map(T::show).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(word: &str) -> Vec<String> {
        vec![word.to_owned()]
    }

    #[test]
    fn a_number_has_to_fit_its_field() {
        assert_eq!(number::read::<u32>(&words("7")), Ok(7));
        assert_eq!(number::read::<u32>(&words("4294967296")), Err("4294967296 is too large".to_owned()));
        assert!(number::read::<u32>(&words("-1")).is_err());
        assert_eq!((optional_number::read(&words("0")), optional_number::read(&words("5"))), (Ok(None), Ok(Some(5))));
    }

    #[test]
    fn a_time_is_shown_in_its_largest_whole_unit() {
        for text in ["7d", "36h", "90m", "5s", "250ms"] {
            assert_eq!(time::show(&time::read(&words(text)).expect(text)), words(text));
        }
        assert_eq!(time::read(&words("1h 30m")), Ok(5_400_000));
        assert!(time::read(&words("7")).expect_err("no unit").contains("write it as in"));
    }
}
