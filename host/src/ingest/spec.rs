//! A source as the hub file declares it, and refined.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{
    allow_from::AllowFrom,
    cloudevent::{self, CloudEvents, Format},
    coding::Coding,
    custom_answer::{AnswerSpec, CustomAnswer},
    decode::{Decode, DecodeSpec},
    extract::Extract,
    idempotency::{Idempotency, IdempotencySpec},
    limits::Limits,
    methods::Methods,
    place::ExtractSpec,
    presets,
    rate::RateSpec,
    schema::{self, OnInvalid, Schemas},
};
use crate::{
    event::{Invalid, Name},
    net,
    plugin::Bound,
    verify::{self, Scheme},
};

/// A source as the hub file declares it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Source")]
pub struct Spec {
    /// How its requests are verified. `{ scheme = "none" }` has to be said.
    pub verify: verify::Spec,
    /// Where an event's type is; the scheme's preset otherwise.
    #[serde(rename = "type")]
    pub event_type: Option<ExtractSpec>,
    /// Where an event's subject is; the scheme's preset otherwise.
    pub subject: Option<ExtractSpec>,
    /// Where the provider's id of an event is; the scheme's preset otherwise.
    pub id: Option<ExtractSpec>,
    /// Where it stands when an event happened; the scheme's preset otherwise.
    pub time: Option<ExtractSpec>,
    /// Which bodies are turned into JSON.
    pub decode: Option<DecodeSpec>,
    /// The methods that events come by, instead of `POST`.
    pub methods: Option<Vec<String>>,
    /// The networks that requests may come from; all others are refused.
    pub allow_from: Option<Vec<String>>,
    /// What is answered when an event is on disk, instead of 202 with its id.
    pub answer: Option<AnswerSpec>,
    /// Stores events with the same key once.
    pub idempotency: Option<IdempotencySpec>,
    /// The largest body in bytes, 1 MiB unless told otherwise, at most 16 MiB.
    pub max_body_bytes: Option<usize>,
    /// What its requests are, where they are not the provider's own.
    pub format: Option<Format>,
    /// CloudEvents: who is granted leave to send by a handshake; `*` is anybody.
    pub allowed_origins: Option<Vec<String>>,
    /// CloudEvents: how many requests a minute a handshake grants; no limit unless told otherwise.
    pub allowed_rate: Option<u32>,
    /// The JSON Schema of its events' data.
    pub schema: Option<Value>,
    /// That of events of one type, in its place.
    #[serde(default)]
    pub schemas: BTreeMap<String, Value>,
    /// What becomes of an event that does not fit; it is refused unless told otherwise.
    pub on_invalid: Option<OnInvalid>,
    /// The size of all headers in bytes: 256 to 1 MiB, and never more than the host lets in.
    pub max_header_bytes: Option<usize>,
    /// The content codings that bodies may have; none unless told otherwise.
    pub content_encodings: Option<Vec<Coding>>,
    /// How many requests it takes in a second or a minute.
    pub rate: Option<RateSpec>,
    /// How many requests it takes at once, 1 to 10000.
    pub concurrency: Option<u32>,
}

/// A refined source.
#[derive(Clone, Debug)]
pub struct Source {
    /// Verifies requests, unless `plugin` does.
    pub scheme: Scheme,
    /// The plugin that the scheme names; it exports `verify`.
    pub plugin: Option<Arc<Bound>>,
    /// Finds the type.
    pub(super) event_type: Option<Extract>,
    /// Finds the subject.
    pub(super) subject: Option<Extract>,
    /// Finds the provider's id.
    pub(super) id: Option<Extract>,
    /// Finds the time.
    pub(super) time: Option<Extract>,
    /// Turns bodies into JSON.
    pub(super) decode: Option<Decode>,
    /// Events come by these.
    pub(super) methods: Methods,
    /// Requests come from there; `None`: from anywhere.
    pub(super) allow_from: Option<AllowFrom>,
    /// What is answered, instead of 202 with the id.
    pub(super) answer: Option<CustomAnswer>,
    /// By what events are the same.
    pub(super) idempotency: Option<Idempotency>,
    /// Its requests are CloudEvents.
    pub(super) cloudevents: Option<CloudEvents>,
    /// What its events have to look like.
    pub(super) schemas: Option<Schemas>,
    /// What it lets in.
    pub(super) limits: Limits,
}

