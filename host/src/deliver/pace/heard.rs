//! What an attempt says of its destination, beside what becomes of the delivery. Pure.

use http::StatusCode;

use super::throttle::Load;
use crate::{
    deliver::{retry_after::retry_after_ms, settle::Answer},
    event::Timestamp,
    net::Class,
};

/// What an attempt says of its destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::deliver) struct Heard {
    /// For the breaker: `None` where it says nothing.
    pub(super) well: Option<bool>,
    /// For the throttle.
    pub(super) load: Load,
    /// It wants nothing at all for so long.
    pub(super) hold_ms: Option<u64>,
    /// It wants nothing any more.
    pub(super) gone: bool,
}

impl Heard {
    /// Nothing was sent.
    pub(in crate::deliver) const NOTHING: Self = Self { well: None, load: Load::Unknown, hold_ms: None, gone: false };

    pub(in crate::deliver) fn of(answer: &Answer, now: Timestamp) -> Self {
        match answer {
            Ok(response) => Self {
                well: Some(is_well(response.status)),
                load: load(response.status),
                hold_ms: asks_of_all(response.status).then(|| retry_after_ms(&response.headers, now)).flatten(),
                gone: response.status == StatusCode::GONE,
            },
            // Nobody was asked: it is the operator who refuses.
            Err(error) if error.class == Class::Forbidden => Self::NOTHING,
            Err(_) => Self { well: Some(false), ..Self::NOTHING },
        }
    }
}

/// Some refusals are of the one message: who gives them is there, and may well take the next.
fn is_well(status: StatusCode) -> bool {
    const OF_THE_MESSAGE: [StatusCode; 5] = [
        StatusCode::BAD_REQUEST,
        StatusCode::CONFLICT,
        StatusCode::PAYLOAD_TOO_LARGE,
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        StatusCode::UNPROCESSABLE_ENTITY,
    ];
    status.is_success() || OF_THE_MESSAGE.contains(&status)
}

fn load(status: StatusCode) -> Load {
    match status {
        status if status.is_success() => Load::Fine,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => Load::TooMuch,
        _ => Load::Unknown,
    }
}

/// With these `Retry-After` is meant for whoever comes; with others it is for the one request.
fn asks_of_all(status: StatusCode) -> bool {
    matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, header::RETRY_AFTER};

    use super::*;
    use crate::net::{Response, SendError};

    fn answered(status: u16) -> Heard {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, "7".parse().expect("a value"))]);
        let status = StatusCode::from_u16(status).expect("a status");
        Heard::of(&Ok(Response { status, headers, body: Bytes::new() }), Timestamp(0))
    }

    fn failed(class: Class) -> Heard {
        Heard::of(&Err(SendError { class, message: String::new(), source: None }), Timestamp(0))
    }

    #[test]
    fn failures_count_but_those_of_the_one_message_do_not() {
        for status in [200, 204, 400, 409, 413, 415, 422] {
            assert_eq!(answered(status).well, Some(true), "{status}");
        }
        for status in [301, 401, 403, 404, 408, 410, 429, 500, 502, 503, 504] {
            assert_eq!(answered(status).well, Some(false), "{status}");
        }
        for class in [Class::Dns, Class::Connect, Class::Tls, Class::Timeout, Class::Protocol] {
            assert_eq!(failed(class).well, Some(false), "{class:?}");
        }
        assert_eq!(failed(Class::Forbidden), Heard::NOTHING);
    }

    #[test]
    fn some_throttle_some_hold_and_one_ends_it() {
        for (status, load, hold_ms, gone) in [
            (200, Load::Fine, None, false),
            (410, Load::Unknown, None, true),
            (429, Load::TooMuch, Some(7_000), false),
            (500, Load::Unknown, None, false),
            (502, Load::TooMuch, None, false),
            (503, Load::Unknown, Some(7_000), false),
            (504, Load::TooMuch, None, false),
        ] {
            let heard = answered(status);
            assert_eq!((heard.load, heard.hold_ms, heard.gone), (load, hold_ms, gone), "{status}");
        }
    }
}
