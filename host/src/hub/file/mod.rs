//! The hub file, as the client reads it: TOML with the tables `sources`, `destinations`, `plugins` and `rules`.
//!
//! Reading is pure. What needs the client's surroundings comes after: [`HubFile::resolve_secrets`] looks at variables and files,
//! [`HubFile::resolve_schemas`] reads the files of schemas, and
//! the components named in `plugin_paths` are uploaded and [`set_digest`](HubFile::set_digest) puts their digests into their place. The
//! server knows nothing of files; [`HubFile::locate`] turns its answer back into lines and columns.

mod error;
mod place;
mod schemas;
mod secrets;
mod toml_file;
mod value;

#[cfg(test)]
mod tests;

pub use error::FileError;
pub use toml_file::TomlFile;

use std::{collections::BTreeMap, fmt, path::PathBuf};

use serde_json::{Value, json};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    entry::{Key, Kind, Problem},
    spec::{Specs, references, secrets_in_settings, unknown_reference},
    wording::{Misfit, nearest},
};
use crate::event::{Digest, Name};
use error::dotted;
use place::{Lines, Places};

/// A hub file that reads well. Once its secrets are resolved they are in clear, so it shows nothing but names.
pub struct HubFile {
    /// The entries as JSON. Secrets are as written until they are resolved; a plugin with a path has no digest until it is set.
    pub entries: BTreeMap<(Kind, Name), Value>,
    /// The plugins' components, as the file names them: relative to its folder.
    pub plugin_paths: Vec<(Name, PathBuf)>,
    places: BTreeMap<Key, Places>,
    lines: Lines,
}

/// Reads a hub file; `label` is what errors call it.
///
/// # Errors
/// All there are: of syntax, and where there is none, at least one for each entry that is wrong.
pub fn read(text: &str, label: &str) -> Result<HubFile, Vec<FileError>> {
    let lines = Lines::new(text, label);
    let (root, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        let told = |error: &toml::de::Error| lines.error(error.span().map_or(0, |span| span.start), "", error.message());
        return Err(errors.iter().map(told).collect());
    }
    let mut reading = Reading::new(&lines);
    for (key, table) in root.get_ref() {
        reading.table(key.get_ref(), key.span().start, table);
    }
    reading.check_references();
    let Reading { mut errors, entries, plugin_paths, places, .. } = reading;
    if errors.is_empty() {
        return Ok(HubFile { entries, plugin_paths, places, lines });
    }
    errors.sort_by_key(|error| (error.line, error.column));
    Err(errors)
}

impl HubFile {
    /// Puts the digest of an uploaded component into the place of its path.
    pub fn set_digest(&mut self, plugin: &Name, digest: &Digest) {
        if let Some(Value::Object(fields)) = self.entries.get_mut(&(Kind::Plugin, plugin.clone())) {
            fields.insert("digest".to_owned(), json!(digest.to_string()));
        }
    }

    /// Where the server's problem is in the file; the nearest place around it that the file has.
    #[must_use]
    pub fn locate(&self, problem: &Problem) -> FileError {
        let key = problem.name.parse().ok().map(|name| (problem.kind, name));
        let places = key.and_then(|key| self.places.get(&key));
        let pointer = match (problem.kind, problem.pointer.as_str()) {
            (Kind::Plugin, "/digest") if places.is_some_and(|places| !places.has("/digest")) => "/path",
            (_, pointer) => pointer,
        };
        let path = dotted(problem.kind, &problem.name, pointer);
        self.lines.error(places.map_or(0, |places| places.of(pointer)), &path, &problem.message)
    }
}

impl fmt::Debug for HubFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubFile").field("entries", &self.entries.keys()).finish_non_exhaustive()
    }
}

/// A file that is being read: what was found so far.
struct Reading<'a> {
    lines: &'a Lines,
    errors: Vec<FileError>,
    entries: BTreeMap<Key, Value>,
    plugin_paths: Vec<(Name, PathBuf)>,
    places: BTreeMap<Key, Places>,
    specs: Specs,
}

