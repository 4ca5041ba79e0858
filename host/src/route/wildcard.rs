//! `Simple*Service`: any text in the place of each `*`; `\*` and `\\` stand for themselves.
//!
//! The pieces between the stars are looked for from left to right, each as early as possible. Taking the earliest never loses a
//! match, so nothing is tried twice and the time is linear in the text.

/// A parsed wildcard.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Wildcard {
    /// Before the first star.
    pub(super) first: Box<str>,
    /// Between stars; none is empty.
    pub(super) middle: Box<[Box<str>]>,
    /// After the last star; `None` where there is no star at all.
    pub(super) last: Option<Box<str>>,
}

impl Wildcard {
    /// Reads a wildcard; the error says how to mend it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = vec![String::new()];
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '*' if chars.peek() == Some(&'*') => return Err("`**` means no more than `*`; write one".into()),
                '*' => pieces.push(String::new()),
                '\\' => piece_of(&mut pieces).push(escaped(chars.next())?),
                c => piece_of(&mut pieces).push(c),
            }
        }
        let mut pieces = pieces.into_iter().map(String::into_boxed_str);
        let first = pieces.next().unwrap_or_default();
        let last = pieces.next_back();
        Ok(Self { first, middle: pieces.collect(), last })
    }

    /// Whether the whole text fits.
    pub(super) fn matches(&self, text: &str) -> bool {
        let Some(last) = &self.last else { return text == &*self.first };
        // First and last must not share a character: the last is cut off what the first has left.
        let Some(mut rest) = text.strip_prefix(&*self.first).and_then(|rest| rest.strip_suffix(&**last)) else { return false };
        for piece in &self.middle {
            let Some((_, after)) = rest.split_once(&**piece) else { return false };
            rest = after;
        }
        true
    }

    /// Whether there is anything between, before or after the stars.
    pub(super) fn has_piece(&self) -> bool {
        !self.first.is_empty() || !self.middle.is_empty() || self.last.as_ref().is_some_and(|last| !last.is_empty())
    }
}

/// The piece being read.
fn piece_of(pieces: &mut [String]) -> &mut String {
    pieces.last_mut().expect("there is one from the beginning")
}

fn escaped(c: Option<char>) -> Result<char, String> {
    match c {
        Some(c @ ('*' | '\\')) => Ok(c),
        Some(c) => Err(format!("`\\{c}` is no escape; only `\\*` and `\\\\` are, and a backslash itself is `\\\\`")),
        None => Err("the backslash at the end escapes nothing; a backslash itself is `\\\\`".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::Wildcard;

    fn matches(wildcard: &str, text: &str) -> bool {
        Wildcard::parse(wildcard).expect(wildcard).matches(text)
    }

    #[test]
    fn stars_stand_for_any_text() {
        for (wildcard, text) in [
            ("Simple*Service", "SimpleService"),
            ("Simple*Service", "SimpleQueueService"),
            ("*", ""),
            ("*", "anything"),
            ("*.com", "a.com"),
            ("a*b*c", "a-b-b-c"),
            ("a*b*c", "abc"),
            ("*ab*ab*", "abab"),
            ("ä*ö", "äüö"),
            ("", ""),
            (r"a\*b", "a*b"),
            (r"a\\*", r"a\b"),
        ] {
            assert!(matches(wildcard, text), "{wildcard} {text}");
        }
        for (wildcard, text) in [
            ("Simple*Service", "SimpleServic"),
            ("aba*ba", "aba"),
            ("*ab*ab*", "aba"),
            ("a*b*c", "acb"),
            ("a*", "ba"),
            ("*a", "ab"),
            ("", "a"),
            (r"a\*b", "axb"),
            ("abc", "abcd"),
        ] {
            assert!(!matches(wildcard, text), "{wildcard} {text}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for bad in ["a**b", "***", r"a\", r"a\n"] {
            assert!(Wildcard::parse(bad).is_err(), "{bad}");
        }
        assert!(Wildcard::parse(r"*\**").is_ok(), "a star that is escaped stands between two that are not");
    }

    #[test]
    fn hostile_text_takes_no_longer_than_its_length() {
        let wildcard = format!("{}b", "*a".repeat(2_000));
        assert!(!matches(&wildcard, &"a".repeat(1_000_000)));
        assert!(matches(&wildcard, &format!("{}b", "a".repeat(1_000_000))));
    }
}
