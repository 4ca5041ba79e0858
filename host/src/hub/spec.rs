//! The hub's list of the parts: which spec a document of each kind is read into, where that spec holds secrets, and which other
//! entries it names.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{
    entry::{Key, Kind},
    remainder::Remainder,
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

    /// The same, but what does not fit is left out, and given, but for what is `told` already: pointers into the document. Where too much of
    /// it does not fit, nothing is read.
    pub(super) fn read_what_fits(&mut self, key: &Key, document: &Value, told: &[String]) -> Option<Wrong> {
        if told.is_empty() && self.read(key, document).is_ok() {
            return None;
        }
        let mut rest = Remainder::of(key.0, document).without(told);
        let (read, misfits) = rest.judge(|document| {
            let mut specs = Self::default();
            specs.read(key, document).map(|()| specs)
        });
        self.extend(read.unwrap_or_default());
        Some(Wrong { misfits, rest })
    }

    fn extend(&mut self, other: Self) {
        let Self { sources, destinations, pulls, onwards, plugins, rules } = other;
        self.sources.extend(sources);
        self.destinations.extend(destinations);
        self.pulls.extend(pulls);
        self.onwards.extend(onwards);
        self.plugins.extend(plugins);
        self.rules.extend(rules);
    }
}

/// What does not fit of a document.
pub(super) struct Wrong {
    pub(super) misfits: Vec<Misfit>,
    /// The document without that.
    pub(super) rest: Remainder,
}

/// A good value for what a document must have, with which the rest of it can be judged.
pub(super) fn stand_in(kind: Kind, pointer: &str) -> Option<Value> {
    match (kind, pointer) {
        (Kind::Source, "/verify") => Some(json!({ "scheme": "none" })),
        (Kind::Destination, "/url") => Some(json!("https://stand-in.invalid/")),
        (Kind::Plugin, "/digest") => Some(json!(Digest::of(b"").to_string())),
        _ => None,
    }
}

pub(super) fn typed<T: DeserializeOwned>(document: &Value) -> Result<T, Misfit> {
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

/// Another entry that one names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    /// Where, within the one that names it.
    pub(super) pointer: String,
    pub(super) kind: Kind,
    /// As it is written, which may be no name at all.
    name: String,
}

impl Reference {
    fn new(pointer: impl Into<String>, kind: Kind, name: &str) -> Self {
        Self { pointer: pointer.into(), kind, name: name.to_owned() }
    }

    /// The entry, where it can be one.
    pub(super) fn key(&self) -> Option<Key> {
        Some((self.kind, self.name.parse().ok()?))
    }

    /// What is wrong, where it is none of those there are.
    pub(super) fn unknown(&self, known: &BTreeSet<Key>) -> Option<Misfit> {
        if self.key().is_some_and(|key| known.contains(&key)) {
            return None;
        }
        let of_kind = known.iter().filter(|(other, _)| *other == self.kind).map(|(_, name)| name.as_str());
        let nearest = nearest(&self.name, of_kind);
        let shown: String = self.name.chars().take(NAME_CHARS_SHOWN).collect();
        Some(Misfit { nearest, ..Misfit::at(&self.pointer, format!("no {} is called `{shown}`", self.kind.singular())) })
    }
}

/// No name is longer.
const NAME_CHARS_SHOWN: usize = 63;

/// What a destination of kind `hub` names.
pub(super) fn fed(onward: &deliver::OnwardSpec) -> impl Iterator<Item = Reference> + use<> {
    std::iter::once(Reference::new("/source", Kind::Source, onward.source.as_str()))
}

/// What a source names.
pub(super) fn verifier(source: &ingest::Spec) -> impl Iterator<Item = Reference> {
    source.verify.plugin.iter().map(|name| Reference::new("/verify/plugin", Kind::Plugin, name.as_str()))
}

/// What a rule names.
pub(super) fn references(rule: &dispatch::Spec) -> impl Iterator<Item = Reference> {
    let plugins = rule.plugins.iter().enumerate();
    let plugins = plugins.map(|(at, plugin)| Reference::new(format!("/plugins/{at}"), Kind::Plugin, plugin.name.as_str()));
    let destinations = rule.destinations.iter().enumerate();
    let destinations =
        destinations.map(|(at, name)| Reference::new(format!("/destinations/{at}"), Kind::Destination, name.as_str()));
    plugins.chain(destinations).chain(matched_sources(&rule.pattern))
}

/// The sources that a pattern names as they are. An operator (`prefix`, `anything-but`) names none: it may be meant for those to come.
pub(super) fn matched_sources(pattern: &Value) -> Vec<Reference> {
    let mut found = Vec::new();
    sources_in(pattern, "/match", &mut found);
    found
}

fn sources_in(table: &Value, at: &str, found: &mut Vec<Reference>) {
    for (index, value) in table["source"].as_array().into_iter().flatten().enumerate() {
        let name = value.as_str().map(|name| Reference::new(format!("{at}/source/{index}"), Kind::Source, name));
        found.extend(name);
    }
    for (index, branch) in table["$or"].as_array().into_iter().flatten().enumerate() {
        sources_in(branch, &format!("{at}/$or/{index}"), found);
    }
}

impl From<Misfit> for Invalid {
    fn from(misfit: Misfit) -> Self {
        misfit.into_invalid()
    }
}

impl From<Invalid> for Misfit {
    fn from(Invalid { pointer, message }: Invalid) -> Self {
        Self::at(pointer, message)
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
        let unknown = |name| Reference::new("/destinations/0", Kind::Destination, name).unknown(&known).map(Invalid::from);
        let message = format!("no destination is called `cmr`{}", did_you_mean("crm"));
        assert_eq!(unknown("cmr"), Some(Invalid::at("/destinations/0", message)));
        assert_eq!(unknown("crm"), None);
        assert!(unknown("no name").is_some());
    }

    #[test]
    fn a_pattern_names_sources_wherever_an_or_has_them() {
        let pattern =
            json!({ "source": ["a", { "prefix": "b" }], "$or": [{ "source": ["c"] }, { "$or": [{ "source": ["d"] }] }] });
        let found = matched_sources(&pattern).into_iter().map(|reference| (reference.pointer, reference.name));
        let named = [("/match/source/0", "a"), ("/match/$or/0/source/0", "c"), ("/match/$or/1/$or/0/source/0", "d")];
        assert_eq!(found.collect::<Vec<_>>(), named.map(|(at, name)| (at.to_owned(), name.to_owned())));
        assert!(matched_sources(&json!([1])).is_empty() && matched_sources(&Value::Null).is_empty());
    }
}
