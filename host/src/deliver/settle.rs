//! What an attempt came to, and what follows from it. Pure.
//!
//! As Standard Webhooks has it: 2xx is success, 410 ends it at once, everything else is failure and tried again. The status decides,
//! whatever becomes of the body after it: who answered 2xx has the message. Our own waits end at the age at which a delivery is given up:
//! then it has its last try. `Retry-After` is never undercut: what would have to wait beyond that age is given up at once.

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header::SET_COOKIE};

use super::{backoff::delay_ms, bounds::written, retry::Retry, retry_after::retry_after_ms};
use crate::{
    event::{Failure, Header, Timestamp},
    journal::{Attempt, Delivery, Verdict},
    net::{Class, Response, SendError},
};

/// How much of a response is kept with the attempt.
pub(super) const RESPONSE_BYTES_MAX: usize = 16 * 1024;
const RESPONSE_HEADERS_MAX: usize = 64;
const RESPONSE_HEADER_BYTES_MAX: usize = 8 * 1024;

/// What came back from an attempt.
pub(super) type Answer = Result<Response, SendError>;

/// Why an attempt failed; `None` where it did not.
pub(super) fn failure_of(answer: &Answer) -> Option<Failure> {
    match answer {
        Ok(response) if response.status.is_success() => None,
        Ok(response) => Some(Failure::new(format!("status-{}", response.status.as_u16()), told(response.status))),
        Err(error) => Some(Failure::new(code_of(error.class), error.message.clone())),
    }
}

/// What follows from an attempt of `delivery` that ended at `now`. `random` is in [0, 1).
pub(super) fn verdict(delivery: &Delivery, policy: &Retry, answer: &Answer, now: Timestamp, random: f64) -> Verdict {
    let Some(failure) = failure_of(answer) else { return Verdict::Delivered };
    match answer {
        Ok(response) if response.status == StatusCode::GONE => Verdict::Dead(Failure::new(
            "gone",
            "the destination answered 410: it wants no more messages; remove it from the rule, or mend its URL and replay",
        )),
        Err(error) if error.class == Class::Forbidden => Verdict::Dead(failure),
        _ => {
            let tried = Tried { attempt: delivery.attempt, created_at: delivery.created_at };
            match again_or_dead(tried, policy, &failure, now, delay_ms(&policy.waits, delivery.attempt, random)) {
                Verdict::RetryAt(ours) => not_before(ours, answer, delivery.created_at.plus_ms(policy.age_ms_max), now),
                other => other,
            }
        }
    }
}

/// At the time that we would choose, or later where the destination asks for that; never where it asks for longer than until the deadline.
fn not_before(ours: Timestamp, answer: &Answer, deadline: Timestamp, now: Timestamp) -> Verdict {
    let asked = answer.as_ref().ok().and_then(|response| retry_after_ms(&response.headers, now)).unwrap_or_default();
    let theirs = now.plus_ms(asked);
    if theirs > deadline {
        let message = format!(
            "the destination asks by `Retry-After` to be left alone for {} longer than `retry.age_max` lets the delivery wait; replay it \
             later",
            written(theirs.ms_since(deadline).max(1000) / 1000 * 1000),
        );
        return Verdict::Dead(Failure::new("retry-after-too-long", message));
    }
    Verdict::RetryAt(ours.max(theirs))
}

/// What the end of attempts and of age is judged by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tried {
    /// The attempt that failed: 1 for the first.
    pub(super) attempt: u32,
    /// When the delivery was planned.
    pub(super) created_at: Timestamp,
}

