//! The hub's list of the parts: which spec a document of each kind is read into, where that spec holds secrets, and which other
//! entries it names.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    entry::{Key, Kind},
    strict::Strict,
    wording::{Misfit, nearest, token},
};
use crate::{
    deliver, dispatch,
    event::{Digest, Invalid, Name},
    ingest, plugin, verify,
};

/// Entries of one workspace, read into their parts' specs but not refined.
#[derive(Default)]
pub(super) struct Specs {
    pub(super) sources: BTreeMap<Name, ingest::Spec>,
    pub(super) destinations: BTreeMap<Name, deliver::Spec>,
    /// Destinations that are fetched from.
    pub(super) pulls: BTreeMap<Name, deliver::PullSpec>,
    /// Destinations that feed another source.
    pub(super) onwards: BTreeMap<Name, deliver::OnwardSpec>,
    pub(super) plugins: BTreeMap<Name, plugin::Spec>,
    pub(super) rules: BTreeMap<Name, dispatch::Spec>,
}

impl Specs {
    /// Reads one document, its secrets in clear.
    pub(super) fn read(&mut self, (kind, name): &Key, document: &Value) -> Result<(), Misfit> {
        let name = name.clone();
        match kind {
            Kind::Source => drop(self.sources.insert(name, typed(document)?)),
            Kind::Destination if document["kind"] == "pull" => drop(self.pulls.insert(name, typed(document).map_err(of_pull)?)),
            Kind::Destination if document["kind"] == "hub" => {
                drop(self.onwards.insert(name, typed(document).map_err(of_onward)?))
            }
            Kind::Destination => drop(self.destinations.insert(name, typed(document)?)),
            Kind::Plugin => drop(self.plugins.insert(name, typed(document)?)),
            Kind::Rule => drop(self.rules.insert(name, typed(document)?)),
        }
        Ok(())
    }
}

fn typed<T: DeserializeOwned>(document: &Value) -> Result<T, Misfit> {
    serde_path_to_error::deserialize(Strict(document))
        .map_err(|error| Misfit::of_serde(error.path(), &error.inner().to_string(), document))
}

/// Whether a destination is one that requests are sent to, which are signed.
pub(super) fn is_sent_to(destination: &Value) -> bool {
    destination["kind"] != "pull" && destination["kind"] != "hub"
}

/// A setting of those that are sent to is known to who wrote it, and still none here.
fn of_pull(misfit: Misfit) -> Misfit {
    none_here(misfit, "a destination of kind \"pull\" is sent nothing, it is fetched from; it has no")
}

fn of_onward(misfit: Misfit) -> Misfit {
    none_here(misfit, "a destination of kind \"hub\" feeds a source of this hub and is sent nothing; it has no")
}

fn none_here(misfit: Misfit, told: &str) -> Misfit {
    match &misfit.unknown_key {
        Some(_) => Misfit { message: told.to_owned(), ..misfit },
        None => misfit,
    }
}

/// What a destination of kind `hub` names, with its place within the destination.
pub(super) fn fed(onward: &deliver::OnwardSpec) -> impl Iterator<Item = (String, Key)> + use<> {
    std::iter::once(("/source".to_owned(), (Kind::Source, onward.source.clone())))
}

/// What a source names, with its place within the source.
pub(super) fn verifier(source: &ingest::Spec) -> impl Iterator<Item = (String, Key)> {
    source.verify.plugin.iter().map(|name| ("/verify/plugin".to_owned(), (Kind::Plugin, name.clone())))
}

/// What a rule names, each with its place within the rule.
pub(super) fn references(rule: &dispatch::Spec) -> impl Iterator<Item = (String, Key)> {
    let plugins = rule.plugins.iter().enumerate();
    let plugins = plugins.map(|(at, plugin)| (format!("/plugins/{at}"), (Kind::Plugin, plugin.name.clone())));
    let destinations = rule.destinations.iter().enumerate();
    plugins.chain(destinations.map(|(at, name)| (format!("/destinations/{at}"), (Kind::Destination, name.clone()))))
}

/// An entry names what is not there.
pub(super) fn unknown_reference(pointer: String, (kind, name): &Key, known: &BTreeSet<Key>) -> Misfit {
    let known = known.iter().filter(|(other, _)| other == kind).map(|(_, name)| name.as_str());
    let nearest = nearest(name.as_str(), known);
    Misfit { nearest, ..Misfit::at(pointer, format!("no {} is called `{name}`", kind.singular())) }
}

impl From<Misfit> for Invalid {
    fn from(misfit: Misfit) -> Self {
        misfit.into_invalid()
    }
}

