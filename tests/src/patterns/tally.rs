//! What the pairs of a run were about, so that a test can tell that none of it was idle.

use std::{collections::BTreeMap, fmt};

use serde_json::Value;

/// What was met.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Pairs of a pattern and an event.
    pub pairs: u64,
    /// Pairs of which the pattern matched.
    pub matched: u64,
    /// By operator, as in `anything-but prefix`: pairs with it that matched, and that did not.
    pub operators: BTreeMap<String, (u64, u64)>,
}

impl Tally {
    /// Counts a pair in.
    pub fn count(&mut self, pattern: &Value, matched: bool) {
        self.pairs += 1;
        self.matched += u64::from(matched);
        let mut names = Vec::new();
        operators(pattern, &mut names);
        names.sort();
        names.dedup();
        for name in names {
            let (did, did_not) = self.operators.entry(name).or_default();
            *(if matched { did } else { did_not }) += 1;
        }
    }
}

fn operators(table: &Value, names: &mut Vec<String>) {
    for (key, value) in table.as_object().into_iter().flatten() {
        match value {
            Value::Array(tables) if key == "$or" => {
                names.push(key.clone());
                tables.iter().for_each(|table| operators(table, names));
            }
            Value::Array(conditions) => names.extend(conditions.iter().map(operator)),
            table => operators(table, names),
        }
    }
}

/// The name of a condition's kind.
fn operator(condition: &Value) -> String {
    let kind = |value: &Value| match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "list",
        Value::Object(_) => "operator",
    };
    let Some((name, operand)) = condition.as_object().and_then(|operator| operator.iter().next()) else {
        return kind(condition).to_owned();
    };
    match operand {
        Value::Object(inner) => {
            let (inner, operand) = inner.iter().next().map_or(("", &Value::Null), |(name, operand)| (name.as_str(), operand));
            format!("{name} {inner}{}", if operand.is_array() { " list" } else { "" })
        }
        Value::Array(_) if name == "numeric" => format!("{name} {}", operand[0].as_str().unwrap_or_default()),
        Value::Bool(wanted) => format!("{name} {wanted}"),
        Value::Array(items) => format!("{name} list of {}", items.first().map_or("nothing", kind)),
        plain if name == "anything-but" => format!("{name} {}", kind(plain)),
        _ => name.clone(),
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} pairs, {} matched", self.pairs, self.matched)?;
        for (name, (did, did_not)) in &self.operators {
            write!(f, "\n{name:<40} {did:>9} {did_not:>9}")?;
        }
        Ok(())
    }
}
