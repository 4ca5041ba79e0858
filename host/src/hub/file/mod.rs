//! Hub files, as the client reads and writes them: TOML with the tables `sources`, `destinations`, `plugins` and `rules`. Several files are one
//! together.
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
mod write;

#[cfg(test)]
mod tests;

pub use error::FileError;
pub use toml_file::TomlFile;
pub use write::{Unwritable, write};

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    draft::is_shown_form,
    entry::{Key, Kind, Problem},
    spec::{Specs, fed, references, secret_pointers, secrets_in_settings, unknown_reference, verifier},
    wording::{Misfit, nearest},
};
use crate::event::{Digest, Name};
use error::dotted;
use place::{Lines, Places};

/// Hub files that read well, taken together. Once their secrets are resolved they are in clear, so this shows nothing but names.
pub struct HubFile {
    /// The entries as JSON. Secrets are as written until they are resolved; a plugin with a path has no digest until it is set.
    pub entries: BTreeMap<(Kind, Name), Value>,
    /// The plugins' components: as the files name them, from the folders of these.
    pub plugin_paths: Vec<(Name, PathBuf)>,
    places: BTreeMap<Key, Placed>,
    files: Vec<Lines>,
    /// Where paths of each file begin.
    folders: Vec<PathBuf>,
}

/// The text of one hub file.
#[derive(Clone, Debug)]
pub struct Text<'a> {
    /// What errors call it.
    pub label: &'a str,
    /// What it says.
    pub text: &'a str,
    /// Where its paths begin.
    pub folder: &'a Path,
}

/// What entries may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// Only what the files declare: nothing else will be there.
    Declared,
    /// Also what stands on the hub, which only the hub knows.
    Standing,
}

/// Where an entry stands.
#[derive(Debug)]
struct Placed {
    file: usize,
    places: Places,
}

/// Reads one hub file that stands for itself; `label` is what errors call it.
///
/// # Errors
/// As of [`read_all`].
pub fn read(text: &str, label: &str) -> Result<HubFile, Vec<FileError>> {
    read_all(&[Text { label, text, folder: Path::new("") }], Names::Declared)
}

/// Reads hub files that are one together.
///
/// # Errors
/// All there are, of all files: of syntax, and of a file that has none of those, at least one for each entry that is wrong.
pub fn read_all(texts: &[Text<'_>], names: Names) -> Result<HubFile, Vec<FileError>> {
    let mut reading = Reading::default();
    for Text { label, text, folder } in texts {
        reading.files.push(Lines::new(text, label));
        reading.folders.push(folder.to_path_buf());
        reading.file(text);
    }
    // What a file declares that does not read is not known.
    if names == Names::Declared && !reading.is_broken {
        reading.check_references();
    }
    let Reading { mut errors, entries, plugin_paths, places, files, folders, .. } = reading;
    if errors.is_empty() {
        return Ok(HubFile { entries, plugin_paths, places, files, folders });
    }
    errors.sort_by_key(|(file, error)| (*file, error.line, error.column));
    Err(errors.into_iter().map(|(_, error)| error).collect())
}

impl HubFile {
    /// Puts the digest of a component beside its path, which stays as a note.
    pub fn set_digest(&mut self, plugin: &Name, digest: &Digest) {
        if let Some(Value::Object(fields)) = self.entries.get_mut(&(Kind::Plugin, plugin.clone())) {
            fields.insert("digest".to_owned(), json!(digest.to_string()));
        }
    }

    /// Where the server's problem is in the files; the nearest place around it that they have.
    #[must_use]
    pub fn locate(&self, problem: &Problem) -> FileError {
        let key = problem.name.parse().ok().map(|name| (problem.kind, name));
        let placed = key.and_then(|key| self.places.get(&key));
        let pointer = match (problem.kind, problem.pointer.as_str()) {
            (Kind::Plugin, "/digest") if placed.is_some_and(|placed| !placed.places.has("/digest")) => "/path",
            (_, pointer) => pointer,
        };
        let path = dotted(problem.kind, &problem.name, pointer);
        match placed {
            Some(placed) => self.files[placed.file].error(placed.places.of(pointer), &path, &problem.message),
            // Nothing of these files: what they would delete is still used.
            None => self
                .files
                .first()
                .map_or_else(|| FileError::nowhere(&path, &problem.message), |lines| lines.error(0, &path, &problem.message)),
        }
    }

    /// What is wrong with a value of an entry, where it stands.
    fn error(&self, key: &Key, pointer: &str, message: &str) -> (usize, FileError) {
        let path = dotted(key.0, key.1.as_str(), pointer);
        match self.places.get(key) {
            Some(Placed { file, places }) => (*file, self.files[*file].error(places.of(pointer), &path, message)),
            None => (0, FileError::nowhere(&path, message)),
        }
    }

    /// Where the paths begin that an entry names.
    fn folder(&self, key: &Key) -> &Path {
        self.places.get(key).and_then(|placed| self.folders.get(placed.file)).map_or(Path::new(""), PathBuf::as_path)
    }
}

impl fmt::Debug for HubFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubFile").field("entries", &self.entries.keys()).finish_non_exhaustive()
    }
}

/// Files that are being read: what was found so far.
#[derive(Default)]
struct Reading {
    files: Vec<Lines>,
    folders: Vec<PathBuf>,
    /// Each with the number of its file.
    errors: Vec<(usize, FileError)>,
    /// A file is no TOML.
    is_broken: bool,
    entries: BTreeMap<Key, Value>,
    plugin_paths: Vec<(Name, PathBuf)>,
    places: BTreeMap<Key, Placed>,
    specs: Specs,
}

