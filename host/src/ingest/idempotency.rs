//! By what two events of a source are the same: the sender's own key, or the provider's id of the event. A sender that is not sure whether an
//! event was taken sends it again under the same key, and is answered with the id of the one that was.

use std::ops::RangeInclusive;

use http::HeaderName;
use schemars::JsonSchema;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::{
    extract::{Extract, Facts},
    place::ExtractSpec,
};
use crate::{
    event::{Duration, Invalid, Timestamp},
    journal::Once,
    verify::ReplayKey,
};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;
const WINDOW_MS: RangeInclusive<u64> = 1_000..=30 * DAY_MS;
/// Longer than most providers repeat for.
const WINDOW_MS_DEFAULT: u64 = DAY_MS;

/// Idempotency of a source as the hub file declares it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Idempotency")]
pub struct IdempotencySpec {
    /// Where the key is; the provider's id of the event (`id` of the source) otherwise.
    pub key: Option<ExtractSpec>,
    /// How long a key is known, from the event that was stored: `1s` to `30d`, else `1d`.
    pub window: Option<Duration>,
}

/// Refined.
#[derive(Clone, Debug)]
pub(super) struct Idempotency {
    /// `None`: what CloudEvents are the same by, their source and id.
    key: Option<Extract>,
    /// The key is the provider's id, since none was named.
    by_id: bool,
    window_ms: u64,
}

impl IdempotencySpec {
    /// Checks it; `id` is where the source's events have the provider's id, `credentials` are the headers that no key may be taken from.
    pub(super) fn refine(&self, id: Option<&Extract>, credentials: &[HeaderName]) -> Result<Idempotency, Invalid> {
        let window_ms = self.window_ms()?;
        let named = self.named(credentials)?;
        let by_id = named.is_none();
        match named.or_else(|| id.cloned()) {
            Some(key) if key.is_fixed() => {
                Err(Invalid::at("/idempotency/key", "all events would have the same key; name a `header` or `json`"))
            }
            Some(key) => Ok(Idempotency { key: Some(key), by_id, window_ms }),
            None => Err(Invalid::at(
                "/idempotency",
                "this scheme has no id of its own; say where the key is, as in key = { header = \"idempotency-key\" }",
            )),
        }
    }

    /// The same for a source of CloudEvents, which have a source and an id of their own.
    pub(super) fn refine_cloudevents(&self, credentials: &[HeaderName]) -> Result<Idempotency, Invalid> {
        let window_ms = self.window_ms()?;
        match self.named(credentials)? {
            Some(key) if !key.is_in_body() => {
                let message =
                    "the events of a batch have one header together; leave the key out, or name a place in the data by `json`";
                Err(Invalid::at("/idempotency/key", message))
            }
            key => Ok(Idempotency { by_id: false, key, window_ms }),
        }
    }

    fn named(&self, credentials: &[HeaderName]) -> Result<Option<Extract>, Invalid> {
        self.key.as_ref().map(|key| key.refine("/idempotency/key", credentials)).transpose()
    }

    fn window_ms(&self) -> Result<u64, Invalid> {
        let window_ms = self.window.map_or(WINDOW_MS_DEFAULT, |window| window.ms);
        if !WINDOW_MS.contains(&window_ms) {
            return Err(Invalid::at("/idempotency/window", "the window is out of bounds; write \"1s\" to \"30d\""));
        }
        Ok(window_ms)
    }
}

impl Idempotency {
    /// By what an event received at `now` is the same as others; `None` where it has no key, and is stored like any other.
    pub(super) fn once(&self, facts: &mut Facts<'_>, now: Timestamp) -> Option<Once> {
        let key = facts.find_whole(self.key.as_ref()?)?;
        Some(Once { key: Sha256::digest(key).into(), until: now.plus_ms(self.window_ms) })
    }

    /// Whether events are the same by the provider's id of them.
    pub(super) fn is_by_id(&self) -> bool {
        self.by_id
    }

    /// The same for a CloudEvent, which is called `id` by its own `source`.
    pub(super) fn once_of(&self, (source, id): (&str, &str), facts: &mut Facts<'_>, now: Timestamp) -> Option<Once> {
        if let Some(once) = self.once(facts, now).filter(|_| !self.by_id) {
            return Some(once);
        }
        // The length says where the one ends.
        let key = Sha256::new().chain_update((source.len() as u64).to_be_bytes()).chain_update(source).chain_update(id);
        Some(Once { key: key.finalize().into(), until: now.plus_ms(self.window_ms) })
    }
}

