//! Track 0.1 of the contract (`sdk/wit/0.1`): the generated bindings, what the host offers a guest of this track, and the adapter
//! between the bindings' types and `exchange`'s. A track stays as it is for as long as plugins of it are about.

use std::time::Instant;

use wasmtime::{
    Store,
    component::{Component, HasSelf, Instance, InstancePre, Linker},
};

use super::{
    Decision, Exports, Fold, FoldReason, Request, Response, ed25519,
    exchange::{Answer, Emitted, Outcome, Refusal, Shown, State, Verdict},
    state::Refused,
};
use crate::event::{Attribute, Header, StateEntry};

/// What `bindgen!` makes of the WIT; its docs are the WIT's.
mod wit {
    wasmtime::component::bindgen!({
        path: "../sdk/wit/0.1",
        world: "any-plugin",
        // Ends the call where a guest asks for too much, or the store of its state fails.
        imports: { "sluicebox:plugin/random.bytes": trappable, "sluicebox:plugin/state": trappable },
    });
}

use wit::{
    exports::sluicebox::plugin::{batch, filter, lifecycle, transform, verify},
    sluicebox::plugin::{clock, config, crypto, log, metrics, random, state, types},
};

/// The interfaces that a guest may import, without their version.
pub(super) const IMPORTS: [&str; 8] = [
    "sluicebox:plugin/types",
    "sluicebox:plugin/log",
    "sluicebox:plugin/config",
    "sluicebox:plugin/clock",
    "sluicebox:plugin/random",
    "sluicebox:plugin/state",
    "sluicebox:plugin/metrics",
    "sluicebox:plugin/crypto",
];
/// The versions that are of this track.
pub(super) const VERSIONS: &str = "0.1.";

const LIFECYCLE: &str = "sluicebox:plugin/lifecycle@0.1.0";
const FILTER: &str = "sluicebox:plugin/filter@0.1.0";
const TRANSFORM: &str = "sluicebox:plugin/transform@0.1.0";
const BATCH: &str = "sluicebox:plugin/batch@0.1.0";
const VERIFY: &str = "sluicebox:plugin/verify@0.1.0";

/// Offers a guest what it may ask of its host.
pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wit::AnyPlugin::add_to_linker::<_, HasSelf<State>>(linker, |state| state)
}

/// A linked component, and where its exports are.
pub(super) struct Guest {
    pre: InstancePre<State>,
    lifecycle: Option<lifecycle::GuestIndices>,
    filter: Option<filter::GuestIndices>,
    transform: Option<transform::GuestIndices>,
    batch: Option<batch::GuestIndices>,
    verify: Option<verify::GuestIndices>,
}

/// An export of the right name and the wrong type.
pub(super) struct WrongType {
    pub(super) interface: &'static str,
    pub(super) error: wasmtime::Error,
}

impl Guest {
    /// Asks the component for each interface that a plugin may export.
    pub(super) fn probe(pre: InstancePre<State>) -> Result<Self, WrongType> {
        let component = pre.component().clone();
        Ok(Self {
            lifecycle: ask(&component, LIFECYCLE, || lifecycle::GuestIndices::new(&pre))?,
            filter: ask(&component, FILTER, || filter::GuestIndices::new(&pre))?,
            transform: ask(&component, TRANSFORM, || transform::GuestIndices::new(&pre))?,
            batch: ask(&component, BATCH, || batch::GuestIndices::new(&pre))?,
            verify: ask(&component, VERIFY, || verify::GuestIndices::new(&pre))?,
            pre,
        })
    }

    pub(super) fn exports(&self) -> Exports {
        Exports {
            filter: self.filter.is_some(),
            transform: self.transform.is_some(),
            batch: self.batch.is_some(),
            verify: self.verify.is_some(),
        }
    }

    /// Whether it can be asked about its settings. No work of its own: a component with nothing else is none of ours.
    pub(super) fn validates(&self) -> bool {
        self.lifecycle.is_some()
    }

