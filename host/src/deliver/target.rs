//! Where a message goes: a URL as it stands, or one whose path and query take values from the message.
//!
//! A value can never change scheme, host or the structure of the path, nor add a parameter: all but letters, digits, `-`, `_`, `.` and `~`
//! is percent-encoded (RFC 3986, section 2.3), and what would make a path segment empty, `.` or `..` is refused.

use std::fmt::Write as _;

use http::Uri;

use super::template::Template;
use crate::{event::Failure, journal::Delivery};

/// The longest URL that is sent to, once it is filled in.
const URL_BYTES_MAX: usize = 8192;

/// Where to.
#[derive(Clone, Debug)]
pub(super) enum Target {
    /// The same for all messages.
    Fixed(Uri),
    /// Another for each.
    Filled {
        /// Scheme, host and port.
        origin: Uri,
        path: Template,
        query: Option<Template>,
    },
}

impl Target {
    /// A URL of its scheme, host and port.
    pub(super) fn origin(&self) -> &Uri {
        let (Self::Fixed(uri) | Self::Filled { origin: uri, .. }) = self;
        uri
    }

    pub(super) fn host(&self) -> Option<&str> {
        self.origin().host()
    }

    pub(super) fn is_https(&self) -> bool {
        self.origin().scheme() == Some(&http::uri::Scheme::HTTPS)
    }

    /// The URL of this message.
    ///
    /// # Errors
    /// Where the message does not have what the URL takes from it; no later attempt would go better.
    pub(super) fn url(&self, delivery: &Delivery) -> Result<Uri, Failure> {
        let (origin, path, query) = match self {
            Self::Fixed(uri) => return Ok(uri.clone()),
            Self::Filled { origin, path, query } => (origin, path, query),
        };
        let filled = path.fill(delivery, put_in_path)?;
        if filled.split(|byte| *byte == b'/').any(is_dots) {
            return Err(refused("a part of the path would be `.` or `..`"));
        }
        let mut url = format!("{}://{}", origin.scheme_str().unwrap_or_default(), origin.authority().map_or("", |a| a.as_str()));
        url.push_str(&String::from_utf8_lossy(&filled));
        if let Some(query) = query {
            let filled = query.fill(delivery, |filled, _, value| {
                put_encoded(filled, value);
                Ok(())
            })?;
            url.push('?');
            url.push_str(&String::from_utf8_lossy(&filled));
        }
        if url.len() > URL_BYTES_MAX {
            return Err(refused(&format!("the URL would be longer than {URL_BYTES_MAX} bytes")));
        }
        url.parse().map_err(|_| refused("the result is no URL"))
    }
}

/// An empty value would make `/orders/{id}` the address of all orders.
fn put_in_path(filled: &mut Vec<u8>, written: &str, value: &[u8]) -> Result<(), Failure> {
    if value.is_empty() {
        return Err(refused(&format!("`{written}` is empty, and stands in the path")));
    }
    put_encoded(filled, value);
    Ok(())
}

fn put_encoded(filled: &mut Vec<u8>, value: &[u8]) {
    for &byte in value {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            filled.push(byte);
        } else {
            let mut encoded = String::with_capacity(3);
            write!(encoded, "%{byte:02X}").expect("a string takes all");
            filled.extend_from_slice(encoded.as_bytes());
        }
    }
}

/// `.` and `..`, which many servers and proxies resolve; however the template itself spells its dots.
fn is_dots(segment: &[u8]) -> bool {
    let plain = String::from_utf8_lossy(segment).to_ascii_lowercase().replace("%2e", ".");
    matches!(plain.as_str(), "." | "..")
}

fn refused(why: &str) -> Failure {
    Failure::new("template-url", format!("the destination's URL cannot be filled in from this message: {why}"))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::deliver::{fake, spec::url};

    fn filled(url: &str, value: &str) -> Result<String, String> {
        let target = url::refine(url).expect(url);
        let delivery = Delivery { body: Bytes::from(json!({ "v": value }).to_string()), ..fake::delivery("crm", 1) };
        target.url(&delivery).map(|uri| uri.to_string()).map_err(|failure| failure.code)
    }

    #[test]
    fn values_are_encoded_into_path_and_query() {
        let url = "https://example.com:8443/orders/{data.v}/lines?type={type}&of={data.v}";
        assert_eq!(filled(url, "a b").as_deref(), Ok("https://example.com:8443/orders/a%20b/lines?type=test&of=a%20b"));
        let nasty = filled(url, "../x?y=1&z#\r\n%2e\u{e4}").expect("encoded");
        assert!(nasty.starts_with("https://example.com:8443/orders/..%2Fx%3Fy%3D1%26z%23%0D%0A%252e%C3%A4/lines?"), "{nasty}");
        assert_eq!(filled("https://example.com?of={data.v}", "x").as_deref(), Ok("https://example.com/?of=x"));
    }

    #[test]
    fn what_would_change_the_path_is_refused() {
        for (url, value) in [
            ("https://example.com/a/{data.v}/b", ".."),
            ("https://example.com/a/{data.v}", "."),
            ("https://example.com/a/.{data.v}", "."),
            ("https://example.com/a/%2e{data.v}", "."),
            ("https://example.com/a/{data.v}", ""),
            ("https://example.com/{data.v}", &"x".repeat(URL_BYTES_MAX)),
        ] {
            assert_eq!(filled(url, value), Err("template-url".into()), "{url} {value:.10}");
        }
        assert!(filled("https://example.com/a?of={data.v}", "..").is_ok(), "a query has no segments");
        assert!(filled("https://example.com/a?of={data.v}", "").is_ok());
        assert_eq!(filled("https://example.com/a/{data.w}", "x"), Err("template-missing".into()));
    }

    proptest! {
        /// Whatever a message holds: the same host, the same number of segments, the same number of parameters.
        #[test]
        fn a_value_changes_nothing_but_its_place(value in ".*") {
            if let Ok(url) = filled("https://example.com/a/{data.v}/b?x={data.v}&y=1", &value) {
                let uri: Uri = url.parse().expect("a URL");
                prop_assert_eq!(uri.authority().map(|authority| authority.as_str()), Some("example.com"));
                prop_assert_eq!(uri.path().split('/').count(), 4);
                let query = uri.query().expect("a query");
                prop_assert_eq!((query.matches('&').count(), query.matches('=').count(), query.contains('#')), (1, 2, false));
            }
        }
    }
}
