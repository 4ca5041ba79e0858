//! What a refusal has to be: one of the documented codes, in words that an author can read.

use crate::Answer;

/// The most that a refusal has to say.
const WORDS_BYTES_MAX: usize = 4 << 10;

/// What the host answered to an upload.
#[derive(Debug)]
pub(super) enum Verdict {
    /// The component's digest.
    Accepted(String),
    /// The code.
    Refused(String),
}

/// Judges the answer to an upload.
///
/// # Errors
///
/// It is neither, or the server says that it is at fault itself.
pub(super) fn of_upload(answer: &Answer) -> Result<Verdict, String> {
    if let (201 | 200, Some(digest)) = (answer.status, answer.json["digest"].as_str()) {
        return Ok(Verdict::Accepted(digest.to_owned()));
    }
    let detail = answer.json["detail"].as_str().unwrap_or_default();
    let code = of_words(detail).map_err(|why| format!("{} {why}", answer.status))?;
    // P012, too much for the compiler, is the module's own fault; P011 and P013 never are.
    if answer.status != 422 || ["P011", "P013"].contains(&code) || detail.contains("bug in sluicebox") {
        return Err(format!("refused as by a server that is at fault: {} {detail}", answer.status));
    }
    Ok(Verdict::Refused(code.to_owned()))
}

/// Judges the text of a refusal and gives its code.
///
/// # Errors
///
/// It has no code, or words that are not for people.
pub(super) fn of_words(text: &str) -> Result<&str, String> {
    let code = text.strip_prefix("error[").and_then(|rest| rest.split_once("]: "));
    let Some((code, words)) = code.filter(|(code, _)| is_code(code)) else {
        return Err(format!("a code was expected: {text:?}"));
    };
    if words.len() > WORDS_BYTES_MAX || words.lines().count() != 2 {
        return Err(format!("a cause and a mend, each a line of sensible length, were expected: {text:?}"));
    }
    match words.chars().find(|c| c.is_control() && *c != '\n') {
        Some(control) => Err(format!("the refusal has the control character {control:?}: {text:?}")),
        None => Ok(code),
    }
}

fn is_code(code: &str) -> bool {
    code.len() == 4 && code.starts_with("P0") && code[2..].bytes().all(|b| b.is_ascii_digit())
}

/// The line of a log in which a thread panicked.
pub(super) fn panicked(log: &str) -> Option<&str> {
    log.lines().find(|line| (line.starts_with("thread '") && line.contains("panicked at")) || line.contains("bug in sluicebox"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn judged(status: u16, detail: &str) -> Result<Verdict, String> {
        of_upload(&Answer { status, json: json!({ "detail": detail }) })
    }

    #[test]
    fn a_refusal_is_told_from_a_failure() {
        assert!(matches!(judged(422, "error[P003]: a\n  b"), Ok(Verdict::Refused(code)) if code == "P003"));
        for (status, detail) in [
            (422, "no code"),
            (500, "error[P003]: a\n  b"),
            (503, "error[P013]: a\n  b"),
            (422, "error[P003]: one line"),
            (422, "error[P003]: a\u{1b}\n  b"),
            (422, "error[P9]: a\n  b"),
        ] {
            assert!(judged(status, detail).is_err(), "{detail:?}");
        }
        assert!(judged(422, &format!("error[P003]: {}\n  b", "a".repeat(WORDS_BYTES_MAX))).is_err());
    }

    #[test]
    fn a_panic_is_seen() {
        let log = "INFO a plugin panicked at src/lib.rs\nthread 'plugin-0' (7) panicked at host/src/x.rs:1:1:\n";
        assert_eq!(panicked(log), Some("thread 'plugin-0' (7) panicked at host/src/x.rs:1:1:"));
        assert_eq!(panicked("INFO a plugin panicked at src/lib.rs"), None);
    }
}
