//! What is different where a person watches: colours.

use std::{env, io::IsTerminal};

const BOLD: &str = "\u{1b}[1m";
const PLAIN: &str = "\u{1b}[0m";

/// Whether colours are wanted there: on a terminal that has them, and not where NO_COLOR says otherwise (no-color.org).
pub(super) fn has_colours(stream: &impl IsTerminal) -> bool {
    wants(stream.is_terminal(), env::var("NO_COLOR").ok().as_deref(), env::var("TERM").ok().as_deref())
}

fn wants(is_terminal: bool, no_color: Option<&str>, term: Option<&str>) -> bool {
    is_terminal && no_color.is_none_or(str::is_empty) && term != Some("dumb")
}

/// A heading.
pub(super) fn heading(text: &str, colours: bool) -> String {
    if colours { format!("{BOLD}{text}{PLAIN}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals_whose_users_want_them() {
        assert!(wants(true, None, Some("xterm")));
        assert!(wants(true, Some(""), None), "an empty NO_COLOR says nothing");
        assert!(!wants(true, Some("1"), Some("xterm")));
        assert!(!wants(true, None, Some("dumb")));
        assert!(!wants(false, None, Some("xterm")));
    }
}
