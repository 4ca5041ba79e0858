//! What a response repeats of the credentials in its request is taken out of it, before anybody keeps the response: endpoints to try things with
//! answer with all headers that they were sent, and so do some that fail.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue,
    header::{ACCEPT, ACCEPT_LANGUAGE, CONTENT_TYPE, USER_AGENT},
};
use zeroize::Zeroizing;

/// What stands in a credential's place.
const MASK: &[u8] = b"[secret]";
/// Shorter values are no secrets that anybody should rely on, and occur by chance.
const BYTES_MIN: usize = 8;

/// The credentials of a request.
pub(super) struct Credentials(Vec<Zeroizing<Vec<u8>>>);

impl Credentials {
    /// Of headers that are marked as sensitive: those that an operator declares, but for a few that never hold any.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let harmless = [ACCEPT, ACCEPT_LANGUAGE, CONTENT_TYPE, USER_AGENT];
        let sensitive = headers.iter().filter(|(name, value)| value.is_sensitive() && !harmless.contains(name));
        let told = sensitive.flat_map(|(_, value)| [value.as_bytes(), without_scheme(value.as_bytes())]);
        Self(told.filter(|bytes| bytes.len() >= BYTES_MIN).map(|bytes| Zeroizing::new(bytes.to_vec())).collect())
    }

    /// The body without them; also without the beginning of one where the body was cut within it.
    pub(super) fn out_of(&self, body: Bytes) -> Bytes {
        if self.0.iter().all(|credential| !occurs(credential, &body)) {
            return body;
        }
        self.masked(&body).into()
    }

    /// Takes them out of the headers.
    pub(super) fn out_of_headers(&self, headers: &mut HeaderMap) {
        let holds = |value: &HeaderValue| self.0.iter().any(|credential| occurs(credential, value.as_bytes()));
        for value in headers.values_mut().filter(|value| holds(value)) {
            *value =
                HeaderValue::from_bytes(&self.masked(value.as_bytes())).unwrap_or_else(|_| HeaderValue::from_static("[secret]"));
        }
    }

    fn masked(&self, text: &[u8]) -> Vec<u8> {
        let mut masked = Vec::with_capacity(text.len());
        let mut at = 0;
        while at < text.len() {
            let found = self.0.iter().filter_map(|credential| beginning(credential, &text[at..])).max();
            match found {
                Some(_) => masked.extend_from_slice(MASK),
                None => masked.push(text[at]),
            }
            at += found.unwrap_or(1);
        }
        masked
    }
}

/// Of `Bearer ...` what follows, which may be repeated alone.
fn without_scheme(value: &[u8]) -> &[u8] {
    let space = value.iter().position(|byte| *byte == b' ');
    match space {
        Some(at) if value[..at].iter().all(u8::is_ascii_alphabetic) => value[at..].trim_ascii_start(),
        _ => value,
    }
}

fn occurs(credential: &[u8], text: &[u8]) -> bool {
    (0..text.len()).any(|at| beginning(credential, &text[at..]).is_some())
}

/// How much of a credential the text begins with: all of it, or what there is where the text ends within it.
fn beginning(credential: &[u8], text: &[u8]) -> Option<usize> {
    let length = credential.len().min(text.len());
    (length >= BYTES_MIN && text.starts_with(&credential[..length])).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials() -> Credentials {
        let mut headers = HeaderMap::new();
        for (name, value, is_sensitive) in [
            ("authorization", "Bearer the-token", true),
            ("x-key", "the key has spaces", true),
            ("x-short", "short", true),
            ("accept", "application/json", true),
            ("webhook-id", "msg_0123456789", false),
        ] {
            let mut value = HeaderValue::from_static(value);
            value.set_sensitive(is_sensitive);
            headers.insert(name, value);
        }
        Credentials::of(&headers)
    }

    fn told(body: &'static str) -> Bytes {
        credentials().out_of(Bytes::from_static(body.as_bytes()))
    }

    #[test]
    fn what_is_repeated_of_credentials_is_taken_out() {
        assert_eq!(told(r#"{"Authorization":"Bearer the-token"}"#), r#"{"Authorization":"[secret]"}"#);
        assert_eq!(told("the-tokenthe key has spaces."), "[secret][secret].");
        assert_eq!(told("msg_0123456789 short application/json"), "msg_0123456789 short application/json");
        assert_eq!(told("cut: the key has sp"), "cut: [secret]", "a body is kept up to a limit");
        assert_eq!(told("cut: the key"), "cut: the key", "which is said by chance");
        assert_eq!(told(""), "");
    }

    #[test]
    fn headers_are_looked_at_too() {
        let mut headers = HeaderMap::new();
        headers.insert("www-authenticate", HeaderValue::from_static("Bearer error=\"the-token is over\""));
        headers.insert("server", HeaderValue::from_static("x"));
        credentials().out_of_headers(&mut headers);
        assert_eq!(headers["www-authenticate"], "Bearer error=\"[secret] is over\"");
        assert_eq!(headers["server"], "x");
    }
}
