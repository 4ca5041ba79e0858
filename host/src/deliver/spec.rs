//! A destination as the hub file declares it, and what makes it a good one.

use std::{collections::BTreeMap, ops::RangeInclusive};

use http::{HeaderName, HeaderValue, Method, Uri};
use serde::Deserialize;

use super::{
    bounds::{count_within, ms_within},
    destination::{Destination, Format},
    pace::{BreakerSpec, RateSpec},
    retry::RetrySpec,
};
use crate::{
    event::{Duration, Invalid, Secret, is_host_owned},
    net, sign,
};

const URL_BYTES_MAX: usize = 2048;
const HEADERS_MAX: usize = 32;
const HEADER_BYTES_MAX: usize = 4096;
/// Each makes the signature header longer, which some receivers bound.
const SECRETS_MAX: usize = 8;

const TIMEOUT_MS: RangeInclusive<u64> = 1_000..=60_000;
const TIMEOUT_MS_DEFAULT: u64 = 20_000;
const CONCURRENCY: RangeInclusive<u32> = 1..=256;
const CONCURRENCY_DEFAULT: u32 = 8;

/// A destination as the hub file declares it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Where to: `https://` or `http://`.
    pub url: String,
    /// `POST` (where none is named), `PUT` or `PATCH`.
    pub method: Option<String>,
    /// Sent with each message. Handled as secrets, since this is where an `authorization` goes.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
    /// The signing secret, `whsec_...`. The hub makes one where none is declared.
    pub secret: Option<Secret>,
    /// Further signing secrets, which sign too: the old ones, while receivers change over.
    #[serde(default)]
    pub secrets: Vec<Secret>,
    /// From the first lookup to the response's last byte: `1s` to `60s`, else `20s`.
    pub timeout: Option<Duration>,
    /// Deliveries under way at once: 1 to 256, else 8.
    pub concurrency: Option<u32>,
    /// When it is tried again, and when it is given up.
    #[serde(default)]
    pub retry: RetrySpec,
    /// `false`: it is tried however often that fails. Else when it is left alone for a while.
    pub breaker: Option<BreakerSpec>,
    /// Attempts per second and minute; else as many as there are places.
    #[serde(default)]
    pub rate: RateSpec,
    /// What it is sent.
    #[serde(default)]
    pub format: Format,
    /// `false`: its deliveries wait. Else `true`.
    pub enabled: Option<bool>,
}

/// Where `Spec` holds secrets: JSON pointers, `*` for each item of a list or map.
pub const SECRETS: &[&str] = &["/secret", "/secrets/*", "/headers/*"];

impl Spec {
    /// Checks the spec and parses what it holds.
    ///
    /// # Errors
    ///
    /// The first value that is refused. A missing `secret` is one: the hub fills it in before.
    pub fn refine(&self) -> Result<Destination, Invalid> {
        Ok(Destination {
            url: refine_url(&self.url)?,
            method: self.refine_method()?,
            headers: self.refine_headers()?,
            timeout_ms: ms_within("/timeout", self.timeout, TIMEOUT_MS_DEFAULT, TIMEOUT_MS)?,
            concurrency: count_within("/concurrency", self.concurrency, CONCURRENCY_DEFAULT, CONCURRENCY)? as usize,
            retry: self.retry.refine()?,
            breaker: BreakerSpec::refine(self.breaker.as_ref())?,
            rate: self.rate.refine()?,
            format: self.format,
            enabled: self.enabled.unwrap_or(true),
            keys: self.refine_keys()?,
        })
    }

    fn refine_method(&self) -> Result<Method, Invalid> {
        match self.method.as_deref() {
            None | Some("POST") => Ok(Method::POST),
            Some("PUT") => Ok(Method::PUT),
            Some("PATCH") => Ok(Method::PATCH),
            Some(other) => Err(Invalid::at("/method", format!("`{other}` is not sent; write \"POST\", \"PUT\" or \"PATCH\""))),
        }
    }

    fn refine_headers(&self) -> Result<Vec<(HeaderName, HeaderValue)>, Invalid> {
        if self.headers.len() > HEADERS_MAX {
            return Err(Invalid::at("/headers", format!("at most {HEADERS_MAX} headers, not {}", self.headers.len())));
        }
        let mut headers: Vec<(HeaderName, HeaderValue)> = Vec::with_capacity(self.headers.len());
        for (name, value) in &self.headers {
            let (parsed, value) = refine_header(name, value)?;
            if headers.iter().any(|(other, _)| *other == parsed) {
                return Err(Invalid::at(header_pointer(name), format!("`{parsed}` is there twice, in other letters; keep one")));
            }
            headers.push((parsed, value));
        }
        Ok(headers)
    }

    fn refine_keys(&self) -> Result<Vec<sign::Key>, Invalid> {
        let Some(first) = &self.secret else {
            return Err(Invalid::at(
                "/secret",
                "a destination needs a signing secret: `whsec_` and base64, or a reference to one",
            ));
        };
        if self.secrets.len() > SECRETS_MAX {
            return Err(Invalid::at("/secrets", format!("at most {SECRETS_MAX} further secrets; remove the oldest")));
        }
        let rest = self.secrets.iter().enumerate().map(|(index, secret)| (format!("/secrets/{index}"), secret));
        std::iter::once(("/secret".to_owned(), first)).chain(rest).map(|(pointer, secret)| refine_key(pointer, secret)).collect()
    }
}