/// What follows from a failure that may get better: another try after this wait, but for the last try at the end of the age, and none where
/// attempts or age are used up.
pub(super) fn again_or_dead(tried: Tried, policy: &Retry, failure: &Failure, now: Timestamp, wait_ms: u64) -> Verdict {
    let Tried { attempt, created_at } = tried;
    let deadline = created_at.plus_ms(policy.age_ms_max);
    if attempt >= policy.attempts_max {
        let message = format!("{attempt} of {} attempts failed; the last: {}", policy.attempts_max, failure.message);
        return Verdict::Dead(Failure::new("attempts-exhausted", message));
    }
    if now >= deadline {
        let message = format!("not delivered within `retry.age_max`; attempt {attempt} failed: {}", failure.message);
        return Verdict::Dead(Failure::new("too-old", message));
    }
    Verdict::RetryAt(now.plus_ms(wait_ms).min(deadline))
}

/// The attempt as it is kept.
pub(super) fn record(answer: Answer, started_at: Timestamp, ended_at: Timestamp) -> Attempt {
    let failure = failure_of(&answer);
    let response = answer.ok();
    Attempt {
        started_at,
        duration_ms: ended_at.ms_since(started_at),
        status: response.as_ref().map(|response| response.status.as_u16()),
        failure,
        response_headers: response.as_ref().map(|response| kept(&response.headers)).unwrap_or_default(),
        response_body: response.map_or_else(Bytes::new, |response| response.body),
    }
}

/// The first headers, as many as fit. Cookies are left out: they are the destination's credentials.
fn kept(headers: &HeaderMap) -> Vec<Header> {
    let mut bytes = 0;
    headers
        .iter()
        .filter(|(name, _)| *name != SET_COOKIE)
        .take(RESPONSE_HEADERS_MAX)
        .take_while(|(name, value)| {
            bytes += name.as_str().len() + value.len();
            bytes <= RESPONSE_HEADER_BYTES_MAX
        })
        .map(|(name, value)| Header {
            name: name.as_str().to_owned(),
            value: value.as_bytes().iter().copied().map(char::from).collect(),
        })
        .collect()
}

fn told(status: StatusCode) -> String {
    if status.is_redirection() {
        return format!("the destination answered {status}; redirects are not followed, so set `url` to where it moved");
    }
    format!("the destination answered {status}")
}

