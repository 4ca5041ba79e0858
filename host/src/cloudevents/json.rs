//! The JSON format: one event as an object, several as an array of them (JSON event format 1.0). What is JSON in there is taken as it is
//! written, byte for byte.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{
    context::{Context, Malformed, Received},
    outgoing::is_json,
};

/// The media type of data that stands in a document as JSON.
const JSON: &str = "application/json";

/// The event that this object is; `document` is what it stands in.
pub(super) fn received(object: &[u8], document: &Bytes) -> Result<Received, Malformed> {
    let members: Members<'_> = serde_json::from_slice(object).map_err(|error| no_json("object", &error))?;
    let (mut context, mut json, mut base64) = (Context::default(), None, None);
    for (name, value) in members.0 {
        let before = match name.as_str() {
            "data" => json.replace(value),
            "data_base64" => base64.replace(value),
            _ => {
                if let Some(text) = text(&name, value)? {
                    context.put(&name, text)?;
                }
                None
            }
        };
        if before.is_some() {
            return Err(Malformed(format!("`{name}` stands more than once")));
        }
    }
    let bytes = match (json, base64.filter(|value| value.get() != "null")) {
        (Some(_), Some(_)) => return Err(Malformed::new("there is a `data` and a `data_base64`; an event has one of them")),
        (Some(value), None) => {
            if context.content_type().is_none() {
                context.put("datacontenttype", JSON.to_owned())?;
            }
            data(value, context.content_type(), document)?
        }
        (None, Some(value)) => binary(value)?,
        (None, None) => Bytes::new(),
    };
    context.received(bytes)
}

/// The bytes of data that stands in `document`: those of the JSON, or of a text whose media type is not JSON's.
///
/// # Errors
/// Where the text is none, as with half of a surrogate pair.
pub fn data(value: &RawValue, content_type: Option<&str>, document: &Bytes) -> Result<Bytes, Malformed> {
    let written = value.get();
    if content_type.is_none_or(is_json) || !written.starts_with('"') {
        return Ok(slice(written, document));
    }
    serde_json::from_str::<String>(written).map(Bytes::from).map_err(|error| Malformed(format!("`data` is no text: {error}")))
}

/// Not copied, where it lies in the document.
fn slice(written: &str, document: &Bytes) -> Bytes {
    let (whole, part) = (document.as_ptr_range(), written.as_bytes().as_ptr_range());
    let within = whole.start <= part.start && part.end <= whole.end;
    if within { document.slice_ref(written.as_bytes()) } else { Bytes::copy_from_slice(written.as_bytes()) }
}

/// The reader quotes a value that it did not expect, which may be as long as the body, and goes to the sender and the log.
fn no_json(wanted: &str, error: &serde_json::Error) -> Malformed {
    if error.is_data() {
        Malformed(format!("no JSON {wanted}: another value stands at line {}, column {}", error.line(), error.column()))
    } else {
        Malformed(format!("no JSON {wanted}: {error}"))
    }
}

fn binary(value: &RawValue) -> Result<Bytes, Malformed> {
    let text: Option<String> = serde_json::from_str(value.get()).ok();
    let bytes = text.and_then(|text| BASE64_STANDARD.decode(text).ok());
    bytes.map(Bytes::from).ok_or_else(|| Malformed::new("`data_base64` is no text in base64 (RFC 4648, section 4)"))
}

/// An attribute's value as text; `None` where it is null, which is as good as absent (section 2.2).
fn text(name: &str, value: &RawValue) -> Result<Option<String>, Malformed> {
    let written = value.get();
    let wrong = || {
        let shown: String = name.chars().take(64).collect();
        Malformed(format!("the attribute `{shown}` is no text, boolean, or integer of 32 bits"))
    };
    match written.as_bytes().first() {
        Some(b'"') => serde_json::from_str(written).map(Some).map_err(|_| wrong()),
        Some(b't' | b'f') => Ok(Some(written.to_owned())),
        Some(b'n') => Ok(None),
        _ => written.parse::<i32>().map(|number| Some(number.to_string())).map_err(|_| wrong()),
    }
}

