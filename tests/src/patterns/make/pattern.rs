//! Patterns for an event: they name fields that it has, of one element of an array or of several, and now and then fields that it has not.

use serde_json::{Map, Value, json};

use super::condition::condition;
use crate::soak::chance::Chance;

/// How deep `$or` stands in `$or`.
const OR_DEPTH_MAX: usize = 3;

/// A valid pattern that matches the event with this envelope, or nearly does.
pub(crate) fn pattern(chance: &mut Chance, envelope: &Value) -> Value {
    Value::Object(top(chance, envelope, 0))
}

fn top(chance: &mut Chance, envelope: &Value, or_depth: usize) -> Map<String, Value> {
    let mut table = Map::new();
    if chance.below(5) > 0 {
        let data = match &envelope["data"] {
            data @ (Value::Object(_) | Value::Array(_)) if chance.below(12) > 0 => Value::Object(below(chance, data, or_depth)),
            data => field(chance, data),
        };
        table.insert("data".to_owned(), data);
    }
    if chance.below(4) == 0 {
        let headers = &envelope["headers"];
        let named = |chance: &mut Chance| {
            let name = *chance.pick(&["x-a", "x-b", "content-type"]);
            (name.to_owned(), field(chance, &headers[name]))
        };
        table.insert("headers".to_owned(), (0..1 + chance.below(2)).map(|_| named(chance)).collect());
    }
    for name in ["source", "type", "subject"] {
        if chance.below(8) == 0 {
            table.insert(name.to_owned(), field(chance, &envelope[name]));
        }
    }
    with_or(chance, table, or_depth, |chance| top(chance, envelope, or_depth + 1))
}

/// Fields of what is here: an object, or objects in an array.
fn below(chance: &mut Chance, here: &Value, or_depth: usize) -> Map<String, Value> {
    let objects = objects(here);
    // Fields of one element may match, of different ones they must not.
    let one = objects.get(chance.below(objects.len().max(1))).copied();
    let mixed = chance.below(4) == 0;
    let mut table = Map::new();
    for _ in 0..1 + chance.below(3) {
        let object = if mixed && !objects.is_empty() { Some(*chance.pick(&objects)) } else { one };
        let keys: Vec<&String> = object.iter().flat_map(|object| object.keys()).filter(|key| *key != "$or").collect();
        let key = match keys.as_slice() {
            [] => "a",
            _ if chance.below(10) == 0 => *chance.pick(&["a", "b", "c", "items", "sku"]),
            keys => chance.pick(keys),
        };
        let value = object.and_then(|object| object.get(key)).unwrap_or(&Value::Null);
        let deeper = !self::objects(value).is_empty() && chance.below(8) > 0;
        let value = if deeper { Value::Object(below(chance, value, or_depth)) } else { field(chance, value) };
        table.insert(key.to_owned(), value);
    }
    with_or(chance, table, or_depth, |chance| below(chance, here, or_depth + 1))
}

/// Some of the time with `$or` beside the fields, or alone.
fn with_or(
    chance: &mut Chance,
    mut table: Map<String, Value>,
    or_depth: usize,
    mut another: impl FnMut(&mut Chance) -> Map<String, Value>,
) -> Map<String, Value> {
    if table.is_empty() || (or_depth < OR_DEPTH_MAX && chance.below(6 + 2 * or_depth) == 0) {
        if chance.below(3) == 0 {
            table.clear();
        }
        let tables: Vec<Value> = (0..2 + chance.below(2)).map(|_| Value::Object(another(chance))).collect();
        table.insert("$or".to_owned(), json!(tables));
    }
    table
}

/// The conditions of one field, for what the event has there.
fn field(chance: &mut Chance, value: &Value) -> Value {
    let leaves = leaves(value);
    let mut conditions = Vec::new();
    for _ in 0..*chance.pick::<usize>(&[1, 1, 1, 1, 2, 3]) {
        conditions.push(match leaves.as_slice() {
            [] if chance.below(2) == 0 => json!({ "exists": false }),
            [] => condition(chance, &Value::Null),
            leaves => {
                let leaf = *chance.pick(leaves);
                condition(chance, leaf)
            }
        });
    }
    json!(conditions)
}

fn objects(value: &Value) -> Vec<&Map<String, Value>> {
    match value {
        Value::Object(object) => vec![object],
        Value::Array(items) => items.iter().flat_map(objects).collect(),
        _ => Vec::new(),
    }
}

fn leaves(value: &Value) -> Vec<&Value> {
    match value {
        Value::Object(_) => Vec::new(),
        Value::Array(items) => items.iter().flat_map(leaves).collect(),
        leaf => vec![leaf],
    }
}
