//! What is asked of the hub, and what came of it: a draft is set against the entries there are, and what remains is what changes.
//!
//! Here a secret that is not given again is kept, and one that was never given is made.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    HubError, StoreError,
    entry::{Entry, Key, Kind, Problem},
    keys::random,
    rotation::left_by_rotation,
    seal::{Seal, SealError},
    snapshot::Workspace,
    spec::{is_reference, is_sent_to, secret_pointers, secrets_in_settings},
    version::Versions,
};
use crate::{
    event::{Invalid, Name},
    plugin::Reference,
    sign,
};

/// The largest document: sealed, it stays below what the database keeps in its own file (DESIGN, "Stores").
const DOCUMENT_BYTES_MAX: usize = 64 << 10;

/// Changes to one workspace, made whole or not at all. Its secrets are in clear, so it shows nothing but names.
#[derive(Clone, Default)]
pub struct Draft {
    /// A document: created or replaced. `None`: deleted.
    pub entries: BTreeMap<(Kind, Name), Option<Value>>,
    /// Whether everything that is not named goes.
    pub prune: bool,
    /// The workspace's revision that it was made to: after another one nothing is applied.
    pub expect: Option<u64>,
    /// The kinds that its changes may be of: where one is of another, nothing is applied. `None`: of all.
    pub only: Option<Vec<Kind>>,
    /// What its record says of it.
    pub note: Note,
}

/// What the record of a revision says beside its changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// By what way it came.
    #[serde(default)]
    pub origin: Origin,
    /// The public id of the key that it came with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// What who applied it says of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// By what way a revision came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// A hub file, applied.
    HubFile,
    /// A document, put or deleted by itself; a secret rotated, a version activated.
    #[default]
    Api,
    /// An earlier revision, brought back.
    Rollback,
}

impl fmt::Debug for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Draft").field("entries", &self.entries.keys()).field("prune", &self.prune).finish()
    }
}

/// What an apply did.
#[derive(Clone, Debug, Default)]
pub struct Applied {
    /// The revision that now holds; an older one where nothing changed.
    pub revision: u64,
    /// In the order of kind and name. Empty: it all was so already.
    pub changes: Vec<Change>,
    /// Secrets that were made, told this once.
    pub generated: Vec<Generated>,
}

/// One changed entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The entry's kind.
    pub kind: Kind,
    /// The entry's name.
    pub name: Name,
    /// What happened to it.
    pub what: What,
}

/// `created rule new-issues`
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.what, self.kind.singular(), self.name)
    }
}

/// What happened to an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// It was not there.
    Created,
    /// It was there with another document.
    Updated,
    /// It is gone.
    Deleted,
}

impl What {
    pub(super) fn of(was_there: bool, is_there: bool) -> Self {
        match (was_there, is_there) {
            (_, false) => Self::Deleted,
            (true, true) => Self::Updated,
            (false, true) => Self::Created,
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
        })
    }
}

/// A signing secret that was made for a destination that came without one.
#[derive(Clone)]
pub struct Generated {
    /// Whose.
    pub destination: Name,
    /// `whsec_...`
    pub secret: String,
}

impl fmt::Debug for Generated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generated").field("destination", &self.destination).finish_non_exhaustive()
    }
}

/// What really changes, secrets in clear; `None`: deleted.
pub(super) type Edits = BTreeMap<Key, Option<Value>>;

/// A draft, set against what there is.
#[derive(Default)]
pub(super) struct Proposal {
    pub(super) edits: Edits,
    pub(super) generated: Vec<Generated>,
    pub(super) problems: Vec<Problem>,
}

impl Proposal {
    pub(super) fn of(
        workspace: &Name,
        standing: &Workspace,
        draft: Draft,
        seal: &Seal,
        versions: &Versions,
    ) -> Result<Self, HubError> {
        let named: BTreeSet<Key> = draft.entries.keys().cloned().collect();
        let mut proposal = Self::default();
        for (key, document) in draft.entries {
            match document {
                Some(mut document) => {
                    proposal.settle_pins(workspace, &key, &mut document, versions);
                    proposal.put(workspace, standing, key, document, seal)?;
                }
                None if standing.contains_key(&key) => drop(proposal.edits.insert(key, None)),
                None => return Err(HubError::NotFound { kind: key.0, name: key.1 }),
            }
        }
        if draft.prune {
            proposal.edits.extend(standing.keys().filter(|key| !named.contains(key)).map(|key| (key.clone(), None)));
        }
        Ok(proposal)
    }

