//! What differs between two documents, field by field. Secrets are compared in clear, and told only as far as documents show them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{entry::Kind, spec::secret_pointers, wording::token};

/// A field that differs.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldChange {
    /// A JSON pointer (RFC 6901) within the document.
    pub pointer: String,
    /// As it was; `None`: it was not there.
    pub before: Option<Value>,
    /// As it is; `None`: it is gone.
    pub after: Option<Value>,
    /// It is a secret, of which `before` and `after` show no more than its reference.
    pub secret: bool,
}

/// What differs between two documents whose secrets are in clear; `None`: there is none.
pub(super) fn differences(kind: Kind, before: Option<&Value>, after: Option<&Value>) -> Vec<FieldChange> {
    let sides = [before, after].map(|document| Side::of(kind, document));
    let mut changes = Vec::new();
    compare("", [before, after], &sides, &mut changes);
    changes
}

/// One of the two.
struct Side {
    secrets: BTreeSet<String>,
    /// The document as it may be seen.
    masked: Value,
}

impl Side {
    fn of(kind: Kind, document: Option<&Value>) -> Self {
        let Some(document) = document else { return Self { secrets: BTreeSet::new(), masked: Value::Null } };
        let mut masked = document.clone();
        let is_secret =
            |pointer: &String| document.pointer(pointer).is_some_and(|secret| !secret["value"].is_null() || secret.is_string());
        let secrets: BTreeSet<String> = secret_pointers(kind, document).into_iter().filter(is_secret).collect();
        for pointer in &secrets {
            if let Some(secret) = masked.pointer_mut(pointer) {
                *secret = match secret.get("ref").filter(|reference| reference.is_string()) {
                    Some(reference) => json!({ "ref": reference }),
                    None => json!({ "set": true }),
                };
            }
        }
        Self { secrets, masked }
    }
}

fn compare(at: &str, values: [Option<&Value>; 2], sides: &[Side; 2], changes: &mut Vec<FieldChange>) {
    if values[0] == values[1] {
        return;
    }
    let secret = sides.iter().any(|side| side.secrets.contains(at));
    match values {
        [Some(Value::Object(before)), Some(Value::Object(after))] if !secret => {
            let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
            for key in keys {
                compare(&format!("{at}{}", token(key)), [before.get(key), after.get(key)], sides, changes);
            }
        }
        // Of a new document each member by itself.
        [None, Some(Value::Object(after))] if at.is_empty() => {
            for (key, value) in after {
                compare(&token(key), [None, Some(value)], sides, changes);
            }
        }
        [Some(Value::Array(before)), Some(Value::Array(after))]
            if before.len() == after.len() && before.iter().chain(after).any(Value::is_object) =>
        {
            for (index, (before, after)) in before.iter().zip(after).enumerate() {
                compare(&format!("{at}/{index}"), [Some(before), Some(after)], sides, changes);
            }
        }
        _ => {
            let [before, after] = [0, 1].map(|side: usize| values[side].and_then(|_| sides[side].masked.pointer(at)).cloned());
            changes.push(FieldChange { pointer: at.to_owned(), before, after, secret });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(kind: Kind, before: &Value, after: &Value) -> Vec<(String, Value, Value, bool)> {
        let shown = |value: Option<Value>| value.unwrap_or_default();
        let changes = differences(kind, Some(before), Some(after)).into_iter();
        changes.map(|change| (change.pointer, shown(change.before), shown(change.after), change.secret)).collect()
    }

    #[test]
    fn each_field_that_differs_is_told_by_itself() {
        let before = json!({ "match": { "type": ["a"], "data": { "x": [1] } }, "destinations": ["d"] });
        let after = json!({ "match": { "type": ["a", "b"], "data": { "x": [1] } }, "plugins": ["p"], "destinations": ["d"] });
        let expected = [
            ("/match/type".to_owned(), json!(["a"]), json!(["a", "b"]), false),
            ("/plugins".to_owned(), Value::Null, json!(["p"]), false),
        ];
        assert_eq!(told(Kind::Rule, &before, &after), expected);
        assert_eq!(told(Kind::Rule, &after, &after), []);
        let created = differences(Kind::Rule, None, Some(&before));
        assert_eq!(created.iter().map(|change| change.pointer.as_str()).collect::<Vec<_>>(), ["/destinations", "/match"]);
    }

    #[test]
    fn a_secret_is_never_told() {
        let document = |secret: Value, further: Value| json!({ "url": "u", "secret": secret, "secrets": further });
        let clear = |text: &str| json!({ "value": text });
        let before = document(clear("canary-1"), json!([clear("canary-2")]));
        let same_form = document(clear("canary-3"), json!([clear("canary-2")]));
        let set = json!({ "set": true });
        assert_eq!(told(Kind::Destination, &before, &same_form), [("/secret".to_owned(), set.clone(), set.clone(), true)]);
        let longer =
            document(json!({ "value": "canary-1", "ref": "${X}" }), json!([clear("canary-2"), { "secret": clear("canary-4") }]));
        let told = told(Kind::Destination, &before, &longer);
        assert_eq!(told[0], ("/secret".to_owned(), set, json!({ "ref": "${X}" }), true));
        assert_eq!(told[1].0, "/secrets");
        assert!(!format!("{told:?}").contains("canary"), "{told:?}");
        assert!(!format!("{:?}", differences(Kind::Destination, None, Some(&before))).contains("canary"));
    }
}
