//! A destination as the hub file declares it, and what makes it a good one.

mod auth;
mod header;
pub(super) mod signing;
#[cfg(test)]
mod tests;
mod tls;
pub(super) mod url;

use std::{collections::BTreeMap, ops::RangeInclusive, sync::Arc};

use http::{HeaderName, Method, header::AUTHORIZATION};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use super::{
    bounds::{count_within, ms_within},
    confirm::ConfirmSpec,
    destination::{Compression, Destination, Format, OwnClient, carries_no_body},
    header::HeaderText,
    order::OrderSpec,
    pace::{BreakerSpec, RateSpec},
    retry::RetrySpec,
};
use crate::{
    event::{Duration, Invalid, Secret},
    net::TokenSource,
    sign,
};
use auth::Auth;

const TIMEOUT_MS: RangeInclusive<u64> = 1_000..=60_000;
const TIMEOUT_MS_DEFAULT: u64 = 20_000;
const CONCURRENCY: RangeInclusive<u32> = 1..=256;
const CONCURRENCY_DEFAULT: u32 = 8;

pub use auth::AuthSpec;
pub use signing::FurtherSecret;
pub use tls::TlsSpec;

/// A destination as the hub file declares it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PushDestination")]
pub struct Spec {
    /// `push`, which is meant where none is named; [`super::PullSpec`] and [`super::OnwardSpec`] are the others.
    #[serde(default)]
    #[schemars(schema_with = "push_only")]
    pub kind: Kind,
    /// Where to: `https://` or `http://`. Its path and query may take values from the message, as in `/orders/{data.order.id}`.
    pub url: String,
    /// `POST` (where none is named), `PUT` or `PATCH`; `DELETE` or `GET`, which carry no body.
    pub method: Option<String>,
    /// Sent with each message; they may take values from it. Handled as secrets, since this is where an `authorization` goes.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
    /// The signing secret, `whsec_...` or `whsk_...`. The hub makes one where none is declared.
    pub secret: Option<Secret>,
    /// Further signing secrets, which sign too: the old ones, while receivers change over.
    #[serde(default)]
    pub secrets: Vec<FurtherSecret>,
    /// How it is shown that we may send to it.
    pub auth: Option<AuthSpec>,
    /// TLS as it wants it.
    pub tls: Option<TlsSpec>,
    /// Another scheme that is signed by, beside Standard Webhooks or instead.
    pub signing: Option<sign::Spec>,
    /// From the first lookup to the response's last byte: `1s` to `60s`, else `20s`.
    pub timeout: Option<Duration>,
    /// Deliveries under way at once: 1 to 256, else 8.
    pub concurrency: Option<u32>,
    /// That it confirms by a call of its own; else 2xx is the end.
    pub confirm: Option<ConfirmSpec>,
    /// What it is sent in order; without it, nothing is.
    pub order: Option<OrderSpec>,
    /// When it is tried again, and when it is given up.
    #[serde(default)]
    pub retry: RetrySpec,
    /// What it is sent.
    #[serde(default)]
    pub format: Format,
    /// `gzip`: bodies are compressed. Else they are not.
    pub compression: Option<Compression>,
    /// `false`: it is tried however often that fails. Else when it is left alone for a while.
    pub breaker: Option<BreakerSpec>,
    /// Attempts per second and minute; else as many as there are places.
    #[serde(default)]
    pub rate: RateSpec,
    /// `false`: its deliveries wait. Else `true`.
    pub enabled: Option<bool>,
}

fn push_only(_: &mut SchemaGenerator) -> Schema {
    Kind::Push.only()
}

/// How messages reach a destination.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// They are sent to its URL.
    #[default]
    Push,
    /// They wait until they are fetched.
    Pull,
    /// They come in again, as events of another source.
    Hub,
}

impl Kind {
    /// What the field of a spec may say that is of this kind.
    pub(super) fn only(self) -> Schema {
        let word = match self {
            Self::Push => "push",
            Self::Pull => "pull",
            Self::Hub => "hub",
        };
        json_schema!({ "const": word })
    }
}

