//! The API as a test speaks to it.

use std::path::Path;

use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use crate::{described, eventually};

/// A host's address, and its admin key.
#[derive(Clone, Debug)]
pub struct Api {
    http: reqwest::Client,
    url: String,
    key: String,
}

/// What a host answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body as JSON; null where it is none.
    pub json: Value,
}

impl Api {
    /// The API of a host whose data is in this folder, as soon as it is ready.
    pub async fn when_ready(url: String, data: &Path) -> Self {
        let http = sluicebox::net::side_client().expect("an HTTP client");
        let ready = format!("{url}/readyz");
        eventually("a host that is ready", async || {
            http.get(&ready).send().await.ok().filter(|answer| answer.status().is_success())
        })
        .await;
        let key = std::fs::read_to_string(data.join("admin.key")).expect("an admin key").trim().to_owned();
        Self { http, url, key }
    }

    /// The same host by another key.
    #[must_use]
    pub fn with_key(&self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self.clone() }
    }

    /// The host's address.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The admin key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// A request without the key.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    /// Asks with the key.
    pub async fn get(&self, path: &str) -> Answer {
        answer(self.request(Method::GET, path).bearer_auth(&self.key)).await
    }

    /// Puts a document.
    pub async fn put(&self, path: &str, document: &Value) -> Answer {
        answer(self.request(Method::PUT, path).bearer_auth(&self.key).json(document)).await
    }

    /// Deletes a document.
    pub async fn delete(&self, path: &str) -> Answer {
        answer(self.request(Method::DELETE, path).bearer_auth(&self.key)).await
    }

    /// Stores a component and gives its digest, or the refusal.
    pub async fn upload(&self, component: Vec<u8>) -> Result<String, Answer> {
        let answer = answer(self.request(Method::POST, "/v1/components").bearer_auth(&self.key).body(component)).await;
        answer.json["digest"].as_str().map(str::to_owned).ok_or(answer)
    }

    /// Puts a component's bytes as a version of a plugin.
    pub async fn put_component(&self, path: &str, component: Vec<u8>) -> Answer {
        let request = self.request(Method::PUT, path).bearer_auth(&self.key);
        answer(request.header("content-type", "application/wasm").body(component)).await
    }

    /// Posts JSON with the key.
    pub async fn send(&self, path: &str, body: &Value) -> Answer {
        answer(self.request(Method::POST, path).bearer_auth(&self.key).json(body)).await
    }

    /// Applies a hub file written as TOML, whose plugins are named by digest.
    pub async fn try_apply(&self, toml: &str) -> Answer {
        let hub: Value = toml::from_str(toml).expect("TOML");
        answer(self.request(Method::POST, "/v1/apply").bearer_auth(&self.key).json(&hub)).await
    }

    /// The same, and removes what the file does not name.
    pub async fn try_replace(&self, toml: &str) -> Answer {
        let hub: Value = toml::from_str(toml).expect("TOML");
        answer(self.request(Method::POST, "/v1/apply?prune=true").bearer_auth(&self.key).json(&hub)).await
    }

    /// Applies a hub file that has to be right.
    pub async fn apply(&self, toml: &str) -> Value {
        let answer = self.try_apply(toml).await;
        assert_eq!(answer.status, 200, "{}", answer.json);
        answer.json
    }

    /// Posts to a source, and gives the event's id. Panics where it was refused.
    pub async fn post(&self, source: &str, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> String {
        let answer = self.try_post(source, headers, body).await.expect("an answer");
        assert_eq!(answer.status, 202, "{}", answer.json);
        answer.json["id"].as_str().expect("an id").to_owned()
    }

    /// Posts to a source; an error where nobody answers.
    pub async fn try_post(&self, source: &str, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> reqwest::Result<Answer> {
        let mut request = self.request(Method::POST, &format!("/in/{source}")).body(body.into());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        Ok(Answer { status, json: answer.json().await.unwrap_or_default() })
    }

    /// An event with its runs and deliveries.
    pub async fn event(&self, id: &str) -> Value {
        self.get(&format!("/v1/events/{id}")).await.json
    }

    /// The run of `rule` on an event, as soon as it is in this state.
    pub async fn run_in_state(&self, event: &str, rule: &str, state: &str) -> Value {
        eventually(&format!("run of {rule} on {event} that is {state}"), async || {
            let event = self.event(event).await;
            let runs = event["runs"].as_array()?;
            runs.iter().find(|run| run["rule"] == rule && run["state"] == state).cloned()
        })
        .await
    }

    /// The first delivery of a rule in this state, whole.
    pub async fn delivery_in_state(&self, rule: &str, state: &str) -> Value {
        let listed = eventually(&format!("delivery of {rule} that is {state}"), async || {
            let page = self.get(&format!("/v1/deliveries?rule={rule}&state={state}")).await.json;
            page["items"].as_array()?.first().cloned()
        })
        .await;
        self.get(&format!("/v1/deliveries/{}", listed["id"].as_str().expect("an id"))).await.json
    }

    /// The page of metrics.
    pub async fn metrics(&self) -> String {
        let page = self.request(Method::GET, "/metrics").bearer_auth(&self.key).send().await.expect("metrics");
        page.text().await.expect("text")
    }

    /// One counter of `/metrics`, all its labels together.
    pub async fn metric(&self, name: &str) -> u64 {
        let page = self.metrics().await;
        let value = |line: &str| {
            let rest = line.strip_prefix(name)?;
            rest.starts_with(['{', ' ']).then(|| rest.rsplit(' ').next()?.parse::<u64>().ok())?
        };
        page.lines().filter_map(value).sum()
    }
}

/// An answer, which has to be as it is described.
async fn answer(request: RequestBuilder) -> Answer {
    let (client, request) = request.build_split();
    let request = request.expect("a request");
    let (method, path) = (request.method().clone(), request.url().path().to_owned());
    let answer = client.execute(request).await.expect("an answer");
    let status = answer.status().as_u16();
    let kind = answer.headers().get("content-type").map(|kind| String::from_utf8_lossy(kind.as_bytes()).into_owned());
    let json = answer.json().await.unwrap_or_default();
    described::check(&method, &path, status, &kind.unwrap_or_default(), &json);
    Answer { status, json }
}