    /// A fresh instance. Guest code runs here already: initialisers.
    pub(super) fn instantiate(&self, store: &mut Store<State>) -> wasmtime::Result<Instance> {
        let instance = self.pre.instantiate(&mut *store)?;
        store.data_mut().instantiated = Some(Instant::now());
        Ok(instance)
    }

    /// Compares the types of all exports with the bindings': only an instance can tell.
    pub(super) fn check_types(&self, store: &mut Store<State>, instance: &Instance) -> Result<(), WrongType> {
        let wrong = |interface| move |error| WrongType { interface, error };
        if let Some(indices) = &self.lifecycle {
            indices.load(&mut *store, instance).map_err(wrong(LIFECYCLE))?;
        }
        if let Some(indices) = &self.filter {
            indices.load(&mut *store, instance).map_err(wrong(FILTER))?;
        }
        if let Some(indices) = &self.transform {
            indices.load(&mut *store, instance).map_err(wrong(TRANSFORM))?;
        }
        if let Some(indices) = &self.batch {
            indices.load(&mut *store, instance).map_err(wrong(BATCH))?;
        }
        if let Some(indices) = &self.verify {
            indices.load(&mut *store, instance).map_err(wrong(VERIFY))?;
        }
        Ok(())
    }

    /// What is wrong with these settings: places and texts.
    pub(super) fn validate_config(&self, store: &mut Store<State>, settings: &str) -> Answer<Vec<(String, String)>> {
        let instance = self.instantiate(store)?;
        let guest = exported(self.lifecycle.as_ref())?.load(&mut *store, &instance)?;
        let problems = match guest.call_validate_config(store, settings)? {
            Ok(()) => Vec::new(),
            // Refused all the same.
            Err(problems) if problems.is_empty() => vec![(String::new(), String::new())],
            Err(problems) => problems.into_iter().map(|problem| (problem.path, problem.message)).collect(),
        };
        Ok(Ok(problems))
    }

    pub(super) fn filter(&self, store: &mut Store<State>, shown: &Shown<'_>) -> Answer<Verdict> {
        let instance = self.instantiate(store)?;
        let guest = exported(self.filter.as_ref())?.load(&mut *store, &instance)?;
        Ok(guest.call_filter(store, &shown.into())?.map(Verdict::from).map_err(Refusal::from))
    }

    pub(super) fn transform(&self, store: &mut Store<State>, shown: &Shown<'_>) -> Answer<Outcome> {
        let instance = self.instantiate(store)?;
        let guest = exported(self.transform.as_ref())?.load(&mut *store, &instance)?;
        Ok(guest.call_transform(store, &shown.into())?.map(Outcome::from).map_err(Refusal::from))
    }

    pub(super) fn key(&self, store: &mut Store<State>, shown: &Shown<'_>) -> Answer<Option<String>> {
        let instance = self.instantiate(store)?;
        let guest = exported(self.batch.as_ref())?.load(&mut *store, &instance)?;
        Ok(guest.call_key(store, &shown.into())?.map_err(Refusal::from))
    }

    pub(super) fn verify(&self, store: &mut Store<State>, request: &Request) -> Answer<Decision> {
        let instance = self.instantiate(store)?;
        let guest = exported(self.verify.as_ref())?.load(&mut *store, &instance)?;
        Ok(guest.call_verify(store, &request.into())?.map(Decision::from).map_err(Refusal::from))
    }

    pub(super) fn fold(&self, store: &mut Store<State>, fold: &Fold) -> Answer<Vec<Emitted>> {
        let instance = self.instantiate(store)?;
        let guest = exported(self.batch.as_ref())?.load(&mut *store, &instance)?;
        let emitted = |messages: Vec<types::Message>| messages.into_iter().map(Emitted::from).collect();
        Ok(guest.call_fold(store, &fold.into())?.map(emitted).map_err(Refusal::from))
    }
}

/// Nothing where the component does not export the interface at all.
fn ask<I>(
    component: &Component,
    interface: &'static str,
    indices: impl FnOnce() -> wasmtime::Result<I>,
) -> Result<Option<I>, WrongType> {
    if component.get_export_index(None, interface).is_none() {
        return Ok(None);
    }
    indices().map(Some).map_err(|error| WrongType { interface, error })
}

