//! From what a compiler leaves to what the server takes: a core module that names its interfaces becomes a component.
//!
//! Pure, and for the client: the server is handed components only, so that no encoder works on unvetted bytes in its process.

use wasmparser::{Parser, Payload};
use wit_component::ComponentEncoder;

use super::{LoadError, load_error};

const LABEL: &str = "the file";

/// Turns a core module built with the SDK into a component; a component passes as it is.
///
/// # Errors
///
/// The bytes are neither, or the module does not say or does not keep to the interfaces that it implements.
pub fn componentize(bytes: &[u8]) -> Result<Vec<u8>, LoadError> {
    if Parser::is_component(bytes) {
        return Ok(bytes.to_vec());
    }
    if !Parser::is_core_wasm(bytes) {
        return Err(load_error::not_wasm(LABEL, bytes));
    }
    check_module(bytes)?;
    let encoder = ComponentEncoder::default().validate(true).module(bytes);
    encoder.and_then(|mut encoder| encoder.encode()).map_err(|error| load_error::not_encoded(LABEL, &error))
}

/// Finds in our own words what the encoder would say in its.
fn check_module(bytes: &[u8]) -> Result<(), LoadError> {
    let mut described = false;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(|error| load_error::malformed(LABEL, &error))? {
            Payload::CustomSection(section) => described |= section.name().starts_with("component-type"),
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    let import = import.map_err(|error| load_error::malformed(LABEL, &error))?;
                    if import.module.starts_with("wasi") {
                        return Err(load_error::import(LABEL, import.module));
                    }
                }
            }
            _ => {}
        }
    }
    if described { Ok(()) } else { Err(load_error::no_metadata()) }
}
