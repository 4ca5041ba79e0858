//! Mutations of text: words of its language, pieces of its like, numbers at the ends, brackets without end.

use super::INPUT_BYTES_MAX;
use crate::soak::chance::Chance;

/// What is wrong in any language.
const WORDS: &[&str] = &[
    "",
    " ",
    "\n",
    "\"",
    "'",
    "\\",
    "\\u",
    "\\ud800",
    "\\u0000",
    "\0",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "=",
    ".",
    "-",
    "+",
    "0",
    "-0",
    "1e999",
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551616",
    "0.1",
    "nan",
    "null",
    "true",
    "#",
    "\u{feff}",
    "\u{202e}",
    "\u{1f600}",
    "*",
    "**",
    "\\*",
    "${",
    "${X}",
];

/// How deep brackets are put into each other.
const DEPTHS: &[usize] = &[2, 64, 127, 129, 1_000, 30_000];

/// Changes a text a few times.
pub(super) fn mutate(chance: &mut Chance, text: &mut Vec<u8>, corpus: &[Vec<u8>], words: &[&str]) {
    for _ in 0..1 + chance.below(4) {
        mutate_once(chance, text, corpus, words);
        text.truncate(INPUT_BYTES_MAX);
    }
}

fn mutate_once(chance: &mut Chance, text: &mut Vec<u8>, corpus: &[Vec<u8>], words: &[&str]) {
    let at = chance.below(text.len() + 1);
    let end = (at + 1 + chance.below(12)).min(text.len());
    match chance.below(10) {
        0 if at < text.len() => text[at] ^= 1 << chance.below(8),
        1 => drop(text.drain(at..end)),
        2 => insert(text, at, chance.pick(WORDS).as_bytes()),
        3 => {
            let piece = text[at..end].to_vec();
            insert(text, at, &piece.repeat(1 + chance.below(8)));
        }
        4 => {
            let other = chance.pick(corpus);
            let from = chance.below(other.len() + 1);
            let until = (from + chance.below(64)).min(other.len());
            insert(text, at, &other[from..until]);
        }
        5 => lines(chance, text),
        6 if chance.below(20) == 0 => {
            let (open, close) = *chance.pick(&[("[", "]"), ("{\"a\":", "}"), ("{a=", "}"), ("a.", ""), ("\"$or\":[{", "}]")]);
            let depth = *chance.pick(DEPTHS);
            insert(text, at, format!("{}1{}", open.repeat(depth), close.repeat(depth)).as_bytes());
        }
        7 => text.truncate(at),
        _ => {
            text.drain(at..if chance.below(2) == 0 { at } else { end });
            insert(text, at, chance.pick(words).as_bytes());
        }
    }
}

/// A line that stands twice, elsewhere, or no longer.
fn lines(chance: &mut Chance, text: &mut Vec<u8>) {
    let mut lines: Vec<Vec<u8>> = text.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    if lines.is_empty() {
        return;
    }
    let (from, to) = (chance.below(lines.len()), chance.below(lines.len()));
    match chance.below(3) {
        0 => lines.swap(from, to),
        1 => lines.insert(to, lines[from].clone()),
        _ => drop(lines.remove(from)),
    }
    *text = lines.concat();
}

fn insert(text: &mut Vec<u8>, at: usize, piece: &[u8]) {
    text.splice(at..at, piece.iter().copied());
}
