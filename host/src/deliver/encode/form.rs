//! A JSON object as `application/x-www-form-urlencoded` (WHATWG URL, section 5.2).

use std::{borrow::Cow, fmt};

use form_urlencoded::Serializer;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::event::Failure;

/// The members in the order that they came: texts unquoted, `null` as an empty value, numbers and truth values as they are written, and
/// lists and objects as their JSON, for a form has no way of its own to nest.
///
/// # Errors
/// Where the body is no JSON object.
pub(super) fn encoded(body: &[u8]) -> Result<String, Failure> {
    let Members(members) = serde_json::from_slice(body).map_err(|_| not_an_object())?;
    let mut form = Serializer::new(String::new());
    for (name, value) in members {
        let text = match value.get().as_bytes().first() {
            Some(b'"') => serde_json::from_str(value.get()).map_err(|_| not_an_object())?,
            Some(b'n') => Cow::Borrowed(""),
            _ => Cow::Borrowed(value.get()),
        };
        form.append_pair(&name, &text);
    }
    Ok(form.finish())
}

fn not_an_object() -> Failure {
    Failure::new(
        "format-form",
        "a form is made of the members of a JSON object, which this message's body is not: mend it by a plugin, or the destination's \
         `format`, and replay",
    )
}

/// In order, duplicates kept.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry::<Cow<'de, str>, &'de RawValue>()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::encoded;

    #[test]
    fn members_stand_in_their_order_as_they_are_written() {
        let body = br#"{"z":"a b&c=\u00e9","n":1.50,"big":12345678901234567890123,"yes":true,"no":null,"in":{"a": [1]},"z":""}"#;
        let form = "z=a+b%26c%3D%C3%A9&n=1.50&big=12345678901234567890123&yes=true&no=&in=%7B%22a%22%3A+%5B1%5D%7D&z=";
        assert_eq!(encoded(body).as_deref(), Ok(form));
        assert_eq!(encoded(b"{}").as_deref(), Ok(""));
    }

    #[test]
    fn only_an_object_is_a_form() {
        for body in [&b"[1]"[..], b"1", b"no json", b"", &[0xff]] {
            assert_eq!(encoded(body).expect_err("no object").code, "format-form");
        }
    }
}
