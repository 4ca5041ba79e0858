//! Edits as settings have them.

use super::{Node, Path, Place};
use crate::Result;
use crate::config::{Config, Problem, Schema, child, members};
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error as _};
use serde_json::{Map, Value};

/// What to change of a document, in this order. Within one of them, by the order of the paths' letters: a table has no other.
///
/// ```
/// use sluicebox_sdk::{json::{Edits, Node}, prelude::*};
///
/// let edits: Edits = serde_json::from_value(json!({ "drop": ["card"], "set": { "meta.origin": "shop" } }))?;
/// let mut order = Node::read(br#"{"id": 7, "card": "4242"}"#)?;
/// assert!(edits.apply(&mut order)?);
/// assert_eq!(order.to_text(), r#"{"id":7,"meta":{"origin":"shop"}}"#);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug, Default, Deserialize, sluicebox_sdk_macros::Config)]
#[serde(deny_unknown_fields, default)]
#[config(part)]
pub struct Edits {
    /// All else is removed; none: nothing is.
    pub keep: Option<Vec<Path>>,
    /// What is removed.
    pub drop: Vec<Path>,
    /// Members that get another name where they are: `"items[*].qty" = "quantity"`.
    pub rename: Pairs<Path, String>,
    /// Values that go to another place: `"customer_email" = "customer.email"`.
    #[serde(rename = "move")]
    pub moves: Pairs<Place, Place>,
    /// Values that are put where there is none, or null.
    pub default: Pairs<Place, Value>,
    /// Values that are put whatever there is.
    pub set: Pairs<Place, Value>,
}

/// A table of settings whose names are paths or places, in the order in which it is read.
#[derive(Clone, Debug)]
pub struct Pairs<K, V>(pub Vec<(K, V)>);

impl<K, V> Default for Pairs<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// Read as the map that every plugin has the code for: a map for each type of pairs makes a component 10 kB larger.
impl<'de, K: TryFrom<String, Error = String>, V: DeserializeOwned> Deserialize<'de> for Pairs<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let table = Map::deserialize(deserializer)?;
        let pair =
            |(name, value)| Ok((K::try_from(name).map_err(D::Error::custom)?, V::deserialize(value).map_err(D::Error::custom)?));
        table.into_iter().map(pair).collect::<Result<_, _>>().map(Self)
    }
}

impl<K: TryFrom<String, Error = String>, V: Config> Config for Pairs<K, V> {
    const SCHEMA: Schema = Schema::new(r#"{"type":"object","additionalProperties":"#).then(&V::SCHEMA).and("}");

    fn check(value: &Value, path: &str, problems: &mut Vec<Problem>) {
        let Some(members) = members(value, path, problems) else { return };
        for (name, value) in members {
            let path = child(path, name);
            match K::try_from(name.clone()) {
                Ok(_) => V::check(value, &path, problems),
                Err(why) => problems.push(Problem::new(path, why)),
            }
        }
    }
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
        for (path, name) in &self.rename.0 {
            changes += document.rename(path, name)?;
        }
        // All are taken before one is put, so that two values can change places.
        let mut taken = Vec::new();
        for (from, to) in self.moves.0.iter().filter(|(from, to)| from != to) {
            taken.extend(document.take(from)?.map(|value| (to, value)));
        }
        changes += taken.len();
        for (to, value) in taken {
            document.put(to, value)?;
        }
        for (place, value) in &self.default.0 {
            changes += put(document, place, value, |there| there == "null")?;
        }
        for (place, value) in &self.set.0 {
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
    use serde_json::json;

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
