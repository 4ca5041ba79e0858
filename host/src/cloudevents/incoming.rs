//! A request's events, by the mode that its headers tell (HTTP binding 1.0, section 3): structured and batched mode by the media type,
//! which is compared without regard to case and parameters; all else is binary mode.

use bytes::Bytes;
use http::{HeaderMap, header::CONTENT_TYPE};

use super::{
    BATCH, STRUCTURED, binary,
    context::{Malformed, Received},
    json,
};

/// How a request carries events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// One, in headers.
    Binary,
    /// One, as a JSON object.
    Structured,
    /// A JSON array of them.
    Batched,
}

/// The events of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// In their order; which of a batch are none, and why.
    pub events: Vec<Result<Received, Malformed>>,
    /// How they came.
    pub mode: Mode,
}

/// Why nothing of a request is taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It carries no CloudEvents.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// A batch of more than so many.
    #[error("a batch has at most {0} events")]
    TooMany(usize),
    /// In a format of CloudEvents that is not JSON.
    #[error("events come in binary mode, or as {STRUCTURED} or {BATCH}")]
    OtherFormat,
}

/// The mode of a request with these headers; `None` where it carries no CloudEvents.
///
/// # Errors
/// [`Refusal::OtherFormat`]
pub fn mode(headers: &HeaderMap) -> Result<Option<Mode>, Refusal> {
    let content_type = headers.get(CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
    let essence = content_type.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii().to_ascii_lowercase();
    match &essence[..] {
        one if one == STRUCTURED.as_bytes() => Ok(Some(Mode::Structured)),
        many if many == BATCH.as_bytes() => Ok(Some(Mode::Batched)),
        other if other.starts_with(b"application/cloudevents") => Err(Refusal::OtherFormat),
        _ => Ok(binary::is_meant(headers).then_some(Mode::Binary)),
    }
}

/// The events of a request, a batch up to `events_max`.
///
/// # Errors
/// Where nothing of it can be taken. What is wrong with one event of a batch is told in its place.
pub fn decode(headers: &HeaderMap, body: &Bytes, events_max: usize) -> Result<Decoded, Refusal> {
    let mode = mode(headers)?.ok_or_else(|| {
        Malformed(format!("no CloudEvent: neither `ce-` headers nor {STRUCTURED} or {BATCH} as the Content-Type"))
    })?;
    let events = match mode {
        Mode::Binary => vec![Ok(binary::received(headers, body.clone())?)],
        Mode::Structured => vec![Ok(json::received(body, body)?)],
        Mode::Batched => {
            let items = json::items(body, events_max)?;
            if items.len() > events_max {
                return Err(Refusal::TooMany(events_max));
            }
            items.into_iter().map(|item| json::received(item.get().as_bytes(), body)).collect()
        }
    };
    Ok(Decoded { events, mode })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn of(content_type: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))])
    }

    #[test]
    fn the_headers_tell_the_mode() {
        assert_eq!(mode(&of("application/cloudevents+json")), Ok(Some(Mode::Structured)));
        assert_eq!(mode(&of("Application/CloudEvents+JSON ; charset=UTF-8")), Ok(Some(Mode::Structured)));
        assert_eq!(mode(&of("application/cloudevents-batch+json;charset=utf-8")), Ok(Some(Mode::Batched)));
        assert_eq!(mode(&of("application/cloudevents+xml")), Err(Refusal::OtherFormat));
        assert_eq!(mode(&of("application/json")), Ok(None));
        let mut headers = of("application/json");
        headers.insert("ce-id", HeaderValue::from_static("1"));
        assert_eq!(mode(&headers), Ok(Some(Mode::Binary)));
    }

    #[test]
    fn a_batch_tells_of_each_and_has_a_limit() {
        let good = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","data":1}"#;
        let body = Bytes::from(format!("[{good},{{}},7]"));
        let decoded = decode(&of(BATCH), &body, 3).expect("a batch");
        assert_eq!(decoded.events.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, false]);
        assert_eq!(decode(&of(BATCH), &body, 2), Err(Refusal::TooMany(2)));
        assert!(matches!(decode(&of(BATCH), &Bytes::from_static(b"{}"), 3), Err(Refusal::Malformed(_))));
        assert!(decode(&of("text/plain"), &Bytes::new(), 3).is_err());
    }
}
