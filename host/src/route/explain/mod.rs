//! Why does a rule match an event, or not? Each condition of its pattern, whether it holds, what it wants and what the event has there.
//!
//! A condition is judged by the same index as a whole pattern, as a pattern of its own. So what is told here is what happens, and where all
//! conditions hold and the pattern does not, it is because no one element of an array meets them together.

mod hint;
mod seen;

pub use seen::Seen;

use serde_json::{Map, Value, json};

use super::{Index, Pattern};
use crate::event::{Event, Invalid};
use seen::Body;

/// What a pattern says of an event.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// Whether it matches.
    pub matches: bool,
    /// Its conditions, by the names of their fields; none where it matches everything.
    pub conditions: Vec<Condition>,
}

/// A condition of a pattern.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// A field has one of these values.
    Field {
        /// Its path from the event on, as in `data.order.id`.
        field: String,
        /// Whether it does.
        holds: bool,
        /// As the pattern has it: a list.
        wanted: Value,
        /// What the event has there.
        seen: Seen,
        /// What may have been meant, where it does not hold.
        hint: Option<String>,
    },
    /// One of several tables holds.
    Or {
        /// Where the `$or` stands; empty for the event itself.
        within: String,
        /// Whether one does.
        holds: bool,
        /// The conditions of each.
        branches: Vec<Vec<Condition>>,
    },
    /// The conditions here hold each, but not of the same element of an array; told only where that is so.
    Together {
        /// The field that they have in common; empty for the event itself.
        within: String,
    },
}

impl Condition {
    /// Whether it holds.
    #[must_use]
    pub fn holds(&self) -> bool {
        match self {
            Self::Field { holds, .. } | Self::Or { holds, .. } => *holds,
            Self::Together { .. } => false,
        }
    }
}

/// Explains a pattern, as [`Pattern::parse`] reads it.
///
/// # Errors
/// Where it is none.
pub fn explain(pattern: &Value, event: &Event) -> Result<Explanation, Invalid> {
    // Told of as a whole, before any piece of it is.
    Pattern::parse(pattern)?;
    let empty = Map::new();
    let mut pieces = Pieces(vec![Pattern::parse(pattern)?]);
    let outline = pieces.of_table(pattern.as_object().unwrap_or(&empty), &[])?;
    let mut holds = vec![false; pieces.0.len()];
    for number in Index::new(pieces.0).matches(event) {
        holds[number] = true;
    }
    let body = Body::of(event);
    let told = Teller { holds: &holds, body: &body };
    let mut conditions = told.conditions(outline);
    if !holds[0] && conditions.iter().all(Condition::holds) {
        conditions.push(Condition::Together { within: String::new() });
    }
    Ok(Explanation { matches: holds[0], conditions })
}

/// A condition before it is judged; the number is that of its pattern among the pieces.
enum Outline<'p> {
    Field { path: Vec<&'p str>, wanted: &'p Value, piece: usize },
    Or { path: Vec<&'p str>, piece: usize, branches: Vec<Table<'p>> },
    Table(Table<'p>),
}

/// Conditions that have to hold together.
struct Table<'p> {
    path: Vec<&'p str>,
    piece: usize,
    fields: Vec<Outline<'p>>,
}

/// Each condition as a pattern of its own.
struct Pieces(Vec<Pattern>);

impl Pieces {
    fn of_table<'p>(&mut self, table: &'p Map<String, Value>, path: &[&'p str]) -> Result<Vec<Outline<'p>>, Invalid> {
        let mut outline = Vec::with_capacity(table.len());
        for (key, value) in table {
            let below = || path.iter().copied().chain([key.as_str()]).collect::<Vec<_>>();
            outline.push(match value {
                Value::Array(branches) if key == "$or" => {
                    let piece = self.add(path, json!({ "$or": branches }))?;
                    let branches = branches.iter().map(|branch| self.table(branch, path.to_vec())).collect::<Result<_, _>>()?;
                    Outline::Or { path: path.to_vec(), piece, branches }
                }
                Value::Object(_) => Outline::Table(self.table(value, below())?),
                wanted => {
                    let path = below();
                    Outline::Field { piece: self.add(&path, wanted.clone())?, path, wanted }
                }
            });
        }
        Ok(outline)
    }

    fn table<'p>(&mut self, table: &'p Value, path: Vec<&'p str>) -> Result<Table<'p>, Invalid> {
        let piece = self.add(&path, table.clone())?;
        let fields = table.as_object().map_or_else(|| Ok(Vec::new()), |table| self.of_table(table, &path))?;
        Ok(Table { path, piece, fields })
    }

    fn add(&mut self, path: &[&str], condition: Value) -> Result<usize, Invalid> {
        let pattern = path.iter().rev().fold(condition, |below, step| json!({ *step: below }));
        self.0.push(Pattern::parse(&pattern)?);
        Ok(self.0.len() - 1)
    }
}

/// Puts what was found into words.
struct Teller<'a> {
    holds: &'a [bool],
    body: &'a Body<'a>,
}

impl Teller<'_> {
    fn conditions(&self, outline: Vec<Outline<'_>>) -> Vec<Condition> {
        let mut told = Vec::new();
        for one in outline {
            match one {
                Outline::Field { path, wanted, piece } => told.push(self.field(&path, wanted, self.holds[piece])),
                Outline::Or { path, piece, branches } => told.push(Condition::Or {
                    within: path.join("."),
                    holds: self.holds[piece],
                    branches: branches.into_iter().map(|branch| self.together(branch)).collect(),
                }),
                Outline::Table(table) => told.extend(self.together(table)),
            }
        }
        told
    }

    /// The conditions of a table, and where each holds and the table does not, that.
    fn together(&self, Table { path, piece, fields }: Table<'_>) -> Vec<Condition> {
        let mut told = self.conditions(fields);
        if !self.holds[piece] && told.iter().all(Condition::holds) {
            told.push(Condition::Together { within: path.join(".") });
        }
        told
    }

    fn field(&self, path: &[&str], wanted: &Value, holds: bool) -> Condition {
        let seen = self.body.at(path);
        let hint = if holds { None } else { hint::of(path, wanted, &seen, self.body) };
        Condition::Field { field: path.join("."), holds, wanted: wanted.clone(), seen, hint }
    }
}

#[cfg(test)]
mod tests;