/// By a key that a sender chose for an event, whatever its source says of keys; the window is the source's, or the usual one.
pub(super) fn once_by(key: &str, source: Option<&Idempotency>, now: Timestamp) -> Once {
    let window_ms = source.map_or(WINDOW_MS_DEFAULT, |idempotency| idempotency.window_ms);
    Once { key: Sha256::digest(key).into(), until: now.plus_ms(window_ms) }
}

/// By what a message is known again whose proof would be good for another body too. Its source has keys of no other kind.
pub(super) fn of_replay(replay: ReplayKey) -> Once {
    Once { key: Sha256::digest(replay.key).into(), until: replay.until }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use http::{HeaderMap, HeaderValue};
    use serde_json::{Value, json};

    use super::*;
    use crate::ingest::{Source, Spec};

    fn refine(scheme: &str, idempotency: &Value) -> Result<Source, Invalid> {
        let verify = match scheme {
            "none" => json!({ "scheme": "none" }),
            scheme => json!({ "scheme": scheme, "secret": "geheim" }),
        };
        let spec: Spec = serde_json::from_value(json!({ "verify": verify, "idempotency": idempotency })).expect("a spec");
        spec.refine(&HashMap::new())
    }

    fn once(source: &Source, header: (&'static str, &str), body: &str) -> Option<Once> {
        let headers =
            HeaderMap::from_iter([(header.0.parse().expect("a name"), HeaderValue::from_str(header.1).expect("a value"))]);
        source.idempotency.as_ref().expect("it is there").once(&mut Facts::new(&headers, None, body.as_bytes()), Timestamp(1000))
    }

    #[test]
    fn the_key_is_where_it_is_said_to_be_or_the_providers_id() {
        let github = refine("github", &json!({})).expect("it is good");
        let first = once(&github, ("x-github-delivery", "a"), "{}").expect("a key");
        assert_eq!(first.until, Timestamp(1000 + DAY_MS));
        assert_eq!(once(&github, ("x-github-delivery", "a"), "other").map(|once| once.key), Some(first.key));
        assert_ne!(once(&github, ("x-github-delivery", "b"), "{}").map(|once| once.key), Some(first.key));
        assert_eq!(once(&github, ("x-other", "a"), "{}"), None);
        let by_body = refine("none", &json!({ "key": { "json": "order.id" }, "window": "1h" })).expect("it is good");
        assert!(once(&by_body, ("x", "y"), r#"{"order":{"id":7}}"#).is_some());
        assert_eq!(once(&by_body, ("x", "y"), r#"{"order":{"id":""}}"#), None);
    }

    #[test]
    fn long_keys_that_begin_alike_are_not_the_same() {
        let source = refine("none", &json!({ "key": { "header": "idempotency-key" } })).expect("it is good");
        let key = |end: &str| once(&source, ("idempotency-key", &format!("{}{end}", "k".repeat(5000))), "").expect("a key").key;
        assert_ne!(key("1"), key("2"));
    }

    #[test]
    fn cloud_events_are_the_same_by_source_and_id() {
        let refine = |idempotency: Value| {
            let spec = json!({ "verify": { "scheme": "none" }, "format": "cloudevents", "idempotency": idempotency });
            serde_json::from_value::<Spec>(spec).expect("a spec").refine(&HashMap::new())
        };
        let source = refine(json!({})).expect("it is good");
        let key = |of: (&str, &str)| {
            let idempotency = source.idempotency.as_ref().expect("it is there");
            idempotency.once_of(of, &mut Facts::new(&HeaderMap::new(), None, b""), Timestamp(0)).expect("a key").key
        };
        assert_eq!(key(("/a", "1")), key(("/a", "1")));
        assert_ne!(key(("/a", "1")), key(("/b", "1")));
        assert_ne!(key(("/a", "1")), key(("/a1", "")), "where one ends is told");
        assert!(refine(json!({ "key": { "json": "order.id" } })).is_ok());
        for key in [json!({ "header": "ce-id" }), json!({ "value": "x" })] {
            assert_eq!(refine(json!({ "key": key })).expect_err("refused").pointer, "/idempotency/key");
        }
    }

    #[test]
    fn what_is_refused_is_pointed_at() {
        for (idempotency, pointer) in [
            (json!({}), "/idempotency"),
            (json!({ "key": { "value": "x" } }), "/idempotency/key"),
            (json!({ "key": { "header": "a", "json": "b" } }), "/idempotency/key"),
            (json!({ "key": { "header": "a b" } }), "/idempotency/key/header"),
            (json!({ "key": { "header": "a" }, "window": "0s" }), "/idempotency/window"),
            (json!({ "key": { "header": "a" }, "window": "31d" }), "/idempotency/window"),
        ] {
            assert_eq!(refine("none", &idempotency).expect_err("it is refused").pointer, pointer, "{idempotency}");
        }
    }
}
