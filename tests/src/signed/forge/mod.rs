//! Ways to forge, each as somebody would try it: by what is known of a signed request, and without the key.

mod content;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{HeaderName, HeaderValue};
use sluicebox::{event::Timestamp, verify::Sample};

use super::{At, Fixture, NOW};

/// A request that no key of the source has signed as it is, or not now.
#[derive(Clone, Debug)]
pub struct Forgery {
    /// What was done.
    pub kind: &'static str,
    /// What is sent.
    pub sample: Sample,
    /// When.
    pub now: Timestamp,
}

/// Every kind of forgery that this fixture has something for.
#[must_use]
pub fn forgeries(fixture: &Fixture) -> Vec<Forgery> {
    let mut forged = Forged { fixture, good: fixture.signed(), list: Vec::new() };
    forged.of_keys();
    forged.of_the_signature();
    forged.of_writing();
    if fixture.covers.body {
        forged.of_the_body();
    }
    if fixture.covers.form {
        forged.of_the_form();
    }
    if let Some(time) = fixture.time {
        forged.of_the_time(time);
    }
    if let Some(id) = fixture.id {
        forged.of_the_id(id);
    }
    if fixture.covers.url || fixture.covers.method {
        forged.of_the_request();
    }
    forged.of_json();
    forged.list
}

struct Forged<'a> {
    fixture: &'a Fixture,
    good: Sample,
    list: Vec<Forgery>,
}

