//! A source's JSON Schemas may stand in files of their own: `file:path` in the place of one. The client reads them, and the server has the
//! schema itself.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use serde_json::Value;

use super::{FileError, HubFile, Kind};
use crate::hub::wording::token;

/// More than the server takes of one.
const FILE_BYTES_MAX: u64 = 1 << 20;

impl HubFile {
    /// Puts schemas into the place of references to their files. Paths are relative to the folders of the hub files.
    ///
    /// # Errors
    /// Each file that cannot be read or holds no JSON, with the reference's place.
    pub fn resolve_schemas(&mut self) -> Result<(), Vec<FileError>> {
        self.replace(|file, key, document| {
            let pointers = if key.0 == Kind::Source { places(document) } else { Vec::new() };
            let referred = pointers.into_iter().filter_map(|pointer| {
                let path = document.pointer(&pointer)?.as_str()?.strip_prefix("file:")?;
                let schema = read(&file.folder(key).join(path));
                Some((pointer, schema.map_err(|error| format!("cannot read {path}: {error}"))))
            });
            referred.collect()
        })
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