/// The texts in a plugin's settings that look like references to secrets, each a misfit. Settings lie in clear, on disk and in
/// answers, and nobody resolves a reference in them.
pub(super) fn secrets_in_settings(kind: Kind, document: &Value) -> Vec<Misfit> {
    let mut pointers = Vec::new();
    if let (Kind::Plugin, Some(config)) = (kind, document.get("config")) {
        references_in(config, "/config", &mut pointers);
    }
    let message =
        "settings are no place for secrets, they are stored in clear: grant it instead (grants.secrets, see docs/plugins.md)";
    pointers.into_iter().map(|pointer| Misfit::at(pointer, message)).collect()
}

fn references_in(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::String(text) if is_reference(text) => found.push(at.to_owned()),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| references_in(item, &format!("{at}/{index}"), found));
        }
        Value::Object(members) => {
            members.iter().for_each(|(key, member)| references_in(member, &format!("{at}{}", token(key)), found));
        }
        _ => {}
    }
}

/// The components that a document names: a plugin's version and its canary, the pins of a rule.
pub(super) fn digests(kind: Kind, document: &Value) -> Vec<Digest> {
    let texts = match kind {
        Kind::Plugin => [&document["digest"], &document["canary"]["digest"]].into_iter().filter_map(Value::as_str).collect(),
        Kind::Rule => {
            let plugins = document["plugins"].as_array().map(Vec::as_slice).unwrap_or_default();
            plugins.iter().filter_map(|plugin| Some(plugin.as_str()?.split_once('@')?.1)).collect()
        }
        Kind::Source | Kind::Destination => Vec::new(),
    };
    texts.into_iter().filter_map(|text: &str| text.parse().ok()).collect()
}

/// Whether a text is written as a reference to a secret.
pub(super) fn is_reference(text: &str) -> bool {
    text.starts_with("${") || text.starts_with("file:")
}

/// The places of the secrets that this document has, as concrete JSON pointers.
pub(super) fn secret_pointers(kind: Kind, document: &Value) -> Vec<String> {
    let (root, patterns): (&str, &[&str]) = match kind {
        Kind::Source => ("/verify", verify::SECRETS),
        Kind::Destination => ("", deliver::SECRETS),
        Kind::Plugin => ("", plugin::SECRETS),
        Kind::Rule => ("", &[]),
    };
    patterns.iter().flat_map(|pattern| expand(document, &format!("{root}{pattern}"))).collect()
}

/// What a pattern stands for in this document: a `*` in it is each item of a list, or each member of an object. Names that the document
/// gives are never read as patterns themselves.
fn expand(document: &Value, pattern: &str) -> Vec<String> {
    let mut parts = pattern.split("/*");
    let mut found = vec![parts.next().unwrap_or_default().to_owned()];
    for after in parts {
        found = found.iter().flat_map(|before| items(document, before)).map(|item| item + after).collect();
    }
    found.into_iter().filter_map(|pointer| present(document, pointer)).collect()
}

/// The pointers of what a list or an object holds.
fn items(document: &Value, pointer: &str) -> Vec<String> {
    match document.pointer(pointer) {
        Some(Value::Array(items)) => (0..items.len()).map(|at| format!("{pointer}/{at}")).collect(),
        Some(Value::Object(members)) => members.keys().map(|key| format!("{pointer}{}", token(key))).collect(),
        _ => Vec::new(),
    }
}

fn present(document: &Value, pointer: String) -> Option<String> {
    document.pointer(&pointer).is_some_and(|value| !value.is_null()).then_some(pointer)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::hub::wording::did_you_mean;

    #[test]
    fn a_pattern_stands_for_what_is_there() {
        let document = json!({ "a": [1, null, 2], "b": { "x/y": "z" }, "n": null, "s": { "*": 1, "*x": 2 } });
        assert_eq!(expand(&document, "/a/*"), ["/a/0", "/a/2"]);
        assert_eq!(expand(&document, "/b/*"), ["/b/x~1y"]);
        assert_eq!(expand(&document, "/s/*"), ["/s/*", "/s/*x"], "a name is no pattern");
        let nested = json!({ "k": ["text", { "s": 1 }, { "s": null }, { "t": 1 }] });
        assert_eq!(expand(&nested, "/k/*/s"), ["/k/1/s"]);
        for absent in ["/n", "/c", "/c/*", "/n/*", "/a/*/x"] {
            assert!(expand(&document, absent).is_empty(), "{absent}");
        }
    }

    #[test]
    fn an_unknown_reference_comes_with_the_nearest_name_of_its_kind() {
        let key = |kind, name: &str| (kind, name.parse::<Name>().expect("a name"));
        let known = BTreeSet::from([key(Kind::Plugin, "crn"), key(Kind::Destination, "crm")]);
        let invalid = Invalid::from(unknown_reference("/destinations/0".into(), &key(Kind::Destination, "cmr"), &known));
        assert_eq!(invalid, Invalid::at("/destinations/0", format!("no destination is called `cmr`{}", did_you_mean("crm"))));
    }
}