impl Forged<'_> {
    fn add(&mut self, kind: &'static str, change: impl FnOnce(&mut Sample)) {
        let mut sample = self.good.clone();
        change(&mut sample);
        self.list.push(Forgery { kind, sample, now: NOW });
    }

    /// The signature written otherwise, where that makes a difference.
    fn rewrite(&mut self, kind: &'static str, change: impl FnOnce(&str) -> String) {
        let at = self.fixture.signature;
        let before = at.get(&self.good);
        let after = change(&before);
        if after != before {
            self.add(kind, |sample| at.set(sample, &after));
        }
    }

    /// All that stands in the signature's place written otherwise.
    fn rewrite_whole(&mut self, kind: &'static str, change: impl FnOnce(&str) -> String) {
        let at = self.fixture.signature;
        let before = at.whole(&self.good);
        let after = change(&before);
        if after != before {
            self.add(kind, |sample| at.set_whole(sample, &after));
        }
    }

    fn of_keys(&mut self) {
        let sample = self.fixture.signed_by_another();
        self.list.push(Forgery { kind: "another key", sample, now: NOW });
        // An HMAC pads its key with zeros, so this is the one by the empty key.
        let (mut spec, private) = self.fixture.other.clone();
        if private.is_none() && spec["secret"] == "guess" {
            spec["secret"] = "\0".into();
            let mut sample = self.fixture.unsigned.clone();
            super::scheme(&spec).sign(&mut sample, super::ID, NOW, None).expect(self.fixture.label);
            self.list.push(Forgery { kind: "the empty key", sample, now: NOW });
        }
    }

    fn of_the_signature(&mut self) {
        self.rewrite("an empty signature", |_| String::new());
        self.rewrite("a signature cut short", |value| value[..value.len() - 1].to_owned());
        self.rewrite("half a signature", |value| value[..value.len() / 2].to_owned());
        self.rewrite("a longer signature", |value| format!("{value}0"));
        self.rewrite("the signature twice in one", |value| format!("{value}{value}"));
        self.rewrite("a signature of nothing but its first character", |value| value[..1].repeat(value.len()));
        self.rewrite("a signature from behind", |value| value.chars().rev().collect());
        self.rewrite("a space before the signature", |value| format!(" {value}x"));
        if let Some(name) = self.fixture.signature.name() {
            self.add("no signature", |sample| drop(sample.headers.remove(name)));
            self.add("the header twice", |sample| {
                let value = sample.headers[name].clone();
                sample.headers.append(name, value);
            });
            self.add("another header before it", |sample| {
                let value = sample.headers.insert(name, HeaderValue::from_static("x")).expect("it was there");
                sample.headers.append(name, value);
            });
            self.add("under another name", |sample| {
                let value = sample.headers.remove(name).expect("it was there");
                sample.headers.insert(HeaderName::from_static("x-signature-2"), value);
            });
        }
    }

    /// Other ways to write the same bytes, and other words before them.
    fn of_writing(&mut self) {
        if !self.fixture.is_token() {
            self.rewrite("the other case", |value| {
                let upper = value.to_uppercase();
                if upper == value { value.to_lowercase() } else { upper }
            });
            self.rewrite("hexadecimal for base64", |value| BASE64_STANDARD.decode(value).map_or(value.to_owned(), hex::encode));
            self.rewrite("base64 for hexadecimal", |value| {
                hex::decode(value).map_or(value.to_owned(), |bytes| BASE64_STANDARD.encode(bytes))
            });
        } else {
            self.rewrite("another case", |value| value.to_lowercase());
        }
        self.rewrite("without padding", |value| value.trim_end_matches('=').to_owned());
        self.rewrite("padded once more", |value| format!("{value}="));
        // The last digit before the padding has bits that no byte uses.
        self.rewrite("with bits that mean nothing", |value| {
            match value.strip_suffix('=').map(|rest| rest.trim_end_matches('=')) {
                Some(digits) => {
                    let last = digits.as_bytes()[digits.len() - 1];
                    let other = if last.is_ascii_alphabetic() && !b"zZ".contains(&last) { last + 1 } else { b'B' };
                    format!("{}{}{}", &digits[..digits.len() - 1], char::from(other), &value[digits.len()..])
                }
                None => value.to_owned(),
            }
        });
        let prefix = self.fixture.signature.prefix();
        if !prefix.is_empty() && self.fixture.signature.name().is_some() {
            self.rewrite_whole("without the prefix", |value| value.replace(prefix, ""));
            self.rewrite_whole("the prefix twice", |value| value.replace(prefix, &format!("{prefix}{prefix}")));
            self.rewrite_whole("another version", |value| value.replace(prefix, &format!("x{prefix}")));
        }
    }

    fn of_the_time(&mut self, at: At) {
        let ms = self.fixture.tolerance_ms + 1000;
        for (kind, now) in [("stale", Timestamp(NOW.0 + ms)), ("from the future", Timestamp(NOW.0 - ms))] {
            self.list.push(Forgery { kind, sample: self.good.clone(), now });
        }
        let (time, later) =
            (at.get(&self.good), at.get(&self.fixture.signed_with(&self.fixture.unsigned, Timestamp(NOW.0 + 1000))));
        self.add("a later time", |sample| at.set(sample, &later));
        for (kind, value) in [
            ("no time", String::new()),
            ("a time of other digits", format!("0{time}")),
            ("a time with a sign", format!("+{time}")),
            ("a time with a fraction", format!("{time}.0")),
            ("a time that is none", "now".to_owned()),
        ] {
            self.add(kind, |sample| at.set(sample, &value));
        }
        if let Some(name) = at.name() {
            self.add("the time removed", |sample| drop(sample.headers.remove(name)));
            self.add("the time twice", |sample| {
                let value = sample.headers[name].clone();
                sample.headers.append(name, value);
            });
        }
    }

    fn of_the_id(&mut self, at: At) {
        let id = at.get(&self.good);
        for (kind, value) in [("another id", format!("{id}2")), ("a shorter id", id[1..].to_owned()), ("no id", String::new())] {
            self.add(kind, |sample| at.set(sample, &value));
        }
        if let (Some(name), Some(time)) = (at.name(), self.fixture.time) {
            // One separator further on: the signed bytes are the same where nobody looks.
            let time = time.get(&self.good);
            self.add("an id that takes the time", |sample| at.set(sample, &format!("{id}.{time}")));
            self.add("the id removed", |sample| drop(sample.headers.remove(name)));
            self.add("the id twice", |sample| {
                sample.headers.append(name, HeaderValue::from_static("other"));
            });
        }
    }
}
