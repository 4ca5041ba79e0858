//! A destination of kind `hub`: what it is given comes in again, as an event of another source of the same workspace. No HTTP is between,
//! so the event is stored with the settlement of what it came from, once, and there is nothing to try again.
//!
//! Rules may send events round in a circle. So each event tells how often it or what it came from was passed on, and at a limit the message
//! becomes a dead letter instead.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::{order::OrderSpec, spec::Kind};
use crate::{
    cloudevents,
    event::{Attribute, Event, EventId, Failure, Invalid, MessageId, Name, Order, Timestamp},
    journal::{Attempt, Delivery, Origin, PassedOn, Verdict},
};

/// Longer types are refused: they are indexed and shown.
const TYPE_CHARS_MAX: usize = 1024;
/// While one is switched off, its lane is looked at again after so long: that asks memory only.
pub(super) const DISABLED_AGAIN_MS: u64 = 1_000;

/// A way back in, as the hub file declares it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "HubDestination")]
pub struct OnwardSpec {
    /// `hub`.
    #[schemars(schema_with = "hub_only")]
    pub kind: Kind,
    /// The source that the events are of. It has to be declared; its requests and these events share its name and nothing else.
    pub source: Name,
    /// The type of the events; else the message's own.
    #[serde(rename = "type")]
    pub event_type: Option<String>,
    /// What comes in in order; without it, nothing does.
    pub order: Option<OrderSpec>,
    /// `false`: its messages wait. Else `true`.
    pub enabled: Option<bool>,
}

fn hub_only(_: &mut SchemaGenerator) -> Schema {
    Kind::Hub.only()
}

/// A refined way back in. Made by [`OnwardSpec::refine`] only.
#[derive(Clone, Debug)]
pub struct Onward {
    source: Name,
    event_type: Option<String>,
    order: Option<Order>,
    enabled: bool,
}

impl OnwardSpec {
    /// Checks the spec and parses what it holds; that the source is there is the caller's business.
    ///
    /// # Errors
    ///
    /// The first value that is refused.
    pub fn refine(&self) -> Result<Onward, Invalid> {
        if let Some(text) = &self.event_type
            && !(1..=TYPE_CHARS_MAX).contains(&text.chars().count())
        {
            return Err(Invalid::at(
                "/type",
                format!("a type has 1 to {TYPE_CHARS_MAX} characters; without one it is the message's"),
            ));
        }
        Ok(Onward {
            source: self.source.clone(),
            event_type: self.event_type.clone(),
            order: self.order.as_ref().map(OrderSpec::refine).transpose()?,
            enabled: self.enabled.unwrap_or(true),
        })
    }
}

impl Onward {
    /// The source that the events are of.
    #[must_use]
    pub fn source(&self) -> &Name {
        &self.source
    }

    /// What it wants to have in order.
    #[must_use]
    pub fn order(&self) -> Option<&Order> {
        self.order.as_ref()
    }

    /// Whether messages are passed on; while not, they wait.
    pub(super) fn enabled(&self) -> bool {
        self.enabled
    }

    /// What becomes of a message at `now`: it is an event again, or, after `hops_max` hops, a dead letter.
    pub(super) fn pass_on(&self, delivery: &Delivery, hops_max: u32, now: Timestamp) -> (Attempt, Verdict) {
        let mut attempt = Attempt {
            started_at: now,
            duration_ms: 0,
            status: None,
            failure: None,
            response_headers: Vec::new(),
            response_body: bytes::Bytes::new(),
        };
        if delivery.hops >= hops_max {
            let failure = self.too_far(delivery, hops_max);
            attempt.failure = Some(failure.clone());
            return (attempt, Verdict::Dead(failure));
        }
        let event = self.event(delivery, now);
        (attempt, Verdict::PassedOn(Box::new(PassedOn { event, hops: delivery.hops + 1 })))
    }

    fn too_far(&self, delivery: &Delivery, hops_max: u32) -> Failure {
        let message = format!(
            "what it came from was passed on {hops_max} times already, which is the limit (serve --hops-max): rule `{}` would send it to \
             source `{}` once more; look for a circle of rules, mend one and replay",
            delivery.rule, self.source,
        );
        Failure::new("hop-limit", message)
    }

