//! Tokens by OAuth 2.0 client credentials (RFC 6749, section 4.4), asked for through the vetting client.
//!
//! A token is kept until shortly before it expires. Whoever needs one while it is being asked for waits for that answer, token or failure,
//! and asks nothing of its own: an endpoint that is down sees one request at a time, however many deliveries wait.

use std::sync::atomic::{AtomicU64, Ordering};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use form_urlencoded::Serializer;
use http::{HeaderValue, Request, Uri, header};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;
use tokio::{sync::Mutex, time::Instant};
use zeroize::Zeroizing;

use super::{Bounds, Class, Client, Response, SendError};

/// How long one request for a token may take.
const TIMEOUT_MS: u64 = 10_000;
/// The largest answer; tokens that carry claims are a few kilobytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// A token that does not say how long it lives is used for this long.
const LIFE_SECS_DEFAULT: u64 = 300;
/// A token is replaced this long before it expires, or after nine tenths of its life, whichever is later.
const MARGIN_SECS: u64 = 60;
/// No token is used for longer, whatever it says.
const LIFE_SECS_MAX: u64 = 24 * 60 * 60;

/// What tokens are asked for with.
#[derive(Clone)]
pub struct ClientCredentials {
    /// The token endpoint.
    pub token_url: Uri,
    /// The client's id.
    pub client_id: String,
    /// The client's secret.
    pub client_secret: Zeroizing<String>,
    /// `scope`.
    pub scope: Option<String>,
    /// `audience`, which some endpoints ask for beside the standard.
    pub audience: Option<String>,
    /// Where id and secret stand.
    pub authentication: ClientAuthentication,
}

/// How the client shows who it is (RFC 6749, section 2.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ClientAuthentication {
    /// In the `authorization` header, which all endpoints have to know.
    #[default]
    Basic,
    /// In the body.
    Post,
}

/// A token, as the value of `authorization`. It cannot be printed.
#[derive(Clone)]
pub struct Token(HeaderValue);

impl Token {
    /// `Bearer ...`, marked sensitive.
    #[must_use]
    pub fn authorization(&self) -> HeaderValue {
        self.0.clone()
    }
}

/// Where one destination's tokens come from.
pub struct TokenSource {
    credentials: ClientCredentials,
    /// Held while a token is asked for.
    last: Mutex<Option<Last>>,
    /// Requests that have ended.
    ended: AtomicU64,
}

/// What came of the last request.
enum Last {
    Token { token: Token, fresh_until: Instant },
    Failed { class: Class, message: String },
}

impl TokenSource {
    /// A source that has not been asked yet.
    #[must_use]
    pub fn new(credentials: ClientCredentials) -> Self {
        Self { credentials, last: Mutex::new(None), ended: AtomicU64::new(0) }
    }

    /// A token that is good at `now`; not `rejected`, which the destination has just refused.
    ///
    /// # Errors
    /// [`Class::Token`] where the endpoint gave none, whatever the reason; [`Class::Forbidden`] where its address is closed.
    pub async fn token(&self, client: &Client, now: Instant, rejected: Option<&Token>) -> Result<Token, SendError> {
        let ended_before = self.ended.load(Ordering::Acquire);
        let mut last = self.last.lock().await;
        match &*last {
            Some(Last::Token { token, fresh_until }) if now < *fresh_until && rejected.is_none_or(|bad| bad.0 != token.0) => {
                return Ok(token.clone());
            }
            // It failed while this one waited for it.
            Some(Last::Failed { class, message }) if self.ended.load(Ordering::Acquire) != ended_before => {
                return Err(SendError { class: *class, message: message.clone(), source: None });
            }
            _ => {}
        }
        let asked = self.ask(client, now).await;
        *last = Some(match &asked {
            Ok((token, fresh_until)) => Last::Token { token: token.clone(), fresh_until: *fresh_until },
            Err(error) => Last::Failed { class: error.class, message: error.message.clone() },
        });
        self.ended.fetch_add(1, Ordering::Release);
        asked.map(|(token, _)| token)
    }

    async fn ask(&self, client: &Client, now: Instant) -> Result<(Token, Instant), SendError> {
        let bounds = Bounds { timeout_ms: TIMEOUT_MS, response_bytes_max: ANSWER_BYTES_MAX };
        let answer = client.send(self.credentials.request(), bounds).await.map_err(|error| match error.class {
            Class::Forbidden => error,
            _ => SendError { class: Class::Token, message: format!("no token: {}", error.message), source: error.source },
        })?;
        let (token, life) = read(&answer).map_err(|message| SendError { class: Class::Token, message, source: None })?;
        Ok((token, now + life))
    }
}