/// Where `Spec` holds secrets: JSON pointers, `*` for each item of a list or map.
pub const SECRETS: &[&str] = &[
    "/secret",
    "/secrets/*",
    "/secrets/*/secret",
    "/signing/secret",
    "/headers/*",
    "/auth/token",
    "/auth/password",
    "/auth/value",
    "/auth/client_secret",
    "/tls/client_certificate",
    "/tls/client_key",
    "/tls/ca_certificates",
];

type Headers = Vec<(HeaderName, HeaderText)>;

impl Spec {
    /// Checks the spec and parses what it holds.
    ///
    /// # Errors
    ///
    /// The first value that is refused. A missing `secret` is one: the hub fills it in before.
    pub fn refine(&self) -> Result<Destination, Invalid> {
        let url = url::refine(&self.url)?;
        let method = self.refine_method()?;
        self.refuse_body(&method)?;
        let (headers, tokens) = self.refine_headers()?;
        Ok(Destination {
            tls: self.tls.as_ref().map(|tls| tls.refine(url.is_https())).transpose()?.map(OwnClient::new),
            url,
            method,
            headers,
            tokens,
            timeout_ms: ms_within("/timeout", self.timeout, TIMEOUT_MS_DEFAULT, TIMEOUT_MS)?,
            concurrency: count_within("/concurrency", self.concurrency, CONCURRENCY_DEFAULT, CONCURRENCY)? as usize,
            retry: self.retry.refine()?,
            breaker: BreakerSpec::refine(self.breaker.as_ref())?,
            rate: self.rate.refine()?,
            confirm: self.confirm.as_ref().map(ConfirmSpec::refine).transpose()?,
            order: self.order.as_ref().map(OrderSpec::refine).transpose()?,
            format: self.format,
            compression: self.compression,
            enabled: self.enabled.unwrap_or(true),
            signing: self.refine_signing()?,
        })
    }

    /// The headers sent with each message, that of `auth` among them, or where its tokens come from.
    fn refine_headers(&self) -> Result<(Headers, Option<Arc<TokenSource>>), Invalid> {
        let mut headers = header::refine(&self.headers)?;
        let auth = self.auth.as_ref().map(AuthSpec::refine).transpose()?;
        let (name, tokens) = match auth {
            None => return Ok((headers, None)),
            Some(Auth::Header(name, value)) => {
                let taken = headers.iter().any(|(other, _)| *other == name);
                headers.push((name.clone(), HeaderText::Fixed(value)));
                (taken.then_some(name), None)
            }
            Some(Auth::Tokens(tokens)) => {
                let taken = headers.iter().any(|(other, _)| *other == AUTHORIZATION);
                (taken.then_some(AUTHORIZATION), Some(tokens))
            }
        };
        match name {
            None => Ok((headers, tokens)),
            Some(name) => Err(Invalid::at("/auth", format!("`headers` sets `{name}` too; keep one of the two"))),
        }
    }

    /// A body that is not sent can be neither converted nor compressed.
    fn refuse_body(&self, method: &Method) -> Result<(), Invalid> {
        if !carries_no_body(method) {
            return Ok(());
        }
        if !matches!(self.format, Format::Raw | Format::CloudeventsBinary) {
            let message = format!("{method} carries no body; write \"raw\" or \"cloudevents-binary\", or another method");
            return Err(Invalid::at("/format", message));
        }
        match self.compression {
            None => Ok(()),
            Some(_) => {
                Err(Invalid::at("/compression", format!("{method} carries no body; remove this, or write another method")))
            }
        }
    }

    fn refine_method(&self) -> Result<Method, Invalid> {
        match self.method.as_deref() {
            None | Some("POST") => Ok(Method::POST),
            Some("PUT") => Ok(Method::PUT),
            Some("PATCH") => Ok(Method::PATCH),
            Some("DELETE") => Ok(Method::DELETE),
            Some("GET") => Ok(Method::GET),
            Some(other) => {
                let message = format!("`{other}` is not sent; write \"POST\", \"PUT\", \"PATCH\", \"DELETE\" or \"GET\"");
                Err(Invalid::at("/method", message))
            }
        }
    }
}
