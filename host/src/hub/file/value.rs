//! From TOML to JSON, keeping for each value where it stood.

use serde_json::{Map, Number, Value};
use toml::{
    Spanned,
    de::{DeFloat, DeInteger, DeValue},
};

use super::{
    super::wording::{Misfit, token},
    place::Places,
};

/// The JSON of an entry, in which what JSON has not is null, and where that is; its places are added to `places`. What is no table is an empty one.
pub(super) fn json_of(entry: &Spanned<DeValue<'_>>, places: &mut Places) -> (Value, Vec<Misfit>) {
    if !entry.get_ref().is_table() {
        let misfit = Misfit::at("", format!("expected a table, found {}", article(entry.get_ref().type_str())));
        return (Value::Object(Map::new()), vec![misfit]);
    }
    let mut conversion = Conversion { places, misfits: Vec::new() };
    let json = conversion.of(entry.get_ref(), "");
    (json, conversion.misfits)
}

struct Conversion<'a> {
    places: &'a mut Places,
    misfits: Vec<Misfit>,
}

impl Conversion<'_> {
    fn of(&mut self, value: &DeValue<'_>, pointer: &str) -> Value {
        match value {
            DeValue::String(text) => Value::String(text.clone().into_owned()),
            DeValue::Integer(integer) => self.number(integer_of(integer), pointer, "the number is too large"),
            DeValue::Float(float) => self.number(float_of(float), pointer, "infinite numbers and `nan` are not used here"),
            DeValue::Boolean(truth) => Value::Bool(*truth),
            DeValue::Datetime(_) => self.none(pointer, "dates and times are not used here; write a text in quotes"),
            DeValue::Array(items) => {
                let items = items.iter().enumerate().map(|(at, item)| {
                    let pointer = format!("{pointer}/{at}");
                    self.places.insert(pointer.clone(), item.span().start, item.span().start);
                    self.of(item.get_ref(), &pointer)
                });
                Value::Array(items.collect())
            }
            DeValue::Table(fields) => {
                let fields = fields.iter().map(|(key, field)| {
                    let pointer = format!("{pointer}{}", token(key.get_ref()));
                    self.places.insert(pointer.clone(), key.span().start, start_of(key.span().start, field));
                    (key.get_ref().clone().into_owned(), self.of(field.get_ref(), &pointer))
                });
                Value::Object(fields.collect())
            }
        }
    }

    fn number(&mut self, number: Option<Number>, pointer: &str, otherwise: &str) -> Value {
        number.map_or_else(|| self.none(pointer, otherwise), Value::Number)
    }

    fn none(&mut self, pointer: &str, why: &str) -> Value {
        self.misfits.push(Misfit::at(pointer, why));
        Value::Null
    }
}

/// TOML's name of a type, in a sentence.
fn article(name: &str) -> String {
    match name {
        "string" => "a text".to_owned(),
        "integer" => "a whole number".to_owned(),
        "float" => "a number".to_owned(),
        "boolean" => "true or false".to_owned(),
        "array" => "a list".to_owned(),
        other => other.to_owned(),
    }
}

/// A table may be spread over many lines and has no place of its own: its key has.
fn start_of(key: usize, value: &Spanned<DeValue<'_>>) -> usize {
    if value.get_ref().is_table() { key } else { value.span().start }
}

fn integer_of(integer: &DeInteger<'_>) -> Option<Number> {
    let (digits, radix) = (integer.as_str(), integer.radix());
    let signed = i64::from_str_radix(digits, radix).map(Number::from);
    signed.or_else(|_| u64::from_str_radix(digits, radix).map(Number::from)).ok()
}

fn float_of(float: &DeFloat<'_>) -> Option<Number> {
    Number::from_f64(float.as_str().parse().ok()?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use toml::de::DeTable;

    use super::*;

    fn read(text: &str) -> (Value, Vec<Misfit>) {
        let root = DeTable::parse(text).expect("good TOML");
        let table = Spanned::new(0..0, DeValue::Table(root.into_inner()));
        json_of(&table, &mut Places::default())
    }

    #[test]
    fn every_json_value_has_a_toml_form() {
        let text = "a = \"x\"\nb = 0x1f\nc = -1_000\nd = 1_0.5\ne = [true, {f = 18446744073709551615}]\n";
        let json = json!({ "a": "x", "b": 31, "c": -1000, "d": 10.5, "e": [true, { "f": u64::MAX }] });
        assert_eq!(read(text), (json, Vec::new()));
    }

    #[test]
    fn what_json_has_not_is_refused_with_its_place() {
        let (json, misfits) = read("a.b = 1979-05-27\nc = [1, inf]\nd = 99999999999999999999\ne = true\n");
        assert_eq!(json, json!({ "a": { "b": null }, "c": [1, null], "d": null, "e": true }));
        let pointers: Vec<_> = misfits.into_iter().map(|misfit| misfit.pointer).collect();
        assert_eq!(pointers, ["/a/b", "/c/1", "/d"]);
    }
}
