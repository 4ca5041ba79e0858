//! The table of schemes. A provider that signs with an HMAC is a row of data and nothing else; `hmac` is the row that the hub
//! file fills in itself.

use super::{Algorithm, Encoding, key::KeyForm, token::Wrapping};

/// How far the time of signing may be from now: the five minutes of Standard Webhooks, Stripe and Slack.
const TOLERANCE_MS: u64 = 300_000;

/// One scheme.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) method: Method,
    /// The fields of the spec that it takes beside the secret.
    pub(super) settings: &'static [&'static str],
}

/// How a scheme proves where a request is from.
#[derive(Debug)]
pub(super) enum Method {
    /// Not at all.
    Nothing,
    /// By showing the secret in this header.
    Token { header: &'static str, wrapping: Wrapping },
    /// By signing like this.
    Signature(Layout<'static>),
    /// By signing as the spec says.
    Configured,
    /// By what the plugin that the spec names asks for.
    Plugin,
}

/// A signature, described: what the engine needs, as text still to be checked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) encoding: Encoding,
    pub(super) key: KeyForm,
    pub(super) header: &'a str,
    /// What separates the entries of the header, where it is a list.
    pub(super) separator: Option<char>,
    pub(super) prefix: &'a str,
    pub(super) time: Option<TimeAt<'a>>,
    pub(super) id_header: Option<&'a str>,
    pub(super) signed: &'a str,
    pub(super) tolerance_ms: u64,
}

/// Where the time of signing stands.
#[derive(Clone, Copy, Debug)]
pub(super) enum TimeAt<'a> {
    /// In this header.
    Header(&'a str),
    /// In the signature's header, as the entry with this prefix.
    Entry(&'a str),
}

/// What a layout is unless its row says otherwise.
pub(super) const PLAIN: Layout<'static> = Layout {
    algorithm: Algorithm::Sha256,
    encoding: Encoding::Hex,
    key: KeyForm::Text,
    header: "",
    separator: None,
    prefix: "",
    time: None,
    id_header: None,
    signed: "{body}",
    tolerance_ms: TOLERANCE_MS,
};

/// All schemes.
pub(super) const SCHEMES: &[Row] = &[
    Row {
        name: "github",
        method: Method::Signature(Layout { header: "x-hub-signature-256", prefix: "sha256=", ..PLAIN }),
        settings: &[],
    },
    // SHA-256 under the name that GitHub gave to its SHA-1.
    Row {
        name: "bitbucket",
        method: Method::Signature(Layout { header: "x-hub-signature", prefix: "sha256=", ..PLAIN }),
        settings: &[],
    },
    Row {
        name: "stripe",
        method: Method::Signature(Layout {
            header: "stripe-signature",
            separator: Some(','),
            prefix: "v1=",
            time: Some(TimeAt::Entry("t=")),
            signed: "{timestamp}.{body}",
            ..PLAIN
        }),
        settings: &[],
    },
    Row {
        name: "slack",
        method: Method::Signature(Layout {
            header: "x-slack-signature",
            prefix: "v0=",
            time: Some(TimeAt::Header("x-slack-request-timestamp")),
            signed: "v0:{timestamp}:{body}",
            ..PLAIN
        }),
        settings: &[],
    },
    Row {
        name: "zoom",
        method: Method::Signature(Layout {
            header: "x-zm-signature",
            prefix: "v0=",
            time: Some(TimeAt::Header("x-zm-request-timestamp")),
            signed: "v0:{timestamp}:{body}",
            ..PLAIN
        }),
        settings: &[],
    },
    Row {
        name: "shopify",
        method: Method::Signature(Layout { header: "x-shopify-hmac-sha256", encoding: Encoding::Base64, ..PLAIN }),
        settings: &[],
    },
    Row {
        name: "square",
        method: Method::Signature(Layout {
            header: "x-square-hmacsha256-signature",
            encoding: Encoding::Base64,
            signed: "{url}{body}",
            ..PLAIN
        }),
        settings: &["url"],
    },
    Row {
        name: "standard-webhooks",
        method: Method::Signature(Layout {
            header: "webhook-signature",
            time: Some(TimeAt::Header("webhook-timestamp")),
            id_header: Some("webhook-id"),
            ..STANDARD_WEBHOOKS
        }),
        settings: &[],
    },
    // The same under the names that it had before it was a standard.
    Row {
        name: "svix",
        method: Method::Signature(Layout {
            header: "svix-signature",
            time: Some(TimeAt::Header("svix-timestamp")),
            id_header: Some("svix-id"),
            ..STANDARD_WEBHOOKS
        }),
        settings: &[],
    },
    Row {
        name: "hmac",
        method: Method::Configured,
        settings: &["header", "algorithm", "encoding", "prefix", "signed", "timestamp_header", "id_header", "tolerance", "url"],
    },
    Row { name: "gitlab", method: Method::Token { header: "x-gitlab-token", wrapping: Wrapping::Plain }, settings: &[] },
    Row { name: "api-key", method: Method::Token { header: "x-api-key", wrapping: Wrapping::Plain }, settings: &["header"] },
    Row { name: "bearer", method: Method::Token { header: "authorization", wrapping: Wrapping::Bearer }, settings: &[] },
    Row { name: "basic", method: Method::Token { header: "authorization", wrapping: Wrapping::Basic }, settings: &["username"] },
    Row { name: "none", method: Method::Nothing, settings: &[] },
    Row { name: "plugin", method: Method::Plugin, settings: &["plugin", "credential_headers"] },
];

/// Standard Webhooks 1.0.0, version `v1`; entries of other versions are ignored.
const STANDARD_WEBHOOKS: Layout<'static> = Layout {
    encoding: Encoding::Base64,
    key: KeyForm::Whsec,
    separator: Some(' '),
    prefix: "v1,",
    signed: "{id}.{timestamp}.{body}",
    ..PLAIN
};
