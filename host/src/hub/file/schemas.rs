//! A source's JSON Schemas may stand in files of their own: `file:path` in the place of one. The client reads them, and the server has the
//! schema itself.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use serde_json::Value;

use super::{FileError, HubFile, Kind, dotted};
use crate::hub::wording::token;

/// More than the server takes of one.
const FILE_BYTES_MAX: u64 = 1 << 20;

impl HubFile {
    /// Puts schemas into the place of references to their files. Paths are relative to `base`, the hub file's folder.
    ///
    /// # Errors
    /// Each file that cannot be read or holds no JSON, with the reference's place.
    pub fn resolve_schemas(&mut self, base: &Path) -> Result<(), Vec<FileError>> {
        let mut errors = Vec::new();
        for (key, document) in self.entries.iter_mut().filter(|((kind, _), _)| *kind == Kind::Source) {
            for pointer in places(document) {
                let Some(schema) = document.pointer_mut(&pointer) else { continue };
                let Some(path) = schema.as_str().and_then(|text| text.strip_prefix("file:")) else { continue };
                match read(&base.join(path)) {
                    Ok(read) => *schema = read,
                    Err(error) => {
                        let at = self.places.get(key).map_or(0, |places| places.of(&pointer));
                        let message = format!("cannot read {path}: {error}");
                        errors.push(self.lines.error(at, &dotted(key.0, key.1.as_str(), &pointer), &message));
                    }
                }
            }
        }
        errors.sort_by_key(|error| (error.line, error.column));
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }
}

/// Where a source has schemas.
fn places(source: &Value) -> Vec<String> {
    let of_types = source["schemas"].as_object().into_iter().flatten();
    let of_types = of_types.map(|(name, _)| format!("/schemas{}", token(name)));
    std::iter::once("/schema".to_owned()).chain(of_types).collect()
}

fn read(path: &Path) -> io::Result<Value> {
    let mut text = Vec::new();
    File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut text)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it is larger than {FILE_BYTES_MAX} bytes")));
    }
    Ok(serde_json::from_slice(&text)?)
}
