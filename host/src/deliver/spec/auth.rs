//! How a destination is shown that we may send to it.

use std::sync::Arc;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{HeaderName, HeaderValue, header::AUTHORIZATION};
use schemars::JsonSchema;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{header, url};
use crate::{
    event::{Invalid, Secret, is_host_owned},
    net::{ClientAuthentication, ClientCredentials, TokenSource},
};

/// What an API key's header is called unless the hub file says otherwise.
const API_KEY_HEADER: &str = "x-api-key";

/// How a destination is shown that we may send to it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(rename = "Auth")]
pub enum AuthSpec {
    /// `authorization: Bearer ...` (RFC 6750).
    Bearer {
        /// The token.
        token: Secret,
    },
    /// `authorization: Basic ...` (RFC 7617).
    Basic {
        /// Without a colon.
        username: String,
        /// The password.
        password: Secret,
    },
    /// A key in a header of its own.
    ApiKey {
        /// `x-api-key` unless told otherwise.
        header: Option<String>,
        /// The key.
        value: Secret,
    },
    /// A token by client credentials (RFC 6749, section 4.4).
    Oauth2 {
        /// The token endpoint.
        token_url: String,
        /// The client's id.
        client_id: String,
        /// The client's secret.
        client_secret: Secret,
        /// What the token is for, in the endpoint's words.
        scope: Option<String>,
        /// Whom the token is for, where the endpoint asks for it.
        audience: Option<String>,
        /// Where id and secret stand: `basic` (a header) unless told otherwise, or `post` (the body).
        #[serde(default)]
        client_authentication: ClientAuthentication,
    },
}

/// What an [`AuthSpec`] comes to.
pub(super) enum Auth {
    Header(HeaderName, HeaderValue),
    Tokens(Arc<TokenSource>),
}

impl AuthSpec {
    pub(super) fn refine(&self) -> Result<Auth, Invalid> {
        match self {
            Self::Bearer { token } => {
                let value = header::fixed(&Zeroizing::new(format!("Bearer {}", token.expose())));
                Ok(Auth::Header(AUTHORIZATION, given(value, token, "/auth/token")?))
            }
            Self::Basic { username, .. } if username.contains(':') => {
                Err(Invalid::at("/auth/username", "a user's name has no colon (RFC 7617)"))
            }
            Self::Basic { username, password } => {
                let pair = Zeroizing::new(format!("{username}:{}", password.expose()));
                let value = header::fixed(&format!("Basic {}", BASE64_STANDARD.encode(pair.as_bytes())));
                Ok(Auth::Header(AUTHORIZATION, given(value, password, "/auth/password")?))
            }
            Self::ApiKey { header, value } => {
                let name = header_name(header.as_deref().unwrap_or(API_KEY_HEADER))?;
                Ok(Auth::Header(name, given(header::fixed(value.expose()), value, "/auth/value")?))
            }
            Self::Oauth2 { token_url, client_id, client_secret, scope, audience, client_authentication } => {
                let token_url =
                    url::fixed(token_url).map_err(|Invalid { message, .. }| Invalid::at("/auth/token_url", message))?;
                let credentials = ClientCredentials {
                    token_url,
                    client_id: client_id.clone(),
                    client_secret: Zeroizing::new(client_secret.expose().to_owned()),
                    scope: scope.clone(),
                    audience: audience.clone(),
                    authentication: *client_authentication,
                };
                Ok(Auth::Tokens(Arc::new(TokenSource::new(credentials))))
            }
        }
    }
}

/// The header's value, where the secret is not empty and HTTP can carry it.
fn given(value: Option<HeaderValue>, secret: &Secret, pointer: &str) -> Result<HeaderValue, Invalid> {
    let value = value.filter(|_| !secret.expose().is_empty());
    value.ok_or_else(|| Invalid::at(pointer, "this is empty, or no text that a header can carry: visible ASCII on one line"))
}

fn header_name(name: &str) -> Result<HeaderName, Invalid> {
    let refused = |message| Invalid::at("/auth/header", message);
    let parsed: HeaderName = name.parse().map_err(|_| refused(format!("`{name}` is not a header's name")))?;
    if is_host_owned(parsed.as_str()) {
        return Err(refused(format!("`{parsed}` is set by Sluicebox itself; name another header")));
    }
    Ok(parsed)
}
