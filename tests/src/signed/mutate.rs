//! Random changes of what a scheme covers. Each change makes the request another one by its making: bytes are exchanged for others, put in or
//! taken out, and where order or writing means nothing (a form, a list, the words before a token) only what means something is touched.

use http::HeaderName;
use sluicebox::verify::Sample;

use super::{At, Fixture};
use crate::soak::chance::Chance;

/// What a change is made of; nothing that a list, a URL or JSON reads as more than itself.
const ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

/// The signed request of a fixture with something changed: change `index` of the run that follows from `seed`, and what was done.
#[must_use]
pub fn mutated(fixture: &Fixture, signed: &Sample, seed: u64, index: u64) -> (Sample, String) {
    let mut chance = Chance::of(seed, index);
    let mut sample = signed.clone();
    let mut parts = vec![Part::At(fixture.signature)];
    parts.extend(fixture.time.map(Part::At));
    parts.extend(fixture.id.map(Part::At));
    parts.extend(fixture.signature.name().map(Part::Header));
    if fixture.covers.body {
        // It is the most of what is sent, and what a forger wants to change.
        parts.extend([Part::Body; 4]);
    }
    if fixture.covers.form {
        parts.extend([Part::Form; 4]);
    }
    if fixture.covers.url {
        parts.push(Part::Path);
    }
    if fixture.covers.method {
        parts.push(Part::Method);
    }
    let part = *chance.pick(&parts);
    part.change(&mut sample, &mut chance);
    (sample, format!("{part:?}"))
}

#[derive(Clone, Copy, Debug)]
enum Part {
    At(At),
    /// The whole header: gone, or there twice.
    Header(&'static str),
    Body,
    Form,
    Path,
    Method,
}

impl Part {
    fn change(self, sample: &mut Sample, chance: &mut Chance) {
        match self {
            Self::At(at) => {
                let value = edited(at.get(sample).as_bytes(), chance, ALPHABET);
                at.set(sample, &String::from_utf8(value).expect("ASCII"));
            }
            Self::Header(name) => {
                let value = sample.headers.remove(name).expect("it is there");
                for _ in 0..chance.below(2) * 2 {
                    sample.headers.append(HeaderName::from_static(name), value.clone());
                }
            }
            Self::Body => {
                let any: Vec<u8> = (0..=255).collect();
                sample.body = edited(&sample.body, chance, &any);
            }
            Self::Form => sample.body = form(&sample.body, chance),
            Self::Path => {
                let begin = sample.url.find("/in/").expect("a path") + 4;
                let path = edited(&sample.url.as_bytes()[begin..], chance, ALPHABET);
                sample.url.replace_range(begin.., &String::from_utf8(path).expect("ASCII"));
            }
            Self::Method => {
                let others = ["GET", "PUT", "PATCH", "DELETE", "POSTS", "post", ""];
                (*chance.pick(&others)).clone_into(&mut sample.method);
            }
        }
    }
}

/// Other bytes than these: one to three changes, of which the last leaves something that differs from the beginning.
fn edited(before: &[u8], chance: &mut Chance, alphabet: &[u8]) -> Vec<u8> {
    let mut bytes = before.to_vec();
    for _ in 0..=chance.below(3) {
        edit(&mut bytes, chance, alphabet);
    }
    // Two changes may undo each other; one more never does.
    while bytes == before {
        edit(&mut bytes, chance, alphabet);
    }
    bytes
}

fn edit(bytes: &mut Vec<u8>, chance: &mut Chance, alphabet: &[u8]) {
    let at = chance.below(bytes.len() + 1);
    match chance.below(6) {
        0 => bytes.insert(at, *chance.pick(alphabet)),
        1 => bytes.truncate(at),
        2 if bytes.len() > 1 => {
            let (one, other) = (chance.below(bytes.len()), chance.below(bytes.len()));
            bytes.swap(one, other);
        }
        3 if at < bytes.len() => drop(bytes.remove(at)),
        4 => bytes.extend_from_within(at..),
        _ if at < bytes.len() => bytes[at] = *chance.pick(alphabet),
        _ => bytes.push(*chance.pick(alphabet)),
    }
}

/// A form with other keys and values. What is signed of one is the letters of all pairs one behind the other, so what changes is how many there
/// are, or which.
fn form(body: &[u8], chance: &mut Chance) -> Vec<u8> {
    let mut pairs: Vec<(String, String)> = String::from_utf8_lossy(body)
        .split('&')
        .map(|pair| pair.split_once('=').expect("a pair"))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    let at = chance.below(pairs.len());
    let other = |text: &str, chance: &mut Chance| {
        let place = chance.below(text.len());
        let digit = char::from(*chance.pick(ALPHABET));
        let digit = if text[place..].starts_with(digit) { '~' } else { digit };
        // A `+` is a space and `%` begins an escape: what is put before the text leaves both as they are.
        if text.contains(['+', '%']) {
            format!("{digit}{text}")
        } else {
            format!("{}{digit}{}", &text[..place], &text[place + 1..])
        }
    };
    match chance.below(4) {
        0 => drop(pairs.remove(at)),
        1 => pairs.push((format!("Z{}", chance.below(1000)), "1".into())),
        2 => pairs[at].0 = other(&pairs[at].0, chance),
        _ => pairs[at].1 = other(&pairs[at].1, chance),
    }
    pairs.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join("&").into_bytes()
}
