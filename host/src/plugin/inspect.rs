//! What a component is, found by reading it: nothing is compiled and nothing is executed, so any file may be looked at.
//!
//! What only an instance can tell (types within an interface, memory at the start) is not found here; loading finds it.

use wasmparser::{Parser, Payload, Validator};

use super::{About, LoadError, about, limits::COMPONENT_BYTES_MAX, load_error, track_0_1};
use crate::event::Digest;

/// The interfaces of which a plugin exports at least one.
const CAPABILITIES: [&str; 4] =
    ["sluicebox:plugin/filter", "sluicebox:plugin/transform", "sluicebox:plugin/batch", "sluicebox:plugin/verify"];

/// What a file is, offers and asks for.
#[derive(Clone, Debug)]
pub struct Inspected {
    /// Or else a core module.
    pub is_component: bool,
    /// The file's length.
    pub bytes: usize,
    /// The SHA-256 of the file.
    pub digest: Digest,
    /// What it says of itself.
    pub about: Option<About>,
    /// Names of interfaces, in the file's order; of a core module, of its functions.
    pub exports: Vec<String>,
    /// Likewise.
    pub imports: Vec<String>,
}

/// Reads a file's bytes; `label` is what they are called in the text that says what is wrong.
///
/// # Errors
///
/// They are no WebAssembly, or damaged.
pub fn inspect(label: &str, bytes: &[u8]) -> Result<Inspected, LoadError> {
    let is_component = Parser::is_component(bytes);
    if !is_component && !Parser::is_core_wasm(bytes) {
        return Err(load_error::not_wasm(label, bytes));
    }
    Validator::new().validate_all(bytes).map_err(|error| load_error::malformed(label, &error))?;
    let (exports, imports) = names(bytes).map_err(|error| load_error::malformed(label, &error))?;
    Ok(Inspected { is_component, bytes: bytes.len(), digest: Digest::of(bytes), about: about(bytes), exports, imports })
}

/// What an upload is refused for at once, before anything is compiled; else its digest. Large ones are not even read.
pub(super) fn examine(label: &str, bytes: &[u8], bytes_max: usize) -> Result<Digest, LoadError> {
    if bytes.len() > bytes_max {
        return Err(load_error::too_large(label, bytes.len(), bytes_max));
    }
    let inspected = inspect(label, bytes)?;
    inspected.check_up_to(label, bytes_max)?;
    Ok(inspected.digest)
}

impl Inspected {
    /// What a host with the default settings would refuse it for, as far as reading can tell.
    ///
    /// # Errors
    ///
    /// It is no component, is too large, imports what is not offered, or exports nothing that a rule could use.
    pub fn check(&self, label: &str) -> Result<(), LoadError> {
        self.check_up_to(label, COMPONENT_BYTES_MAX)
    }

    fn check_up_to(&self, label: &str, bytes_max: usize) -> Result<(), LoadError> {
        if !self.is_component {
            return Err(load_error::core_module(label));
        }
        if self.bytes > bytes_max {
            return Err(load_error::too_large(label, self.bytes, bytes_max));
        }
        if let Some(import) = self.imports.iter().find(|import| !is_of(import, &track_0_1::IMPORTS)) {
            return Err(load_error::import(label, import));
        }
        if !self.exports.iter().any(|export| is_of(export, &CAPABILITIES)) {
            return Err(load_error::exports_nothing(label, &self.exports));
        }
        Ok(())
    }
}

/// Whether it is one of these interfaces, in a version of the track.
fn is_of(name: &str, interfaces: &[&str]) -> bool {
    let (interface, version) = name.split_once('@').unwrap_or((name, ""));
    interfaces.contains(&interface) && version.starts_with(track_0_1::VERSIONS)
}

/// Exports and imports of the outermost component or module; those within it are its own affair.
fn names(bytes: &[u8]) -> wasmparser::Result<(Vec<String>, Vec<String>)> {
    let (mut exports, mut imports, mut depth) = (Vec::new(), Vec::new(), 0_usize);
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            _ if depth > 0 => {}
            Payload::ComponentExportSection(section) => {
                for export in section {
                    exports.push(export?.name.name.to_owned());
                }
            }
            Payload::ComponentImportSection(section) => {
                for import in section {
                    imports.push(import?.name.name.to_owned());
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    exports.push(export?.name.to_owned());
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import?;
                    imports.push(format!("{} {}", import.module, import.name));
                }
            }
            _ => {}
        }
    }
    Ok((exports, imports))
}
