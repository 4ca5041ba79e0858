//! stub of the net part
use bytes::Bytes;

/// Settings of what goes out.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Networks opened beside the public internet.
    pub allow_networks: Vec<ipnet::IpNet>,
}

/// Bounds of one request.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// From the first lookup to the response's last byte.
    pub timeout_ms: u64,
    /// What is kept of the response's body; reading stops there.
    pub response_bytes_max: usize,
}

/// The client of deliveries: it connects to vetted addresses only, follows no redirect, uses no proxy.
#[derive(Clone)]
pub struct Client {}

/// A response, its body cut at the bound.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status.
    pub status: http::StatusCode,
    /// The headers.
    pub headers: http::HeaderMap,
    /// The first bytes.
    pub body: Bytes,
}

/// Why there is no response.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct SendError {
    /// The kind.
    pub class: Class,
    /// For people.
    pub message: String,
}

/// Kinds of failure, told apart for retries, metrics and people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// The name did not resolve.
    Dns,
    /// No connection.
    Connect,
    /// No TLS session.
    Tls,
    /// Not within the time.
    Timeout,
    /// An address that the operator did not allow.
    Forbidden,
    /// The response was no HTTP, or broke off.
    Protocol,
}

impl Client {
    /// A client that dials by these settings.
    #[must_use]
    pub fn new(_options: &Options) -> Self {
        Self {}
    }

    /// Sends a request.
    pub async fn send(&self, _request: http::Request<Bytes>, _bounds: Bounds) -> Result<Response, SendError> {
        Err(SendError { class: Class::Dns, message: String::new() })
    }
}

/// The client of side calls, and of the command line: reqwest, without a proxy from the environment.
pub fn side_client() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder().build()
}
