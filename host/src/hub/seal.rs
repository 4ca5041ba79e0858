//! Sealing: each secret of a document under the data key of today, bound to its place, so that a sealed secret that is moved to another
//! entry does not open. Only here does a secret change between clear and sealed.
//!
//! A secret has three forms: clear `{ "value", "ref"? }`, sealed `{ "sealed", "ref"? }`, and shown `{ "ref" }` or `{ "set": true }`. One that
//! nobody declares, which the hub made or kept, is also `"own": true` in the first two. What is sealed begins with the number of its data
//! key: `3:BASE64`.

use std::{collections::BTreeSet, io};

use serde_json::{Value, json};

use super::{
    data_keys::DataKeys,
    entry::{Entry, Kind},
    spec::secret_pointers,
};

/// Why a secret was not sealed or did not open.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// Another place, or changed bytes.
    #[error("the secret at {place} does not open: it was damaged, or sealed for another place; give it anew")]
    DoesNotOpen {
        /// Workspace, kind, name and pointer.
        place: String,
    },
    /// Sealed under a key that is not there.
    #[error(
        "the secret at {place} is sealed under data key {number}, which data-keys.json does not hold: restore that file from the backup that \
         the records are from"
    )]
    NoDataKey {
        /// Workspace, kind, name and pointer.
        place: String,
        /// The data key's number.
        number: u32,
    },
    /// The system gave no random bytes, or the cipher refused.
    #[error("cannot seal a secret")]
    CannotSeal(#[source] io::Error),
}

/// The data keys at work.
pub(super) struct Seal {
    pub(super) keys: DataKeys,
}

impl Seal {
    pub(super) fn new(keys: DataKeys) -> Self {
        Self { keys }
    }

    /// The document with its clear secrets sealed.
    pub(super) fn seal(&self, entry: &Entry, mut clear: Value) -> Result<Value, SealError> {
        for pointer in secret_pointers(entry.kind, &clear) {
            let Some(secret) = clear.pointer_mut(&pointer) else { continue };
            if let Some(text) = secret.get("value").and_then(Value::as_str) {
                let sealed = self.seal_text(&place(entry, &pointer), text)?;
                *secret = with_ref(json!({ "sealed": sealed }), secret);
            }
        }
        Ok(clear)
    }

    /// The document with its sealed secrets in clear.
    pub(super) fn unseal(&self, entry: &Entry, mut sealed: Value) -> Result<Value, SealError> {
        for pointer in secret_pointers(entry.kind, &sealed) {
            let Some(secret) = sealed.pointer_mut(&pointer) else { continue };
            if let Some(text) = secret.get("sealed").and_then(Value::as_str) {
                let place = place(entry, &pointer);
                let value = self.unseal_text(place, text)?;
                *secret = with_ref(json!({ "value": value }), secret);
            }
        }
        Ok(sealed)
    }

    fn seal_text(&self, place: &str, text: &str) -> Result<String, SealError> {
        let (number, key) = self.keys.current();
        let sealed = key.seal(place, text.as_bytes()).map_err(SealError::CannotSeal)?;
        Ok(format!("{number}:{sealed}"))
    }

    fn unseal_text(&self, place: String, text: &str) -> Result<String, SealError> {
        let Some((number, sealed)) = parted(text) else { return Err(SealError::DoesNotOpen { place }) };
        let Some(key) = self.keys.key(number) else { return Err(SealError::NoDataKey { place, number }) };
        let clear = key.open(&place, sealed).and_then(|clear| std::str::from_utf8(&clear).ok().map(str::to_owned));
        clear.ok_or(SealError::DoesNotOpen { place })
    }
}

/// The number of the data key, and what is sealed under it.
fn parted(text: &str) -> Option<(u32, &str)> {
    let (number, sealed) = text.split_once(':')?;
    Some((number.parse().ok()?, sealed))
}

