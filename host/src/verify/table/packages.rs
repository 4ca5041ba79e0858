//! Providers whose own packages sign or verify: each row was checked against the package that docs/sources.md names.

use super::{Encoding, Evidence, KeyForm, Layout, Method, PLAIN, PlaceAt, ROW, Row, TimeAt, TimeUnit};

/// Them.
pub(super) const ROWS: &[Row] = &[
    // Of banking and of the platform. A standard notification signs eight of its fields, within itself.
    Row {
        name: "adyen",
        method: Method::Signature(Layout { encoding: Encoding::Base64, key: KeyForm::Hex, ..hmac("hmacsignature") }),
        ..SDK
    },
    // By its primary key. Its clock may be as far away as it says.
    Row {
        name: "box",
        method: Method::Signature(Layout {
            encoding: Encoding::Base64,
            time: Some(TimeAt::At(PlaceAt::Header("box-delivery-timestamp"))),
            unit: TimeUnit::Rfc3339,
            tolerance_ms: 600_000,
            signed: "{body}{timestamp}",
            ..hmac("box-signature-primary")
        }),
        ..SDK
    },
    Row { name: "coinbase-commerce", method: Method::Signature(hmac("x-cc-webhook-signature")), ..SDK },
    // One signature for each of the client's secrets.
    Row {
        name: "cronofy",
        method: Method::Signature(Layout { encoding: Encoding::Base64, separator: Some(','), ..hmac("cronofy-hmac-sha256") }),
        ..SDK
    },
    Row { name: "easypost", method: Method::Signature(Layout { prefix: "hmac-sha256-hex=", ..hmac("x-hmac-signature") }), ..SDK },
    Row { name: "gocardless", method: Method::Signature(hmac("webhook-signature")), ..SDK },
    Row {
        name: "hookdeck",
        method: Method::Signature(Layout { encoding: Encoding::Base64, ..hmac("x-hookdeck-signature") }),
        ..SDK
    },
    // The third version of its signatures; the first two are hashes without a time.
    Row {
        name: "hubspot",
        method: Method::Signature(Layout {
            encoding: Encoding::Base64,
            time: Some(TimeAt::At(PlaceAt::Header("x-hubspot-request-timestamp"))),
            unit: TimeUnit::Milliseconds,
            signed: "{method}{url}{body}{timestamp}",
            ..hmac("x-hubspot-signature-v3")
        }),
        settings: &["url"],
        ..SDK
    },
    Row {
        name: "imagekit",
        method: Method::Signature(Layout { unit: TimeUnit::Milliseconds, ..entries("x-ik-signature") }),
        ..SDK
    },
    Row {
        name: "kontent",
        method: Method::Signature(Layout { encoding: Encoding::Base64, ..hmac("x-kontent-ai-signature") }),
        ..SDK
    },
    Row { name: "line", method: Method::Signature(Layout { encoding: Encoding::Base64, ..hmac("x-line-signature") }), ..SDK },
    // Its time is a part of the body.
    Row {
        name: "linear",
        method: Method::Signature(Layout {
            time: Some(TimeAt::At(PlaceAt::Json("webhookTimestamp"))),
            unit: TimeUnit::Milliseconds,
            tolerance_ms: 60_000,
            ..hmac("linear-signature")
        }),
        ..SDK
    },
    Row { name: "mux", method: Method::Signature(entries("mux-signature")), ..SDK },
    Row { name: "notion", method: Method::Signature(Layout { prefix: "sha256=", ..hmac("x-notion-signature") }), ..SDK },
    Row { name: "onfido", method: Method::Signature(hmac("x-sha2-signature")), ..SDK },
    Row {
        name: "paddle",
        method: Method::Signature(Layout {
            separator: Some(';'),
            prefix: "h1=",
            time: Some(TimeAt::Entry("ts=")),
            signed: "{timestamp}:{body}",
            ..hmac("paddle-signature")
        }),
        ..SDK
    },
    Row { name: "pusher", method: Method::Signature(hmac("x-pusher-signature")), ..SDK },
    Row { name: "razorpay", method: Method::Signature(hmac("x-razorpay-signature")), ..SDK },
    Row {
        name: "retell",
        method: Method::Signature(Layout {
            separator: Some(','),
            prefix: "d=",
            time: Some(TimeAt::Entry("v=")),
            unit: TimeUnit::Milliseconds,
            signed: "{body}{timestamp}",
            ..hmac("x-retell-signature")
        }),
        ..SDK
    },
    Row {
        name: "sanity",
        method: Method::Signature(Layout {
            encoding: Encoding::Base64url,
            unit: TimeUnit::Milliseconds,
            ..entries("sanity-webhook-signature")
        }),
        ..SDK
    },
    Row { name: "stream", method: Method::Signature(hmac("x-signature")), ..SDK },
    Row { name: "viber", method: Method::Signature(hmac("x-viber-content-signature")), ..SDK },
    Row {
        name: "webflow",
        method: Method::Signature(Layout {
            time: Some(TimeAt::At(PlaceAt::Header("x-webflow-timestamp"))),
            unit: TimeUnit::Milliseconds,
            signed: "{timestamp}:{body}",
            ..hmac("x-webflow-signature")
        }),
        ..SDK
    },
    Row {
        name: "workos",
        method: Method::Signature(Layout { unit: TimeUnit::Milliseconds, tolerance_ms: 180_000, ..entries("workos-signature") }),
        ..SDK
    },
];

const SDK: Row = Row { evidence: Evidence::Sdk, ..ROW };

/// The body's HMAC with SHA-256 in hexadecimal digits, and what it is unless a row says otherwise.
const fn hmac(header: &'static str) -> Layout<'static> {
    Layout { place: PlaceAt::Header(header), ..PLAIN }
}

/// As Stripe writes it: a list of the time and of signatures of the time and the body.
const fn entries(header: &'static str) -> Layout<'static> {
    Layout { separator: Some(','), prefix: "v1=", time: Some(TimeAt::Entry("t=")), signed: "{timestamp}.{body}", ..hmac(header) }
}
