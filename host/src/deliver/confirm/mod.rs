//! Confirmation: a destination that works a message off later says by a call of its own that it is done. 2xx only means that it has
//! received the message; what is not confirmed in time has failed after all, and is tried again.
//!
//! The URL to call carries a token for one attempt of one message. It is made of the data folder's key and not stored, so it outlives a
//! restart, and a stranger's is refused before any store is asked. It opens one delivery to whoever holds it: it is never logged. `take` takes
//! the calls.

mod take;

pub use take::Confirmations;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    backoff::delay_ms,
    bounds::{DAY_MS, ms_within},
    destination::Destination,
    retry::Retry,
    settle::{Tried, again_or_dead},
};
use crate::{
    event::{Duration, Failure, Invalid, MessageId, Name, Timestamp},
    journal::{Attempt, Delivery, Verdict},
    sign::TokenKey,
};

/// Where to confirm.
const CONFIRM: HeaderName = HeaderName::from_static("sluicebox-confirm");
/// By when, in seconds since the Unix epoch, if the answer comes at once.
const CONFIRM_BY: HeaderName = HeaderName::from_static("sluicebox-confirm-by");

const PURPOSE: &str = "confirm";

const WITHIN_MS: std::ops::RangeInclusive<u64> = 1_000..=7 * DAY_MS;
const WITHIN_MS_DEFAULT: u64 = DAY_MS / 24;

/// That a destination confirms, as the hub file declares it.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Confirm")]
pub struct ConfirmSpec {
    /// How long it may take, from its answer on: `1s` to `7d`, else `1h`.
    pub within: Option<Duration>,
}

/// That a destination confirms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Confirm {
    within_ms: u64,
}

impl ConfirmSpec {
    pub(super) fn refine(&self) -> Result<Confirm, Invalid> {
        Ok(Confirm { within_ms: ms_within("/confirm/within", self.within, WITHIN_MS_DEFAULT, WITHIN_MS)? })
    }
}

impl Destination {
    /// Whether this host can be called back as the destination should.
    ///
    /// # Errors
    ///
    /// Where it should, and the host does not know its own address.
    pub fn check_callbacks(&self, host_has_address: bool) -> Result<(), Invalid> {
        if self.confirm.is_none() || host_has_address {
            return Ok(());
        }
        Err(Invalid::at(
            "/confirm",
            "the host does not know the URL that it is called back by: start it with --public-url (or SLUICEBOX_PUBLIC_URL), or remove \
             `confirm`",
        ))
    }
}

/// The URLs that destinations call back by.
#[derive(Clone, Debug)]
pub struct Callbacks {
    key: TokenKey,
    /// Without a slash at its end.
    base: Option<Arc<str>>,
}

/// Why a text is no base of callbacks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a public URL is written as in https://hooks.example.com, without a query")]
pub struct BaseError;

impl Callbacks {
    /// Below this public URL of the host, where it has one.
    ///
    /// # Errors
    ///
    /// Where the text is no URL of HTTP.
    pub fn new(key: TokenKey, public_url: Option<&str>) -> Result<Self, BaseError> {
        let base = public_url.map(|text| {
            let url: Uri = text.parse().map_err(|_| BaseError)?;
            let good = matches!(url.scheme_str(), Some("http" | "https")) && url.query().is_none() && !text.contains('#');
            if good { Ok(Arc::from(text.trim_end_matches('/'))) } else { Err(BaseError) }
        });
        Ok(Self { key, base: base.transpose()? })
    }

    /// Tells a destination that confirms where and by when.
    pub(super) fn put_headers(&self, headers: &mut HeaderMap, delivery: &Delivery, confirm: Option<Confirm>, now: Timestamp) {
        let (Some(Confirm { within_ms }), Some(base)) = (confirm, &self.base) else { return };
        let url = format!("{base}/confirm/{}", self.token(delivery));
        if let Ok(mut url) = HeaderValue::try_from(url) {
            url.set_sensitive(true);
            headers.insert(CONFIRM, url);
            headers.insert(CONFIRM_BY, HeaderValue::from(now.plus_ms(within_ms).secs()));
        }
    }

    fn token(&self, delivery: &Delivery) -> String {
        let workspace = &delivery.lane.workspace;
        let workspace = if *workspace == Name::default_workspace() { "" } else { workspace.as_str() };
        let content = [&delivery.id.as_bytes()[..], &delivery.number.to_be_bytes(), workspace.as_bytes()].concat();
        self.key.token(PURPOSE, &[], &content)
    }

    /// What a token stands for; `None` where it was not made here.
    fn read(&self, token: &str) -> Option<Confirmed> {
        let content = self.key.content(PURPOSE, &[], token)?;
        let (id, rest) = content.split_first_chunk::<16>()?;
        let (attempt, workspace) = rest.split_first_chunk::<4>()?;
        let workspace = match std::str::from_utf8(workspace).ok()? {
            "" => Name::default_workspace(),
            name => name.parse().ok()?,
        };
        Some(Confirmed { workspace, id: MessageId::from_bytes(*id), attempt_number: u32::from_be_bytes(*attempt) })
    }
}

/// One attempt of one message, as a token names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirmed {
    workspace: Name,
    id: MessageId,
    attempt_number: u32,
}

/// What follows where the destination confirms: what it received is not delivered yet.
pub(super) fn awaited(verdict: Verdict, confirm: Option<Confirm>, now: Timestamp) -> Verdict {
    match (verdict, confirm) {
        (Verdict::Delivered, Some(Confirm { within_ms })) => Verdict::Awaiting(now.plus_ms(within_ms)),
        (verdict, _) => verdict,
    }
}

