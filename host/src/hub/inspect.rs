//! A look at the hub's files that changes nothing, also while a host runs on them: are the records whole, are the components there, does
//! the main key open the secrets?

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs::File,
    path::{Path, PathBuf},
};

use super::{
    StoreError,
    component::Components,
    data_keys::{DataKeysError, Stored},
    durable,
    entry::{Documents, Kind},
    main_key::{MainKey, MainKeyError, own_file},
    revision::Revisions,
    seal::Seal,
    spec,
};

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// A host runs on the folder.
    pub in_use: bool,
    /// The newest revision that the records tell.
    pub revision: u64,
    /// Records that are damaged, and will be passed over by the next start.
    pub damaged: Vec<PathBuf>,
    /// Files that a start found damaged and has set aside.
    pub set_aside: Vec<PathBuf>,
    /// Components of today's plugins whose files are missing or damaged.
    pub components_missing: Vec<PathBuf>,
    /// What can be said of the main key.
    pub main_key: MainKeyState,
}

/// What the main key is good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MainKeyState {
    /// It opens all secrets of today's documents.
    Opens,
    /// There is none in the folder.
    Missing,
    /// It is not what this program writes.
    Damaged,
    /// A secret, or the keys that it is sealed under, do not open; why.
    DoesNotOpen(String),
}

/// Looks at the hub of a data folder.
///
/// # Errors
/// Where the folder cannot be read at all.
pub fn inspect(data: &Path) -> Result<Inspection, StoreError> {
    let revisions = Revisions::at_rest(data.join("revisions"));
    let (damaged, good) = if data.join("revisions").is_dir() { revisions.looked_through()? } else { (Vec::new(), 0) };
    let documents = revisions.at(good)?.unwrap_or_default();
    Ok(Inspection {
        in_use: File::open(data.join("hub.lock")).is_ok_and(|lock| lock.try_lock().is_err()),
        revision: good,
        damaged,
        set_aside: set_aside(data)?,
        components_missing: components_missing(data, &documents)?,
        main_key: main_key(data, documents)?,
    })
}

fn set_aside(data: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let folders = [data.to_owned(), data.join("revisions"), data.join("versions")];
    let mut found = Vec::new();
    for folder in folders.iter().filter(|folder| folder.is_dir()) {
        let is_aside = |path: &PathBuf| path.file_name().and_then(OsStr::to_str).is_some_and(|name| name.contains(".damaged"));
        found.extend(durable::files(folder)?.into_iter().filter(is_aside));
    }
    found.sort();
    Ok(found)
}

fn components_missing(data: &Path, documents: &Documents) -> Result<Vec<PathBuf>, StoreError> {
    let components = Components::at_rest(data.join("components"));
    let plugins = documents.iter().filter(|(entry, _)| entry.kind == Kind::Plugin);
    let digests: BTreeSet<_> = plugins.flat_map(|(entry, document)| spec::digests(entry.kind, document)).collect();
    let mut missing = Vec::new();
    for digest in digests {
        if components.read(&digest)?.is_none() {
            missing.push(components.path(&digest));
        }
    }
    Ok(missing)
}

/// As a start finds it out, without what that mends.
fn main_key(data: &Path, documents: Documents) -> Result<MainKeyState, StoreError> {
    let main = match MainKey::read(&own_file(data), &mut Vec::new()) {
        Ok(Some(main)) => main,
        Ok(None) => return Ok(MainKeyState::Missing),
        Err(MainKeyError::FileSystem(error)) => return Err(error.into()),
        Err(_) => return Ok(MainKeyState::Damaged),
    };
    let does_not_open = |why: String| Ok(MainKeyState::DoesNotOpen(why));
    let stored = match Stored::read(data) {
        Ok(Some(stored)) => stored,
        Ok(None) => return does_not_open(DataKeysError::Missing(data.join("data-keys.json")).to_string()),
        Err(DataKeysError::FileSystem(error)) => return Err(error.into()),
        Err(error) => return does_not_open(error.to_string()),
    };
    if stored.main_key != main.id() {
        return does_not_open(format!(
            "the secrets are sealed under the main key with the id {}, not {}",
            stored.main_key,
            main.id()
        ));
    }
    let seal = match stored.unwrapped(data, main) {
        Ok(keys) => Seal::new(keys),
        Err(error) => return does_not_open(error.to_string()),
    };
    let refused = documents.into_iter().find_map(|(entry, document)| seal.unseal(&entry, document).err());
    refused.map_or(Ok(MainKeyState::Opens), |error| does_not_open(error.to_string()))
}
