//! Mutations of JSON that leave it JSON: a value in the place of another, a key that is wrong, tables in tables.

use serde_json::{Map, Value, json};

use crate::soak::chance::Chance;

/// How deep values are put into each other.
const DEPTHS: &[usize] = &[1, 2, 63, 64, 65, 126];

/// Changes a value a few times.
pub(super) fn mutate(chance: &mut Chance, value: &mut Value, words: &[&str]) {
    for _ in 0..1 + chance.below(3) {
        mutate_once(chance, value, words);
    }
}

fn mutate_once(chance: &mut Chance, value: &mut Value, words: &[&str]) {
    // Somewhere below, as a rule.
    match value {
        Value::Array(items) if !items.is_empty() && chance.below(5) > 0 => {
            let at = chance.below(items.len());
            return mutate_once(chance, &mut items[at], words);
        }
        Value::Object(fields) if !fields.is_empty() && chance.below(5) > 0 => {
            let at = chance.below(fields.len());
            let below = fields.values_mut().nth(at).expect("an entry");
            return mutate_once(chance, below, words);
        }
        _ => {}
    }
    let old = value.take();
    *value = changed(chance, old, words);
}

fn changed(chance: &mut Chance, value: Value, words: &[&str]) -> Value {
    match (chance.below(6), value) {
        (0, Value::Array(mut items)) if !items.is_empty() => {
            items.remove(chance.below(items.len()));
            json!(items)
        }
        (1, Value::Array(items)) => json!([&items[..], &items[..]].concat()),
        (0, Value::Object(mut fields)) if !fields.is_empty() => {
            let key = fields.keys().nth(chance.below(fields.len())).cloned();
            key.map(|key| fields.remove(&key));
            json!(fields)
        }
        (1 | 2, Value::Object(fields)) => {
            let chosen = chance.below(fields.len().max(1));
            let renamed = |(at, (key, value)): (usize, (String, Value))| {
                (if at == chosen { (*chance.pick(words)).to_owned() } else { key }, value)
            };
            fields.into_iter().enumerate().map(renamed).collect::<Map<_, _>>().into()
        }
        (3, value) => {
            let key = *chance.pick(words);
            (0..*chance.pick(DEPTHS)).fold(value, |inner, _| json!({ key: inner }))
        }
        (4, value) => json!([value]),
        (_, Value::String(text)) if chance.below(2) == 0 => json!(format!("{text}{}", chance.pick(words))),
        _ => scalar(chance, words),
    }
}

fn scalar(chance: &mut Chance, words: &[&str]) -> Value {
    match chance.below(9) {
        0 => Value::Null,
        1 => json!(true),
        2 => json!(u64::MAX),
        3 => json!(i64::MIN),
        4 => json!(5e-324),
        5 => json!({}),
        6 => json!([]),
        _ => json!(chance.pick(words)),
    }
}
