//! An event posted to a local server as its sender posted it: the headers that were kept, and the body's very bytes.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use serde_json::Value;

use crate::net::{self, SideClient};

/// How long the local server may take to answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Of the connection that the event came by, not of the event.
const HOP_BY_HOP: [&str; 10] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Names the event to who looks it up.
const EVENT_ID: HeaderName = HeaderName::from_static("sluicebox-event-id");

/// Where events are posted to.
pub(super) struct Forwarder {
    http: SideClient,
    url: String,
}

/// What became of one.
#[derive(Debug)]
pub(super) struct Forwarded {
    /// The status, or why there is none.
    pub(super) answer: Result<u16, String>,
    pub(super) duration_ms: u64,
}

impl Forwarder {
    pub(super) fn new(url: &str) -> anyhow::Result<Self> {
        let parsed = url.parse::<Uri>().ok();
        let is_http = parsed.is_some_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.authority().is_some());
        if !is_http {
            bail!("--forward: `{url}` is no URL like http://127.0.0.1:3000/hooks");
        }
        Ok(Self { http: net::side_client().context("no HTTP client")?, url: url.to_owned() })
    }

    /// Posts an event as the stream gave it.
    pub(super) async fn forward(&self, event: &Value) -> anyhow::Result<Forwarded> {
        let (headers, body) = (headers(event), body(event)?);
        let begun = Instant::now();
        let request = self.http.post(&self.url).headers(headers).body(body).timeout(TIMEOUT);
        let answer = match request.send().await {
            Ok(response) => Ok(response.status().as_u16()),
            Err(error) if error.is_timeout() => Err(format!("no answer within {}s", TIMEOUT.as_secs())),
            Err(error) if error.is_connect() => Err("no server answers".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        Ok(Forwarded { answer, duration_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX) })
    }
}

/// All that were kept. Bytes above 0x7F were read as ISO-8859-1, and are written so again.
fn headers(event: &Value) -> HeaderMap {
    let kept = event["headers"].as_array().into_iter().flatten();
    let mut headers: HeaderMap = kept
        .filter_map(|pair| {
            let (name, value) = (pair[0].as_str()?, pair[1].as_str()?);
            let value: Vec<u8> = value.chars().map(u8::try_from).collect::<Result<_, _>>().ok()?;
            Some((HeaderName::try_from(name).ok()?, HeaderValue::from_bytes(&value).ok()?))
        })
        .filter(|(name, _)| !HOP_BY_HOP.contains(&name.as_str()))
        .fold(HeaderMap::new(), |mut headers, (name, value)| {
            headers.append(name, value);
            headers
        });
    if let Some(id) = event["id"].as_str().and_then(|id| HeaderValue::from_str(id).ok()) {
        headers.insert(EVENT_ID, id);
    }
    headers
}

/// The bytes of the body.
pub(super) fn body(event: &Value) -> anyhow::Result<Vec<u8>> {
    match (event["body"]["text"].as_str(), event["body"]["base64"].as_str()) {
        (Some(text), _) => Ok(text.as_bytes().to_vec()),
        (None, Some(base64)) => BASE64_STANDARD.decode(base64).context("the event's body is no base64"),
        (None, None) => bail!("the event has no body; is the host of this version?"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_is_posted_as_it_came() {
        let event = json!({
            "id": "evt_1",
            "headers": [["host", "hooks.example.com"], ["x-a", "1"], ["x-a", "2"], ["x-b", "\u{fc}"], ["content-length", "3"]],
            "body": { "base64": "/wD+" },
        });
        let headers = headers(&event);
        assert_eq!(headers.get_all("x-a").iter().collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(headers["x-b"].as_bytes(), b"\xfc");
        assert_eq!(headers["sluicebox-event-id"], "evt_1");
        assert!(!headers.contains_key("host") && !headers.contains_key("content-length"));
        assert_eq!(body(&event).expect("a body"), b"\xff\0\xfe");
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for wrong in ["localhost:3000", "ftp://a/", "/hooks", "http://"] {
            assert!(Forwarder::new(wrong).is_err(), "{wrong}");
        }
        assert!(Forwarder::new("http://localhost:3000/hooks").is_ok());
    }
}
