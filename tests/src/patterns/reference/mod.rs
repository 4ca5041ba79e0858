//! The pattern language once more, as slow and plain as its definition: what a match is, not how one is found fast.
//!
//! Nothing here is shared with the engine, and nothing is clever. A pattern is multiplied out into conjunctions without `$or`; for
//! each field of a conjunction every leaf of the event at its path is tried, and a choice of leaves counts when no two of them come
//! from objects in different elements of one array.
//!
//! Absence takes no leaf. It is asked last, in view of the leaves that were taken: `exists = false` holds where none of the leaves at
//! its path goes together with those. So the lone `items.qty = [{ exists = false }]` holds only where no element has a `qty`, and beside
//! `items.sku = ["a"]` it speaks of the element that has the sku.

mod condition;
mod leaf;

use serde_json::{Map, Value, json};
use sluicebox::event::Event;

use condition::{asks_for_absence, holds};
use leaf::{Leaf, leaves};

/// Does the pattern, which is a valid one, match the event?
pub(crate) fn matches(pattern: &Value, event: &Event) -> bool {
    let envelope = envelope(event);
    conjunctions(table(pattern), &[]).iter().any(|fields| satisfied(fields, &envelope, &mut Vec::new(), &mut Vec::new()))
}

/// How many conjunctions the pattern multiplies out to.
pub(crate) fn ways(pattern: &Value) -> usize {
    conjunctions(table(pattern), &[]).len()
}

/// The event as the one document that patterns speak of. What it does not have is not there; `data` is there where the body is JSON.
pub(crate) fn envelope(event: &Event) -> Value {
    let mut headers = Map::new();
    for header in &event.headers {
        let values = headers.entry(header.name.clone()).or_insert_with(|| json!([]));
        values.as_array_mut().expect("made above").push(json!(header.value));
    }
    let mut envelope = json!({ "source": event.source.as_str(), "headers": headers });
    // An event whose source names no type has an empty one, which is none.
    if !event.event_type.is_empty() {
        envelope["type"] = json!(event.event_type);
    }
    if let Some(subject) = &event.subject {
        envelope["subject"] = json!(subject);
    }
    if let Ok(data) = serde_json::from_slice(&event.body) {
        envelope["data"] = data;
    }
    envelope
}

/// A field that a pattern names, and its conditions, one of which has to hold.
#[derive(Clone)]
struct Field<'p> {
    path: Vec<&'p str>,
    conditions: &'p [Value],
}

/// The pattern without `$or`: it matches where all fields of one of these are satisfied together.
fn conjunctions<'p>(table: &'p Map<String, Value>, path: &[&'p str]) -> Vec<Vec<Field<'p>>> {
    let mut product = vec![Vec::new()];
    for (key, value) in table {
        let below = [path, &[key.as_str()]].concat();
        let factor: Vec<Vec<Field<'p>>> = match value {
            Value::Array(tables) if key == "$or" => {
                tables.iter().flat_map(|each| conjunctions(self::table(each), path)).collect()
            }
            Value::Array(conditions) => vec![vec![Field { path: below, conditions }]],
            _ => conjunctions(self::table(value), &below),
        };
        let joined = |left: &Vec<Field<'p>>| factor.iter().map(|right| [&left[..], right].concat()).collect::<Vec<_>>();
        product = product.iter().flat_map(joined).collect();
    }
    product
}

/// Is there a leaf, or an absence, for each of the fields, that goes together with what was taken for those before them?
fn satisfied<'e>(fields: &[Field<'_>], event: &'e Value, taken: &mut Vec<Leaf<'e>>, absent: &mut Vec<Vec<Leaf<'e>>>) -> bool {
    let Some((field, rest)) = fields.split_first() else {
        return absent.iter().all(|leaves| !leaves.iter().any(|leaf| leaf.goes_with(taken)));
    };
    let found = leaves(event, &field.path);
    for leaf in &found {
        if field.conditions.iter().any(|condition| holds(condition, leaf.value)) && leaf.goes_with(taken) {
            taken.push(leaf.clone());
            let good = satisfied(rest, event, taken, absent);
            taken.pop();
            if good {
                return true;
            }
        }
    }
    if field.conditions.iter().any(asks_for_absence) {
        absent.push(found);
        let good = satisfied(rest, event, taken, absent);
        absent.pop();
        return good;
    }
    false
}

fn table(value: &Value) -> &Map<String, Value> {
    value.as_object().expect("a valid pattern has a table here")
}
