//! How often a key may call, and how often an address may present a wrong one. What sends and fetches events is not counted: it has bounds of
//! its own.
//!
//! An answer says what its key has left as draft-ietf-httpapi-ratelimit-headers-10 has it. A good key is never refused for the wrong ones of its
//! address: many share one behind a proxy, none is to be locked out by another, and keys are too long to be guessed.

use std::net::IpAddr;

use axum::response::Response;
use http::{HeaderName, HeaderValue, StatusCode};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

use super::{
    Options,
    pace::{Paces, Quota, Taken, TooMany},
};
use crate::{event::Timestamp, ingest::Problem};

/// The keys whose calls are remembered.
const KEYS_MAX: usize = 10_000;
/// The addresses whose wrong keys are remembered.
const ADDRESSES_MAX: usize = 10_000;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// What all callers have left.
pub(super) struct Allowance {
    calls: Paces<String>,
    wrong_keys: Paces<Option<IpAddr>>,
    refused: Family<Refused, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refused {
    reason: &'static str,
}

impl Allowance {
    pub(super) fn new(options: &Options, registry: &mut Registry) -> Self {
        let refused = Family::default();
        let help = "Calls refused since too many came, by reason: a key's calls, or an address's wrong keys";
        registry.register("sluicebox_api_calls_refused", help, Family::clone(&refused));
        let calls = Quota { per_second: options.calls_per_second_max, burst: options.calls_burst_max };
        let wrong_keys = Quota { per_second: options.wrong_keys_per_second_max, burst: options.wrong_keys_burst_max };
        Self { calls: Paces::new(calls, KEYS_MAX), wrong_keys: Paces::new(wrong_keys, ADDRESSES_MAX), refused }
    }

    /// Takes a call of a key.
    pub(super) fn call(&self, key: &str, now: Timestamp) -> Result<Taken, TooMany> {
        self.calls.take(&key.to_owned(), now).inspect_err(|_| {
            self.refused.get_or_create(&Refused { reason: "calls" }).inc();
        })
    }

    /// Takes a wrong key of an address, or says that there were too many.
    pub(super) fn wrong_key(&self, from: Option<IpAddr>, now: Timestamp) -> Result<(), Problem> {
        self.wrong_keys.take(&from, now).map(drop).map_err(|TooMany { wait_secs }| {
            self.refused.get_or_create(&Refused { reason: "wrong-keys" }).inc();
            let detail = "too many wrong keys came from this address; come again later, with a good one";
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-wrong-keys", detail).retry_after(wait_secs)
        })
    }

    /// The refusal of a call that is one too many.
    pub(super) fn refusal(&self, TooMany { wait_secs }: TooMany) -> Problem {
        let per_second = self.calls.quota().per_second;
        let detail = format!(
            "this key makes more than {per_second} calls in a second, which is the limit (`calls_per_second_max` of the server)"
        );
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-calls", detail).retry_after(wait_secs)
    }

    /// Says in an answer what its key has left.
    pub(super) fn tell(&self, taken: Result<Taken, TooMany>, answer: &mut Response) {
        let quota = self.calls.quota();
        let (remaining, secs) = match taken {
            Ok(Taken { remaining, reset_secs }) => (remaining, reset_secs),
            Err(TooMany { wait_secs }) => (0, wait_secs),
        };
        let policy = format!("\"key\";q={};w={}", quota.burst, quota.window_secs());
        for (name, value) in [(POLICY, policy), (LIMIT, format!("\"key\";r={remaining};t={secs}"))] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                answer.headers_mut().insert(name, value);
            }
        }
    }
}
