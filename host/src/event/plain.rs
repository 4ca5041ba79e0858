//! What serde says of a document that does not fit, for people who know neither Rust nor serde. The only place that knows its sentences, but for
//! the hub's, which looks up the nearest key.

/// What serde says of a value that does not fit, `invalid type: string "hunter2", expected a map`, in plain words, and without what was found, but
/// for its type: it may be a secret in the wrong place.
#[must_use]
pub fn plain_words(sentence: &str) -> String {
    match sentence.rsplit_once(" at line ") {
        Some((sentence, place)) => format!("{}, at line {place}", without_value(sentence)),
        None => without_value(sentence),
    }
}

fn without_value(sentence: &str) -> String {
    let (found, is_type) = match (sentence.strip_prefix("invalid type: "), sentence.strip_prefix("invalid value: ")) {
        (Some(found), _) => (found, true),
        (None, Some(found)) => (found, false),
        (None, None) => return plain(sentence),
    };
    let Some((found, expected)) = found.rsplit_once(", expected ") else { return plain(sentence) };
    let kind = found.split(['"', '`']).next().unwrap_or_default().trim();
    let (expected, found) = (expected_words(expected), found_words(kind));
    match found.strip_prefix("a ").filter(|_| !is_type) {
        Some(found) => format!("expected {expected}, found another {found}"),
        None => format!("expected {expected}, found {found}"),
    }
}

/// What Rust says of a text that is to be a number or a truth, as in a query.
const NUMBERS: &[(&str, &str)] = &[
    ("invalid digit found in string", "this is no whole number"),
    ("cannot parse integer from empty string", "a whole number is missing here"),
    ("number too large to fit in target type", "the number is too large"),
    ("provided string was not `true` or `false`", "expected true or false"),
];

/// The names of types, as serde has them, in the words of who writes documents.
fn expected_words(expected: &str) -> &str {
    match expected {
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" | "u64" | "usize" | "a nonzero u32" | "a nonzero u64" => "a whole number, 0 or more",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a string" | "a borrowed string" | "a character" | "string or map" | "variant identifier" => "a text",
        "a sequence" => "a list",
        "a map" | "an object" => "a table",
        _ if expected.starts_with("struct ") || expected.contains("tagged enum") => "a table",
        _ if expected.starts_with("enum ") => "a text",
        _ if expected.starts_with("tuple ") || expected.starts_with("a tuple ") || expected.starts_with("an array ") => "a list",
        _ => expected,
    }
}

fn found_words(kind: &str) -> &str {
    match kind {
        "integer" => "a whole number",
        "floating point" => "a number",
        "string" | "character" => "a text",
        "boolean" => "true or false",
        "sequence" => "a list",
        "map" => "a table",
        "null" | "unit value" | "Option value" => "nothing",
        _ => "something else",
    }
}

/// What serde says otherwise.
fn plain(sentence: &str) -> String {
    let key = || sentence.split('`').nth(1).unwrap_or_default();
    if sentence.starts_with("missing field") {
        return format!("`{}` is missing", key());
    }
    if let Some(rest) = sentence.strip_prefix("unknown field ") {
        let known = rest.split('`').skip(3).step_by(2).collect::<Vec<_>>().join(", ");
        let known = if known.is_empty() { String::new() } else { format!("; there are {known}") };
        return format!("unknown key `{}`{known}", key());
    }
    if let Some((_, plain)) = NUMBERS.iter().find(|(told, _)| *told == sentence) {
        return (*plain).to_owned();
    }
    if sentence.starts_with("duplicate field") {
        return format!("`{}` is there twice", key());
    }
    if sentence.starts_with("data did not match any variant") {
        return "this has none of the forms that it may have".to_owned();
    }
    match sentence.strip_prefix("invalid length ").and_then(|rest| rest.split_once(", expected ")) {
        Some((found, expected)) => format!("expected {}, found {found} items", expected_words(expected)),
        None => sentence.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_of_rust_or_serde_is_told() {
        let words = [
            ("invalid type: sequence, expected a string", "expected a text, found a list"),
            ("invalid type: string \"7\", expected usize", "expected a whole number, 0 or more, found a text"),
            ("invalid value: integer `-1`, expected u32", "expected a whole number, 0 or more, found another whole number"),
            ("invalid type: floating point `1.5`, expected u8", "expected a whole number from 0 to 255, found a number"),
            ("invalid type: null, expected a boolean", "expected true or false, found nothing"),
            ("invalid type: map, expected a sequence", "expected a list, found a table"),
            ("invalid type: boolean `true`, expected struct Spec with 3 elements", "expected a table, found true or false"),
            ("invalid length 1, expected a tuple of size 2", "expected a list, found 1 items"),
            ("missing field `url`", "`url` is missing"),
            ("unknown field `limt`, expected one of `limit`, `after`", "unknown key `limt`; there are limit, after"),
            ("unknown field `a`, there are no fields", "unknown key `a`"),
            ("invalid digit found in string", "this is no whole number"),
            ("duplicate field `url`", "`url` is there twice"),
            ("data did not match any variant of untagged enum ExtractSpec", "this has none of the forms that it may have"),
            ("`x` is not a name", "`x` is not a name"),
            ("missing field `type` at line 1 column 20", "`type` is missing, at line 1 column 20"),
        ];
        for (sentence, plain) in words {
            assert_eq!(plain_words(sentence), plain);
        }
    }
}