/// The chain only calls what `exports` told it of.
fn exported<I>(indices: Option<&I>) -> wasmtime::Result<&I> {
    indices.ok_or_else(|| wasmtime::Error::msg("the component does not export this interface"))
}

impl types::Host for State {}

impl log::Host for State {
    fn emit(&mut self, level: log::Level, message: String, fields: Vec<types::Attribute>) {
        let level = match level {
            log::Level::Trace => "trace",
            log::Level::Debug => "debug",
            log::Level::Info => "info",
            log::Level::Warn => "warn",
            log::Level::Error => "error",
        };
        let fields: Vec<(&str, &str)> = fields.iter().map(|f| (f.key.as_str(), f.value.as_str())).collect();
        self.log.write(level, &message, &fields);
    }
}

impl config::Host for State {
    fn get(&mut self, key: String) -> Option<String> {
        self.settings.each.get(&key).cloned()
    }

    fn all(&mut self) -> String {
        self.settings.all.clone()
    }
}

impl clock::Host for State {
    fn now(&mut self) -> types::Timestamp {
        self.now.0
    }
}

impl random::Host for State {
    fn bytes(&mut self, len: u32) -> wasmtime::Result<Vec<u8>> {
        Ok(self.random.bytes(len)?)
    }
}

/// The outer error ends the call: the store failed.
type StateAnswer<T> = wasmtime::Result<Result<T, state::StateError>>;

impl state::Host for State {
    fn get(&mut self, key: String) -> StateAnswer<Option<state::Entry>> {
        let entry = |entry: StateEntry| state::Entry { value: entry.value.into(), version: entry.version };
        Ok(self.remembered.get(&key)?.map(|found| found.map(entry)).map_err(Into::into))
    }

    fn put(&mut self, key: String, value: Vec<u8>, expect: Option<u64>, ttl_ms: Option<u64>) -> StateAnswer<u64> {
        Ok(self.remembered.put(&key, value, expect, ttl_ms)?.map_err(Into::into))
    }

    fn delete(&mut self, key: String, expect: Option<u64>) -> StateAnswer<()> {
        Ok(self.remembered.delete(&key, expect)?.map_err(Into::into))
    }

    fn add(&mut self, key: String, delta: i64, ttl_ms: Option<u64>) -> StateAnswer<i64> {
        Ok(self.remembered.add(&key, delta, ttl_ms)?.map_err(Into::into))
    }
}

impl From<Refused> for state::StateError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Conflict => Self::Conflict,
            Refused::TooLarge => Self::TooLarge,
            Refused::Quota => Self::Quota,
            Refused::Denied(text) => Self::Denied(text),
            Refused::Unavailable(text) => Self::Unavailable(text.to_owned()),
        }
    }
}

impl metrics::Host for State {
    fn count(&mut self, name: String, delta: u64, labels: Vec<types::Attribute>) -> Result<(), String> {
        self.custom.count(&name, delta, pairs(labels))
    }

    fn observe(&mut self, name: String, value: f64, labels: Vec<types::Attribute>) -> Result<(), String> {
        self.custom.observe(&name, value, pairs(labels))
    }
}

fn pairs(attributes: Vec<types::Attribute>) -> Vec<(String, String)> {
    attributes.into_iter().map(|attribute| (attribute.key, attribute.value)).collect()
}

impl crypto::Host for State {
    fn hmac(&mut self, algorithm: String, secret: String, data: Vec<u8>) -> Result<Vec<u8>, String> {
        self.grants.hmac(&algorithm, &secret, &data)
    }

    fn verify_hmac(&mut self, algorithm: String, secret: String, data: Vec<u8>, mac: Vec<u8>) -> Result<bool, String> {
        self.grants.verify_hmac(&algorithm, &secret, &data, &mac)
    }

    fn verify_ed25519(&mut self, public_key: Vec<u8>, data: Vec<u8>, signature: Vec<u8>) -> Result<bool, String> {
        ed25519::verify(&public_key, &data, &signature)
    }
}

