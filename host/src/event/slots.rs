//! Text with slots, as in `v0:{timestamp}:{body}`: how the parts' specs write what is filled in later.
//!
//! A brace has no other meaning and cannot be escaped.

/// A piece of such a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Stands for itself.
    Text(&'a str),
    /// What stands between braces; the part knows which names there are.
    Slot(&'a str),
}

/// The pieces of a text with slots: a text, perhaps empty, before and behind each slot.
///
/// # Errors
/// Where a `{` is not closed.
pub fn pieces(text: &str) -> Result<Vec<Piece<'_>>, &'static str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').ok_or("a `{` is not closed")?;
        pieces.extend([Piece::Text(before), Piece::Slot(name)]);
        rest = after;
    }
    pieces.push(Piece::Text(rest));
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use super::{Piece::*, pieces};

    #[test]
    fn a_text_falls_into_pieces() {
        assert_eq!(pieces("a{b}{c}d"), Ok(vec![Text("a"), Slot("b"), Text(""), Slot("c"), Text("d")]));
        assert_eq!(pieces("{}"), Ok(vec![Text(""), Slot(""), Text("")]));
        assert_eq!(pieces(""), Ok(vec![Text("")]));
        assert_eq!(pieces("a}b"), Ok(vec![Text("a}b")]));
        assert_eq!(pieces("a{b"), Err("a `{` is not closed"));
    }
}
