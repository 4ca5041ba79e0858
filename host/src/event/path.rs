//! Where a fact is within JSON: a dotted path.

use serde_json::Value;

/// Steps into JSON: keys, or places in arrays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonPath(Vec<String>);

impl JsonPath {
    /// As people write it: `object.kind`, `items.0.id`, also with `$.` before it.
    #[must_use]
    pub fn of(path: &str) -> Self {
        Self(path.strip_prefix("$.").unwrap_or(path).split('.').map(str::to_owned).collect())
    }

    /// What is there as text; `None` where it is not there or is no text, number or boolean.
    #[must_use]
    pub fn find(&self, root: &Value) -> Option<String> {
        let found = self.0.iter().try_fold(root, |value, step| match value {
            Value::Object(fields) => fields.get(step),
            Value::Array(items) => items.get(step.parse::<usize>().ok()?),
            _ => None,
        })?;
        match found {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(truth) => Some(truth.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_fact_is_found_or_absent() {
        let root = json!({ "a": { "b": [{ "id": 7 }] }, "t": "x", "o": {}, "yes": true, "none": null });
        let find = |path: &str| JsonPath::of(path).find(&root);
        assert_eq!(find("a.b.0.id").as_deref(), Some("7"));
        assert_eq!(find("$.t").as_deref(), Some("x"));
        assert_eq!(find("yes").as_deref(), Some("true"));
        for absent in ["o", "none", "a.b.1.id", "t.x", "missing", ""] {
            assert_eq!(find(absent), None, "{absent}");
        }
    }
}
