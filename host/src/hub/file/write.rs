//! A hub file as people would write it: tables in the order of an event's way, the important keys first, what is short on one line, and what
//! is not as dotted keys.

use std::{collections::BTreeMap, fmt::Write};

use serde_json::{Map, Number, Value};

use super::dotted;
use crate::{
    event::Name,
    hub::{entry::Kind, spec::secret_pointers, wording::token},
};

/// What has more characters is not written on one line, where it can be written on several.
const LINE_CHARS: usize = 110;

/// The keys that come first, in this order; the others follow in that of the alphabet.
const FIRST: [&str; 15] = [
    "kind",
    "verify",
    "scheme",
    "type",
    "path",
    "digest",
    "url",
    "method",
    "source",
    "secret",
    "secrets",
    "match",
    "plugins",
    "destinations",
    "config",
];

/// What TOML cannot say.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: a null, which TOML has not; export JSON instead (--json)")]
pub struct Unwritable {
    /// Dotted: `rules.new-issues.match.data.state[0]`.
    pub path: String,
}

/// Writes entries, as they are shown, as a hub file.
///
/// # Errors
/// The first value that TOML has no form for.
pub fn write(entries: &BTreeMap<(Kind, Name), Value>) -> Result<String, Unwritable> {
    let mut text = String::new();
    for ((kind, name), document) in entries {
        let fields = declared(*kind, document);
        check(*kind, name, "", &fields)?;
        if !text.is_empty() {
            text.push('\n');
        }
        let _ = writeln!(text, "[{kind}.{name}]");
        if let Value::Object(fields) = &fields {
            for (key, value) in ordered(fields) {
                pair(&mut text, &bare_or_quoted(key), value, key == "match");
            }
        }
    }
    Ok(text)
}

/// The document as its author wrote it: references as text, and nothing that says the same as if it were not there.
fn declared(kind: Kind, document: &Value) -> Value {
    let mut declared = document.clone();
    for pointer in secret_pointers(kind, document) {
        if let Some(secret) = declared.pointer_mut(&pointer)
            && let Some(reference) = secret.get("ref").filter(|reference| reference.is_string()).cloned()
        {
            *secret = reference;
        }
    }
    if let Some(fields) = declared.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
        if kind == Kind::Plugin && fields.contains_key("path") {
            fields.remove("digest");
        }
    }
    declared
}

