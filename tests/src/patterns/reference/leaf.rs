//! The leaves of an event: its values that are no objects and no arrays, each with the array elements it is from.

use serde_json::Value;

/// A value at a path, and where it is from.
#[derive(Clone)]
pub(super) struct Leaf<'e> {
    pub(super) value: &'e Value,
    /// Of the arrays on the way, the element that was entered because it is an object.
    within: Vec<(&'e Value, usize)>,
}

impl Leaf<'_> {
    /// Whether no array is entered by different elements here and by one of the others.
    pub(super) fn goes_with(&self, others: &[Leaf<'_>]) -> bool {
        others.iter().flat_map(|other| &other.within).all(|(array, element)| {
            // The array at one place in the event: an equal one at another place is another.
            self.within.iter().all(|(own, at)| !std::ptr::eq(*own, *array) || at == element)
        })
    }
}

/// All leaves at a path.
pub(super) fn leaves<'e>(event: &'e Value, path: &[&str]) -> Vec<Leaf<'e>> {
    let mut found = Vec::new();
    walk(event, path, &[], &mut found);
    found
}

fn walk<'e>(value: &'e Value, path: &[&str], within: &[(&'e Value, usize)], found: &mut Vec<Leaf<'e>>) {
    match (value, path) {
        (Value::Array(_), _) => {
            for (at, element) in elements(value).into_iter().enumerate() {
                let entered = [within, &[(value, at)]].concat();
                walk(element, path, if element.is_object() { &entered } else { within }, found);
            }
        }
        (Value::Object(fields), [step, rest @ ..]) => {
            if let Some(value) = fields.get(*step) {
                walk(value, rest, within, found);
            }
        }
        (Value::Object(_), []) | (_, [_, ..]) => {}
        (_, []) => found.push(Leaf { value, within: within.to_vec() }),
    }
}

/// The elements of an array; arrays in it count as one with it.
fn elements(array: &Value) -> Vec<&Value> {
    match array {
        Value::Array(items) => items.iter().flat_map(elements).collect(),
        other => vec![other],
    }
}
