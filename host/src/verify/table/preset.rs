//! The table in words, for documentation and for whoever offers a choice of schemes.

use super::{
    super::{Algorithm, Encoding, place::PlaceAt, token::Wrapping},
    Evidence, Layout, Method, Row, Shown, TimeAt, schemes,
};

/// A scheme as it is documented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preset {
    /// As the hub file writes it.
    pub name: &'static str,
    /// The settings that it takes beside its keys.
    pub settings: &'static [&'static str],
    /// Whether its keys are public ones.
    pub is_public: bool,
    /// What is shown or signed, where and how.
    pub proof: String,
    /// What keeps a request from being sent again.
    pub replay: String,
    /// The kind of request that is answered instead of stored.
    pub handshake: Option<&'static str>,
    /// Against what it was checked.
    pub evidence: Evidence,
}

/// All schemes.
#[must_use]
pub fn presets() -> Vec<Preset> {
    schemes().map(Preset::of).collect()
}

impl Evidence {
    /// In a word.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Vector => "vector",
            Self::Sdk => "SDK",
            Self::Standard => "-",
            Self::Unverified => "unverified",
        }
    }
}

impl Preset {
    fn of(row: &Row) -> Self {
        let layout = match row.method {
            Method::Signature(layout) | Method::Either(_, layout) => Some(layout),
            _ => None,
        };
        let proof = match row.method {
            Method::Nothing => "nothing".to_owned(),
            Method::Token(shown) => told_token(shown),
            Method::Signature(layout) => told_signature(layout),
            Method::Either(shown, layout) => format!("{}; or {}", told_token(shown), told_signature(layout)),
            Method::Configured => "as configured".to_owned(),
            Method::Jwt => "a JSON Web Token (RFC 7519) after `Bearer` in `Authorization`, or in the header named".to_owned(),
            Method::Plugin => "what the plugin asks for".to_owned(),
        };
        Self {
            name: row.name,
            settings: row.settings,
            is_public: layout.is_some_and(|layout| layout.algorithm.is_public()),
            proof,
            replay: layout.map_or("-".to_owned(), told_replay),
            handshake: row.handshake,
            evidence: row.evidence,
        }
    }
}

fn told_token(Shown { place, wrapping }: Shown) -> String {
    let how = match wrapping {
        Wrapping::Plain => "the secret",
        Wrapping::Bearer => "`Bearer` and the secret",
        Wrapping::Basic => "`Basic`, user and secret",
    };
    format!("{how} in {}", told_place(place))
}

fn told_signature(layout: Layout<'_>) -> String {
    let algorithm = match layout.algorithm {
        Algorithm::Sha1 => "HMAC-SHA1",
        Algorithm::Sha256 => "HMAC-SHA256",
        Algorithm::Sha384 => "HMAC-SHA384",
        Algorithm::Sha512 => "HMAC-SHA512",
        Algorithm::Ed25519 => "Ed25519",
        Algorithm::EcdsaP256 => "ECDSA P-256",
    };
    let encoding = match layout.encoding {
        Encoding::Hex => "hex",
        Encoding::HexUpper => "upper-case hex",
        Encoding::Base64 => "base64",
        Encoding::Base64url => "base64url",
    };
    let public = layout.public_prefix.map_or(String::new(), |prefix| format!(", `{prefix}` by Ed25519"));
    let prefix = if layout.prefix.is_empty() { String::new() } else { format!(" `{}`", layout.prefix) };
    let hash = layout.body_hash.map_or(String::new(), |name| format!(" (`{name}` where the body is no form)"));
    format!("{}:{prefix} {encoding} {algorithm}{public} of `{}`{hash}", told_place(layout.place), layout.signed)
}

fn told_replay(layout: Layout<'_>) -> String {
    let Some(time) = layout.time else { return "-".to_owned() };
    let place = match time {
        TimeAt::At(place) => told_place(place),
        TimeAt::Entry(prefix) => format!("`{prefix}`"),
    };
    let once = if layout.unsigned_body { ", each id once" } else { "" };
    format!("{place} within {} s{once}", layout.tolerance_ms / 1000)
}

fn told_place(place: PlaceAt<'_>) -> String {
    match place {
        PlaceAt::Header(name) => format!("`{name}`"),
        PlaceAt::Json(path) => format!("`{path}` of the JSON body"),
        PlaceAt::Query(name) => format!("`?{name}=`"),
    }
}
