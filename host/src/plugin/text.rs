//! Text that came out of a guest, made fit for people's eyes: without control characters, which could move a terminal's cursor
//! or forge a line of a log, and no longer than a line may be.

use super::limits::LINE_BYTES_MAX;

/// The text on one line, cut at [`LINE_BYTES_MAX`].
pub(super) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len().min(LINE_BYTES_MAX));
    push_clean(&mut line, text);
    line
}

/// Appends as much of `text` as the line has room for; control characters and those that turn the direction of writing are
/// left out, a line break becomes a space.
pub(super) fn push_clean(line: &mut String, text: &str) {
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    for c in text.chars() {
        let c = if c == '\n' || c == '\t' { ' ' } else { c };
        if line.len() + c.len_utf8() > LINE_BYTES_MAX {
            return;
        }
        if !c.is_control() && !turns(c) {
            line.push(c);
        }
    }
}

/// A code that a plugin gave, where it is one: kebab case, at most 64 bytes. Else `otherwise`.
pub(super) fn code_or(code: String, otherwise: &str) -> String {
    let good = !code.is_empty()
        && code.len() <= 64
        && code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !code.starts_with('-');
    if good { code } else { otherwise.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_cannot_move_the_cursor_or_forge_another() {
        assert_eq!(one_line("a\x1b[2Jb\r\nc\u{202e}d"), "a[2Jb cd");
    }

    #[test]
    fn a_line_is_cut_between_characters() {
        let line = one_line(&"ä".repeat(LINE_BYTES_MAX));
        assert_eq!(line.len(), LINE_BYTES_MAX);
        assert_eq!(one_line(&format!("x{}", "ä".repeat(LINE_BYTES_MAX))).len(), LINE_BYTES_MAX - 1);
    }

    #[test]
    fn a_code_is_kebab_case_or_not_the_plugins() {
        assert_eq!(code_or("invalid-json".into(), "rejected"), "invalid-json");
        for bad in ["", "Invalid JSON", "-x", &"x".repeat(65)] {
            assert_eq!(code_or(bad.into(), "rejected"), "rejected", "{bad}");
        }
    }
}
