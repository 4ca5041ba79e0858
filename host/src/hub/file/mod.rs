//! Hub files, as the client reads and writes them: TOML with the tables `sources`, `destinations`, `plugins` and `rules`. Several files are one
//! together.
//!
//! Reading is pure. What needs the client's surroundings comes after: [`HubFile::resolve_secrets`] looks at variables and files,
//! [`HubFile::resolve_schemas`] reads the files of schemas, and
//! the components named in `plugin_paths` are uploaded and [`set_digest`](HubFile::set_digest) puts their digests into their place. The
//! server knows nothing of files; [`HubFile::locate`] turns its answer back into lines and columns.
//!
//! What is wrong with one entry keeps no other from being read, nor from being judged by the server: [`examine`] gives all that can be read.

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
    collections::{BTreeMap, BTreeSet},
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
    remainder::Remainder,
    spec::{Specs, Wrong, fed, references, secret_pointers, secrets_in_settings, verifier},
    wording::{Misfit, nearest},
};
use crate::event::{Digest, Name};
use error::dotted;
use place::{Lines, Places};

/// Hub files, taken together. Once their secrets are resolved they are in clear, so this shows nothing but names.
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
/// All there are, of all files: of syntax, and of what a file declares that has none of those.
pub fn read_all(texts: &[Text<'_>], names: Names) -> Result<HubFile, Vec<FileError>> {
    let Examined { file, errors, .. } = examine(texts, names);
    if errors.is_empty() { Ok(file) } else { Err(errors) }
}

/// Hub files that were read as far as they can be.
pub struct Examined {
    /// All entries that have a name, also those that are wrong: others may name them.
    pub file: HubFile,
    /// What is wrong, in the order of the files.
    pub errors: Vec<FileError>,
    /// A file is no TOML: what it declares is not known, and so no name is unknown.
    pub is_broken: bool,
}

/// Reads hub files that are one together, whatever is wrong with them.
#[must_use]
pub fn examine(texts: &[Text<'_>], names: Names) -> Examined {
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
    let Reading { errors, is_broken, entries, plugin_paths, places, files, folders, .. } = reading;
    let file = HubFile { entries, plugin_paths, places, files, folders };
    let errors = file.in_order(errors);
    Examined { file, errors, is_broken }
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

    /// Whether the files declare this entry.
    #[must_use]
    pub fn declares(&self, kind: Kind, name: &str) -> bool {
        name.parse().is_ok_and(|name| self.places.contains_key(&(kind, name)))
    }

    /// What is wrong with the file that a plugin names.
    #[must_use]
    pub fn component_error(&self, plugin: &Name, message: &str) -> FileError {
        self.error(&(Kind::Plugin, plugin.clone()), "/path", message)
    }

    /// What is wrong, in the order of the files.
    #[must_use]
    pub fn in_order(&self, mut errors: Vec<FileError>) -> Vec<FileError> {
        let number = |error: &FileError| self.files.iter().position(|file| file.label() == error.file);
        errors.sort_by_key(|error| (number(error), error.line, error.column));
        errors
    }

    /// What is wrong with a value of an entry, where it stands.
    fn error(&self, key: &Key, pointer: &str, message: &str) -> FileError {
        let path = dotted(key.0, key.1.as_str(), pointer);
        match self.places.get(key) {
            Some(Placed { file, places }) => self.files[*file].error(places.of(pointer), &path, message),
            None => FileError::nowhere(&path, message),
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
    errors: Vec<FileError>,
    /// A file is no TOML.
    is_broken: bool,
    entries: BTreeMap<Key, Value>,
    plugin_paths: Vec<(Name, PathBuf)>,
    places: BTreeMap<Key, Placed>,
    specs: Specs,
    /// What is left of entries that are wrong.
    wrong: BTreeMap<Key, Remainder>,
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
        let meant = nearest(title, Kind::ALL.map(Kind::as_str));
        if title.parse::<Kind>().is_err() {
            self.error_near(at, title, "unknown table; there are sources, destinations, plugins and rules", meant.clone());
        }
        // What it declares is known by name, and read for what else is wrong.
        let Some(kind) = title.parse().ok().or_else(|| meant?.parse().ok()) else { return };
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
        let (document, mut misfits) = value::json_of(value, &mut places);
        let no_json: BTreeSet<String> = misfits.iter().map(|misfit| misfit.pointer.clone()).collect();
        // What is no table at all has been told of.
        if value.get_ref().is_table() {
            let mut whole = without_shown(kind, document.clone());
            if kind == Kind::Plugin {
                misfits.extend(self.take_path(&key.1, &mut whole));
            }
            if let Some(wrong) = self.specs.read_what_fits(&key, &whole, &[]) {
                let Wrong { misfits: more, rest } = wrong;
                // A value that JSON has not fits nowhere, either.
                misfits.extend(more.into_iter().filter(|misfit| !no_json.contains(&misfit.pointer)));
                self.wrong.insert(key.clone(), rest);
            }
            misfits.extend(secrets_in_settings(kind, &document));
        }
        misfits.into_iter().for_each(|misfit| self.misfit(&key, &places, misfit));
        self.places.insert(key.clone(), Placed { file: self.now(), places });
        self.entries.insert(key, document);
    }

    /// Notes a plugin's path. For the check, a digest stands in for it, also where there is neither.
    fn take_path(&mut self, name: &Name, document: &mut Value) -> Option<Misfit> {
        let misfit = match (document.get("path"), document.get("digest").is_some()) {
            (None, true) => return None,
            (Some(Value::String(path)), false) => {
                let folder = self.folders.last().cloned().unwrap_or_default();
                self.plugin_paths.push((name.clone(), folder.join(path)));
                None
            }
            (Some(_), false) => Some(Misfit::at("/path", "expected a text: the path of a component")),
            (Some(_), true) => Some(Misfit::at("/path", "a plugin has a `path` or a `digest`, not both")),
            (None, false) => Some(Misfit::at("", "a plugin needs the `path` of its component, or its `digest`")),
        };
        document["digest"] = json!(Digest::of(b"").to_string());
        misfit
    }

    /// Entries may only name what the files declare.
    fn check_references(&mut self) {
        let known: BTreeSet<Key> = self.entries.keys().cloned().collect();
        let Specs { sources, onwards, rules, .. } = &self.specs;
        let of_sources = sources.iter().flat_map(|(name, source)| verifier(source).map(move |named| (Kind::Source, name, named)));
        let of_onwards = onwards.iter().flat_map(|(name, onward)| fed(onward).map(move |named| (Kind::Destination, name, named)));
        let of_rules = rules.iter().flat_map(|(name, rule)| references(rule).map(move |named| (Kind::Rule, name, named)));
        let all = of_sources.chain(of_onwards).chain(of_rules);
        let unknown = all.filter_map(|(kind, name, named)| Some(((kind, name.clone()), named.unknown(&known)?)));
        for (key, mut misfit) in unknown.collect::<Vec<_>>() {
            let Some(Placed { file, places }) = self.places.get(&key) else { continue };
            if let Some(rest) = self.wrong.get(&key) {
                misfit.pointer = rest.in_whole(&misfit.pointer);
            }
            let path = dotted(key.0, key.1.as_str(), &misfit.pointer);
            let error = self.files[*file].error(places.of(&misfit.pointer), &path, &misfit.message);
            self.errors.push(FileError { nearest: misfit.nearest, ..error });
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
        self.errors.push(FileError { nearest, ..error });
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
