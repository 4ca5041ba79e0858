//! Forms (`application/x-www-form-urlencoded`, as in the URL standard), strictly: what is not UTF-8 is refused, not replaced.

use percent_encoding::percent_decode;
use serde_json::{Map, Value};

use super::Undecodable;

/// The most fields of a form. A body of separators only would otherwise become many times its size.
const FIELDS_MAX: usize = 10_000;

/// An object of texts. A name that stands several times is an array, at the place of the first.
pub(super) fn object(body: &[u8]) -> Result<Value, Undecodable> {
    let mut object = Map::new();
    for field in fields(body) {
        let (name, value) = field?;
        let value = Value::from(value);
        match object.get_mut(&name) {
            None => drop(object.insert(name, value)),
            Some(Value::Array(items)) => items.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
    Ok(Value::Object(object))
}

/// The text of the first field of this name.
pub(super) fn field(body: &[u8], name: &str) -> Result<String, Undecodable> {
    for field in fields(body) {
        let (known, value) = field?;
        if known == name {
            return Ok(value);
        }
    }
    Err(Undecodable(format!("the form has no field `{name}`")))
}

/// Names and values, in order.
fn fields(body: &[u8]) -> impl Iterator<Item = Result<(String, String), Undecodable>> {
    let pieces = body.split(|&byte| byte == b'&').filter(|piece| !piece.is_empty());
    pieces.enumerate().map(|(index, piece)| {
        let number = index + 1;
        if number > FIELDS_MAX {
            return Err(Undecodable(format!("the form has more than {FIELDS_MAX} fields")));
        }
        let (name, value) = match piece.iter().position(|&byte| byte == b'=') {
            Some(at) => (&piece[..at], &piece[at + 1..]),
            None => (piece, &[][..]),
        };
        let name = text(name).ok_or_else(|| Undecodable(format!("the name of the form's field {number} is not UTF-8")))?;
        let value = text(value).ok_or_else(|| Undecodable(format!("the form's field {number}, `{name}`, is not UTF-8")))?;
        Ok((name, value))
    })
}

fn text(encoded: &[u8]) -> Option<String> {
    let spaced: Vec<u8> = encoded.iter().map(|&byte| if byte == b'+' { b' ' } else { byte }).collect();
    String::from_utf8(percent_decode(&spaced).collect()).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_form_is_an_object_of_texts() {
        for (form, expected) in [
            ("", json!({})),
            ("a=1&b=x+y%20z&c=%C3%A4", json!({ "a": "1", "b": "x y z", "c": "\u{e4}" })),
            ("a=1&b=2&a=3&a=", json!({ "a": ["1", "3", ""], "b": "2" })),
            ("&&a&=b&c=d=e&", json!({ "a": "", "": "b", "c": "d=e" })),
            // Read as it stands, as browsers do.
            ("a=100%&b=%zz%4", json!({ "a": "100%", "b": "%zz%4" })),
            ("a=%00%26", json!({ "a": "\0&" })),
        ] {
            assert_eq!(object(form.as_bytes()), Ok(expected), "{form}");
        }
    }

    #[test]
    fn what_is_not_utf_8_is_pointed_at() {
        let error = |form: &[u8]| object(form).expect_err("it is refused").0;
        assert_eq!(error(b"a=1&b=%ff"), "the form's field 2, `b`, is not UTF-8");
        assert_eq!(error(b"a=1&\xff=2"), "the name of the form's field 2 is not UTF-8");
    }

    #[test]
    fn a_form_has_so_many_fields_and_no_more() {
        assert!(object("a=1&".repeat(FIELDS_MAX).as_bytes()).is_ok());
        let error = object("a&".repeat(FIELDS_MAX + 1).as_bytes()).expect_err("too many");
        assert_eq!(error.0, "the form has more than 10000 fields");
    }

    #[test]
    fn a_field_is_found_by_its_name() {
        assert_eq!(field(b"a=1&b=2&b=3", "b"), Ok("2".into()));
        assert_eq!(field(b"a=1", "b"), Err(Undecodable("the form has no field `b`".into())));
    }
}