impl Spec {
    /// Checks the spec, and joins it with the plugin that verifies, where it names one; `plugins` are those there are.
    pub fn refine(&self, plugins: &HashMap<Name, Arc<Bound>>) -> Result<Source, Invalid> {
        let scheme = self.verify.refine().map_err(|e| Invalid::at(format!("/verify{}", e.pointer), e.message))?;
        let plugin = scheme.plugin().map(|name| verifier(name, plugins)).transpose()?;
        if let Some(url) = scheme.key_set_url() {
            net::check_url(url).map_err(|error| Invalid::at("/verify/jwks_url", error.to_string()))?;
        }
        let preset = presets::of(&self.verify.scheme);
        let credentials = scheme.credential_headers();
        let named = |spec: Option<&ExtractSpec>, at| spec.map(|spec| spec.refine(at, credentials)).transpose();
        let cloudevents = cloudevent::refine(self)?;
        if scheme.is_good_once() {
            let message = "this scheme stores each of the provider's tokens once already; remove this";
            match (&self.idempotency, &cloudevents) {
                (Some(_), _) => return Err(Invalid::at("/idempotency", message)),
                (None, Some(_)) => return Err(Invalid::at("/format", "this scheme is one of events that are no CloudEvents")),
                (None, None) => {}
            }
        }
        let id = named(self.id.as_ref(), "/id")?.or_else(|| preset.id());
        let time = named(self.time.as_ref(), "/time")?;
        if time.as_ref().is_some_and(Extract::is_fixed) {
            return Err(Invalid::at("/time", "all events would have the same time; name a `header` or `json`"));
        }
        let idempotency = self.idempotency.as_ref().map(|spec| match &cloudevents {
            Some(_) => spec.refine_cloudevents(credentials),
            None => spec.refine(id.as_ref(), credentials),
        });
        Ok(Source {
            event_type: named(self.event_type.as_ref(), "/type")?.or_else(|| preset.event_type()),
            subject: named(self.subject.as_ref(), "/subject")?.or_else(|| preset.subject()),
            idempotency: idempotency.transpose()?,
            id,
            time: time.or_else(|| preset.time()),
            decode: self.decode.as_ref().map(DecodeSpec::refine).transpose()?,
            methods: self.methods.as_deref().map(Methods::named).transpose()?.unwrap_or_default(),
            allow_from: self.allow_from.as_deref().map(AllowFrom::named).transpose()?,
            answer: self.answer.as_ref().map(AnswerSpec::refine).transpose()?,
            scheme,
            plugin,
            cloudevents,
            schemas: schema::refine(self)?,
            limits: Limits::of(self)?,
        })
    }
}

fn verifier(name: &Name, plugins: &HashMap<Name, Arc<Bound>>) -> Result<Arc<Bound>, Invalid> {
    let refused = |message| Invalid::at("/verify/plugin", message);
    let plugin = plugins.get(name).ok_or_else(|| refused(format!("there is no plugin `{name}`")))?;
    if !plugin.exports.verify {
        return Err(refused(format!("the plugin `{name}` does not export `verify`; it can only be named in a rule's `plugins`")));
    }
    Ok(Arc::clone(plugin))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refine(spec: serde_json::Value) -> Result<Source, Invalid> {
        serde_json::from_value::<Spec>(spec).expect("a spec").refine(&HashMap::new())
    }

    #[test]
    fn a_fact_has_one_place() {
        let wrong = refine(serde_json::json!({"verify": {"scheme": "none"}, "type": {"header": "a", "json": "b"}}));
        assert_eq!(wrong.expect_err("two places").pointer, "/type");
        let wrong = refine(serde_json::json!({"verify": {"scheme": "none"}, "id": {"header": "a b"}}));
        assert_eq!(wrong.expect_err("no header name").pointer, "/id/header");
    }

    #[test]
    fn a_plugin_that_is_not_there_verifies_nothing() {
        let wrong = refine(serde_json::json!({"verify": {"scheme": "plugin", "plugin": "shop"}}));
        assert_eq!(wrong.expect_err("no plugin").pointer, "/verify/plugin");
    }

    #[test]
    fn what_is_stored_once_is_not_told_twice_how() {
        let mailgun = serde_json::json!({"verify": {"scheme": "mailgun", "secret": "s"}, "idempotency": {"key": {"json": "id"}}});
        assert_eq!(refine(mailgun).expect_err("two keys").pointer, "/idempotency");
    }
}
