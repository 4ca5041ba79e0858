//! Schemes of no one provider.

use super::{Evidence, Method, PlaceAt, ROW, Row, Shown, Wrapping};

/// What a signature of one's own may say.
const SIGNATURE: &[&str] = &[
    "header",
    "json",
    "query",
    "header_alias",
    "algorithm",
    "encoding",
    "secret_encoding",
    "separator",
    "prefix",
    "public_prefix",
    "signed",
    "timestamp_header",
    "timestamp_json",
    "timestamp_query",
    "timestamp_prefix",
    "timestamp_unit",
    "tolerance",
    "id_header",
    "id_json",
    "id_query",
    "url",
    "body_hash_query",
    "unsigned_body",
    "handshake",
    "verify_token",
];

/// Them.
pub(super) const ROWS: &[Row] = &[
    Row { name: "hmac", method: Method::Configured, settings: SIGNATURE, ..STANDARD },
    Row { name: "signature", method: Method::Configured, settings: SIGNATURE, ..STANDARD },
    Row {
        name: "api-key",
        method: Method::Token(Shown { place: PlaceAt::Header("x-api-key"), wrapping: Wrapping::Plain }),
        settings: &["header", "json", "query", "handshake", "verify_token"],
        ..STANDARD
    },
    Row {
        name: "bearer",
        method: Method::Token(Shown { place: PlaceAt::Header("authorization"), wrapping: Wrapping::Bearer }),
        settings: &["handshake", "verify_token"],
        ..STANDARD
    },
    Row {
        name: "basic",
        method: Method::Token(Shown { place: PlaceAt::Header("authorization"), wrapping: Wrapping::Basic }),
        settings: &["username", "handshake", "verify_token"],
        ..STANDARD
    },
    Row {
        name: "jwt",
        method: Method::Jwt,
        settings: &[
            "header",
            "jwks_url",
            "issuer",
            "audience",
            "algorithms",
            "tolerance",
            "body_hash_claim",
            "handshake",
            "verify_token",
        ],
        ..STANDARD
    },
    Row { name: "none", method: Method::Nothing, ..STANDARD },
    Row { name: "plugin", method: Method::Plugin, settings: &["plugin", "credential_headers"], ..STANDARD },
];

const STANDARD: Row = Row { evidence: Evidence::Standard, ..ROW };