/// Why an attempt that was received has failed after all, and what follows. `random` is in [0, 1).
pub(super) fn unconfirmed(delivery: &Delivery, policy: &Retry, now: Timestamp, random: f64) -> (Failure, Verdict) {
    let refused = delivery.received.as_ref().and_then(|received| received.refused.clone());
    let failure = refused.unwrap_or_else(|| {
        Failure::new("not-confirmed", "the destination answered 2xx and did not call the confirmation URL in time")
    });
    let tried = Tried { attempt: delivery.attempt, created_at: delivery.created_at };
    let verdict = again_or_dead(tried, policy, &failure, now, delay_ms(&policy.waits, delivery.attempt, random));
    (failure, verdict)
}

/// The attempt, which is on record, with its failure.
pub(super) fn amendment(delivery: &Delivery, failure: Failure) -> Attempt {
    Attempt {
        started_at: delivery.received.as_ref().map_or(delivery.created_at, |received| received.at),
        duration_ms: 0,
        status: None,
        failure: Some(failure),
        response_headers: Vec::new(),
        response_body: Bytes::new(),
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;
    use crate::{
        deliver::{fake, retry::Waits},
        journal::Received,
    };

    const POLICY: Retry =
        Retry { attempts_max: 2, waits: Waits::Growing { first_ms: 10_000, max_ms: 60_000, factor: 2.0 }, age_ms_max: 1_000_000 };

    fn callbacks(url: Option<&str>) -> Result<Callbacks, BaseError> {
        Callbacks::new(TokenKey::new(Zeroizing::new([7; 32])), url)
    }

    fn received(attempt: u32, refused: Option<Failure>) -> Delivery {
        let received = Some(Received { at: Timestamp(1_000), refused });
        Delivery { attempt, created_at: Timestamp(0), received, ..fake::delivery("crm", 1) }
    }

    #[test]
    fn a_url_stands_for_one_attempt_of_one_message() {
        let callbacks = callbacks(Some("https://hooks.example.com/base/")).expect("a URL");
        let delivery = Delivery { number: 3, ..fake::delivery("crm", 1) };
        let mut headers = HeaderMap::new();
        callbacks.put_headers(&mut headers, &delivery, Some(Confirm { within_ms: 5_000 }), Timestamp(1_000));
        assert_eq!(headers[CONFIRM_BY], "6");
        assert!(headers[CONFIRM].is_sensitive());
        let url = headers[CONFIRM].to_str().expect("ASCII");
        let token = url.strip_prefix("https://hooks.example.com/base/confirm/").expect("the public URL");
        let confirmed = callbacks.read(token).expect("ours");
        assert_eq!((confirmed.workspace, confirmed.id, confirmed.attempt_number), (delivery.lane.workspace, delivery.id, 3));
    }

    #[test]
    fn a_workspace_is_told_by_the_token() {
        let callbacks = callbacks(None).expect("none is fine");
        let mut delivery = fake::delivery("crm", 1);
        delivery.lane.workspace = "acme".parse().expect("a name");
        let confirmed = callbacks.read(&callbacks.token(&delivery)).expect("ours");
        assert_eq!(confirmed.workspace, delivery.lane.workspace);
        assert_eq!(callbacks.read("AAAA"), None);
    }

    #[test]
    fn who_does_not_confirm_is_told_nothing() {
        let mut headers = HeaderMap::new();
        let callbacks = callbacks(Some("http://127.0.0.1:8484")).expect("a URL");
        callbacks.put_headers(&mut headers, &fake::delivery("crm", 1), None, Timestamp(0));
        assert!(headers.is_empty());
    }

    #[test]
    fn a_public_url_is_one_of_http() {
        for bad in ["", "hooks.example.com", "ftp://hooks.example.com", "https://hooks.example.com/?a", "https://a/#b"] {
            assert_eq!(callbacks(Some(bad)).err(), Some(BaseError), "{bad}");
        }
    }

    #[test]
    fn only_what_was_received_is_awaited() {
        let confirm = Some(Confirm { within_ms: 500 });
        assert!(matches!(awaited(Verdict::Delivered, confirm, Timestamp(10)), Verdict::Awaiting(Timestamp(510))));
        assert!(matches!(awaited(Verdict::Delivered, None, Timestamp(10)), Verdict::Delivered));
        assert!(matches!(awaited(Verdict::RetryAt(Timestamp(9)), confirm, Timestamp(10)), Verdict::RetryAt(Timestamp(9))));
    }

    #[test]
    fn silence_and_a_refusal_are_failures_under_the_policy() {
        let (failure, verdict) = unconfirmed(&received(1, None), &POLICY, Timestamp(5_000), 1.0);
        assert_eq!(failure.code, "not-confirmed");
        assert!(matches!(verdict, Verdict::RetryAt(Timestamp(15_000))), "{verdict:?}");
        let (failure, verdict) =
            unconfirmed(&received(2, Some(Failure::new("confirmed-failed", "no room"))), &POLICY, Timestamp(5_000), 1.0);
        assert_eq!(failure.code, "confirmed-failed");
        assert!(matches!(verdict, Verdict::Dead(failure) if failure.code == "attempts-exhausted"));
        let (_, verdict) = unconfirmed(&received(1, None), &POLICY, Timestamp(1_000_000), 1.0);
        assert!(matches!(verdict, Verdict::Dead(failure) if failure.code == "too-old"));
    }
}
