//! What a component tells of itself without being run: who it is and what it was made with, as JSON in a custom section that the tools
//! for authors write, whatever language it is in. Nobody has checked it, and nothing depends on it.

use serde::{Deserialize, Serialize};
use wasm_encoder::{ComponentSection as _, CustomSection};
use wasmparser::{Parser, Payload};

use super::{LoadError, load_error, text::one_line};

const SECTION: &str = "sluicebox:plugin";
/// The contract that this host's tools build for.
const TRACK: &str = "0.1";
/// The longest section that is read: it holds a few names.
const ABOUT_BYTES_MAX: usize = 4 << 10;

/// Who a component is.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct About {
    /// The name that its author gave it; the hub file may call it otherwise.
    pub name: String,
    /// The author's version.
    pub version: String,
    /// The language, and the version of its SDK: `rust 0.1.0`.
    pub sdk: String,
    /// The track of the contract, `sluicebox:plugin`.
    pub track: String,
}

impl About {
    /// Of what is built for this host's contract.
    #[must_use]
    pub fn new(name: impl Into<String>, version: impl Into<String>, sdk: impl Into<String>) -> Self {
        Self { name: name.into(), version: version.into(), sdk: sdk.into(), track: TRACK.to_owned() }
    }
}

/// The component with this said of it, in place of what was said before.
///
/// # Errors
///
/// The bytes are no component, or damaged.
pub fn describe(component: &[u8], about: &About) -> Result<Vec<u8>, LoadError> {
    const LABEL: &str = "the file";
    if !Parser::is_component(component) {
        return Err(load_error::core_module(LABEL));
    }
    let text = serde_json::json!(about).to_string();
    with_section(component, SECTION, text.as_bytes()).map_err(|error| load_error::malformed(LABEL, &error))
}

/// What is said of a component; control characters are not passed on. `None`: nothing, or nothing that could be read.
#[must_use]
pub fn about(component: &[u8]) -> Option<About> {
    let section = sections(component).map_while(Result::ok).find(|section| section.name == SECTION)?;
    let data = section.data.get(..section.data.len().min(ABOUT_BYTES_MAX))?;
    let About { name, version, sdk, track } = serde_json::from_slice(data).ok()?;
    Some(About { name: one_line(&name), version: one_line(&version), sdk: one_line(&sdk), track: one_line(&track) })
}

/// A custom section of the component itself, and where it lies in the bytes, its head included.
struct Section<'b> {
    name: &'b str,
    data: &'b [u8],
    begin: usize,
    end: usize,
}

/// Those of the outermost component; what lies within a module is that module's.
fn sections(component: &[u8]) -> impl Iterator<Item = wasmparser::Result<Section<'_>>> {
    let (mut depth, mut end) = (0_usize, 0);
    Parser::new(0).parse_all(component).filter_map(move |payload| {
        let begin = end;
        let payload = match payload {
            Ok(payload) => payload,
            Err(error) => return Some(Err(error)),
        };
        match &payload {
            Payload::Version { range, .. } => end = range.end,
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(at) => {
                depth = depth.saturating_sub(1);
                end = *at;
            }
            _ => end = payload.as_section().map_or(end, |(_, range)| range.end),
        }
        match payload {
            Payload::CustomSection(section) if depth == 0 => {
                Some(Ok(Section { name: section.name(), data: section.data(), begin, end }))
            }
            _ => None,
        }
    })
}

fn with_section(component: &[u8], name: &str, data: &[u8]) -> wasmparser::Result<Vec<u8>> {
    let (mut bytes, mut copied) = (Vec::with_capacity(component.len() + data.len()), 0);
    for section in sections(component) {
        let section = section?;
        if section.name == name {
            bytes.extend_from_slice(&component[copied..section.begin]);
            copied = section.end;
        }
    }
    bytes.extend_from_slice(&component[copied..]);
    CustomSection { name: name.into(), data: data.into() }.append_to_component(&mut bytes);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wat(text: &str) -> Vec<u8> {
        wat::parse_str(text).expect("the test's own text")
    }

    #[test]
    fn what_is_said_is_read_again_and_replaced() {
        let bare =
            wat(r#"(component (@custom "before" "x") (core module (@custom "sluicebox:plugin" "{}")) (@custom "after" "y"))"#);
        assert_eq!(about(&bare), None, "a module within says nothing of the component");
        let first = describe(&bare, &About::new("redact", "1.0.0", "rust 0.1.0")).expect("a component");
        assert_eq!(about(&first), Some(About::new("redact", "1.0.0", "rust 0.1.0")));
        let second = describe(&first, &About::new("redact", "1.0.1", "rust 0.1.0")).expect("a component");
        assert_eq!(about(&second).map(|about| about.version).as_deref(), Some("1.0.1"));
        assert_eq!(second.len(), first.len(), "the old section is gone");
        assert_eq!(second[..bare.len()], bare, "and nothing else is touched");
    }

    #[test]
    fn a_section_in_the_middle_is_cut_out_whole() {
        let said = r#"(component (@custom "sluicebox:plugin" "{}") (core module) (@custom "after" "y"))"#;
        let replaced = describe(&wat(said), &About::new("a", "1", "c")).expect("a component");
        let bare = wat(r#"(component (core module) (@custom "after" "y"))"#);
        assert_eq!(replaced, describe(&bare, &About::new("a", "1", "c")).expect("a component"));
    }

    #[test]
    fn what_cannot_be_read_says_nothing() {
        assert_eq!(about(&wat(r#"(component (@custom "sluicebox:plugin" "{"))"#)), None);
        assert_eq!(about(b"no component"), None);
        let escapes = br#"{"name":"a\u001b[2J","version":"1","sdk":"js 1","track":"0.1"}"#;
        let component = with_section(&wat("(component)"), SECTION, escapes).expect("a component");
        assert!(about(&component).is_some_and(|about| !about.name.contains('\u{1b}')));
        assert!(describe(&wat("(module)"), &About::new("a", "1", "c")).is_err());
    }
}
