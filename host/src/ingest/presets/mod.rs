//! Where each provider puts the facts of its events, unless the source says otherwise; by the name of the scheme that verifies them.
//!
//! An id is one that a repeat of the same event has too and no other event: what names the message or the customer is the subject.

mod further;

use http::HeaderName;

use super::extract::{Extract, Place};
use crate::event::JsonPath;

/// Where a fact of a provider's events may be.
#[derive(Clone, Copy, Debug)]
enum At {
    Header(&'static str),
    Json(&'static str),
    Form(&'static str),
}

/// Where a provider puts the facts of its events; each fact in the first of its places that has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Preset {
    event_type: &'static [At],
    subject: &'static [At],
    id: &'static [At],
    time: &'static [At],
}

use At::{Form, Header, Json};

const NOTHING: Preset = Preset { event_type: &[], subject: &[], id: &[], time: &[] };

/// By scheme. Those without facts of their own are here too, so that a test can tell a new scheme that was forgotten.
const PRESETS: &[(&str, Preset)] = &[
    (
        "github",
        Preset {
            event_type: &[Header("x-github-event")],
            subject: &[Json("repository.full_name")],
            id: &[Header("x-github-delivery")],
            ..NOTHING
        },
    ),
    // Its `x-gitlab-event-uuid` is shared by the events that a webhook causes in turn, so it is no id of one event.
    (
        "gitlab",
        Preset {
            event_type: &[Header("x-gitlab-event")],
            subject: &[Json("project.path_with_namespace")],
            id: &[Header("webhook-id"), Header("idempotency-key")],
            ..NOTHING
        },
    ),
    (
        "bitbucket",
        Preset {
            event_type: &[Header("x-event-key")],
            subject: &[Json("repository.full_name")],
            id: &[Header("x-request-uuid")],
            ..NOTHING
        },
    ),
    (
        "stripe",
        Preset {
            event_type: &[Json("type")],
            subject: &[Json("data.object.id"), Json("related_object.id")],
            id: &[Json("id")],
            time: &[Json("created")],
        },
    ),
    // Events have an envelope, interactions and commands have none: theirs is a JSON document in a form's field, or a form.
    (
        "slack",
        Preset {
            event_type: &[Json("event.type"), Json("type"), Form("command")],
            subject: &[Json("team_id"), Json("team.id"), Form("team_id")],
            id: &[Json("event_id")],
            time: &[Json("event_time"), Json("action_ts")],
        },
    ),
    (
        "zoom",
        Preset { event_type: &[Json("event")], subject: &[Json("payload.object.id")], time: &[Json("event_ts")], ..NOTHING },
    ),
    (
        "shopify",
        Preset {
            event_type: &[Header("x-shopify-topic")],
            subject: &[Json("admin_graphql_api_id"), Json("id")],
            id: &[Header("x-shopify-webhook-id")],
            time: &[Header("x-shopify-triggered-at")],
        },
    ),
    (
        "square",
        Preset { event_type: &[Json("type")], subject: &[Json("data.id")], id: &[Json("event_id")], time: &[Json("created_at")] },
    ),
    // A message has one SID and many events, so the SID is no id of an event.
    (
        "twilio",
        Preset {
            event_type: &[Form("EventType"), Form("MessageStatus"), Form("SmsStatus"), Form("CallStatus")],
            subject: &[Form("MessageSid"), Form("SmsSid"), Form("CallSid")],
            id: &[Header("i-twilio-idempotency-token")],
            time: &[Form("Timestamp")],
        },
    ),
    // Events have an envelope, interactions have none.
    (
        "discord",
        Preset {
            event_type: &[Json("event.type"), Json("type")],
            subject: &[Json("application_id")],
            id: &[Json("id")],
            time: &[Json("event.timestamp")],
        },
    ),
    (
        "mailgun",
        Preset {
            event_type: &[Json("event-data.event")],
            subject: &[Json("event-data.message.headers.message-id")],
            id: &[Json("event-data.id")],
            time: &[Json("event-data.timestamp")],
        },
    ),
    // Its body is a list of events, of which none stands for the others.
    ("sendgrid", NOTHING),
    // Its `entry` is a list too, all of one object.
    ("meta", Preset { event_type: &[Json("object")], ..NOTHING }),
    ("x", Preset { subject: &[Json("for_user_id")], ..NOTHING }),
    // It tells who has changed something, and leaves it to the receiver to ask what.
    ("dropbox", NOTHING),
    (
        "okta",
        Preset {
            event_type: &[Json("data.events.0.eventType"), Json("eventType")],
            id: &[Json("eventId")],
            time: &[Json("eventTime")],
            ..NOTHING
        },
    ),
    ("standard-webhooks", Preset { id: &[Header("webhook-id"), Header("svix-id")], ..ENVELOPE }),
    // The same under the names that it had before it was a standard.
    ("svix", Preset { id: &[Header("svix-id"), Header("webhook-id")], ..ENVELOPE }),
    ("hmac", NOTHING),
    ("signature", NOTHING),
    ("bearer", NOTHING),
    ("basic", NOTHING),
    ("api-key", NOTHING),
    ("jwt", NOTHING),
    ("none", NOTHING),
    ("plugin", NOTHING),
];

/// The body that Standard Webhooks recommends.
const ENVELOPE: Preset = Preset { event_type: &[Json("type")], time: &[Json("timestamp")], ..NOTHING };

/// All of them.
fn presets() -> impl Iterator<Item = &'static (&'static str, Preset)> {
    PRESETS.iter().chain(further::PRESETS)
}

/// The preset of a scheme; `None` where the table has forgotten it.
fn listed(scheme: &str) -> Option<&'static Preset> {
    presets().find(|(name, _)| *name == scheme).map(|(_, preset)| preset)
}

/// Where the facts of the events of this scheme are.
pub(super) fn of(scheme: &str) -> &'static Preset {
    listed(scheme).unwrap_or(&NOTHING)
}

impl Preset {
    pub(super) fn event_type(&self) -> Option<Extract> {
        extract(self.event_type)
    }

    pub(super) fn subject(&self) -> Option<Extract> {
        extract(self.subject)
    }

    pub(super) fn id(&self) -> Option<Extract> {
        extract(self.id)
    }

    pub(super) fn time(&self) -> Option<Extract> {
        extract(self.time)
    }
}

fn extract(places: &[At]) -> Option<Extract> {
    let place = |at: &At| match *at {
        Header(name) => Place::Header(HeaderName::from_static(name)),
        Json(path) => Place::Json(JsonPath::of(path)),
        Form(name) => Place::Form(name.to_owned()),
    };
    (!places.is_empty()).then(|| Extract(places.iter().map(place).collect()))
}

#[cfg(test)]
mod tests;
