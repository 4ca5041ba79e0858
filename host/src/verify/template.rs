//! What is signed: text around `{id}`, `{timestamp}`, `{method}`, `{url}`, `{form}` and `{body}`, as in `v0:{timestamp}:{body}`.
//!
//! A brace has no other meaning and cannot be escaped; no provider signs one.

use crate::event::{Piece, pieces};

/// A parsed template.
#[derive(Clone, Debug)]
pub(super) struct Template(Vec<Part>);

/// A piece of the signed content.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Slot(Slot),
}

/// What the request fills in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    Id,
    Timestamp,
    Method,
    Url,
    /// The body as a form, sorted.
    Form,
    Body,
}

/// What the slots of one request hold: the exact bytes received.
#[derive(Clone, Copy, Debug)]
pub(super) struct Filling<'a> {
    pub(super) id: &'a [u8],
    pub(super) timestamp: &'a [u8],
    pub(super) method: &'a [u8],
    pub(super) url: &'a [u8],
    pub(super) form: &'a [u8],
    pub(super) body: &'a [u8],
}

impl Slot {
    const NAMES: [(&'static str, Self); 6] = [
        ("id", Self::Id),
        ("timestamp", Self::Timestamp),
        ("method", Self::Method),
        ("url", Self::Url),
        ("form", Self::Form),
        ("body", Self::Body),
    ];

    fn of(name: &str) -> Result<Self, String> {
        let found = Self::NAMES.iter().find(|(known, _)| *known == name);
        found.map(|(_, slot)| *slot).ok_or_else(|| {
            let known: Vec<_> = Self::NAMES.iter().map(|(known, _)| format!("`{{{known}}}`")).collect();
            format!("`{{{name}}}` is unknown; there are {}", known.join(", "))
        })
    }
}

impl Template {
    /// Reads a template; the error says how to mend it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        for piece in pieces(text)? {
            match piece {
                Piece::Text(text) => parts.push(Part::Text(text.to_owned())),
                Piece::Slot(name) => {
                    let slot = Part::Slot(Slot::of(name)?);
                    if parts.contains(&slot) {
                        return Err(format!("`{{{name}}}` stands twice"));
                    }
                    parts.push(slot);
                }
            }
        }
        Ok(Self(parts))
    }

    /// Whether this slot is part of what is signed.
    pub(super) fn has(&self, slot: Slot) -> bool {
        self.0.contains(&Part::Slot(slot))
    }

    /// Whether a changed body changes what is signed.
    pub(super) fn covers_body(&self) -> bool {
        self.has(Slot::Body) || self.has(Slot::Form)
    }

    /// Whether `next` follows directly behind `slot`, without a text between.
    pub(super) fn joins(&self, slot: Slot, next: Slot) -> bool {
        let joined = [Part::Slot(slot), Part::Text(String::new()), Part::Slot(next)];
        self.0.windows(3).any(|parts| parts == joined)
    }

    /// Whether this slot is the last, without a text behind it.
    pub(super) fn ends_with(&self, slot: Slot) -> bool {
        self.0.ends_with(&[Part::Slot(slot), Part::Text(String::new())])
    }

    /// The text directly behind a slot, perhaps empty; `None` where the slot is not part of what is signed.
    pub(super) fn text_after(&self, slot: Slot) -> Option<&str> {
        self.0.windows(2).find_map(|pair| match pair {
            [Part::Slot(this), Part::Text(end)] if *this == slot => Some(end.as_str()),
            _ => None,
        })
    }

    /// Whether no slot stands behind the body, which may hold anything.
    pub(super) fn ends_with_body(&self) -> bool {
        let last = self.0.iter().rev().find_map(|part| if let Part::Slot(slot) = part { Some(*slot) } else { None });
        !self.covers_body() || matches!(last, Some(Slot::Body | Slot::Form))
    }

    /// Whether `held` could end elsewhere than it does: the text behind its slot begins within it. One signature would then fit two
    /// readings, and a forger could move a part of what follows into it.
    pub(super) fn is_blurred_by(&self, slot: Slot, held: &[u8]) -> bool {
        let Some(end) = self.text_after(slot).map(str::as_bytes).filter(|end| !end.is_empty()) else { return false };
        let read = [held, end].concat();
        read.windows(end.len()).position(|piece| piece == end) != Some(held.len())
    }

    /// Hands the signed content to `sink`, piece by piece, without copying the body.
    pub(super) fn fill(&self, with: Filling<'_>, mut sink: impl FnMut(&[u8])) {
        for part in &self.0 {
            sink(match part {
                Part::Text(text) => text.as_bytes(),
                Part::Slot(Slot::Id) => with.id,
                Part::Slot(Slot::Timestamp) => with.timestamp,
                Part::Slot(Slot::Method) => with.method,
                Part::Slot(Slot::Url) => with.url,
                Part::Slot(Slot::Form) => with.form,
                Part::Slot(Slot::Body) => with.body,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_filled_with_the_bytes_given() {
        let filled = |template: &str| {
            let mut content = Vec::new();
            let with = Filling { id: b"I", timestamp: b"7", method: b"POST", url: b"U", form: b"F", body: b"{B}" };
            Template::parse(template).expect(template).fill(with, |piece| content.extend_from_slice(piece));
            String::from_utf8(content).expect("text")
        };
        assert_eq!(filled("{body}"), "{B}");
        assert_eq!(filled("v0:{timestamp}:{body}"), "v0:7:{B}");
        assert_eq!(filled("{method} {form}"), "POST F");
        assert_eq!(filled("{id}.{timestamp}.{url}{body}!"), "I.7.U{B}!");
    }

    #[test]
    fn a_slot_ends_where_its_text_begins() {
        let blurred = |template: &str, id: &[u8]| Template::parse(template).expect(template).is_blurred_by(Slot::Id, id);
        assert!(!blurred("{id}.{body}", b"7") && blurred("{id}.{body}", b"7.8"));
        assert!(!blurred("{id}||{body}", b"a") && blurred("{id}||{body}", b"a|"), "its last letter and the first of the text");
        assert!(!blurred("{body}", b"7.8"));
    }

    #[test]
    fn a_bad_template_is_told_how_to_mend() {
        for (bad, told) in [("{body", "not closed"), ("{Body}", "`{Body}` is unknown"), ("{body}{body}", "twice")] {
            let error = Template::parse(bad).expect_err(bad);
            assert!(error.contains(told), "{bad}: {error}");
        }
    }
}
