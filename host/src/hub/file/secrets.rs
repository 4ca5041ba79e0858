//! Secrets in a hub file are written as `${NAME}`, `file:path`, or the text itself. The client resolves them; the reference goes with
//! the value, so that an export gives back what was applied.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use serde_json::{Value, json};

use super::{FileError, HubFile};
use crate::hub::{entry::Key, spec::secret_pointers};

/// A secret in a file of its own is a key or a token, not a book.
const FILE_BYTES_MAX: u64 = 64 << 10;

impl HubFile {
    /// Puts the values of variables and files into the place of references to them. Paths are relative to the folders of the hub files.
    ///
    /// # Errors
    /// Each reference that does not resolve, with its place.
    pub fn resolve_secrets(&mut self, env: &dyn Fn(&str) -> Option<String>) -> Result<(), Vec<FileError>> {
        self.replace(|file, key, document| {
            let mut replaced = Vec::new();
            for pointer in secret_pointers(key.0, document) {
                let Some(text) = document.pointer(&pointer).and_then(Value::as_str) else { continue };
                let value = resolved(text, env, file.folder(key)).transpose();
                replaced.extend(value.map(|value| (pointer, value.map(|value| json!({ "value": value, "ref": text })))));
            }
            replaced
        })
    }

    /// Replaces values of entries, each at its pointer, or collects why they cannot be.
    pub(super) fn replace(&mut self, find: impl Fn(&Self, &Key, &Value) -> Vec<Replaced>) -> Result<(), Vec<FileError>> {
        let (mut values, mut errors) = (Vec::new(), Vec::new());
        for (key, document) in &self.entries {
            for (pointer, value) in find(self, key, document) {
                match value {
                    Ok(value) => values.push((key.clone(), pointer, value)),
                    Err(message) => errors.push(self.error(key, &pointer, &message)),
                }
            }
        }
        for (key, pointer, value) in values {
            if let Some(place) = self.entries.get_mut(&key).and_then(|document| document.pointer_mut(&pointer)) {
                *place = value;
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(self.in_order(errors)) }
    }
}

/// What comes to stand at a pointer, or why nothing does.
pub(super) type Replaced = (String, Result<Value, String>);

/// What a reference stands for; `None`: the text is the secret itself.
fn resolved(text: &str, env: &dyn Fn(&str) -> Option<String>, base: &Path) -> Result<Option<String>, String> {
    if let Some(path) = text.strip_prefix("file:") {
        let value = read_file(&base.join(path)).map_err(|error| format!("cannot read {path}: {error}"))?;
        return filled(value.trim_end_matches(['\r', '\n']), path).map(Some);
    }
    if let Some(name) = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).filter(|name| is_variable(name)) {
        let value = env(name).ok_or_else(|| format!("the environment variable {name} is not set"))?;
        return filled(&value, name).map(Some);
    }
    if text.contains("${") {
        return Err("a secret is `${NAME}` as a whole, `file:path`, or the text itself".to_owned());
    }
    Ok(None)
}

fn filled(value: &str, origin: &str) -> Result<String, String> {
    if value.is_empty() { Err(format!("{origin} is empty")) } else { Ok(value.to_owned()) }
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn read_file(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it is larger than {FILE_BYTES_MAX} bytes")));
    }
    Ok(text)
}