impl<'a> Reading<'a> {
    fn new(lines: &'a Lines) -> Self {
        Self {
            lines,
            errors: Vec::new(),
            entries: BTreeMap::new(),
            plugin_paths: Vec::new(),
            places: BTreeMap::new(),
            specs: Specs::default(),
        }
    }

    fn table(&mut self, title: &str, at: usize, table: &Spanned<DeValue<'_>>) {
        let Ok(kind) = title.parse::<Kind>() else {
            let nearest = nearest(title, Kind::ALL.map(Kind::as_str));
            let error = self.lines.error(at, title, "unknown table; there are sources, destinations, plugins and rules");
            return self.errors.push(FileError { nearest, ..error });
        };
        let Some(entries) = table.get_ref().as_table() else {
            return self.errors.push(self.lines.error(at, title, &format!("expected a table of {title}")));
        };
        for (name, value) in entries {
            self.entry(kind, name.get_ref(), name.span().start, value);
        }
    }

    fn entry(&mut self, kind: Kind, name: &str, at: usize, value: &Spanned<DeValue<'_>>) {
        let parsed = match name.parse::<Name>() {
            Ok(parsed) => parsed,
            Err(error) => return self.errors.push(self.lines.error(at, &dotted(kind, name, ""), &error.to_string())),
        };
        let key = (kind, parsed);
        let mut places = Places::new(at);
        let mut document = match value::json_of(value, &mut places) {
            Ok(document) => document,
            Err(misfit) => return self.misfit(&key, &places, misfit),
        };
        let whole = if kind == Kind::Plugin { self.take_path(&key.1, &mut document) } else { Ok(document.clone()) };
        if let Err(misfit) = whole.and_then(|whole| self.specs.read(&key, &whole)) {
            self.misfit(&key, &places, misfit);
        }
        for misfit in secrets_in_settings(kind, &document) {
            self.misfit(&key, &places, misfit);
        }
        self.places.insert(key.clone(), places);
        self.entries.insert(key, document);
    }

    /// Notes a plugin's path, and takes it out of what the server will see; for the check, a digest stands in for it.
    fn take_path(&mut self, name: &Name, document: &mut Value) -> Result<Value, Misfit> {
        let Some(fields) = document.as_object_mut() else { return Ok(document.clone()) };
        let path = match (fields.remove("path"), fields.contains_key("digest")) {
            (None, true) => return Ok(document.clone()),
            (Some(Value::String(path)), false) => path,
            (Some(_), false) => return Err(Misfit::at("/path", "expected a string: the path of a component")),
            (Some(_), true) => return Err(Misfit::at("/path", "a plugin has a `path` or a `digest`, not both")),
            (None, false) => return Err(Misfit::at("", "a plugin needs the `path` of its component, or its `digest`")),
        };
        self.plugin_paths.push((name.clone(), PathBuf::from(path)));
        let mut checked = document.clone();
        checked["digest"] = json!(Digest::of(b"").to_string());
        Ok(checked)
    }

    /// A rule may only name what the same file declares.
    fn check_references(&mut self) {
        let known = self.entries.keys().cloned().collect();
        let mut unknown = Vec::new();
        for (name, rule) in &self.specs.rules {
            for (pointer, named) in references(rule).filter(|(_, named)| !self.entries.contains_key(named)) {
                unknown.push(((Kind::Rule, name.clone()), unknown_reference(pointer, &named, &known)));
            }
        }
        for (key, misfit) in unknown {
            let places = self.places.remove(&key).unwrap_or_default();
            self.misfit(&key, &places, misfit);
            self.places.insert(key, places);
        }
    }

    fn misfit(&mut self, key: &Key, places: &Places, misfit: Misfit) {
        let at = if misfit.unknown_key.is_some() { places.of_key(&misfit.pointer) } else { places.of(&misfit.pointer) };
        let error = self.lines.error(at, &dotted(key.0, key.1.as_str(), &misfit.pointer), &misfit.message);
        self.errors.push(FileError { nearest: misfit.nearest, ..error });
    }
}