fn code_of(class: Class) -> &'static str {
    match class {
        Class::Dns => "dns",
        Class::Connect => "connect",
        Class::Tls => "tls",
        Class::Timeout => "timeout",
        Class::Forbidden => "address-forbidden",
        Class::Protocol => "protocol",
        Class::Token => "oauth2-token",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deliver::{fake, retry::Waits};

    const POLICY: Retry =
        Retry { attempts_max: 5, waits: Waits::Growing { first_ms: 10_000, max_ms: 60_000, factor: 2.0 }, age_ms_max: 1_000_000 };
    const NOW: Timestamp = Timestamp(500_000);

    fn answered(status: u16, headers: &[(&'static str, &'static str)]) -> Answer {
        let headers = headers
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), http::HeaderValue::from_static(value)))
            .collect();
        Ok(Response { status: StatusCode::from_u16(status).expect("a status"), headers, body: Bytes::from_static(b"body") })
    }

    fn failed(class: Class) -> Answer {
        Err(SendError { class, message: "no luck".into(), source: None })
    }

    /// The verdict on the `attempt`-th try of a delivery planned at 0, in words.
    fn judged(attempt: u32, answer: &Answer, now: Timestamp) -> String {
        let delivery = crate::journal::Delivery { attempt, created_at: Timestamp(0), ..fake::delivery("crm", 1) };
        match verdict(&delivery, &POLICY, answer, now, 0.5) {
            Verdict::Delivered => "delivered".into(),
            Verdict::PassedOn(_) => "passed on".into(),
            Verdict::Awaiting(until) => format!("awaited for {} ms", until.ms_since(now)),
            Verdict::RetryAt(at) => format!("retry in {} ms", at.ms_since(now)),
            Verdict::Dead(failure) => format!("dead: {}", failure.code),
        }
    }

    #[test]
    fn two_hundreds_are_success_and_all_else_is_tried_again() {
        for status in [200, 201, 202, 204, 299] {
            assert_eq!(judged(1, &answered(status, &[]), NOW), "delivered", "{status}");
        }
        for status in [301, 302, 304, 400, 401, 404, 422, 429, 500, 502, 503, 504] {
            assert_eq!(judged(1, &answered(status, &[]), NOW), "retry in 5500 ms", "{status}");
        }
        for class in [Class::Dns, Class::Connect, Class::Tls, Class::Timeout, Class::Protocol, Class::Token] {
            assert_eq!(judged(2, &failed(class), NOW), "retry in 10500 ms", "{class:?}");
        }
    }

    #[test]
    fn what_cannot_get_better_is_dead_at_once() {
        assert_eq!(judged(1, &answered(410, &[]), NOW), "dead: gone");
        assert_eq!(judged(1, &failed(Class::Forbidden), NOW), "dead: address-forbidden");
    }

    #[test]
    fn there_is_an_end_to_attempts_and_to_age() {
        assert_eq!(judged(5, &answered(500, &[]), NOW), "dead: attempts-exhausted");
        assert_eq!(judged(1, &answered(500, &[]), Timestamp(1_000_000)), "dead: too-old");
        assert_eq!(judged(5, &answered(200, &[]), Timestamp(2_000_000)), "delivered");
        assert_eq!(judged(1, &answered(500, &[]), Timestamp(999_000)), "retry in 1000 ms", "the last try is at the deadline");
    }

    #[test]
    fn the_dead_letter_names_the_last_failure() {
        let delivery = crate::journal::Delivery { attempt: 5, created_at: Timestamp(0), ..fake::delivery("crm", 1) };
        let Verdict::Dead(failure) = verdict(&delivery, &POLICY, &answered(503, &[]), NOW, 0.5) else { panic!("it is dead") };
        assert_eq!(failure.message, "5 of 5 attempts failed; the last: the destination answered 503 Service Unavailable");
    }

    #[test]
    fn retry_after_is_never_undercut() {
        assert_eq!(judged(1, &answered(429, &[("retry-after", "300")]), NOW), "retry in 300000 ms");
        assert_eq!(judged(1, &answered(503, &[("retry-after", "1")]), NOW), "retry in 5500 ms");
        assert_eq!(judged(1, &answered(503, &[("retry-after", "500")]), NOW), "retry in 500000 ms", "to the very deadline");
    }

    #[test]
    fn who_asks_to_wait_beyond_the_age_gets_a_dead_letter() {
        let answer = answered(503, &[("retry-after", "4100")]);
        assert_eq!(judged(1, &answer, NOW), "dead: retry-after-too-long");
        let delivery = crate::journal::Delivery { attempt: 1, created_at: Timestamp(0), ..fake::delivery("crm", 1) };
        let Verdict::Dead(failure) = verdict(&delivery, &POLICY, &answer, NOW, 0.5) else { panic!("it is dead") };
        assert!(failure.message.contains("for 1h longer than `retry.age_max`"), "{}", failure.message);
        assert_eq!(judged(1, &answered(503, &[("retry-after", "99999999999999999999")]), NOW), "dead: retry-after-too-long");
    }

    #[test]
    fn an_attempt_keeps_what_helps_and_no_cookie() {
        let attempt = record(answered(500, &[("x-request-id", "7"), ("set-cookie", "session=1")]), Timestamp(10), Timestamp(25));
        assert_eq!((attempt.status, attempt.duration_ms), (Some(500), 15));
        assert_eq!(attempt.failure.expect("it failed").code, "status-500");
        assert_eq!(attempt.response_headers, [Header { name: "x-request-id".into(), value: "7".into() }]);
        assert_eq!(attempt.response_body.as_ref(), b"body");
        let attempt = record(failed(Class::Dns), Timestamp(10), Timestamp(25));
        assert_eq!((attempt.status, attempt.failure.expect("it failed").code.as_str()), (None, "dns"));
    }
}
