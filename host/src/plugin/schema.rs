//! What a component tells of its settings without being run: a JSON Schema in a custom section, put there by its SDK, or by the tool
//! where a language's toolchain puts none.

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

/// The component with this schema behind it.
#[must_use]
pub fn with_config_schema(mut component: Vec<u8>, schema: &str) -> Vec<u8> {
    // A custom section is a 0, its length, the length of its name, the name and the data.
    let name_len = leb128(SECTION.len());
    component.push(0);
    component.extend(leb128(name_len.len() + SECTION.len() + schema.len()));
    component.extend(name_len);
    component.extend(SECTION.bytes());
    component.extend(schema.bytes());
    component
}

/// A length as WebAssembly writes it (LEB128): seven bits a byte, the lowest first.
fn leb128(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 0x7f {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
    bytes
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

    #[test]
    fn a_schema_is_added_to_a_component() {
        let component = wat::parse_str("(component)").expect("the test's own text");
        for length in [0, 90, 100, 70_000] {
            let schema = "x".repeat(length);
            let with = with_config_schema(component.clone(), &schema);
            wasmparser::Validator::new().validate_all(&with).expect("still a component");
            assert_eq!(config_schema(&with), Some(schema.as_str()));
        }
    }
}
