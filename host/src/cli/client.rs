//! The API's client: asks, and turns problems into errors for people.

use anyhow::{Context, bail};
use bytes::Bytes;
use http::Method;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::Hub;
use crate::net::{self, SideClient, SideRequest, SideResponse};

/// A host, and the key to it.
pub(super) struct Client {
    http: SideClient,
    url: String,
    key: String,
}

/// What the server refused.
#[derive(Debug, thiserror::Error)]
#[error("{detail}")]
pub(super) struct Refused {
    detail: String,
    /// The whole problem (RFC 9457).
    pub(super) problem: Value,
}

impl Client {
    pub(super) fn new(hub: &Hub) -> anyhow::Result<Self> {
        let key = match &hub.key {
            Some(key) => key.clone(),
            None => {
                let file = hub.data.join("admin.key");
                let read = std::fs::read_to_string(&file);
                read.with_context(|| {
                    format!("no key: give --key, set SLUICEBOX_KEY, or name the data folder by --data (tried {})", file.display())
                })?
            }
        };
        let http = net::side_client().context("no HTTP client")?;
        Ok(Self { http, url: hub.url.trim_end_matches('/').to_owned(), key: key.trim().to_owned() })
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, String)]) -> anyhow::Result<T> {
        self.ask(self.request(Method::GET, path).query(query)).await
    }

    pub(super) async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> anyhow::Result<T> {
        self.ask(self.request(Method::POST, path).json(body)).await
    }

    /// Stores a component's bytes.
    pub(super) async fn upload<T: DeserializeOwned>(&self, method: Method, path: &str, component: Bytes) -> anyhow::Result<T> {
        self.ask(self.request(method, path).header("content-type", "application/wasm").body(component)).await
    }

    fn request(&self, method: Method, path: &str) -> SideRequest {
        self.http.request(method, format!("{}{path}", self.url)).bearer_auth(&self.key)
    }

    async fn ask<T: DeserializeOwned>(&self, request: SideRequest) -> anyhow::Result<T> {
        let response =
            request.send().await.with_context(|| format!("no host answers at {} (is `sluicebox serve` running?)", self.url))?;
        if response.status().is_success() {
            return response.json().await.context("the host's answer is not understood; is it of this version?");
        }
        bail!(refusal(response).await)
    }
}

async fn refusal(response: SideResponse) -> Refused {
    let status = response.status();
    let problem: Value = response.json().await.unwrap_or_default();
    let detail = problem["detail"].as_str().map_or_else(|| format!("the host answered {status}"), str::to_owned);
    Refused { detail, problem }
}