fn check(kind: Kind, name: &Name, pointer: &str, value: &Value) -> Result<(), Unwritable> {
    match value {
        Value::Null => Err(Unwritable { path: dotted(kind, name.as_str(), pointer) }),
        Value::Array(items) => {
            items.iter().enumerate().try_for_each(|(at, item)| check(kind, name, &format!("{pointer}/{at}"), item))
        }
        Value::Object(fields) => {
            fields.iter().try_for_each(|(key, field)| check(kind, name, &format!("{pointer}{}", token(key)), field))
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

fn ordered(fields: &Map<String, Value>) -> Vec<(&str, &Value)> {
    let mut ordered: Vec<(&str, &Value)> = fields.iter().map(|(key, value)| (key.as_str(), value)).collect();
    let place = |key: &str| FIRST.iter().position(|first| *first == key).unwrap_or(FIRST.len());
    ordered.sort_by(|(one, _), (other, _)| (place(one), one).cmp(&(place(other), other)));
    ordered
}

/// One key and its value, or, of a table that is better spread, those of its members.
fn pair(text: &mut String, key: &str, value: &Value, spread: bool) {
    let line = format!("{key} = {}", inline(value));
    let is_long = line.chars().count() > LINE_CHARS;
    match value {
        Value::Object(fields) if !fields.is_empty() && (spread || is_long) => {
            for (member, value) in ordered(fields) {
                pair(text, &format!("{key}.{}", bare_or_quoted(member)), value, spread);
            }
        }
        Value::Array(items) if is_long && items.len() > 1 => {
            let _ = writeln!(text, "{key} = [");
            for item in items {
                let _ = writeln!(text, "    {},", inline(item));
            }
            text.push_str("]\n");
        }
        _ => {
            let _ = writeln!(text, "{line}");
        }
    }
}

fn inline(value: &Value) -> String {
    match value {
        // Refused before.
        Value::Null => String::new(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number_of(number),
        Value::String(text) => quoted(text),
        Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) if fields.is_empty() => "{}".to_owned(),
        Value::Object(fields) => {
            let members = ordered(fields).into_iter().map(|(key, value)| format!("{} = {}", bare_or_quoted(key), inline(value)));
            format!("{{ {} }}", members.collect::<Vec<_>>().join(", "))
        }
    }
}

/// JSON's numbers are TOML's, which also tells whole ones from others by their form.
fn number_of(number: &Number) -> String {
    number.to_string()
}

fn bare_or_quoted(key: &str) -> String {
    let is_bare = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if is_bare { key.to_owned() } else { quoted(key) }
}

/// A basic string (TOML 1.0); one with backslashes and nothing that needs them is a literal one.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| !c.is_control() && c != '\'';
    if text.contains(['\\', '"']) && text.chars().all(is_plain) {
        return format!("'{text}'");
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::{super::read, *};

    fn entries(kind: Kind, document: Value) -> BTreeMap<(Kind, Name), Value> {
        BTreeMap::from([((kind, "a".parse().expect("a name")), document)])
    }

    #[test]
    fn it_reads_as_people_write_it() {
        let secret = json!({ "scheme": "github", "secret": { "ref": "${GH}" } });
        let mut all = entries(Kind::Source, json!({ "verify": secret, "max_body_bytes": 5, "type": { "header": "x" } }));
        let pattern = json!({ "type": ["issues"], "data": { "action": ["opened", { "prefix": "re" }], "a.b": [1.5] } });
        all.extend(entries(Kind::Rule, json!({ "destinations": ["d"], "match": pattern, "plugins": [] })));
        all.extend(entries(
            Kind::Plugin,
            json!({ "digest": "sha256:00", "path": "p/a.wasm", "config": { "re": "\\d'" }, "canary": null }),
        ));
        let expected = r#"[sources.a]
verify = { scheme = "github", secret = "${GH}" }
type = { header = "x" }
max_body_bytes = 5

[plugins.a]
path = "p/a.wasm"
config = { re = "\\d'" }

[rules.a]
match.type = ["issues"]
match.data."a.b" = [1.5]
match.data.action = ["opened", { prefix = "re" }]
plugins = []
destinations = ["d"]
"#;
        assert_eq!(write(&all).expect("written"), expected);
    }

    #[test]
    fn what_is_long_takes_several_lines_and_null_is_refused() {
        let long: Vec<String> = (0..9).map(|at| format!("a-long-name-of-a-destination-{at}")).collect();
        let text = write(&entries(Kind::Rule, json!({ "destinations": long }))).expect("written");
        assert_eq!(text.lines().count(), 12, "{text}");
        let null = write(&entries(Kind::Rule, json!({ "match": { "data": { "v": [null] } } }))).expect_err("no null");
        assert_eq!(null.path, "rules.a.match.data.v[0]");
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_filter("JSON has no other", |number| number.is_finite()).prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
            "[\\\\'\"\u{0}-\u{1f}a]{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map("[a-c.\"' ]{0,3}", inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_reads_the_same(config in prop::collection::btree_map("[a-z.]{1,4}", any_json(), 0..5)) {
            let digest = crate::event::Digest::of(b"").to_string();
            let config: Map<String, Value> = config.into_iter().collect();
            let entries = entries(Kind::Plugin, json!({ "digest": digest, "config": config }));
            let text = write(&entries).expect("written");
            match read(&text, "f") {
                Ok(file) => prop_assert_eq!(file.entries, entries, "{}", text),
                // A random text may look like a reference to a secret, which settings may not have.
                Err(errors) => prop_assert!(errors.iter().all(|error| error.message.contains("no place for secrets")), "{:?}\n{}", errors, text),
            }
        }
    }
}
