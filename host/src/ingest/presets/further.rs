//! Where further providers put the facts of their events, by the words of their documentation.

use super::{
    At::{Header, Json},
    NOTHING, Preset,
};

/// By scheme; those that send lists, or tell nothing, have no facts.
pub(super) const PRESETS: &[(&str, Preset)] = &[
    ("adyen", NOTHING),
    (
        "box",
        Preset {
            event_type: &[Json("trigger")],
            subject: &[Json("source.id")],
            id: &[Header("box-delivery-id")],
            time: &[Json("created_at")],
        },
    ),
    (
        "coinbase-commerce",
        Preset { event_type: &[Json("event.type")], id: &[Json("event.id")], time: &[Json("event.created_at")], ..NOTHING },
    ),
    ("cronofy", Preset { event_type: &[Json("notification.type")], ..NOTHING }),
    ("easypost", Preset { event_type: &[Json("description")], id: &[Json("id")], time: &[Json("created_at")], ..NOTHING }),
    ("gocardless", NOTHING),
    ("hookdeck", NOTHING),
    ("hubspot", NOTHING),
    ("imagekit", Preset { event_type: &[Json("type")], id: &[Json("id")], time: &[Json("created_at")], ..NOTHING }),
    ("kontent", NOTHING),
    ("line", NOTHING),
    (
        "linear",
        Preset {
            event_type: &[Header("linear-event")],
            subject: &[Json("data.id")],
            id: &[Header("linear-delivery")],
            time: &[Json("createdAt")],
        },
    ),
    (
        "mux",
        Preset { event_type: &[Json("type")], subject: &[Json("object.id")], id: &[Json("id")], time: &[Json("created_at")] },
    ),
    (
        "notion",
        Preset { event_type: &[Json("type")], subject: &[Json("entity.id")], id: &[Json("id")], time: &[Json("timestamp")] },
    ),
    ("onfido", Preset { event_type: &[Json("payload.action")], subject: &[Json("payload.object.id")], ..NOTHING }),
    (
        "paddle",
        Preset {
            event_type: &[Json("event_type")],
            subject: &[Json("data.id")],
            id: &[Json("event_id")],
            time: &[Json("occurred_at")],
        },
    ),
    ("pusher", NOTHING),
    (
        "razorpay",
        Preset {
            event_type: &[Json("event")],
            subject: &[Json("account_id")],
            id: &[Header("x-razorpay-event-id")],
            time: &[Json("created_at")],
        },
    ),
    ("retell", Preset { event_type: &[Json("event")], subject: &[Json("call.call_id")], ..NOTHING }),
    ("sanity", Preset { id: &[Header("idempotency-key")], ..NOTHING }),
    ("stream", Preset { event_type: &[Json("type")], id: &[Header("x-webhook-id")], time: &[Json("created_at")], ..NOTHING }),
    ("viber", Preset { event_type: &[Json("event")], time: &[Json("timestamp")], ..NOTHING }),
    ("webflow", Preset { event_type: &[Json("triggerType")], ..NOTHING }),
    (
        "workos",
        Preset { event_type: &[Json("event")], subject: &[Json("data.id")], id: &[Json("id")], time: &[Json("created_at")] },
    ),
    (
        "intercom",
        Preset { event_type: &[Json("topic")], subject: &[Json("data.item.id")], id: &[Json("id")], time: &[Json("created_at")] },
    ),
    (
        "pagerduty",
        Preset {
            event_type: &[Json("event.event_type")],
            subject: &[Json("event.data.id")],
            id: &[Json("event.id")],
            time: &[Json("event.occurred_at")],
        },
    ),
    ("paystack", Preset { event_type: &[Json("event")], ..NOTHING }),
    ("typeform", Preset { event_type: &[Json("event_type")], id: &[Json("event_id")], ..NOTHING }),
    (
        "woocommerce",
        Preset {
            event_type: &[Header("x-wc-webhook-topic")],
            subject: &[Header("x-wc-webhook-resource")],
            id: &[Header("x-wc-webhook-delivery-id")],
            ..NOTHING
        },
    ),
    ("zendesk", Preset { event_type: &[Json("type")], subject: &[Json("subject")], id: &[Json("id")], time: &[Json("time")] }),
];
