//! Requests that a source received, and what a `#[verify]` function makes of them.

use crate::{Result, json};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A request as the host hands it over, or as a test makes it: by [`Request::post`], [`Request::get`] and the `with_` functions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) received_at_ms: u64,
}

impl Request {
    /// `POST` or `GET`.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Absolute, as the sender called it: `https://hooks.example.com/in/shop?x=1`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The first value of this name in the URL's query, decoded.
    ///
    /// ```
    /// # use sluicebox_sdk::prelude::*;
    /// let request = Request::get("https://hooks.example.com/in/shop?hub.challenge=a%20b+c&x");
    /// assert_eq!(request.query("hub.challenge").as_deref(), Some("a b c"));
    /// assert_eq!(request.query("x").as_deref(), Some(""));
    /// assert_eq!(request.query("hub.mode"), None);
    /// ```
    pub fn query(&self, name: &str) -> Option<String> {
        let (_, query) = self.url.split_once('?')?;
        let query = query.split('#').next().unwrap_or_default();
        let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs.map(|(key, value)| (decoded(key), value)).find(|(key, _)| key == name).map(|(_, value)| decoded(value))
    }

    /// The one header of this name, in any case of letters. Where it stands more than once there is none: of two values, the sender's
    /// proxy and a plugin might believe different ones.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers().filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        values.next().filter(|_| values.next().is_none())
    }

    /// All headers: names in lower case, in order of arrival, duplicates kept. Credentials are in it.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The bytes as they came: what was signed.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body, read from JSON.
    ///
    /// # Errors
    /// Rejects with `invalid-json`, and the line and column, what is no JSON or does not fit the type.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(json::invalid)
    }

    /// When its last byte had arrived, in milliseconds since the Unix epoch.
    pub fn received_at_ms(&self) -> u64 {
        self.received_at_ms
    }
}

/// Making requests for tests.
impl Request {
    /// A `POST` with this body.
    pub fn post(url: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
        Self { method: "POST".to_owned(), body: body.into(), ..Self::get(url) }
    }

    /// A `GET`.
    pub fn get(url: impl Into<String>) -> Self {
        let (url, method) = (url.into(), "GET".to_owned());
        Self { method, url, headers: Vec::new(), body: Vec::new(), received_at_ms: 1_767_225_600_000 }
    }

    /// Adds a header, its name in lower case as the host has it.
    #[must_use]
    pub fn with_header(mut self, name: impl AsRef<str>, value: impl Into<String>) -> Self {
        self.headers.push((name.as_ref().to_ascii_lowercase(), value.into()));
        self
    }

    /// Sets when it came, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn with_received_at_ms(mut self, received_at_ms: u64) -> Self {
        self.received_at_ms = received_at_ms;
        self
    }
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is from the source: it is stored, with these attributes beside its own.
    Accept(Vec<(String, String)>),
    /// It is not, for this reason, which the host logs; the sender is told 401 and no more.
    Refuse(String),
    /// It is a handshake of the provider's: it is answered so, and nothing is stored.
    Answer(Response),
}

/// An answer to a provider that asks for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// A text, with the status 200.
    pub fn text(text: impl Into<String>) -> Self {
        let content_type = ("content-type".to_owned(), "text/plain; charset=utf-8".to_owned());
        Self { status: 200, headers: vec![content_type], body: text.into().into_bytes() }
    }

    /// JSON, with the status 200.
    ///
    /// # Errors
    /// Where the value cannot be written as JSON.
    pub fn json(value: &impl Serialize) -> Result<Self> {
        let content_type = ("content-type".to_owned(), "application/json".to_owned());
        Ok(Self { status: 200, headers: vec![content_type], body: serde_json::to_vec(value)? })
    }

    /// Sets the status: 200 to 299, or 400 to 499.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Adds a header; the host sends `x-*` and `webhook-*` beside the content type, of which there is one: the last that was set.
    #[must_use]
    pub fn with_header(mut self, name: impl AsRef<str>, value: impl Into<String>) -> Self {
        let name = name.as_ref().to_ascii_lowercase();
        if name == "content-type" {
            self.headers.retain(|(name, _)| name != "content-type");
        }
        self.headers.push((name, value.into()));
        self
    }

    /// The status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The bytes; the host sends at most 16 KiB.
    pub fn body(&self) -> &[u8] {
        &self.body
    }
}

/// The request is from the source.
///
/// # Errors
/// Never: the `Result` is what a plugin returns.
pub fn accept() -> Result<Decision> {
    Ok(Decision::Accept(Vec::new()))
}

/// The request is from the source, and the event has these attributes.
///
/// # Errors
/// Never: the `Result` is what a plugin returns.
pub fn accept_with<K: Into<String>, V: Into<String>>(attributes: impl IntoIterator<Item = (K, V)>) -> Result<Decision> {
    Ok(Decision::Accept(attributes.into_iter().map(|(key, value)| (key.into(), value.into())).collect()))
}

/// The request is not from the source. The reason is logged by the host, so it must not repeat a secret.
///
/// # Errors
/// Never: the `Result` is what a plugin returns.
pub fn refuse(reason: impl Into<String>) -> Result<Decision> {
    Ok(Decision::Refuse(reason.into()))
}

/// The request is a handshake: this is its answer, and no event comes of it.
///
/// # Errors
/// Never: the `Result` is what a plugin returns.
pub fn answer(response: Response) -> Result<Decision> {
    Ok(Decision::Answer(response))
}

/// `application/x-www-form-urlencoded`; what is no escape stands as it is.
fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let Some((&first, after)) = rest.split_first() {
        let escaped = if first == b'%' { after.get(..2).and_then(byte) } else { None };
        bytes.push(escaped.unwrap_or(if first == b'+' { b' ' } else { first }));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

fn byte(digits: &[u8]) -> Option<u8> {
    let digit = |at: usize| char::from(digits[at]).to_digit(16);
    u8::try_from(digit(0)? << 4 | digit(1)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_one_content_type() {
        let answer =
            Response::text("{}").with_header("Content-Type", "application/json").with_header("x-a", "1").with_header("x-a", "2");
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(answer.headers, [header("content-type", "application/json"), header("x-a", "1"), header("x-a", "2")]);
    }

    #[test]
    fn a_header_that_stands_twice_is_none() {
        let request = Request::post("https://a.example/in/shop", "").with_header("X-Signature", "1");
        assert_eq!(request.header("x-signature"), Some("1"));
        assert_eq!(request.with_header("x-signature", "2").header("X-Signature"), None);
    }

    #[test]
    fn a_query_is_decoded_and_what_is_no_escape_stays() {
        let query = |query: &str| Request::get(format!("https://a.example/?q={query}#end")).query("q");
        assert_eq!(query("%e2%82%ac+%2B").as_deref(), Some("\u{20ac} +"));
        assert_eq!(query("100%&q=2").as_deref(), Some("100%"));
        assert_eq!(query("%zz%4").as_deref(), Some("%zz%4"));
        assert_eq!(query("%ff").as_deref(), Some("\u{fffd}"));
    }

    #[test]
    fn a_body_that_is_no_json_is_rejected() {
        let error = Request::post("https://a.example/", "{").json::<serde_json::Value>().unwrap_err();
        assert_eq!(error.code(), "invalid-json");
    }
}