impl From<&Shown<'_>> for types::Event {
    fn from(shown: &Shown<'_>) -> Self {
        let header = |h: &Header| types::Header { name: h.name.clone(), value: h.value.clone() };
        Self {
            id: shown.id.to_owned(),
            event_type: shown.message.event_type.clone(),
            source: shown.event.source.to_string(),
            received_at: shown.event.received_at.0,
            attempt: shown.attempt,
            content_type: shown.message.content_type.clone(),
            headers: shown.event.headers.iter().map(header).collect(),
            body: shown.body().to_vec(),
            attributes: shown.attributes().into_iter().map(|(key, value)| types::Attribute { key, value }).collect(),
        }
    }
}

impl From<&Fold> for batch::Batch {
    fn from(fold: &Fold) -> Self {
        let event = |(event, message): &(std::sync::Arc<crate::event::Event>, crate::event::Message)| {
            types::Event::from(&Shown { id: &event.id.to_string(), event, message, attempt: fold.attempt })
        };
        let reason = match fold.reason {
            FoldReason::Size => batch::FlushReason::Size,
            FoldReason::Bytes => batch::FlushReason::Bytes,
            FoldReason::Age => batch::FlushReason::Age,
            FoldReason::RuleChanged => batch::FlushReason::RuleChanged,
            FoldReason::Manual => batch::FlushReason::Manual,
        };
        Self {
            id: fold.id.to_string(),
            key: fold.key.clone(),
            reason,
            opened_at: fold.opened_at.0,
            events: fold.members.iter().map(event).collect(),
        }
    }
}

impl From<&Request> for verify::Request {
    fn from(request: &Request) -> Self {
        let header = |h: &Header| types::Header { name: h.name.clone(), value: h.value.clone() };
        Self {
            method: request.method.clone(),
            url: request.url.clone(),
            headers: request.headers.iter().map(header).collect(),
            body: request.body.to_vec(),
            received_at: request.received_at.0,
        }
    }
}

impl From<verify::Decision> for Decision {
    fn from(decision: verify::Decision) -> Self {
        let attribute = |a: types::Attribute| Attribute { key: a.key, value: a.value };
        let header = |h: types::Header| Header { name: h.name, value: h.value };
        match decision {
            verify::Decision::Accept(attributes) => Self::Accepted(attributes.into_iter().map(attribute).collect()),
            verify::Decision::Refuse(reason) => Self::Refused(reason),
            verify::Decision::Answer(response) => Self::Answered(Response {
                status: response.status,
                headers: response.headers.into_iter().map(header).collect(),
                body: response.body.into(),
            }),
        }
    }
}

impl From<filter::Verdict> for Verdict {
    fn from(verdict: filter::Verdict) -> Self {
        match verdict {
            filter::Verdict::Keep => Self::Keep,
            filter::Verdict::Drop(reason) => Self::Drop(reason),
        }
    }
}

impl From<transform::Outcome> for Outcome {
    fn from(outcome: transform::Outcome) -> Self {
        match outcome {
            transform::Outcome::Keep => Self::Keep,
            transform::Outcome::Drop(reason) => Self::Drop(reason),
            transform::Outcome::Emit(messages) => Self::Emit(messages.into_iter().map(Emitted::from).collect()),
        }
    }
}

impl From<types::Message> for Emitted {
    fn from(message: types::Message) -> Self {
        let attribute = |a: types::Attribute| Attribute { key: a.key, value: a.value };
        Self {
            event_type: message.event_type,
            content_type: message.content_type,
            headers: message.headers.into_iter().map(|h| Header { name: h.name, value: h.value }).collect(),
            body: message.body,
            attributes: message.attributes.map(|list| list.into_iter().map(attribute).collect()),
            route: message.route,
        }
    }
}

impl From<types::PluginError> for Refusal {
    fn from(error: types::PluginError) -> Self {
        match error {
            types::PluginError::Reject(failure) => Self { code: failure.code, message: failure.message, retry: None },
            types::PluginError::Retry(hint) => {
                Self { code: hint.failure.code, message: hint.failure.message, retry: Some(hint.after_ms) }
            }
        }
    }
}
