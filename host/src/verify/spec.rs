//! How a source verifies, as the hub file declares it.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Algorithm, Encoding, KeyForm, Scheme, TimeUnit, refine};
use crate::event::{Duration, Invalid, Name, Secret};

/// How a source verifies, as the hub file declares it.
///
/// The fields below `public_keys` belong to single schemes and are refused with any other.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Verify")]
pub struct Spec {
    /// The scheme's name.
    pub scheme: String,
    /// The shared secret.
    pub secret: Option<Secret>,
    /// Several, during rotation.
    #[serde(default)]
    pub secrets: Vec<Secret>,
    /// The provider's public key, where it signs with a private one.
    pub public_key: Option<String>,
    /// Several, during rotation.
    #[serde(default)]
    pub public_keys: Vec<String>,

    /// The header with the signature (`hmac`, `signature`) or the key (`api-key`).
    pub header: Option<String>,
    /// Instead: where the JSON body has it.
    pub json: Option<String>,
    /// Instead: the parameter of the query that has it.
    pub query: Option<String>,
    /// Two beginnings of headers that stand for each other, as in `["webhook-", "svix-"]`.
    pub header_alias: Option<(String, String)>,
    /// How it is made; `sha256`, an HMAC, unless told otherwise.
    pub algorithm: Option<Algorithm>,
    /// How the signature is written; `hex` unless told otherwise.
    pub encoding: Option<Encoding>,
    /// How the secret is written; `text` unless told otherwise.
    pub secret_encoding: Option<KeyForm>,
    /// What stands between the entries, where the header is a list.
    pub separator: Option<char>,
    /// What stands before the signature, as in `sha256=`.
    pub prefix: Option<String>,
    /// What stands before signatures by Ed25519, which are accepted too where there is a public key.
    pub public_prefix: Option<String>,
    /// What is signed, as text around `{id}`, `{timestamp}`, `{method}`, `{url}`, `{form}` and `{body}`; `{body}` unless told otherwise. It
    /// must be certain where the id and a URL that is not configured end: text stands behind them, and the body last.
    pub signed: Option<String>,
    /// The header with the time of signing.
    pub timestamp_header: Option<String>,
    /// Instead: where the JSON body has it.
    pub timestamp_json: Option<String>,
    /// Instead: the parameter of the query that has it.
    pub timestamp_query: Option<String>,
    /// Instead: what stands before it in the list of signatures.
    pub timestamp_prefix: Option<String>,
    /// How it is written; `s` unless told otherwise.
    pub timestamp_unit: Option<TimeUnit>,
    /// How far the time of signing may be from now, either way; five minutes unless told otherwise.
    pub tolerance: Option<Duration>,
    /// The header with the message's id.
    pub id_header: Option<String>,
    /// Instead: where the JSON body has it.
    pub id_json: Option<String>,
    /// Instead: the parameter of the query that has it.
    pub id_query: Option<String>,
    /// The URL that the sender signs, where a proxy hides it from us.
    pub url: Option<String>,
    /// The parameter of the query with the SHA-256 of a body that is no form; for `{url}{form}`.
    pub body_hash_query: Option<String>,
    /// That the signature does not cover the body is accepted: each id is stored once.
    pub unsigned_body: Option<bool>,
    /// The kind of request by which the provider tries the address.
    pub handshake: Option<String>,
    /// The word that the provider shows in such a request.
    pub verify_token: Option<Secret>,
    /// `jwt`: where the issuer's keys are, a JSON Web Key Set.
    pub jwks_url: Option<String>,
    /// `jwt`: who has to have issued the token; anybody who has a key unless told otherwise.
    pub issuer: Option<String>,
    /// `jwt`: for whom it has to be issued; anybody unless told otherwise.
    pub audience: Option<String>,
    /// `jwt`: what it may be signed by, as in `["RS256"]`; all that the keys are good for unless told otherwise.
    #[serde(default)]
    pub algorithms: Vec<String>,
    /// `jwt`: the claim with the SHA-256 of the body, in lower-case hexadecimal digits.
    pub body_hash_claim: Option<String>,
    /// `basic`: the user's name; the secret is the password.
    pub username: Option<String>,
    /// `plugin`: the plugin's name.
    pub plugin: Option<Name>,
    /// Headers that carry credentials beside the usual ones; they are not kept.
    #[serde(default)]
    pub credential_headers: Vec<String>,
}

/// Where `Spec` holds secrets: JSON pointers, `*` for each item of a list.
pub const SECRETS: &[&str] = &["/secret", "/secrets/*", "/verify_token"];

impl Spec {
    /// Checks the spec.
    ///
    /// # Errors
    /// Where the scheme is unknown, a key is missing or malformed, or a field belongs to another scheme.
    pub fn refine(&self) -> Result<Scheme, Invalid> {
        refine::refine(self)
    }

    /// The fields that belong to single schemes, and whether each is given.
    pub(super) fn settings(&self) -> [(&'static str, bool); 33] {
        [
            ("header", self.header.is_some()),
            ("json", self.json.is_some()),
            ("query", self.query.is_some()),
            ("header_alias", self.header_alias.is_some()),
            ("algorithm", self.algorithm.is_some()),
            ("encoding", self.encoding.is_some()),
            ("secret_encoding", self.secret_encoding.is_some()),
            ("separator", self.separator.is_some()),
            ("prefix", self.prefix.is_some()),
            ("public_prefix", self.public_prefix.is_some()),
            ("signed", self.signed.is_some()),
            ("timestamp_header", self.timestamp_header.is_some()),
            ("timestamp_json", self.timestamp_json.is_some()),
            ("timestamp_query", self.timestamp_query.is_some()),
            ("timestamp_prefix", self.timestamp_prefix.is_some()),
            ("timestamp_unit", self.timestamp_unit.is_some()),
            ("tolerance", self.tolerance.is_some()),
            ("id_header", self.id_header.is_some()),
            ("id_json", self.id_json.is_some()),
            ("id_query", self.id_query.is_some()),
            ("url", self.url.is_some()),
            ("body_hash_query", self.body_hash_query.is_some()),
            ("unsigned_body", self.unsigned_body.is_some()),
            ("handshake", self.handshake.is_some()),
            ("verify_token", self.verify_token.is_some()),
            ("jwks_url", self.jwks_url.is_some()),
            ("issuer", self.issuer.is_some()),
            ("audience", self.audience.is_some()),
            ("algorithms", !self.algorithms.is_empty()),
            ("body_hash_claim", self.body_hash_claim.is_some()),
            ("username", self.username.is_some()),
            ("plugin", self.plugin.is_some()),
            ("credential_headers", !self.credential_headers.is_empty()),
        ]
    }
}
