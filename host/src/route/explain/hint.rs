//! What may have been meant by a condition that does not hold.

use serde_json::{Map, Value};

use super::seen::{Body, Seen, objects};
use crate::event::Event;

/// Names that are less alike are no slip of the hand.
const LIKENESS_MIN: f64 = 0.84;
/// So many members of a body are looked at for a name that stands elsewhere.
const MEMBERS_MAX: usize = 10_000;

/// What to tell of a field that does not have what is wanted.
pub(super) fn of(path: &[&str], wanted: &Value, seen: &Seen, body: &Body<'_>) -> Option<String> {
    let wanted = wanted.as_array().map(Vec::as_slice).unwrap_or_default();
    if !seen.is_empty() {
        return of_value(wanted, seen);
    }
    if seen.has_object {
        return Some(format!("there is an object at `{}`: name one of its fields", path.join(".")));
    }
    match path {
        ["data", ..] if body.data.is_none() => Some(of_no_json(body.event)),
        ["data", steps @ ..] => of_data(steps, body.data.as_ref()?),
        ["headers", name] => of_header(name, body.event),
        ["type"] => {
            Some("the event has no type: say in the source where it is, as in type = { header = \"x-event\" }".to_owned())
        }
        ["subject"] => {
            Some("the event has no subject: say in the source where it is, as in subject = { json = \"id\" }".to_owned())
        }
        _ => None,
    }
}

/// A value is there, and is nearly what is wanted.
fn of_value(wanted: &[Value], seen: &Seen) -> Option<String> {
    for seen in &seen.values {
        for wanted in wanted {
            match (wanted, seen) {
                (Value::String(wanted), Value::String(seen)) if wanted.to_lowercase() == seen.to_lowercase() => {
                    return Some(format!("only the case differs: {{ equals-ignore-case = {wanted:?} }} matches"));
                }
                (Value::String(wanted), Value::String(seen)) if wanted.trim() == seen.trim() => {
                    return Some("only the space around it differs".to_owned());
                }
                (Value::String(wanted), seen @ (Value::Number(_) | Value::Bool(_) | Value::Null)) if reads(seen, wanted) => {
                    return Some(format!("the event has {seen}, and the pattern wants the text {wanted:?}: remove the quotes"));
                }
                (Value::Number(_) | Value::Bool(_) | Value::Null, Value::String(seen)) if reads(wanted, seen) => {
                    return Some(format!("the event has the text {seen:?}, and the pattern wants {wanted}: put it in quotes"));
                }
                (Value::Object(operator), Value::String(seen))
                    if operator.contains_key("numeric") && seen.parse::<f64>().is_ok() =>
                {
                    return Some(format!("the event has the text {seen:?}, and `numeric` is for numbers only"));
                }
                _ => {}
            }
        }
    }
    None
}

/// Whether the value, written out, is this text.
fn reads(value: &Value, text: &str) -> bool {
    let written = value.to_string();
    written == text
}

fn of_no_json(event: &Event) -> String {
    match event.content_type.as_deref() {
        _ if event.body.is_empty() => "the event has no body".to_owned(),
        Some(kind) => format!("the body is no JSON (its content type is {kind}), so it has no fields"),
        None => "the body is no JSON, so it has no fields".to_owned(),
    }
}

/// The first step that is not there, and what stands in its place; or the same name elsewhere.
fn of_data(steps: &[&str], data: &Value) -> Option<String> {
    let parent = (0..steps.len()).rev().find(|&depth| {
        let mut found = Vec::new();
        objects(data, &steps[..depth], &mut found);
        !found.is_empty()
    })?;
    let mut around = Vec::new();
    objects(data, &steps[..parent], &mut around);
    let name = steps[parent];
    let names = around.iter().flat_map(|members| members.keys()).map(String::as_str);
    if let Some(near) = nearest(name, names) {
        let path: Vec<_> = ["data"].iter().chain(&steps[..parent]).chain([&near]).chain(&steps[parent + 1..]).copied().collect();
        return Some(format!("did you mean `{}`?", path.join(".")));
    }
    let elsewhere = elsewhere(data, steps.last()?)?;
    Some(format!("there is none; one of this name is at `{elsewhere}`"))
}

fn of_header(name: &str, event: &Event) -> Option<String> {
    let near = nearest(name, event.headers.iter().map(|header| header.name.as_str()))?;
    Some(format!("did you mean `headers.{near}`?"))
}

/// The name that is most like this one, where one is.
fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let alike = |other: &str| if plain(other) == plain(name) { 1.0 } else { strsim::jaro_winkler(other, name) };
    let near = names.filter(|other| *other != name).map(|other| (alike(other), other));
    near.filter(|(alike, _)| *alike >= LIKENESS_MIN).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, other)| other)
}

/// `orderId`, `order_id` and `order-id` are one name to people.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Where a member of this name is that is no object, the one that stands highest.
fn elsewhere(data: &Value, name: &str) -> Option<String> {
    let mut level: Vec<(String, &Value)> = vec![("data".to_owned(), data)];
    let mut looked_at = 0;
    while !level.is_empty() {
        let mut below = Vec::new();
        for (path, value) in level {
            match value {
                Value::Array(elements) => below.extend(elements.iter().map(|element| (path.clone(), element))),
                Value::Object(members) => below.extend(members_of(&path, members)),
                _ => {}
            }
            looked_at += 1;
            if looked_at > MEMBERS_MAX || below.len() > MEMBERS_MAX {
                return None;
            }
        }
        let is_it = |(path, value): &&(String, &Value)| path.rsplit('.').next() == Some(name) && !value.is_object();
        if let Some((path, _)) = below.iter().find(is_it) {
            return Some(path.clone());
        }
        level = below;
    }
    None
}

fn members_of<'v>(path: &str, members: &'v Map<String, Value>) -> impl Iterator<Item = (String, &'v Value)> {
    members.iter().map(move |(name, member)| (format!("{path}.{name}"), member))
}
