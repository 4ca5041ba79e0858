//! Scalars at which matchers go wrong, from pools so small that an event and a pattern often draw the same.

use crate::soak::chance::Chance;

/// Numbers, each in several spellings.
const NUMBERS: &[&[&str]] = &[
    &["0", "-0", "0.0", "-0.0", "0e5"],
    &["1", "1.0", "1e0", "10e-1", "1.00"],
    &["5", "5.0", "0.5e1"],
    &["-5", "-5.0", "-5E0"],
    &["100", "1E+2", "1e2", "100.0"],
    &["2.5", "25e-1", "2.50"],
    &["0.1", "1e-1", "0.10"],
    &["0.3", "3e-1"],
    &["0.30000000000000004"],
    // The last integers that doubles tell apart, and the ends of i64 and u64.
    &["9007199254740991", "9007199254740991.0"],
    &["9007199254740992", "9007199254740992.0", "9.007199254740992e15"],
    &["9007199254740993", "9007199254740993.0"],
    &["-9007199254740993"],
    &["9223372036854775807", "9.223372036854775807e18"],
    &["9223372036854775808", "9223372036854775808.0"],
    &["-9223372036854775808", "-9223372036854775808.0"],
    &["-9223372036854775809"],
    &["18446744073709551615", "18446744073709551615.0"],
    &["18446744073709551616", "1.8446744073709552e19"],
    &["123456789012345678901234567890"],
    &["1e308"],
    &["5e-324"],
];

/// Texts: beginnings and ends of each other, upper and lower case that is no pair, what has to be escaped, what looks like another type,
/// addresses.
const TEXTS: &[&str] = &[
    "",
    "a",
    "A",
    "ab",
    "abc",
    "ABC",
    "b",
    "refs/heads/main",
    "REFS/heads/Main",
    "refs/tags/v1",
    "ec2",
    "EC2",
    "5",
    "1",
    "true",
    "null",
    "straße",
    "STRASSE",
    "\u{130}",
    "i\u{307}",
    "i",
    "I",
    "\u{131}",
    "\u{212a}",
    "k",
    "K",
    "\u{17f}",
    "s",
    "\u{3a3}",
    "\u{3c2}",
    "\u{3c3}",
    "\u{fb00}",
    "ff",
    "\u{e9}",
    "e\u{301}",
    "\u{1f600}",
    "\u{1f601}",
    "\0",
    "*",
    "\\",
    "a*b",
    "a\\b",
    "a\\*b",
    "\"",
    "/",
    "\n",
    "aXb",
    "aab",
    "abab",
    "10.0.0.5",
    "10.0.1.5",
    "10.0.0.255",
    "010.0.0.5",
    "10.0.0",
    "2001:db8::1",
    "2001:DB8:0::1",
    "2001:db9::",
    "::ffff:10.0.0.5",
    "fe80::1%eth0",
    " a",
    "a ",
];

/// A number as a token.
pub(super) fn number(chance: &mut Chance) -> &'static str {
    let spellings = chance.pick::<&[&str]>(NUMBERS);
    chance.pick::<&str>(spellings)
}

/// A text.
pub(super) fn text(chance: &mut Chance) -> String {
    match chance.below(4) {
        0 => (0..chance.below(6)).map(|_| *chance.pick(&['a', 'b', 'A', '*', '\\', '\u{e9}'])).collect(),
        _ => (*chance.pick(TEXTS)).to_owned(),
    }
}

/// Any scalar, as a token of JSON.
pub(super) fn token(chance: &mut Chance) -> String {
    match chance.below(20) {
        0 | 1 => "null".to_owned(),
        2 => "true".to_owned(),
        3 => "false".to_owned(),
        4..=9 => number(chance).to_owned(),
        _ => {
            let text = text(chance);
            spelled(&text, chance)
        }
    }
}

/// The text as a token of JSON, with escapes where there need not be any.
pub(super) fn spelled(text: &str, chance: &mut Chance) -> String {
    let escaping = chance.below(4) == 0;
    let mut token = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => token.extend(['\\', c]),
            '/' if escaping => token.push_str("\\/"),
            '\n' => token.push_str("\\n"),
            _ if c.is_control() || (escaping && chance.below(2) == 0) => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    let digits = if chance.below(2) == 0 { format!("{unit:04x}") } else { format!("{unit:04X}") };
                    token.push_str("\\u");
                    token.push_str(&digits);
                }
            }
            _ => token.push(c),
        }
    }
    token.push('"');
    token
}