fn refine_url(text: &str) -> Result<Uri, Invalid> {
    let refused = |message: &str| Invalid::at("/url", message);
    if text.len() > URL_BYTES_MAX {
        return Err(refused(&format!("a URL has at most {URL_BYTES_MAX} bytes")));
    }
    // Asked first, since `Uri` drops a fragment without a word.
    if text.contains('#') {
        return Err(refused("a URL to send to has no fragment; remove `#` and what follows, or write it `%23`"));
    }
    let url: Uri = text
        .parse()
        .map_err(|_| refused("this is no URL; write it as in \"https://example.com/hooks\", other than ASCII percent-encoded"))?;
    if !matches!(url.scheme_str(), Some("http" | "https")) {
        return Err(refused("a URL begins with `https://` or `http://`"));
    }
    net::check_url(&url).map_err(|error| refused(&error.to_string()))?;
    Ok(url)
}

fn refine_header(name: &str, value: &Secret) -> Result<(HeaderName, HeaderValue), Invalid> {
    let refused = |message: String| Invalid::at(header_pointer(name), message);
    let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| refused(format!("`{name}` is not a header's name")))?;
    if parsed.as_str() != "user-agent" && is_host_owned(parsed.as_str()) {
        return Err(refused(format!("`{parsed}` is set by Sluicebox itself; remove it")));
    }
    if value.expose().len() > HEADER_BYTES_MAX {
        return Err(refused(format!("a header's value has at most {HEADER_BYTES_MAX} bytes")));
    }
    let mut value = HeaderValue::from_str(value.expose())
        .map_err(|_| refused("a header's value is visible ASCII, spaces and tabs, on one line".to_owned()))?;
    value.set_sensitive(true);
    Ok((parsed, value))
}

fn header_pointer(name: &str) -> String {
    format!("/headers/{}", name.replace('~', "~0").replace('/', "~1"))
}

fn refine_key(pointer: String, secret: &Secret) -> Result<sign::Key, Invalid> {
    sign::Key::parse(secret.expose()).map_err(|error| Invalid::at(pointer, error.to_string()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// The spec of `https://example.com/` with these fields set.
    fn spec(fields: Value) -> Spec {
        let mut all = json!({ "url": "https://example.com/" });
        let Value::Object(fields) = fields else { panic!("fields are an object") };
        all.as_object_mut().expect("an object").extend(fields);
        serde_json::from_value(all).expect("fields of the right types")
    }

    fn refusal(fields: Value) -> Invalid {
        spec(fields).refine().expect_err("it is refused")
    }

    #[test]
    fn what_is_refused_is_pointed_at() {
        for (fields, pointer) in [
            (json!({ "method": "GET" }), "/method"),
            (json!({ "headers": { "Webhook-Id": "x" } }), "/headers/Webhook-Id"),
            (json!({ "headers": { "host": "x" } }), "/headers/host"),
            (json!({ "headers": { "Content-Length": "1" } }), "/headers/Content-Length"),
            (json!({ "headers": { "a/b": "x" } }), "/headers/a~1b"),
            (json!({ "headers": { "x": "two\nlines" } }), "/headers/x"),
            (json!({ "headers": { "X": "1", "x": "2" } }), "/headers/x"),
            (json!({ "timeout": "500ms" }), "/timeout"),
            (json!({ "timeout": "2m" }), "/timeout"),
            (json!({ "concurrency": 0 }), "/concurrency"),
            (json!({ "concurrency": 257 }), "/concurrency"),
            (json!({ "retry": { "attempts_max": 0 } }), "/retry/attempts_max"),
            (json!({}), "/secret"),
            (json!({ "secret": "whsec_short" }), "/secret"),
        ] {
            let told = fields.to_string();
            assert_eq!(refusal(fields).pointer, pointer, "{told}");
        }
    }

    #[test]
    fn a_url_is_http_with_a_host_and_nothing_hidden() {
        for bad in [
            "",
            "example.com",
            "/hooks",
            "ftp://example.com/",
            "https://",
            "https:///x",
            "https://example.com/#part",
            "https://user:word@example.com/",
            "https://user@example.com/",
            "https://example.com:0/",
            "https://example.com:99999/",
            "https://example.com:/",
            "https://exa mple.com/",
            "https://exämple.com/",
            "http://0x7f.0.0.1/",
            "http://[fe80::1%25eth0]/",
        ] {
            assert_eq!(refine_url(bad).expect_err(bad).pointer, "/url");
        }
        for good in ["http://example.com", "https://example.com:8443/a?b=c", "http://[::1]:8080/", "http://127.0.0.1/"] {
            refine_url(good).expect(good);
        }
    }

    #[test]
    fn a_refusal_says_how_to_mend_it_and_shows_no_secret() {
        assert_eq!(refusal(json!({ "timeout": "2m" })).message, "2m is out of bounds; write 1s to 1m");
        let refused = refusal(json!({ "headers": { "authorization": "geheim\n" } }));
        assert!(!format!("{refused} {:?}", spec(json!({ "headers": { "a": "geheim" } }))).contains("geheim"));
    }

    #[test]
    fn an_unknown_setting_is_an_error() {
        let read = |fields: Value| serde_json::from_value::<Spec>(fields).map_err(|error| error.to_string());
        assert!(read(json!({ "url": "https://a", "retries": {} })).expect_err("unknown").contains("`retries`"));
        assert!(read(json!({ "url": "https://a", "format": "xml" })).expect_err("unknown").contains("cloudevents-batch"));
    }
}
