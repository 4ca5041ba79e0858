//! Slack's markup, mrkdwn: what comes from elsewhere is text in it and nothing more.
//!
//! `&`, `<` and `>` are all that Slack gives a meaning that can be escaped: without them a text holds no link, and no `<!channel>`
//! that would wake everybody. `*`, `_`, `~` and `` ` `` have no escape; they can change how a text looks, not what it leads to.

/// A text on one line.
pub(crate) fn line(text: &str) -> String {
    escaped(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// A link. What is no web address is left out, and the words stay.
pub(crate) fn link(url: &str, words: &str) -> String {
    let words = line(words);
    if !(url.starts_with("https://") || url.starts_with("http://")) || words.is_empty() {
        return words;
    }
    let url = url.replace('|', "%7C").replace('<', "%3C").replace('>', "%3E").replace(char::is_whitespace, "%20");
    format!("<{}|{words}>", url.replace('&', "&amp;"))
}

/// A name as code: `main`.
pub(crate) fn code(name: &str) -> String {
    format!("`{}`", line(name).replace('`', "'"))
}

/// The first characters of a text, as a quotation; empty where there are none.
pub(crate) fn quote(text: &str, chars_max: usize) -> String {
    let lines: Vec<_> = cut(text.trim(), chars_max).lines().map(|line| format!(">{}", escaped(line.trim_end()))).collect();
    lines.join("\n")
}

/// No more than so many characters, the last of them `…` where some are left out.
pub(crate) fn cut(text: &str, chars_max: usize) -> String {
    let Some((end, _)) = text.char_indices().nth(chars_max) else { return text.to_owned() };
    let last = text[..end].char_indices().next_back().map_or(0, |(last, _)| last);
    if chars_max == 0 { String::new() } else { format!("{}…", text[..last].trim_end()) }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_holds_no_markup_that_leads_elsewhere() {
        assert_eq!(line("a <!channel> & <https://evil|b>\n c"), "a &lt;!channel&gt; &amp; &lt;https://evil|b&gt; c");
        assert_eq!(code("fix/`<x>`"), "`fix/'&lt;x&gt;'`");
    }

    #[test]
    fn a_link_cannot_be_left_from_within() {
        assert_eq!(link("https://a.b/?x=1&y=|>", "a > b"), "<https://a.b/?x=1&amp;y=%7C%3E|a &gt; b>");
        assert_eq!(link("javascript:alert(1)", "words"), "words");
        assert_eq!(link("", "words"), "words");
    }

    #[test]
    fn a_quotation_is_cut_between_characters_and_before_it_is_escaped() {
        assert_eq!(quote("one\r\ntwo & three", 100), ">one\n>two &amp; three");
        assert_eq!(quote("äöü&&&&", 5), ">äöü&amp;…");
        assert_eq!(cut("four", 4), "four");
        assert_eq!(quote("text", 0), "");
        assert_eq!(quote("  \n ", 9), "");
    }
}