/// An object's members as they are written, in order. A map would let the last of one name win, and another reader the first.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

/// The items of an array as they are written: up to `max`, and one more where there are more, so that a long array costs no memory.
///
/// # Errors
/// Where it is no array.
pub fn items(json: &[u8], max: usize) -> Result<Vec<&RawValue>, Malformed> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let items = Items { max }.deserialize(&mut reader).and_then(|items| reader.end().map(|()| items));
    items.map_err(|error| no_json("array", &error))
}

struct Items {
    max: usize,
}

impl<'de> DeserializeSeed<'de> for Items {
    type Value = Vec<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Items {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while items.len() <= self.max {
            let Some(item) = seq.next_element()? else { return Ok(items) };
            items.push(item);
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(members: &str) -> Result<Received, Malformed> {
        let document = Bytes::from(format!(r#"{{"specversion":"1.0","id":"1","source":"/s","type":"t"{members}}}"#));
        received(&document, &document)
    }

    fn content(members: &str) -> (Option<String>, Vec<u8>) {
        let event = read(members).expect(members);
        (event.content_type, event.data.to_vec())
    }

    fn with(content_type: &str, data: &[u8]) -> (Option<String>, Vec<u8>) {
        (Some(content_type.to_owned()), data.to_vec())
    }

    #[test]
    fn data_is_json_as_it_is_written_or_text_or_bytes() {
        assert_eq!(content(r#","data": {"n":1.10, "n":2}"#), with(JSON, br#"{"n":1.10, "n":2}"#));
        assert_eq!(content(r#","data":"x","datacontenttype":"application/json""#), with(JSON, b"\"x\""));
        assert_eq!(
            content(r#","datacontenttype":"text/xml","data":"<a>\u20ac</a>""#),
            with("text/xml", "<a>\u{20ac}</a>".as_bytes())
        );
        assert_eq!(content(r#","data":null"#), with(JSON, b"null"));
        assert_eq!(content(r#","data_base64":"/w==""#), (None, vec![0xff]));
        assert_eq!(content(""), (None, Vec::new()));
        assert_eq!(content(r#","data_base64":null,"data":1"#), with(JSON, b"1"));
        for bad in [r#","data":1,"data_base64":"/w==""#, r#","data":1,"data":2"#, r#","data_base64":"/w""#, r#","data_base64":7"#]
        {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert!(read(r#","datacontenttype":"text/plain","data":"\ud800""#).is_err(), "half a pair");
    }

    #[test]
    fn attributes_are_text_booleans_and_integers() {
        let event = read(r#","a":true,"b":-7,"c":null,"d":"x","time":"2023-11-14T22:13:20Z""#).expect("an event");
        let found: Vec<_> = event.extensions.iter().map(|extension| (&*extension.key, &*extension.value)).collect();
        assert_eq!(found, [("a", "true"), ("b", "-7"), ("d", "x")]);
        for bad in [
            r#","a":1.5"#,
            r#","a":3000000000"#,
            r#","a":{}"#,
            r#","a":[]"#,
            r#","a":"x","a":"y""#,
            r#","id":"2""#,
            r#","A":"x""#,
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
        for no_object in ["[]", "1", "", "{", "{} {}"] {
            assert!(received(no_object.as_bytes(), &Bytes::new()).is_err(), "{no_object}");
        }
        let told = received(br#""hush""#, &Bytes::new()).expect_err("a text").0;
        assert_eq!(told, "no JSON object: another value stands at line 1, column 6");
    }

    #[test]
    fn a_long_array_is_read_up_to_its_limit() {
        assert_eq!(
            items(b" [1, {\"a\":[]}] ", 2).expect("two").iter().map(|item| item.get()).collect::<Vec<_>>(),
            ["1", "{\"a\":[]}"]
        );
        assert_eq!(items(b"[1,2,3,4,5]", 2).expect("more").len(), 3);
        assert!(items(b"[]", 2).expect("none").is_empty());
        for bad in ["", "{}", "[1", "[1] 2", "[1,]"] {
            assert!(items(bad.as_bytes(), 0).is_err(), "{bad}");
        }
    }
}
