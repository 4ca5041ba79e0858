//! Providers that are in demand and publish neither a package that verifies nor a request with its key: these rows are their documentation's
//! words, and nothing more.

use super::{Algorithm, Encoding, Layout, Method, PLAIN, PlaceAt, ROW, Row, TimeAt, TimeUnit};

/// Them.
pub(super) const ROWS: &[Row] = &[
    Row {
        name: "intercom",
        method: Method::Signature(Layout { algorithm: Algorithm::Sha1, prefix: "sha1=", ..hmac("x-hub-signature") }),
        ..ROW
    },
    // One signature for each of the account's secrets.
    Row {
        name: "pagerduty",
        method: Method::Signature(Layout { separator: Some(','), prefix: "v1=", ..hmac("x-pagerduty-signature") }),
        ..ROW
    },
    Row {
        name: "paystack",
        method: Method::Signature(Layout { algorithm: Algorithm::Sha512, ..hmac("x-paystack-signature") }),
        ..ROW
    },
    Row {
        name: "typeform",
        method: Method::Signature(Layout { encoding: Encoding::Base64, prefix: "sha256=", ..hmac("typeform-signature") }),
        ..ROW
    },
    Row {
        name: "woocommerce",
        method: Method::Signature(Layout { encoding: Encoding::Base64, ..hmac("x-wc-webhook-signature") }),
        ..ROW
    },
    Row {
        name: "zendesk",
        method: Method::Signature(Layout {
            encoding: Encoding::Base64,
            time: Some(TimeAt::At(PlaceAt::Header("x-zendesk-webhook-signature-timestamp"))),
            unit: TimeUnit::Rfc3339,
            signed: "{timestamp}{body}",
            ..hmac("x-zendesk-webhook-signature")
        }),
        ..ROW
    },
];

const fn hmac(header: &'static str) -> Layout<'static> {
    Layout { place: PlaceAt::Header(header), ..PLAIN }
}