impl ClientCredentials {
    fn request(&self) -> Request<Bytes> {
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        let optional = [("scope", &self.scope), ("audience", &self.audience)];
        for (name, value) in optional.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))) {
            form.append_pair(name, value);
        }
        if self.authentication == ClientAuthentication::Post {
            form.append_pair("client_id", &self.client_id).append_pair("client_secret", &self.client_secret);
        }
        let mut request = Request::new(Bytes::from(form.finish()));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = self.token_url.clone();
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        if self.authentication == ClientAuthentication::Basic {
            headers.insert(header::AUTHORIZATION, self.basic());
        }
        request
    }

    /// Id and secret are form-encoded first, as the standard has it (RFC 6749, section 2.3.1).
    fn basic(&self) -> HeaderValue {
        let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let pair = Zeroizing::new(format!("{}:{}", encoded(&self.client_id), encoded(&self.client_secret)));
        let text = format!("Basic {}", BASE64_STANDARD.encode(pair.as_bytes()));
        let mut value = HeaderValue::from_str(&text).expect("base64 is ASCII");
        value.set_sensitive(true);
        value
    }
}

/// The token of an answer, and how long it is used; or what is wrong, without anything that the endpoint said but its error's code.
fn read(answer: &Response) -> Result<(Token, Duration), String> {
    let fields: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if !answer.status.is_success() {
        // RFC 6749, section 5.2: the code is of a few characters; what describes it is the endpoint's own.
        let is_code = |code: &&str| code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        let code = fields["error"].as_str().filter(is_code).map(|code| format!(" (`{code}`)")).unwrap_or_default();
        return Err(format!("the token endpoint answered {}{code}", answer.status));
    }
    let text = fields["access_token"].as_str().ok_or("the token endpoint's answer has no `access_token`")?;
    if fields["token_type"].as_str().is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return Err("the token endpoint gave a token of another type than `Bearer`".to_owned());
    }
    let mut value =
        HeaderValue::from_str(&format!("Bearer {text}")).map_err(|_| "the token has characters that no header can carry")?;
    value.set_sensitive(true);
    let said = &fields["expires_in"];
    let life = said.as_u64().or_else(|| said.as_str()?.parse().ok()).unwrap_or(LIFE_SECS_DEFAULT).min(LIFE_SECS_MAX);
    Ok((Token(value), Duration::from_secs(life.saturating_sub(MARGIN_SECS).max(life / 10 * 9))))
}

impl std::fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenSource").field("host", &self.credentials.token_url.host()).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};
    use serde_json::json;

    use super::*;

    fn credentials(authentication: ClientAuthentication) -> ClientCredentials {
        ClientCredentials {
            token_url: Uri::from_static("https://id.example.com/token"),
            client_id: "a b:c".into(),
            client_secret: Zeroizing::new("s%3".into()),
            scope: Some("orders:write x".into()),
            audience: None,
            authentication,
        }
    }

    fn answer(status: u16, body: &Value) -> Response {
        let status = StatusCode::from_u16(status).expect("a status");
        Response { status, headers: HeaderMap::new(), body: Bytes::from(body.to_string()) }
    }

    #[test]
    fn a_request_is_as_the_standard_has_it() {
        let request = credentials(ClientAuthentication::Basic).request();
        assert_eq!(request.body().as_ref(), b"grant_type=client_credentials&scope=orders%3Awrite+x");
        let expected = format!("Basic {}", BASE64_STANDARD.encode("a+b%3Ac:s%253"));
        assert_eq!(request.headers()["authorization"], expected);
        let request = credentials(ClientAuthentication::Post).request();
        assert!(request.body().ends_with(b"&client_id=a+b%3Ac&client_secret=s%253"));
        assert!(!request.headers().contains_key("authorization"));
    }

    #[test]
    fn a_token_is_used_until_shortly_before_its_end() {
        let life = |fields: Value| {
            let mut body = json!({ "access_token": "t", "token_type": "bearer" });
            body.as_object_mut().expect("an object").extend(fields.as_object().cloned().expect("an object"));
            read(&answer(200, &body)).expect("a token").1.as_secs()
        };
        assert_eq!(life(json!({ "expires_in": 3600 })), 3540);
        assert_eq!(life(json!({ "expires_in": "3600" })), 3540);
        assert_eq!(life(json!({ "expires_in": 100 })), 90);
        assert_eq!(life(json!({})), 270);
        assert_eq!(life(json!({ "expires_in": 1_000_000_000 })), LIFE_SECS_MAX - MARGIN_SECS);
    }

    #[test]
    fn what_is_no_token_is_told_without_what_the_endpoint_said() {
        let refused = |status, body: Value| read(&answer(status, &body)).expect_err("no token");
        let told = refused(401, json!({ "error": "invalid_client", "error_description": "geheim" }));
        assert_eq!(told, "the token endpoint answered 401 Unauthorized (`invalid_client`)");
        assert_eq!(refused(500, json!({ "error": "<html>" })), "the token endpoint answered 500 Internal Server Error");
        assert!(refused(200, json!({})).contains("access_token"));
        assert!(refused(200, json!({ "access_token": "t", "token_type": "mac" })).contains("Bearer"));
        assert!(refused(200, json!({ "access_token": "a\nb" })).contains("characters"));
    }
}
