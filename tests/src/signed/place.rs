//! Where a value stands in a request, to be read and changed.

use http::{HeaderName, HeaderValue};
use serde_json::Value;
use sluicebox::verify::Sample;

/// A value: what stands in a place behind a prefix, up to a separator.
#[derive(Clone, Copy, Debug)]
pub struct At {
    place: Where,
    prefix: &'static str,
    separator: Option<char>,
}

#[derive(Clone, Copy, Debug)]
enum Where {
    Header(&'static str),
    /// A JSON pointer into the body.
    Json(&'static str),
    /// The last parameter of the URL.
    Query,
}

impl At {
    pub(super) const fn header(name: &'static str, prefix: &'static str) -> Self {
        Self { place: Where::Header(name), prefix, separator: None }
    }

    pub(super) const fn entry(name: &'static str, prefix: &'static str, separator: char) -> Self {
        Self { place: Where::Header(name), prefix, separator: Some(separator) }
    }

    pub(super) const fn json(pointer: &'static str) -> Self {
        Self { place: Where::Json(pointer), prefix: "", separator: None }
    }

    pub(super) const fn query(prefix: &'static str) -> Self {
        Self { place: Where::Query, prefix, separator: None }
    }

    /// The header, where it is in one.
    pub(super) fn name(self) -> Option<&'static str> {
        if let Where::Header(name) = self.place { Some(name) } else { None }
    }

    /// The pointer, where it is in the body.
    pub(super) fn pointer(self) -> Option<&'static str> {
        if let Where::Json(pointer) = self.place { Some(pointer) } else { None }
    }

    pub(super) fn prefix(self) -> &'static str {
        self.prefix
    }

    /// All that stands in the place.
    pub(super) fn whole(self, sample: &Sample) -> String {
        match self.place {
            Where::Header(name) => sample.headers[name].to_str().expect("text").to_owned(),
            Where::Json(pointer) => {
                let body: Value = serde_json::from_slice(&sample.body).expect("JSON");
                body.pointer(pointer).and_then(Value::as_str).expect("text").to_owned()
            }
            Where::Query => sample.url.clone(),
        }
    }

    pub(super) fn set_whole(self, sample: &mut Sample, value: &str) {
        match self.place {
            Where::Header(name) => {
                // A value that HTTP cannot carry reaches nobody.
                let value = HeaderValue::from_bytes(value.as_bytes()).unwrap_or(HeaderValue::from_static(""));
                sample.headers.insert(HeaderName::from_static(name), value);
            }
            Where::Json(pointer) => {
                let mut body: Value = serde_json::from_slice(&sample.body).expect("JSON");
                *body.pointer_mut(pointer).expect("it is there") = value.into();
                sample.body = body.to_string().into_bytes();
            }
            Where::Query => value.clone_into(&mut sample.url),
        }
    }

    /// The value.
    pub(super) fn get(self, sample: &Sample) -> String {
        let whole = self.whole(sample);
        let (begin, end) = self.span(&whole);
        whole[begin..end].to_owned()
    }

    /// Another value instead.
    pub(super) fn set(self, sample: &mut Sample, value: &str) {
        let whole = self.whole(sample);
        let (begin, end) = self.span(&whole);
        self.set_whole(sample, &format!("{}{value}{}", &whole[..begin], &whole[end..]));
    }

    fn span(self, whole: &str) -> (usize, usize) {
        let begin = whole.find(self.prefix).expect("the prefix") + self.prefix.len();
        let end = self.separator.and_then(|separator| whole[begin..].find(separator)).map_or(whole.len(), |at| begin + at);
        (begin, end)
    }
}
