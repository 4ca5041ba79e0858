//! The API's client: asks, and turns problems into errors for people.

use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use http::{HeaderMap, Method};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{Hub, place::Place};
use crate::{
    event::Name,
    net::{self, SideClient, SideRequest, SideResponse},
};

/// How long storing a component may take: compilations take turns, and each may take two minutes.
const COMPILE_TIMEOUT: Duration = Duration::from_secs(600);

/// A host waits for up to a minute, and then answers.
const WAIT_TIMEOUT: Duration = Duration::from_secs(90);

/// A stream ends by itself or when nothing comes, whoever reads it sees to that; the client's own limit is on the whole answer.
const STREAM_TIMEOUT: Duration = Duration::from_secs(365 * 86_400);

/// A host, and the key to it.
pub(super) struct Client {
    http: SideClient,
    url: String,
    key: String,
    /// The workspace of all calls; the key's own where it is not told.
    workspace: Option<Name>,
}

/// What the server refused.
#[derive(Debug, thiserror::Error)]
#[error("{detail}")]
pub(super) struct Refused {
    detail: String,
    /// The whole problem (RFC 9457).
    pub(super) problem: Value,
}

/// What means itself in a path (RFC 3986, section 2.3), but for the dot.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'~');

/// A text that people gave as one segment of a path, so that it leads nowhere else. URLs take `%2E%2E` for `..` too: that becomes a name that
/// nothing has.
pub(super) fn segment(text: &str) -> String {
    let encoded = utf8_percent_encode(text, UNRESERVED).to_string();
    if matches!(text, "." | "..") { encoded.replace('%', "%25") } else { encoded }
}

/// Where a listing goes on after this page.
fn next_of(page: &Value) -> anyhow::Result<Option<String>> {
    match &page["next"] {
        Value::Null => Ok(None),
        Value::String(next) => Ok(Some(next.clone())),
        _ => bail!(NOT_UNDERSTOOD),
    }
}

impl Refused {
    /// The problem's type, without what all types begin with; empty where the answer was no problem.
    pub(super) fn kind(&self) -> &str {
        self.problem["type"].as_str().and_then(|kind| kind.rsplit(':').next()).unwrap_or_default()
    }
}

const NOT_UNDERSTOOD: &str = "the host's answer is not understood; is it of this version?";

impl Client {
    pub(super) fn new(hub: &Hub) -> anyhow::Result<Self> {
        let place = Place::of(hub)?;
        let key = place.key()?;
        let http = net::side_client().context("no HTTP client")?;
        Ok(Self { http, url: place.url, key, workspace: place.workspace })
    }