/// The data keys that a stored document's secrets are sealed under.
pub(super) fn data_keys(kind: Kind, sealed: &Value) -> BTreeSet<u32> {
    let texts = secret_pointers(kind, sealed).into_iter();
    texts.filter_map(|pointer| parted(sealed.pointer(&pointer)?.get("sealed")?.as_str()?).map(|(number, _)| number)).collect()
}

/// The stored document as people may see it.
pub(super) fn shown(entry: &Entry, sealed: &Value) -> Value {
    let mut shown = sealed.clone();
    for pointer in secret_pointers(entry.kind, sealed) {
        if let Some(secret) = shown.pointer_mut(&pointer).filter(|secret| secret.get("sealed").is_some()) {
            *secret = match secret.get("ref") {
                Some(reference) => json!({ "ref": reference }),
                None => json!({ "set": true }),
            };
        }
    }
    shown
}

/// What the ciphertext is bound to.
fn place(entry: &Entry, pointer: &str) -> String {
    format!("{entry}{pointer}")
}

fn with_ref(mut form: Value, before: &Value) -> Value {
    if let Some(reference) = before.get("ref").filter(|reference| reference.is_string()) {
        form["ref"] = reference.clone();
    }
    if before["own"] == true {
        form["own"] = true.into();
    }
    form
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{event::Name, hub::main_key::MainKey};

    fn entry(name: &str) -> Entry {
        Entry::new(&Name::default_workspace(), &(Kind::Source, name.parse().expect("a name")))
    }

    fn document() -> Value {
        let secrets = json!([{ "value": "canary-2", "ref": "${OLD}" }, { "value": "canary-3" }]);
        json!({ "verify": { "scheme": "github", "secret": { "value": "canary-1", "ref": "${X}" }, "secrets": secrets } })
    }

    fn seal() -> (tempfile::TempDir, Seal) {
        let folder = tempfile::tempdir().expect("a folder");
        let keys = DataKeys::make(folder.path(), MainKey::made().expect("made")).expect("made");
        (folder, Seal::new(keys))
    }

    #[test]
    fn what_is_sealed_opens_and_shows_nothing() {
        let (_folder, seal) = seal();
        let sealed = seal.seal(&entry("a"), document()).expect("sealed");
        assert!(!sealed.to_string().contains("canary"), "{sealed}");
        assert_eq!(seal.unseal(&entry("a"), sealed.clone()).expect("opened"), document());

        let shown = shown(&entry("a"), &sealed);
        assert_eq!(shown["verify"]["secret"], json!({ "ref": "${X}" }));
        assert_eq!(shown["verify"]["secrets"], json!([{ "ref": "${OLD}" }, { "set": true }]));
    }

    #[test]
    fn neither_another_place_nor_another_key_opens_it() {
        let ((_folder, seal), (_other_folder, other)) = (seal(), seal());
        let sealed = seal.seal(&entry("a"), document()).expect("sealed");
        assert!(matches!(seal.unseal(&entry("b"), sealed.clone()), Err(SealError::DoesNotOpen { .. })));
        assert!(matches!(other.unseal(&entry("a"), sealed.clone()), Err(SealError::DoesNotOpen { .. })));

        let mut swapped = sealed;
        swapped["verify"]["secret"] = swapped["verify"]["secrets"][0].clone();
        assert!(seal.unseal(&entry("a"), swapped).is_err());
    }

    #[test]
    fn old_and_new_data_keys_live_side_by_side() {
        let ((_folder, seal), (_other_folder, other)) = (seal(), seal());
        let before = seal.seal(&entry("a"), document()).expect("sealed");
        seal.keys.renew(None).expect("made");
        let after = seal.seal(&entry("a"), document()).expect("sealed");
        assert_eq!((data_keys(Kind::Source, &before), data_keys(Kind::Source, &after)), ([1].into(), [2].into()));
        for sealed in [before, after.clone()] {
            assert_eq!(seal.unseal(&entry("a"), sealed).expect("opened"), document());
        }
        let told = other.unseal(&entry("a"), after).expect_err("it has no second key").to_string();
        assert!(told.contains("data key 2") && told.contains("default/sources/a/verify/secret"), "{told}");
    }
}
