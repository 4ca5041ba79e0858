//! Providers. Each row is what the provider's documentation says; `evidence` tells what it was checked against.

use super::{
    Algorithm, Encoding, Evidence, Hints, KeyForm, Layout, Method, NO_HINTS, PLAIN, PlaceAt, ROW, Row, Shown, TimeAt, Wrapping,
};

/// All providers.
pub(super) const ROWS: &[Row] = &[
    Row {
        name: "github",
        method: Method::Signature(Layout { place: PlaceAt::Header("x-hub-signature-256"), prefix: "sha256=", ..PLAIN }),
        hints: Hints { type_header: Some("x-github-event"), id_header: Some("x-github-delivery") },
        evidence: Evidence::Vector,
        ..ROW
    },
    // Its `x-gitlab-event-uuid` is shared by the events that a webhook causes in turn, so it is no id of one event.
    Row {
        name: "gitlab",
        method: Method::Either(
            Shown { place: PlaceAt::Header("x-gitlab-token"), wrapping: Wrapping::Plain },
            Layout { public_prefix: None, alias: None, ..STANDARD_WEBHOOKS },
        ),
        hints: Hints { type_header: Some("x-gitlab-event"), id_header: Some("idempotency-key") },
        ..ROW
    },
    // SHA-256 under the name that GitHub gave to its SHA-1.
    Row {
        name: "bitbucket",
        method: Method::Signature(Layout { place: PlaceAt::Header("x-hub-signature"), prefix: "sha256=", ..PLAIN }),
        hints: Hints { type_header: Some("x-event-key"), id_header: Some("x-request-uuid") },
        ..ROW
    },
    Row {
        name: "stripe",
        method: Method::Signature(Layout {
            place: PlaceAt::Header("stripe-signature"),
            separator: Some(','),
            prefix: "v1=",
            time: Some(TimeAt::Entry("t=")),
            signed: "{timestamp}.{body}",
            ..PLAIN
        }),
        evidence: Evidence::Sdk,
        ..ROW
    },
    Row {
        name: "slack",
        method: Method::Signature(Layout {
            place: PlaceAt::Header("x-slack-signature"),
            prefix: "v0=",
            time: Some(TimeAt::At(PlaceAt::Header("x-slack-request-timestamp"))),
            signed: "v0:{timestamp}:{body}",
            ..PLAIN
        }),
        handshake: Some("slack"),
        evidence: Evidence::Vector,
        ..ROW
    },
    Row {
        name: "zoom",
        method: Method::Signature(Layout {
            place: PlaceAt::Header("x-zm-signature"),
            prefix: "v0=",
            time: Some(TimeAt::At(PlaceAt::Header("x-zm-request-timestamp"))),
            signed: "v0:{timestamp}:{body}",
            ..PLAIN
        }),
        handshake: Some("zoom"),
        evidence: Evidence::Sdk,
        ..ROW
    },
    Row {
        name: "shopify",
        method: Method::Signature(Layout {
            place: PlaceAt::Header("x-shopify-hmac-sha256"),
            encoding: Encoding::Base64,
            ..PLAIN
        }),
        hints: Hints { type_header: Some("x-shopify-topic"), id_header: Some("x-shopify-webhook-id") },
        evidence: Evidence::Sdk,
        ..ROW
    },
    Row {
        name: "square",
        method: Method::Signature(Layout {
            place: PlaceAt::Header("x-square-hmacsha256-signature"),
            encoding: Encoding::Base64,
            signed: "{url}{body}",
            ..PLAIN
        }),
        settings: &["url"],
        evidence: Evidence::Sdk,
        ..ROW
    },
    Row {
        name: "twilio",
        method: Method::Signature(Layout {
            place: PlaceAt::Header("x-twilio-signature"),
            algorithm: Algorithm::Sha1,
            encoding: Encoding::Base64,
            signed: "{url}{form}",
            body_hash: Some("bodySHA256"),
            ..PLAIN
        }),
        settings: &["url"],
        evidence: Evidence::Vector,
        ..ROW
    },
    Row {
        name: "sendgrid",
        method: Method::Signature(Layout {
            place: PlaceAt::Header("x-twilio-email-event-webhook-signature"),
            algorithm: Algorithm::EcdsaP256,
            encoding: Encoding::Base64,
            time: Some(TimeAt::At(PlaceAt::Header("x-twilio-email-event-webhook-timestamp"))),
            signed: "{timestamp}{body}",
            ..PLAIN
        }),
        evidence: Evidence::Sdk,
        ..ROW
    },
    Row {
        name: "discord",
        method: Method::Signature(Layout {
            place: PlaceAt::Header("x-signature-ed25519"),
            algorithm: Algorithm::Ed25519,
            time: Some(TimeAt::At(PlaceAt::Header("x-signature-timestamp"))),
            signed: "{timestamp}{body}",
            ..PLAIN
        }),
        handshake: Some("discord"),
        evidence: Evidence::Sdk,
        ..ROW
    },
    // Its signature is of two fields beside it; nothing covers the event.
    Row {
        name: "mailgun",
        method: Method::Signature(Layout {
            place: PlaceAt::Json("signature.signature"),
            time: Some(TimeAt::At(PlaceAt::Json("signature.timestamp"))),
            id: Some(PlaceAt::Json("signature.token")),
            signed: "{timestamp}{id}",
            unsigned_body: true,
            ..PLAIN
        }),
        evidence: Evidence::Sdk,
        ..ROW
    },
    Row {
        name: "meta",
        method: Method::Signature(Layout { place: PlaceAt::Header("x-hub-signature-256"), prefix: "sha256=", ..PLAIN }),
        handshake: Some("meta"),
        settings: &["verify_token"],
        ..ROW
    },
    Row {
        name: "x",
        method: Method::Signature(Layout {
            place: PlaceAt::Header("x-twitter-webhooks-signature"),
            encoding: Encoding::Base64,
            prefix: "sha256=",
            ..PLAIN
        }),
        handshake: Some("x"),
        ..ROW
    },
    Row {
        name: "dropbox",
        method: Method::Signature(Layout { place: PlaceAt::Header("x-dropbox-signature"), ..PLAIN }),
        handshake: Some("dropbox"),
        ..ROW
    },
    Row {
        name: "okta",
        method: Method::Token(Shown { place: PlaceAt::Header("authorization"), wrapping: Wrapping::Plain }),
        handshake: Some("okta"),
        settings: &["header"],
        ..ROW
    },
    Row {
        name: "standard-webhooks",
        method: Method::Signature(STANDARD_WEBHOOKS),
        hints: Hints { type_header: None, id_header: Some("webhook-id") },
        evidence: Evidence::Vector,
        ..ROW
    },
    // The same under the names that it had before it was a standard.
    Row {
        name: "svix",
        method: Method::Signature(Layout {
            place: PlaceAt::Header("svix-signature"),
            alias: Some(("svix-", "webhook-")),
            time: Some(TimeAt::At(PlaceAt::Header("svix-timestamp"))),
            id: Some(PlaceAt::Header("svix-id")),
            ..STANDARD_WEBHOOKS
        }),
        hints: Hints { id_header: Some("svix-id"), ..NO_HINTS },
        evidence: Evidence::Vector,
        ..ROW
    },
];

/// Standard Webhooks 1.0.0, versions `v1` and `v1a`; entries of others are ignored.
const STANDARD_WEBHOOKS: Layout<'static> = Layout {
    place: PlaceAt::Header("webhook-signature"),
    alias: Some(("webhook-", "svix-")),
    encoding: Encoding::Base64,
    key: KeyForm::Whsec,
    separator: Some(' '),
    prefix: "v1,",
    public_prefix: Some("v1a,"),
    time: Some(TimeAt::At(PlaceAt::Header("webhook-timestamp"))),
    id: Some(PlaceAt::Header("webhook-id")),
    signed: "{id}.{timestamp}.{body}",
    ..PLAIN
};
