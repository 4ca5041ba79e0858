//! The question to the engine, and the smallest case that has the same answer.

use std::panic;

use serde_json::{Map, Value};
use sluicebox::route::{Index, Pattern};

use super::{
    Case,
    doc::{with, without},
    reference,
};

/// Judgements that making a case smaller may take.
const TRIES_MAX: usize = 5_000;

/// How the engine went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Disagreement {
    /// A valid pattern was refused, in these words.
    Refused(String),
    /// The answer is another with the pattern alone in an index.
    Alone,
    /// The answer is another with the pattern among others.
    AmongOthers,
    /// There was no answer.
    Panicked,
}

/// Has both matchers answer.
pub(super) fn judge(case: &Case) -> Result<(), Disagreement> {
    panic::catch_unwind(|| answers(case)).unwrap_or(Err(Disagreement::Panicked))
}

fn answers(case: &Case) -> Result<(), Disagreement> {
    let event = case.sample.event();
    let parsed = |pattern: &Value| Pattern::parse(pattern).map_err(|invalid| Disagreement::Refused(invalid.to_string()));
    let mut expected = Vec::new();
    for (at, pattern) in case.patterns.iter().enumerate() {
        let matches = reference::matches(pattern, &event);
        if Index::new(vec![parsed(pattern)?]).matches(&event) != if matches { vec![0] } else { vec![] } {
            return Err(Disagreement::Alone);
        }
        expected.extend(matches.then_some(at));
    }
    let all: Result<Vec<Pattern>, Disagreement> = case.patterns.iter().map(parsed).collect();
    if Index::new(all?).matches(&event) == expected { Ok(()) } else { Err(Disagreement::AmongOthers) }
}

/// Takes away from the case what can be, and what is told of it.
pub(super) fn shrink(mut case: Case, mut found: Disagreement) -> (Case, Disagreement) {
    if matches!(found, Disagreement::Refused(_)) {
        // Less of a pattern may rightly be refused.
        case.patterns.retain(|pattern| Pattern::parse(pattern).is_err());
        return (case, found);
    }
    let mut tries = 0;
    'smaller: loop {
        for smaller in smaller(&case) {
            tries += 1;
            match judge(&smaller) {
                Err(same) if tries <= TRIES_MAX && (same == found || same == Disagreement::Alone) => {
                    (case, found) = (smaller, same);
                    continue 'smaller;
                }
                _ => {}
            }
        }
        return (case, found);
    }
}

fn smaller(case: &Case) -> Vec<Case> {
    let mut smaller = Vec::new();
    let patterns = |patterns: Vec<Value>| Case { patterns, ..case.clone() };
    if case.patterns.len() > 1 {
        smaller.extend((0..case.patterns.len()).map(|at| patterns(without(&case.patterns, at))));
    }
    for (at, pattern) in case.patterns.iter().enumerate() {
        smaller.extend(less_of(pattern).into_iter().map(|less| patterns(with(&case.patterns, at, less))));
    }
    smaller.extend(case.sample.smaller().into_iter().map(|sample| Case { sample, ..case.clone() }));
    smaller
}

/// Every pattern that is this one with a little less in it, and that the engine takes: what it refuses, the reference does not know.
fn less_of(pattern: &Value) -> Vec<Value> {
    less(pattern).into_iter().filter(|less| Pattern::parse(less).is_ok()).collect()
}

fn less(value: &Value) -> Vec<Value> {
    match value {
        Value::Object(fields) => {
            let mut all: Vec<Value> = fields.get("$or").and_then(Value::as_array).cloned().unwrap_or_default();
            for (key, value) in fields {
                let mut fewer = fields.clone();
                fewer.remove(key);
                all.push(Value::Object(fewer));
                let replaced =
                    |less: Value| Value::Object(Map::from_iter(fields.clone().into_iter().chain([(key.clone(), less)])));
                all.extend(less(value).into_iter().map(replaced));
            }
            all
        }
        Value::Array(items) => {
            let mut all: Vec<Value> = (0..items.len()).map(|at| Value::Array(without(items, at))).collect();
            for (at, item) in items.iter().enumerate() {
                all.extend(less(item).into_iter().map(|less| Value::Array(with(items, at, less))));
            }
            all
        }
        Value::String(text) if !text.is_empty() => {
            let chars: Vec<char> = text.chars().collect();
            (0..chars.len()).map(|at| Value::String(without(&chars, at).into_iter().collect())).collect()
        }
        _ => Vec::new(),
    }
}
