//! Signed requests of every scheme, forged in every way that somebody thought of, and changed at random. What a scheme covers is told for each
//! fixture, so that nothing is changed that means the same afterwards: a form's order, a header's case, an entry that is ignored.

mod fixtures;
mod forge;
mod mutate;
mod place;

use serde_json::{Value, json};
use sluicebox::{
    event::Timestamp,
    verify::{Refusal, Sample, Scheme, Spec, Verified},
};

pub use fixtures::fixtures;
pub use forge::{Forgery, forgeries};
pub use mutate::mutated;
pub use place::At;

/// Milliseconds since the Unix epoch at which fixtures are signed.
pub const NOW: Timestamp = Timestamp(1_700_000_000_000);

/// The id under which fixtures are signed.
pub const ID: &str = "msg_2026";

/// A source, and a request of it.
#[derive(Clone, Debug)]
pub struct Fixture {
    /// For people; begins with the scheme's name.
    pub label: &'static str,
    /// How the source verifies.
    pub spec: Value,
    /// The same source declared by `scheme = "signature"`, for schemes that sign.
    pub own: Option<Value>,
    /// The provider's half of a key whose other half is in `spec`.
    pub private: Option<String>,
    /// The same source with another key, and the provider's half of that.
    pub other: (Value, Option<String>),
    /// The request before it is signed.
    pub unsigned: Sample,
    /// Where the signature or the secret stands.
    pub signature: At,
    /// Where the time of signing stands.
    pub time: Option<At>,
    /// Where the id stands.
    pub id: Option<At>,
    /// What of the request is signed.
    pub covers: Covers,
    /// How far the time may be off.
    pub tolerance_ms: u64,
}

/// What a signature covers beside time and id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Covers {
    /// The exact bytes of the body.
    pub body: bool,
    /// The body's pairs of key and value.
    pub form: bool,
    /// The URL.
    pub url: bool,
    /// The method.
    pub method: bool,
}

impl Fixture {
    /// The source.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        scheme(&self.spec)
    }

    /// The request, signed.
    #[must_use]
    pub fn signed(&self) -> Sample {
        self.signed_with(&self.unsigned, NOW)
    }

    /// This request, signed at this time.
    #[must_use]
    pub fn signed_with(&self, unsigned: &Sample, at: Timestamp) -> Sample {
        let mut sample = unsigned.clone();
        self.scheme().sign(&mut sample, ID, at, self.private.as_deref()).expect(self.label);
        sample
    }

    /// The request, signed with a key that is another's.
    #[must_use]
    pub fn signed_by_another(&self) -> Sample {
        let mut sample = self.unsigned.clone();
        let (spec, private) = &self.other;
        scheme(spec).sign(&mut sample, ID, NOW, private.as_deref()).expect(self.label);
        sample
    }

    /// Whether its secret is shown and nothing is signed.
    #[must_use]
    pub fn is_token(&self) -> bool {
        self.covers == Covers::default() && self.id.is_none()
    }
}

/// The scheme of a spec that is good.
#[must_use]
pub fn scheme(spec: &Value) -> Scheme {
    let refined = serde_json::from_value::<Spec>(spec.clone()).expect("the spec has the right form").refine();
    refined.unwrap_or_else(|invalid| panic!("{spec}: {invalid}"))
}

/// What a scheme says of a request; a handshake is no event.
///
/// # Errors
/// Where it is not its source's.
pub fn verdict(scheme: &Scheme, sample: &Sample, now: Timestamp) -> Result<(), Refusal> {
    match scheme.verify(sample.request(), now)? {
        Verified::Event(_) => Ok(()),
        Verified::Handshake(response) => panic!("no handshake was meant: {response:?}"),
    }
}

/// A spec with further fields.
fn with(spec: &Value, more: &Value) -> Value {
    let mut spec = spec.as_object().cloned().unwrap_or_default();
    spec.extend(more.as_object().cloned().unwrap_or_default());
    json!(spec)
}
