//! Edits as settings have them.

use crate::{Node, Path, Place};
use sluicebox_sdk::Result;
use sluicebox_sdk::serde::Deserialize;
use sluicebox_sdk::serde::de::{DeserializeOwned, Deserializer, Error as _};
use sluicebox_sdk::serde_json::{Map, Value};

/// What to change of a document, in this order. Within one of them, by the order of the paths' letters: a table has no other.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(crate = "sluicebox_sdk::serde", deny_unknown_fields, default)]
pub struct Edits {
    /// All else is removed; none: nothing is.
    pub keep: Option<Vec<Path>>,
    /// What is removed.
    pub drop: Vec<Path>,
    /// Members that get another name where they are: `"items[*].qty" = "quantity"`.
    #[serde(deserialize_with = "pairs")]
    pub rename: Vec<(Path, String)>,
    /// Values that go to another place: `"customer_email" = "customer.email"`.
    #[serde(rename = "move", deserialize_with = "pairs")]
    pub moves: Vec<(Place, Place)>,
    /// Values that are put where there is none, or null.
    #[serde(deserialize_with = "pairs")]
    pub default: Vec<(Place, Value)>,
    /// Values that are put whatever there is.
    #[serde(deserialize_with = "pairs")]
    pub set: Vec<(Place, Value)>,
}

/// A table, read as the map that every plugin has the code for: a map for each type of pairs makes a component 10 kB larger.
fn pairs<'de, D, K, V>(deserializer: D) -> Result<Vec<(K, V)>, D::Error>
where
    D: Deserializer<'de>,
    K: TryFrom<String, Error = String>,
    V: DeserializeOwned,
{
    let table = Map::deserialize(deserializer)?;
    let pair =
        |(name, value)| Ok((K::try_from(name).map_err(D::Error::custom)?, V::deserialize(value).map_err(D::Error::custom)?));
    table.into_iter().map(pair).collect()
}

impl Edits {
    /// Makes the changes, and says whether there were any.
    ///
    /// # Errors
    /// Rejects with `in-the-way` where a value cannot be put at its place, and with `invalid-json` what is nested more than 127 deep.
    pub fn apply(&self, document: &mut Node<'_>) -> Result<bool> {
        let mut changes = 0;
        if let Some(keep) = &self.keep {
            document.keep_only(keep, &mut changes)?;
        }
        changes += document.remove(&self.drop)?;
        for (path, name) in &self.rename {
            changes += document.rename(path, name)?;
        }
        // All are taken before one is put, so that two values can change places.
        let mut taken = Vec::new();
        for (from, to) in self.moves.iter().filter(|(from, to)| from != to) {
            taken.extend(document.take(from)?.map(|value| (to, value)));
        }
        changes += taken.len();
        for (to, value) in taken {
            document.put(to, value)?;
        }
        for (place, value) in &self.default {
            changes += put(document, place, value, |there| there == "null")?;
        }
        for (place, value) in &self.set {
            let text = value.to_string();
            changes += put(document, place, value, |there| there != text)?;
        }
        Ok(changes > 0)
    }
}

/// Puts a value where there is none, or one that may go. The number of changes.
fn put(document: &mut Node<'_>, place: &Place, value: &Value, may_go: impl Fn(&str) -> bool) -> Result<usize> {
    let there = document.find(place.path())?;
    if there.first().is_some_and(|there| !may_go(&there.to_text())) {
        return Ok(0);
    }
    document.put(place, Node::new(value))?;
    Ok(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluicebox_sdk::serde_json::{self, json};

    #[track_caller]
    fn check(edits: Value, json: &str, expected: Option<&str>) {
        let edits: Edits = serde_json::from_value(edits).expect("settings");
        let mut node = Node::read(json.as_bytes()).expect("JSON");
        let changed = edits.apply(&mut node).expect("an edit");
        assert_eq!(changed.then(|| node.to_text()).as_deref(), expected);
    }

    #[test]
    fn values_can_change_places() {
        check(json!({ "move": { "a": "b", "b": "a" } }), r#"{"a":1,"b":2}"#, Some(r#"{"b":1,"a":2}"#));
        check(json!({ "move": { "a": "b.c", "x": "y" } }), r#"{"a":1.10}"#, Some(r#"{"b":{"c":1.10}}"#));
    }

    #[test]
    fn defaults_leave_what_is_there() {
        let defaults = json!({ "default": { "a": 0, "b": 0, "c": 0 } });
        check(defaults, r#"{"a":1,"b":null}"#, Some(r#"{"a":1,"b":0,"c":0}"#));
    }

    #[test]
    fn where_nothing_changes_nothing_is_said_to() {
        let edits = json!({ "keep": ["a", "b"], "drop": ["x"], "rename": { "y": "z", "a": "a" }, "move": { "q": "r", "b": "b" },
            "default": { "a": 0 }, "set": { "b": "text" } });
        check(edits, r#"{ "a": 1, "b": "text" }"#, None);
        check(json!({}), "[]", None);
    }

    #[test]
    fn the_order_is_keep_drop_rename_move_default_set() {
        let edits = json!({ "keep": ["a"], "drop": ["a.x"], "rename": { "a.y": "z" }, "move": { "a.z": "b" }, "default": { "b": 0 },
            "set": { "a": 2 } });
        check(edits, r#"{"a":{"x":1,"y":3},"c":1}"#, Some(r#"{"a":2,"b":3}"#));
    }
}
