//! The table of schemes. A provider that signs is a row of data and nothing else; `hmac` and `signature` are the row that the hub
//! file fills in itself, and can say whatever a row of a provider says.

mod general;
mod packages;
mod preset;
mod providers;
mod unverified;

pub use preset::{Preset, presets};

use super::{Algorithm, Encoding, KeyForm, TimeUnit, place::PlaceAt, token::Wrapping};

/// How far the time of signing may be from now: the five minutes of Standard Webhooks, Stripe and Slack.
const TOLERANCE_MS: u64 = 300_000;

/// One scheme.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) method: Method,
    /// The requests by which the provider tries an address.
    pub(super) handshake: Option<&'static str>,
    pub(super) hints: Hints,
    /// The fields of the spec that it takes beside the keys.
    pub(super) settings: &'static [&'static str],
    pub(super) evidence: Evidence,
}

/// How a scheme proves where a request is from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Method {
    /// Not at all.
    Nothing,
    /// By showing the secret here.
    Token(Shown),
    /// By signing like this.
    Signature(Layout<'static>),
    /// By signing like this where the secret is one of Standard Webhooks, and otherwise by showing it.
    Either(Shown, Layout<'static>),
    /// By signing as the spec says.
    Configured,
    /// By showing a token that somebody has signed whose keys are known.
    Jwt,
    /// By what the plugin that the spec names asks for.
    Plugin,
}

/// A secret that is shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown {
    pub(super) place: PlaceAt<'static>,
    pub(super) wrapping: Wrapping,
}

/// A signature, described: what the engine needs, as text still to be checked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) encoding: Encoding,
    /// How the secret is written.
    pub(super) key: KeyForm,
    pub(super) place: PlaceAt<'a>,
    /// Two beginnings of headers that stand for each other.
    pub(super) alias: Option<(&'a str, &'a str)>,
    /// What separates the entries, where the place holds a list.
    pub(super) separator: Option<char>,
    pub(super) prefix: &'a str,
    /// What stands before signatures by Ed25519, where those are accepted too.
    pub(super) public_prefix: Option<&'a str>,
    pub(super) time: Option<TimeAt<'a>>,
    pub(super) unit: TimeUnit,
    pub(super) tolerance_ms: u64,
    pub(super) id: Option<PlaceAt<'a>>,
    pub(super) signed: &'a str,
    /// The parameter of the query with the SHA-256 of a body that is no form.
    pub(super) body_hash: Option<&'a str>,
    /// The body is not signed, so each id is good once.
    pub(super) unsigned_body: bool,
}

/// Where the time of signing stands.
#[derive(Clone, Copy, Debug)]
pub(super) enum TimeAt<'a> {
    /// In a place of its own.
    At(PlaceAt<'a>),
    /// In the list of signatures, as the entry with this prefix.
    Entry(&'a str),
}

/// Where a provider puts an event's facts, unless the source says otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    /// The header with the type.
    pub type_header: Option<&'static str>,
    /// The header with the provider's id.
    pub id_header: Option<&'static str>,
}

/// Against what a row was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// A request that the provider publishes, with its key.
    Vector,
    /// Requests that the provider's own library signs.
    Sdk,
    /// It follows a standard, or the hub file says what it is.
    Standard,
    /// The provider's words only.
    Unverified,
}

/// What a layout is unless its row says otherwise.
pub(super) const PLAIN: Layout<'static> = Layout {
    algorithm: Algorithm::Sha256,
    encoding: Encoding::Hex,
    key: KeyForm::Text,
    place: PlaceAt::Header(""),
    alias: None,
    separator: None,
    prefix: "",
    public_prefix: None,
    time: None,
    unit: TimeUnit::Seconds,
    tolerance_ms: TOLERANCE_MS,
    id: None,
    signed: "{body}",
    body_hash: None,
    unsigned_body: false,
};

const NO_HINTS: Hints = Hints { type_header: None, id_header: None };

/// What a row is unless it says otherwise.
const ROW: Row =
    Row { name: "", method: Method::Nothing, handshake: None, hints: NO_HINTS, settings: &[], evidence: Evidence::Unverified };

/// All schemes: those of providers first.
pub(super) fn schemes() -> impl Iterator<Item = &'static Row> {
    [providers::ROWS, packages::ROWS, unverified::ROWS, general::ROWS].into_iter().flatten()
}