    fn event(&self, delivery: &Delivery, now: Timestamp) -> Event {
        let message = &delivery.message;
        let (cause, subject, time) = match &delivery.origin {
            Origin::Event(event) => (event.id.to_string(), event.subject.clone(), event.time),
            Origin::Batch { id, .. } => (id.to_string(), None, None),
        };
        Event {
            workspace: delivery.lane.workspace.clone(),
            id: event_id(delivery.id, delivery.number, now),
            source: self.source.clone(),
            event_type: self.event_type.clone().unwrap_or_else(|| message.event_type.clone()),
            subject,
            received_at: now,
            time,
            external_id: Some(delivery.id.to_string()),
            content_type: message.content_type.clone(),
            headers: message.headers.clone(),
            body: delivery.body.clone(),
            attributes: caused(&message.attributes, cause),
        }
    }
}

/// What the CloudEvents extension for correlation calls that which an event follows from.
const CAUSATION: &str = "causationid";

fn caused(attributes: &[Attribute], cause: String) -> Vec<Attribute> {
    // Nor is it the CloudEvent any more that came in under a source and id of its own.
    let others =
        attributes.iter().filter(|attribute| ![CAUSATION, cloudevents::SOURCE].contains(&attribute.key.as_str())).cloned();
    others.chain([Attribute { key: CAUSATION.to_owned(), value: cause }]).collect()
}

/// Derived, so that nothing can be short of randomness here; told apart by the attempt, since what is replayed comes in once more.
fn event_id(delivery: MessageId, number: u32, now: Timestamp) -> EventId {
    let hash = Sha256::new().chain_update(delivery.as_bytes()).chain_update(number.to_be_bytes()).finalize();
    let mut random = [0; 10];
    random.copy_from_slice(&hash[..10]);
    EventId::new(now, random)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::deliver::fake;

    const NOW: Timestamp = Timestamp(1_790_000_000_500);

    fn onward(fields: &serde_json::Value) -> Result<Onward, Invalid> {
        let mut all = json!({ "kind": "hub", "source": "orders" });
        all.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
        serde_json::from_value::<OnwardSpec>(all).expect("fields of the right types").refine()
    }

    #[test]
    fn a_message_is_an_event_again() {
        let mut delivery = Delivery { hops: 2, ..fake::delivery("again", 1) };
        delivery.message.attributes = vec![Attribute { key: cloudevents::SOURCE.into(), value: "/theirs".into() }];
        let (attempt, verdict) = onward(&json!({})).expect("a spec").pass_on(&delivery, 3, NOW);
        let Verdict::PassedOn(passed) = verdict else { panic!("{verdict:?}") };
        assert_eq!((passed.hops, attempt.failure), (3, None));
        let event = passed.event;
        assert_eq!((event.source.as_str(), event.event_type.as_str(), event.body.as_ref()), ("orders", "test", &b"hello"[..]));
        assert_eq!((event.received_at, event.external_id), (NOW, Some(delivery.id.to_string())));
        let Origin::Batch { id, .. } = delivery.origin else { panic!("of a batch") };
        assert_eq!(event.attributes, [Attribute { key: "causationid".into(), value: id.to_string() }]);
    }

    #[test]
    fn its_type_can_be_another() {
        let delivery = fake::delivery("again", 1);
        let typed = onward(&json!({ "type": "order.enriched" })).expect("a spec");
        assert_eq!(typed.event(&delivery, NOW).event_type, "order.enriched");
        for bad in [String::new(), "x".repeat(1025)] {
            assert_eq!(onward(&json!({ "type": bad })).expect_err("out of bounds").pointer, "/type");
        }
    }

    #[test]
    fn each_replay_is_an_event_of_its_own() {
        let delivery = fake::delivery("again", 1);
        let onward = onward(&json!({})).expect("a spec");
        let again = Delivery { number: 2, ..delivery.clone() };
        assert_eq!(onward.event(&delivery, NOW).id, onward.event(&delivery, NOW).id);
        assert_ne!(onward.event(&delivery, NOW).id, onward.event(&again, NOW).id);
    }

    #[test]
    fn a_circle_has_an_end() {
        let delivery = Delivery { hops: 3, ..fake::delivery("again", 1) };
        let (attempt, verdict) = onward(&json!({})).expect("a spec").pass_on(&delivery, 3, NOW);
        assert!(matches!(&verdict, Verdict::Dead(failure) if failure.code == "hop-limit"), "{verdict:?}");
        assert_eq!(attempt.failure.expect("it failed").code, "hop-limit");
    }
}
