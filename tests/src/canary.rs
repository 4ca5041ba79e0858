//! Canaries: secrets that are known again however they are spelt, and a search for them in whatever a host leaves behind.
//!
//! Looked for are their bytes, hexadecimal digits in both cases, and base64 and base64url at each of the three ways in which bytes can lie
//! across its groups. Percent-encoding leaves them as they are: all of a canary's text is digits and letters.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE},
};
use sha2::{Digest as _, Sha256};

/// A planted secret.
#[derive(Clone, Debug)]
pub struct Canary {
    /// What it is the secret of.
    pub label: String,
    bytes: Vec<u8>,
}

impl Canary {
    /// One of 16 bytes, of its own for each label.
    #[must_use]
    pub fn new(label: &str) -> Self {
        Self::of(label, &Sha256::digest(label)[..16])
    }

    /// One of 32 bytes.
    #[must_use]
    pub fn key(label: &str) -> Self {
        Self::of(label, &Sha256::digest(label))
    }

    /// Bytes that were made elsewhere.
    #[must_use]
    pub fn of(label: &str, bytes: &[u8]) -> Self {
        Self { label: label.to_owned(), bytes: bytes.to_vec() }
    }

    /// As hexadecimal digits, which is its text.
    #[must_use]
    pub fn text(&self) -> String {
        hex::encode(&self.bytes)
    }

    /// As a secret of Standard Webhooks: the key is the text.
    #[must_use]
    pub fn whsec(&self) -> String {
        format!("whsec_{}", BASE64_STANDARD.encode(self.text()))
    }

    /// All spellings, and what each is.
    fn spellings(&self) -> Vec<(&'static str, Vec<u8>)> {
        let text = self.text().into_bytes();
        let mut spellings = vec![
            ("its bytes", self.bytes.clone()),
            ("its digits", text.clone()),
            ("its digits in upper case", text.to_ascii_uppercase()),
            ("hexadecimal digits of its text", hex::encode(&text).into_bytes()),
        ];
        for offset in 0..3 {
            spellings.push(("base64 of its bytes", across(&BASE64_STANDARD, &self.bytes, offset)));
            spellings.push(("base64url of its bytes", across(&BASE64_URL_SAFE, &self.bytes, offset)));
            spellings.push(("base64 of its text", across(&BASE64_STANDARD, &text, offset)));
        }
        spellings
    }
}

/// What is in the base64 of any text that has these bytes behind so many others, modulo 3.
fn across(engine: &impl base64::Engine, bytes: &[u8], offset: usize) -> Vec<u8> {
    let encoded = engine.encode([&vec![0; offset], bytes].concat());
    // A character is of these bytes alone where all six of its bits are.
    let (begin, end) = ((offset * 8).div_ceil(6), (offset + bytes.len()) * 8 / 6);
    encoded.as_bytes()[begin..end].to_vec()
}

/// How a spelling begins: enough to look it up by.
type Begin = [u8; 8];

/// Finds canaries.
#[derive(Debug, Default)]
pub struct Search {
    spellings: HashMap<Begin, Vec<(String, Vec<u8>)>>,
}

impl Search {
    /// A search for these.
    #[must_use]
    pub fn of<'a>(canaries: impl IntoIterator<Item = &'a Canary>) -> Self {
        let mut search = Self::default();
        for canary in canaries {
            for (what, spelling) in canary.spellings() {
                let begin = spelling[..8].try_into().expect("eight bytes");
                search.spellings.entry(begin).or_default().push((format!("{}: {what}", canary.label), spelling));
            }
        }
        search
    }

    /// Which canaries these bytes hold, and how they are spelt.
    #[must_use]
    pub fn find(&self, bytes: &[u8]) -> Vec<&str> {
        // Most bytes are none that a spelling begins with; a table is asked sooner than a hash.
        let mut begins = vec![false; 1 << 16];
        for begin in self.spellings.keys() {
            begins[usize::from(u16::from_be_bytes([begin[0], begin[1]]))] = true;
        }
        let mut found = Vec::new();
        for (at, window) in bytes.windows(8).enumerate() {
            if !begins[usize::from(u16::from_be_bytes([window[0], window[1]]))] {
                continue;
            }
            let Some(spellings) = self.spellings.get(window) else { continue };
            let here = spellings.iter().filter(|(_, spelling)| bytes[at..].starts_with(spelling));
            found.extend(here.map(|(label, _)| label.as_str()));
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// Every file below a folder, but for those of these names.
#[must_use]
pub fn files(folder: &Path, except: &[&str]) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for path in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if path.is_dir() {
            found.extend(files(&path, except));
        } else if !except.iter().any(|name| path.file_name().is_some_and(|file| file == *name)) {
            let bytes = fs::read(&path).expect("a file");
            found.push((path, bytes));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_canary_is_found_however_it_is_spelt_and_wherever_it_stands() {
        let (canary, other) = (Canary::new("a"), Canary::key("b"));
        let search = Search::of([&canary, &other]);
        let text = canary.text();
        for before in 0..8 {
            let around = |inner: &[u8]| [&vec![b'x'; before], inner, b"yz"].concat();
            for (what, hidden) in [
                ("bytes", around(&canary.bytes)),
                ("text", around(text.as_bytes())),
                ("upper case", around(text.to_uppercase().as_bytes())),
                ("base64", around(BASE64_STANDARD.encode(around(text.as_bytes())).as_bytes())),
                ("base64 of bytes", around(BASE64_STANDARD.encode(around(&canary.bytes)).as_bytes())),
                ("base64url of bytes", around(BASE64_URL_SAFE.encode(around(&canary.bytes)).as_bytes())),
                ("hexadecimal", around(hex::encode(around(text.as_bytes())).as_bytes())),
                ("a signing secret", around(canary.whsec().as_bytes())),
            ] {
                let found = search.find(&hidden);
                assert!(!found.is_empty() && found.iter().all(|label| label.starts_with("a: ")), "{what}, {before}: {found:?}");
            }
        }
        assert!(search.find(&other.bytes).iter().all(|label| label.starts_with("b: ")));
        assert!(search.find(&canary.bytes[..15]).is_empty() && search.find(b"").is_empty());
    }
}
