//! What a component tells of its settings without being run: a JSON Schema in a custom section, put there by its SDK.

use wasmparser::{Parser, Payload};

const SECTION: &str = "sluicebox:config-schema";

/// The JSON Schema of a plugin's settings, as the text that its author's tools left; nobody has checked it. `None`: it has none, or
/// the bytes are no WebAssembly.
#[must_use]
pub fn config_schema(bytes: &[u8]) -> Option<&str> {
    // Of a component, what is in its modules is found as well: there a linker puts it.
    let mut payloads = Parser::new(0).parse_all(bytes).map_while(Result::ok);
    let section = payloads.find_map(|payload| match payload {
        Payload::CustomSection(section) if section.name() == SECTION => Some(section.data()),
        _ => None,
    });
    std::str::from_utf8(section?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_found_in_a_module_and_in_a_component_around_it() {
        let module = r#"(module (@custom "other" "x") (@custom "sluicebox:config-schema" "{}"))"#;
        let component = format!("(component (core {}", &module[1..]) + ")";
        for text in [module, &component] {
            let bytes = wat::parse_str(text).expect("the test's own text");
            assert_eq!(config_schema(&bytes), Some("{}"), "{text}");
        }
        assert_eq!(config_schema(&wat::parse_str("(module)").expect("the test's own text")), None);
        assert_eq!(config_schema(b"{}"), None);
    }
}