    /// Gives the versions that a rule pins their whole digests: what a few digits mean may change, and a revision may not.
    fn settle_pins(&mut self, workspace: &Name, key: &Key, document: &mut Value, versions: &Versions) {
        let plugins = document.get_mut("plugins").filter(|_| key.0 == Kind::Rule).and_then(Value::as_array_mut);
        for (at, plugin) in plugins.into_iter().flatten().enumerate() {
            // What is no reference is left to the rule's spec to refuse.
            let Some(Ok(reference)) = plugin.as_str().map(str::parse::<Reference>) else { continue };
            let Some(pin) = reference.pin else { continue };
            match versions.resolve(workspace, &reference.name, &pin) {
                Ok(digest) => *plugin = json!(Reference { pin: Some(digest.into()), ..reference }.to_string()),
                Err(Invalid { message, .. }) => {
                    self.problems.push(Problem::new(key, Invalid::at(format!("/plugins/{at}"), message)));
                }
            }
        }
    }

    fn put(
        &mut self,
        workspace: &Name,
        standing: &Workspace,
        key: Key,
        mut document: Value,
        seal: &Seal,
    ) -> Result<(), HubError> {
        if document.to_string().len() > DOCUMENT_BYTES_MAX {
            let message = format!("the entry is larger than {DOCUMENT_BYTES_MAX} bytes, which is the limit");
            self.problems.push(Problem::new(&key, Invalid::at("", message)));
            return Ok(());
        }
        let misfits = secrets_in_settings(key.0, &document);
        self.problems.extend(misfits.into_iter().map(|misfit| Problem::new(&key, misfit.into())));
        let unsealed = |document: &Value| seal.unseal(&Entry::new(workspace, &key), document.clone());
        let before = standing.get(&key).map(|item| unsealed(&item.document)).transpose().map_err(StoreError::Seal)?;
        for pointer in secret_pointers(key.0, &document) {
            if let Err(invalid) = settle_secret(&mut document, &pointer, before.as_ref()) {
                self.problems.push(Problem::new(&key, invalid));
            }
        }
        // What is not sent is not signed unless somebody asks for it.
        if key.0 == Kind::Destination && is_sent_to(&document) {
            self.generated.extend(give_secret(&key.1, &mut document, before.as_ref())?);
        }
        if before.as_ref() != Some(&document) {
            self.edits.insert(key, Some(document));
        }
        Ok(())
    }
}

/// Brings one secret of a document into its clear form, or tells what is wrong with it. What is no secret at all is left to its spec.
fn settle_secret(document: &mut Value, pointer: &str, before: Option<&Value>) -> Result<(), Invalid> {
    let (is_moved, goes_elsewhere) =
        (is_item_of_another_list(document, pointer, before), goes_elsewhere(document, pointer, before));
    let Some(secret) = document.pointer_mut(pointer) else { return Ok(()) };
    if let Some(text) = secret.as_str() {
        if is_reference(text) {
            let message = format!("`{text}` is a reference, which only the command line resolves: give the secret itself");
            return Err(Invalid::at(pointer, message));
        }
        *secret = json!({ "value": text });
    } else if is_shown_form(secret) {
        if is_moved && secret.get("ref").is_none() {
            let message = "the list has another length than before, so that it is not certain which secret `set` means: \
                           give the values or the references";
            return Err(Invalid::at(pointer, message));
        }
        if goes_elsewhere {
            let message = "it would be sent to another host than before: give its text";
            return Err(Invalid::at(pointer, message));
        }
        let kept = before.and_then(|before| before.pointer(pointer)).filter(|kept| kept.get("ref") == secret.get("ref"));
        *secret = kept.cloned().ok_or_else(|| Invalid::at(pointer, "there is no such secret to keep: give its text"))?;
    }
    Ok(())
}

/// Whether this is, or is part of, an item of a list that had another length before: its number may have been that of another item.
fn is_item_of_another_list(document: &Value, pointer: &str, before: Option<&Value>) -> bool {
    let length = |document: &Value, list: &str| document.pointer(list).and_then(Value::as_array).map(Vec::len);
    let around = pointer.match_indices('/').map(|(at, _)| &pointer[..at]);
    around.into_iter().any(|list| length(document, list).is_some_and(|now| before.and_then(|b| length(b, list)) != Some(now)))
}

/// Whether this is sent as it is, and not to where it was sent before: who may change a destination may not have its secrets sent to themselves.
fn goes_elsewhere(document: &Value, pointer: &str, before: Option<&Value>) -> bool {
    let is_sent = ["/headers/", "/auth/"].iter().any(|part| pointer.starts_with(part));
    let changed = |url: &&str| {
        let host = |document: &Value| document.pointer(url).and_then(Value::as_str).map(host_of);
        before.is_some_and(|before| host(before) != host(document))
    };
    is_sent && SENT_TO.iter().any(changed)
}

/// Where what stands in `headers` and `auth` of a destination is sent.
const SENT_TO: [&str; 2] = ["/url", "/auth/token_url"];

/// Scheme, host and port of a URL.
fn host_of(url: &str) -> String {
    let begin = url.find("://").map_or(0, |at| at + 3);
    let end = url[begin..].find(['/', '?', '#']).map_or(url.len(), |at| begin + at);
    url[..end].to_ascii_lowercase()
}