impl Reading {
    /// Reads the newest file.
    fn file(&mut self, text: &str) {
        let (root, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            self.is_broken = true;
            self.error(error.span().map_or(0, |span| span.start), "", error.message());
        }
        if errors.is_empty() {
            for (key, table) in root.get_ref() {
                self.table(key.get_ref(), key.span().start, table);
            }
        }
    }

    fn table(&mut self, title: &str, at: usize, table: &Spanned<DeValue<'_>>) {
        let Ok(kind) = title.parse::<Kind>() else {
            let nearest = nearest(title, Kind::ALL.map(Kind::as_str));
            return self.error_near(at, title, "unknown table; there are sources, destinations, plugins and rules", nearest);
        };
        let Some(entries) = table.get_ref().as_table() else {
            return self.error(at, title, &format!("expected a table of {title}"));
        };
        for (name, value) in entries {
            self.entry(kind, name.get_ref(), name.span().start, value);
        }
    }

    fn entry(&mut self, kind: Kind, name: &str, at: usize, value: &Spanned<DeValue<'_>>) {
        let parsed = match name.parse::<Name>() {
            Ok(parsed) => parsed,
            Err(error) => return self.error(at, &dotted(kind, name, ""), &error.to_string()),
        };
        let key = (kind, parsed);
        if let Some(first) = self.places.get(&key) {
            let first = self.files[first.file].error(first.places.of(""), "", "");
            let message = format!("declared twice: {}:{}:{} has one too", first.file, first.line, first.column);
            return self.error(at, &dotted(kind, name, ""), &message);
        }
        let mut places = Places::new(at);
        let document = match value::json_of(value, &mut places) {
            Ok(document) => document,
            Err(misfit) => return self.misfit(&key, &places, misfit),
        };
        let whole = if kind == Kind::Plugin { self.take_path(&key.1, &document) } else { Ok(document.clone()) };
        let whole = whole.map(|whole| without_shown(kind, whole));
        if let Err(misfit) = whole.and_then(|whole| self.specs.read(&key, &whole)) {
            self.misfit(&key, &places, misfit);
        }
        for misfit in secrets_in_settings(kind, &document) {
            self.misfit(&key, &places, misfit);
        }
        self.places.insert(key.clone(), Placed { file: self.now(), places });
        self.entries.insert(key, document);
    }

    /// Notes a plugin's path. For the check, a digest stands in for it.
    fn take_path(&mut self, name: &Name, document: &Value) -> Result<Value, Misfit> {
        let Some(fields) = document.as_object() else { return Ok(document.clone()) };
        let path = match (fields.get("path"), fields.contains_key("digest")) {
            (None, true) => return Ok(document.clone()),
            (Some(Value::String(path)), false) => path,
            (Some(_), false) => return Err(Misfit::at("/path", "expected a string: the path of a component")),
            (Some(_), true) => return Err(Misfit::at("/path", "a plugin has a `path` or a `digest`, not both")),
            (None, false) => return Err(Misfit::at("", "a plugin needs the `path` of its component, or its `digest`")),
        };
        let folder = self.folders.last().cloned().unwrap_or_default();
        self.plugin_paths.push((name.clone(), folder.join(path)));
        let mut checked = document.clone();
        checked["digest"] = json!(Digest::of(b"").to_string());
        Ok(checked)
    }

    /// Entries may only name what the files declare.
    fn check_references(&mut self) {
        let known = self.entries.keys().cloned().collect();
        let Specs { sources, onwards, rules, .. } = &self.specs;
        let of_sources = sources.iter().flat_map(|(name, source)| verifier(source).map(move |named| (Kind::Source, name, named)));
        let of_onwards = onwards.iter().flat_map(|(name, onward)| fed(onward).map(move |named| (Kind::Destination, name, named)));
        let of_rules = rules.iter().flat_map(|(name, rule)| references(rule).map(move |named| (Kind::Rule, name, named)));
        let all = of_sources.chain(of_onwards).chain(of_rules);
        let unknown = all
            .filter(|(.., (_, named))| !self.entries.contains_key(named))
            .map(|(kind, name, (pointer, named))| ((kind, name.clone()), unknown_reference(pointer, &named, &known)));
        for (key, misfit) in unknown.collect::<Vec<_>>() {
            let Some(Placed { file, places }) = self.places.get(&key) else { continue };
            let path = dotted(key.0, key.1.as_str(), &misfit.pointer);
            let error = self.files[*file].error(places.of(&misfit.pointer), &path, &misfit.message);
            self.errors.push((*file, FileError { nearest: misfit.nearest, ..error }));
        }
    }

    fn misfit(&mut self, key: &Key, places: &Places, misfit: Misfit) {
        let at = if misfit.unknown_key.is_some() { places.of_key(&misfit.pointer) } else { places.of(&misfit.pointer) };
        self.error_near(at, &dotted(key.0, key.1.as_str(), &misfit.pointer), &misfit.message, misfit.nearest);
    }

    fn error(&mut self, at: usize, path: &str, message: &str) {
        self.error_near(at, path, message, None);
    }

    /// An error of the newest file.
    fn error_near(&mut self, at: usize, path: &str, message: &str, nearest: Option<String>) {
        let file = self.now();
        let error = self.files[file].error(at, path, message);
        self.errors.push((file, FileError { nearest, ..error }));
    }

    /// The number of the newest file.
    fn now(&self) -> usize {
        self.files.len() - 1
    }
}

/// A document as its spec reads it: where it says that a secret is to stay as it is, some text stands in for that.
fn without_shown(kind: Kind, mut document: Value) -> Value {
    for pointer in secret_pointers(kind, &document) {
        if let Some(secret) = document.pointer_mut(&pointer).filter(|secret| is_shown_form(secret)) {
            *secret = json!("kept");
        }
    }
    document
}
