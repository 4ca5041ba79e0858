//! From a pattern's tables to its alternatives. What stands in a list of values is read by `operator`.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{
    operator::{self, Budget},
    pattern::{ALTERNATIVES_MAX, CONDITIONS_MAX, Condition, DEPTH_MAX, EnvelopeField, FIELD_BYTES_MAX, Field},
};
use crate::event::Invalid;

/// The key whose value is a list of tables, any of which may hold.
const OR: &str = "$or";

/// The fields of an event.
const FIELDS: [&str; 5] = ["source", "type", "subject", "headers", "data"];

/// Ways to match, each a list of conditions that must all hold. Of no ways none matches; a way without conditions always does.
type Ways = Vec<Vec<Condition>>;

/// Where a value stands in the pattern.
#[derive(Clone, Debug)]
struct Place {
    /// A JSON pointer.
    pointer: String,
    /// Tables around it.
    depth: usize,
}

/// What a key of the pattern speaks of.
#[derive(Clone, Debug)]
enum Topic {
    /// The whole event: its keys are the fields.
    Event,
    /// Its keys are the names of headers.
    Headers,
    Envelope(EnvelopeField),
    Data(Vec<Arc<str>>),
}

/// The ways to match a pattern.
pub(super) fn alternatives(pattern: &Value) -> Result<Ways, Invalid> {
    let mut budget = Budget::default();
    let place = Place { pointer: String::new(), depth: 0 };
    match pattern {
        Value::Null => Ok(vec![Vec::new()]),
        Value::Object(table) if table.is_empty() => Ok(vec![Vec::new()]),
        Value::Object(table) => ways_of_table(table, &Topic::Event, &place, &mut budget),
        _ => Err(place.invalid("a pattern is a table of fields, as in `type = [\"issues\"]`")),
    }
}

fn ways_of_table(table: &Map<String, Value>, about: &Topic, place: &Place, budget: &mut Budget) -> Result<Ways, Invalid> {
    check_form(table, place)?;
    let mut ways = vec![Vec::new()];
    for (key, value) in table {
        let place = place.child(key);
        let more = match key.as_str() {
            OR => ways_of_or(value, about, &place, budget)?,
            key => ways_of_field(value, &about.child(key, &place)?, &place, budget)?,
        };
        ways = both(ways, &more, &place)?;
    }
    Ok(ways)
}

fn check_form(table: &Map<String, Value>, place: &Place) -> Result<(), Invalid> {
    if table.is_empty() {
        return Err(place.invalid("the table is empty; name a field, or remove it"));
    }
    if place.depth >= DEPTH_MAX {
        return Err(place.invalid(format!("more than {DEPTH_MAX} tables within each other")));
    }
    if table.keys().any(|key| key.len() > FIELD_BYTES_MAX) {
        return Err(place.invalid(format!("a field's name here is longer than {FIELD_BYTES_MAX} bytes")));
    }
    Ok(())
}

fn ways_of_or(value: &Value, about: &Topic, place: &Place, budget: &mut Budget) -> Result<Ways, Invalid> {
    let Some(branches) = value.as_array().filter(|branches| branches.len() >= 2) else {
        return Err(place.invalid("`$or` is a list of two or more tables, of which any may hold"));
    };
    let mut ways = Ways::new();
    for (index, branch) in branches.iter().enumerate() {
        let place = place.child(&index.to_string());
        let table = branch.as_object().ok_or_else(|| place.invalid("a branch of `$or` is a table of fields"))?;
        ways.extend(ways_of_table(table, about, &place, budget)?);
        within_limits(ways.len(), ways.iter().map(Vec::len).sum(), &place)?;
    }
    Ok(ways)
}

fn ways_of_field(value: &Value, about: &Topic, place: &Place, budget: &mut Budget) -> Result<Ways, Invalid> {
    match (value, about.field()) {
        (Value::Array(values), Some(field)) => {
            let values = Arc::new(operator::values(values, &place.pointer, budget)?);
            Ok(vec![vec![Condition { field, values }]])
        }
        (Value::Object(table), _) if about.has_fields() => ways_of_table(table, about, place, budget),
        (Value::Object(_), _) => Err(place.invalid("this field has no fields of its own; give it a list of values")),
        (_, Some(_)) => Err(place.invalid("the values of a field are a list, as in `[\"opened\"]`")),
        (_, None) => Err(place.invalid("this is a table; name one of its fields")),
    }
}