/// The form in which a secret is shown, so that a document can be read, changed and put back: `{ "ref" }` or `{ "set": true }`.
pub(super) fn is_shown_form(secret: &Value) -> bool {
    secret.as_object().is_some_and(|fields| fields.len() == 1 && (fields.contains_key("ref") || secret["set"] == true))
}

/// A destination that comes without a signing secret keeps the one it has, with what the last rotation left beside it, or gets one.
fn give_secret(name: &Name, document: &mut Value, before: Option<&Value>) -> Result<Option<Generated>, StoreError> {
    let Some(fields) = document.as_object_mut() else { return Ok(None) };
    if fields.get("secret").is_some_and(|secret| !secret.is_null()) {
        return Ok(None);
    }
    if let Some(kept) = before.and_then(|before| before.get("secret")) {
        // Nobody declares it any more.
        fields.insert("secret".to_owned(), json!({ "value": kept["value"], "own": true }));
        if let Some(left) = before.and_then(left_by_rotation).filter(|_| !fields.contains_key("secrets")) {
            fields.insert("secrets".to_owned(), left);
        }
        return Ok(None);
    }
    let secret = sign::Key::text_of(sign::Version::V1, &*random().map_err(SealError::CannotSeal)?);
    fields.insert("secret".to_owned(), json!({ "value": secret, "own": true }));
    Ok(Some(Generated { destination: name.clone(), secret }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(given: &Value, before: Option<Value>) -> Result<Value, Invalid> {
        let mut document = json!({ "secret": given });
        let before = before.map(|secret| json!({ "secret": secret }));
        settle_secret(&mut document, "/secret", before.as_ref()).map(|()| document["secret"].take())
    }

    #[test]
    fn a_secret_of_a_list_is_kept_by_its_place_only_where_no_place_moved() {
        let before = json!({ "secrets": [{ "value": "a" }, { "value": "b" }, { "value": "c", "ref": "${C}" }] });
        let settle = |secrets: Value, pointer| {
            let mut document = json!({ "secrets": secrets });
            settle_secret(&mut document, pointer, Some(&before)).map(|()| document["secrets"].take())
        };
        let set = json!({ "set": true });
        let kept = settle(json!(["new", set, "x"]), "/secrets/1").expect("kept");
        assert_eq!(kept[1], json!({ "value": "b" }));
        let refused = settle(json!([set, { "ref": "${C}" }]), "/secrets/0").expect_err("which one?");
        assert!(refused.pointer == "/secrets/0" && refused.message.contains("another length"), "{refused}");
        assert!(settle(json!([set, set, { "ref": "${C}" }, "new"]), "/secrets/1").is_err());
        assert!(settle(json!([set, set, { "ref": "${C}" }, "new"]), "/secrets/2").is_ok(), "a reference has a name");
    }

    #[test]
    fn a_secret_that_is_sent_stays_with_its_host() {
        let before =
            json!({ "url": "https://a.example/x", "secret": { "value": "s" }, "headers": { "x-key": { "value": "k" } } });
        let settle = |url: &str, pointer: &str| {
            let set = json!({ "set": true });
            let mut document = json!({ "url": url, "secret": set, "headers": { "x-key": set } });
            settle_secret(&mut document, pointer, Some(&before))
        };
        assert!(settle("HTTPS://a.example/other?y", "/headers/x-key").is_ok(), "another path of the same host");
        for url in ["https://b.example/x", "http://a.example/x", "https://a.example:8443/x", "https://a.example@b.example/x"] {
            let refused = settle(url, "/headers/x-key").expect_err(url);
            assert!(refused.message.contains("another host"), "{refused}");
            assert!(settle(url, "/secret").is_ok(), "who signs gives nothing away");
        }
    }

    #[test]
    fn a_secret_is_given_kept_or_refused() {
        assert_eq!(settled(&json!("s"), None), Ok(json!({ "value": "s" })));
        let clear = json!({ "value": "s", "ref": "${X}" });
        assert_eq!(settled(&clear, None), Ok(clear.clone()));
        assert_eq!(settled(&json!({ "ref": "${X}" }), Some(clear.clone())), Ok(clear.clone()));
        assert_eq!(settled(&json!({ "set": true }), Some(json!({ "value": "s" }))), Ok(json!({ "value": "s" })));

        assert!(settled(&json!({ "set": true }), None).is_err());
        assert!(settled(&json!({ "ref": "${Y}" }), Some(clear.clone())).is_err(), "another reference");
        assert!(settled(&json!({ "set": true }), Some(clear)).is_err(), "a reference is kept by its name");
        assert!(settled(&json!("${X}"), None).is_err(), "unresolved");
        assert_eq!(settled(&json!({ "sealed": "AAAA" }), None), Ok(json!({ "sealed": "AAAA" })), "left to the spec to refuse");
    }
}