    /// The host's address, without a slash at its end.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, String)]) -> anyhow::Result<T> {
        self.ask(self.request(Method::GET, path).query(query)).await
    }

    /// The status of an answer, whatever it is.
    pub(super) async fn status(&self, path: &str) -> anyhow::Result<http::StatusCode> {
        Ok(self.sent(self.request(Method::GET, path)).await?.status())
    }

    /// An answer that is no JSON.
    pub(super) async fn text(&self, path: &str) -> anyhow::Result<String> {
        let response = self.sent(self.request(Method::GET, path)).await?;
        if response.status().is_success() { Ok(response.text().await?) } else { bail!(refusal(response).await) }
    }

    /// All items of a listing, page by page.
    pub(super) async fn get_all(&self, path: &str) -> anyhow::Result<Vec<Value>> {
        let (mut items, mut query) = (Vec::new(), vec![("limit", "500".to_owned())]);
        loop {
            let page: Value = self.get(path, &query).await?;
            items.extend(page["items"].as_array().into_iter().flatten().cloned());
            let Some(next) = next_of(&page)? else { return Ok(items) };
            query.truncate(1);
            query.push(("after", next));
        }
    }

    /// For a host that may wait, for up to a minute, until it has something to tell.
    pub(super) async fn get_slowly<T: DeserializeOwned>(&self, path: &str, query: &[(&str, String)]) -> anyhow::Result<T> {
        self.ask(self.request(Method::GET, path).query(query).timeout(WAIT_TIMEOUT)).await
    }

    /// An answer whose body goes on for as long as the host has something to tell; it is read by who asked.
    pub(super) async fn open(&self, path: &str, query: &[(&str, String)], headers: HeaderMap) -> anyhow::Result<SideResponse> {
        let request = self.request(Method::GET, path).query(query).headers(headers).timeout(STREAM_TIMEOUT);
        let response = self.sent(request).await?;
        if response.status().is_success() { Ok(response) } else { bail!(refusal(response).await) }
    }

    pub(super) async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> anyhow::Result<T> {
        self.ask(self.request(Method::POST, path).json(body).timeout(COMPILE_TIMEOUT)).await
    }

    /// Posts with a query.
    pub(super) async fn post_with<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, String)],
        body: &impl Serialize,
    ) -> anyhow::Result<T> {
        self.ask(self.request(Method::POST, path).query(query).json(body).timeout(COMPILE_TIMEOUT)).await
    }

    pub(super) async fn put<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> anyhow::Result<T> {
        self.ask(self.request(Method::PUT, path).json(body).timeout(COMPILE_TIMEOUT)).await
    }

    pub(super) async fn patch<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> anyhow::Result<T> {
        self.ask(self.request(Method::PATCH, path).json(body)).await
    }

    pub(super) async fn delete<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        self.ask(self.request(Method::DELETE, path)).await
    }

    /// Stores a component's bytes.
    pub(super) async fn upload<T: DeserializeOwned>(&self, method: Method, path: &str, component: Bytes) -> anyhow::Result<T> {
        let upload = self.request(method, path).header("content-type", "application/wasm").body(component);
        self.ask(upload.timeout(COMPILE_TIMEOUT)).await
    }

    /// Any call: what the host answers, byte for byte.
    pub(super) async fn call(&self, method: Method, path: &str, content_type: &str, body: Vec<u8>) -> anyhow::Result<Bytes> {
        let mut request = self.request(method, path).timeout(COMPILE_TIMEOUT);
        if !body.is_empty() {
            request = request.header("content-type", content_type).body(body);
        }
        let response = self.sent(request).await?;
        if !response.status().is_success() {
            bail!(refusal(response).await);
        }
        response.bytes().await.context("the answer could not be read")
    }

    /// A body that is no JSON, whole.
    pub(super) async fn download(&self, path: &str) -> anyhow::Result<Bytes> {
        self.call(Method::GET, path, "", Vec::new()).await
    }

    fn request(&self, method: Method, path: &str) -> SideRequest {
        let request = self.http.request(method, format!("{}{path}", self.url)).bearer_auth(&self.key);
        match &self.workspace {
            Some(workspace) => request.header("sluicebox-workspace", workspace.as_str()),
            None => request,
        }
    }

    async fn ask<T: DeserializeOwned>(&self, request: SideRequest) -> anyhow::Result<T> {
        let response = self.sent(request).await?;
        if response.status().is_success() {
            return response.json().await.map_err(|error| {
                let told = if error.is_timeout() { self.no_answer(false, true) } else { NOT_UNDERSTOOD.to_owned() };
                anyhow::Error::new(error).context(told)
            });
        }
        bail!(refusal(response).await)
    }

    async fn sent(&self, request: SideRequest) -> anyhow::Result<SideResponse> {
        request.send().await.map_err(|error| {
            let told = self.no_answer(error.is_connect(), error.is_timeout());
            anyhow::Error::new(error).context(told)
        })
    }

    /// A host that was not reached has done nothing; one that was may have done all of it.
    fn no_answer(&self, connecting: bool, timed_out: bool) -> String {
        match (connecting, timed_out) {
            (true, _) => format!("no host answers at {} (is `sluicebox serve` running?)", self.url),
            (false, true) => format!("the host at {} took too long to answer; what was asked may be done yet", self.url),
            (false, false) => format!("there was no answer from {}", self.url),
        }
    }
}

async fn refusal(response: SideResponse) -> Refused {
    let status = response.status();
    let problem: Value = response.json().await.unwrap_or_default();
    let detail = problem["detail"].as_str().map_or_else(|| format!("the host answered {status}"), str::to_owned);
    Refused { detail, problem }
}

#[cfg(test)]
mod tests {
    use std::{net::SocketAddr, time::Duration};

    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn a_cursor_that_is_none_is_no_end() {
        let page = |next: Value| next_of(&serde_json::json!({ "items": [], "next": next })).map_err(|error| error.to_string());
        assert_eq!((page("b".into()), page(Value::Null)), (Ok(Some("b".to_owned())), Ok(None)));
        assert_eq!(page(7.into()), Err(NOT_UNDERSTOOD.to_owned()));
    }

    async fn told(address: SocketAddr) -> String {
        let url = format!("http://{address}");
        let client = Client { http: net::side_client().expect("an HTTP client"), url, key: String::new(), workspace: None };
        let request = client.request(Method::GET, "/v1/events").timeout(Duration::from_millis(200));
        client.ask::<Value>(request).await.expect_err("nobody answers").to_string()
    }

    #[test]
    fn a_text_of_people_is_one_segment_of_a_path() {
        assert_eq!(segment("evt_0199-x~"), "evt_0199-x~");
        assert_eq!(segment("../keys?x=1#é%"), "%2E%2E%2Fkeys%3Fx%3D1%23%C3%A9%25");
        assert_eq!(segment(".."), "%252E%252E");
    }

    #[tokio::test]
    async fn a_slow_host_is_told_from_one_that_is_not_there() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("it is bound");
        let slow = told(address).await;
        assert!(slow.contains("took too long"), "{slow}");
        drop(listener);
        let absent = told(address).await;
        assert!(absent.contains("no host answers"), "{absent}");
    }
}
