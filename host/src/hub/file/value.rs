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

/// The JSON of an entry; its places are added to `places`.
pub(super) fn json_of(entry: &Spanned<DeValue<'_>>, places: &mut Places) -> Result<Value, Misfit> {
    if !entry.get_ref().is_table() {
        return Err(Misfit::at("", format!("expected a table, found {}", entry.get_ref().type_str())));
    }
    convert(entry.get_ref(), "", places)
}

fn convert(value: &DeValue<'_>, pointer: &str, places: &mut Places) -> Result<Value, Misfit> {
    Ok(match value {
        DeValue::String(text) => Value::String(text.clone().into_owned()),
        DeValue::Integer(integer) => Value::Number(integer_of(integer).ok_or_else(|| too_large(pointer))?),
        DeValue::Float(float) => Value::Number(float_of(float).ok_or_else(|| no_number(pointer))?),
        DeValue::Boolean(truth) => Value::Bool(*truth),
        DeValue::Datetime(_) => return Err(Misfit::at(pointer, "dates and times are not used here; write a text in quotes")),
        DeValue::Array(items) => {
            let mut list = Vec::with_capacity(items.len());
            for (at, item) in items.iter().enumerate() {
                let pointer = format!("{pointer}/{at}");
                places.insert(pointer.clone(), item.span().start, item.span().start);
                list.push(convert(item.get_ref(), &pointer, places)?);
            }
            Value::Array(list)
        }
        DeValue::Table(fields) => {
            let mut object = Map::new();
            for (key, field) in fields {
                let pointer = format!("{pointer}{}", token(key.get_ref()));
                places.insert(pointer.clone(), key.span().start, start_of(key.span().start, field));
                object.insert(key.get_ref().clone().into_owned(), convert(field.get_ref(), &pointer, places)?);
            }
            Value::Object(object)
        }
    })
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

fn too_large(pointer: &str) -> Misfit {
    Misfit::at(pointer, "the number is too large")
}

fn no_number(pointer: &str) -> Misfit {
    Misfit::at(pointer, "infinite numbers and `nan` are not used here")
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use toml::de::DeTable;

    use super::*;

    fn read(text: &str) -> Result<Value, Misfit> {
        let root = DeTable::parse(text).expect("good TOML");
        let table = Spanned::new(0..0, DeValue::Table(root.into_inner()));
        json_of(&table, &mut Places::default())
    }

    #[test]
    fn every_json_value_has_a_toml_form() {
        let text = "a = \"x\"\nb = 0x1f\nc = -1_000\nd = 1_0.5\ne = [true, {f = 18446744073709551615}]\n";
        let json = json!({ "a": "x", "b": 31, "c": -1000, "d": 10.5, "e": [true, { "f": u64::MAX }] });
        assert_eq!(read(text), Ok(json));
    }

    #[test]
    fn what_json_has_not_is_refused_with_its_place() {
        for (text, pointer) in [("a.b = 1979-05-27", "/a/b"), ("a = [inf]", "/a/0"), ("a = 99999999999999999999", "/a")] {
            assert_eq!(read(text).map_err(|misfit| misfit.pointer), Err(pointer.to_owned()), "{text}");
        }
    }
}