/// The ways to match both.
fn both(mut left: Ways, right: &Ways, place: &Place) -> Result<Ways, Invalid> {
    let conditions = |ways: &Ways| ways.iter().map(Vec::len).sum::<usize>();
    // Both factors are within the limits, so their products cannot overflow; checked before anything of that size is made.
    let total = conditions(&left) * right.len() + conditions(right) * left.len();
    within_limits(left.len() * right.len(), total, place)?;
    if let [only] = &right[..] {
        left.iter_mut().for_each(|way| way.extend_from_slice(only));
        return Ok(left);
    }
    Ok(left.iter().flat_map(|left| right.iter().map(move |right| [&left[..], &right[..]].concat())).collect())
}

fn within_limits(alternatives: usize, conditions: usize, place: &Place) -> Result<(), Invalid> {
    if alternatives > ALTERNATIVES_MAX {
        return Err(place.invalid(format!(
            "the `$or`s multiply to more than {ALTERNATIVES_MAX} alternatives; split the rule, or list values instead"
        )));
    }
    if conditions > CONDITIONS_MAX {
        return Err(place.invalid(format!("more than {CONDITIONS_MAX} conditions, `$or`s multiplied out; split the rule")));
    }
    Ok(())
}

impl Topic {
    /// What `key` in a table about this speaks of.
    fn child(&self, key: &str, place: &Place) -> Result<Self, Invalid> {
        match self {
            Self::Event => Self::of_event(key, place),
            Self::Headers => Self::of_headers(key, place),
            Self::Data(path) => Ok(Self::Data(path.iter().cloned().chain([key.into()]).collect())),
            Self::Envelope(_) => Err(place.invalid("this field has no fields of its own")),
        }
    }

    fn of_event(key: &str, place: &Place) -> Result<Self, Invalid> {
        match key {
            "source" => Ok(Self::Envelope(EnvelopeField::Source)),
            "type" => Ok(Self::Envelope(EnvelopeField::Type)),
            "subject" => Ok(Self::Envelope(EnvelopeField::Subject)),
            "headers" => Ok(Self::Headers),
            "data" => Ok(Self::Data(Vec::new())),
            _ => Err(place.invalid(format!(
                "an event has no field `{key}`; the nearest is `{}`, of {}; fields of the body stand under `data`",
                nearest(key, &FIELDS),
                FIELDS.join(", ")
            ))),
        }
    }

    fn of_headers(name: &str, place: &Place) -> Result<Self, Invalid> {
        let lower = name.to_ascii_lowercase();
        if name == lower {
            Ok(Self::Envelope(EnvelopeField::Header(name.into())))
        } else {
            Err(place.invalid(format!("the names of headers stand in lower case: `{lower}`")))
        }
    }

    /// Whether a table may stand here.
    fn has_fields(&self) -> bool {
        !matches!(self, Self::Envelope(_))
    }

    /// The field that a list of values here is about.
    fn field(&self) -> Option<Field> {
        match self {
            Self::Event | Self::Headers => None,
            Self::Envelope(field) => Some(Field::Envelope(field.clone())),
            Self::Data(path) => Some(Field::Data(path.as_slice().into())),
        }
    }
}

impl Place {
    fn child(&self, key: &str) -> Self {
        let key = key.replace('~', "~0").replace('/', "~1");
        Self { pointer: format!("{}/{key}", self.pointer), depth: self.depth + 1 }
    }

    fn invalid(&self, message: impl Into<String>) -> Invalid {
        Invalid::at(self.pointer.as_str(), message)
    }
}

/// The word that a mistyped one was probably meant to be.
pub(super) fn nearest<'a>(word: &str, known: &[&'a str]) -> &'a str {
    let nearness = |known: &str| strsim::jaro_winkler(word, known);
    known.iter().copied().max_by(|a, b| nearness(a).total_cmp(&nearness(b))).unwrap_or_default()
}
