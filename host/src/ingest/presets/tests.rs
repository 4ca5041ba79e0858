use http::{HeaderMap, HeaderValue};

use super::*;
use crate::{event::Timestamp, ingest::extract::Facts, verify};

/// A request of a provider's documentation, cut to what its facts are in.
struct Sample {
    scheme: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
    /// Type, subject and id.
    texts: [Option<&'static str>; 3],
    time: Option<u64>,
}

const FORM: &[(&str, &str)] = &[("content-type", "application/x-www-form-urlencoded; charset=utf-8")];

const SAMPLES: &[Sample] = &[
    Sample {
        scheme: "github",
        headers: &[("x-github-event", "issues"), ("x-github-delivery", "72d3162e")],
        body: r#"{"action":"opened","repository":{"full_name":"octo/hello"}}"#,
        texts: [Some("issues"), Some("octo/hello"), Some("72d3162e")],
        time: None,
    },
    Sample {
        scheme: "gitlab",
        headers: &[("x-gitlab-event", "Push Hook"), ("idempotency-key", "k-1")],
        body: r#"{"project":{"path_with_namespace":"mike/diaspora"}}"#,
        texts: [Some("Push Hook"), Some("mike/diaspora"), Some("k-1")],
        time: None,
    },
    Sample {
        scheme: "bitbucket",
        headers: &[("x-event-key", "repo:push"), ("x-request-uuid", "u-1")],
        body: r#"{"repository":{"full_name":"team/repo"}}"#,
        texts: [Some("repo:push"), Some("team/repo"), Some("u-1")],
        time: None,
    },
    Sample {
        scheme: "stripe",
        headers: &[],
        body: r#"{"id":"evt_1","created":1686089970,"type":"invoice.paid","data":{"object":{"id":"in_1"}}}"#,
        texts: [Some("invoice.paid"), Some("in_1"), Some("evt_1")],
        time: Some(1_686_089_970_000),
    },
    // A thin event.
    Sample {
        scheme: "stripe",
        headers: &[],
        body: r#"{"id":"evt_2","type":"v1.billing.meter","created":"2024-09-17T06:20:52.246Z","related_object":{"id":"mtr_1"}}"#,
        texts: [Some("v1.billing.meter"), Some("mtr_1"), Some("evt_2")],
        time: Some(1_726_554_052_246),
    },
    Sample {
        scheme: "slack",
        headers: &[],
        body: r#"{"type":"event_callback","team_id":"T1","event_id":"Ev1","event_time":1355517523,"event":{"type":"app_mention"}}"#,
        texts: [Some("app_mention"), Some("T1"), Some("Ev1")],
        time: Some(1_355_517_523_000),
    },
    Sample {
        scheme: "slack",
        headers: &[],
        body: r#"{"type":"block_actions","team":{"id":"T1"},"event":null}"#,
        texts: [Some("block_actions"), Some("T1"), None],
        time: None,
    },
    Sample {
        scheme: "slack",
        headers: FORM,
        body: "command=%2Fdeploy&team_id=T1&text=now",
        texts: [Some("/deploy"), Some("T1"), None],
        time: None,
    },
    Sample {
        scheme: "zoom",
        headers: &[],
        body: r#"{"event":"meeting.started","event_ts":1626230691572,"payload":{"account_id":"A","object":{"id":"7"}}}"#,
        texts: [Some("meeting.started"), Some("7"), None],
        time: Some(1_626_230_691_572),
    },
    Sample {
        scheme: "shopify",
        headers: &[
            ("x-shopify-topic", "orders/create"),
            ("x-shopify-webhook-id", "w-1"),
            ("x-shopify-triggered-at", "2023-03-29T18:00:27.877041743Z"),
        ],
        body: r#"{"id":820982911946154508,"admin_graphql_api_id":"gid://shopify/Order/820982911946154508"}"#,
        texts: [Some("orders/create"), Some("gid://shopify/Order/820982911946154508"), Some("w-1")],
        time: Some(1_680_112_827_877),
    },
    Sample {
        scheme: "square",
        headers: &[],
        body: r#"{"type":"payment.updated","event_id":"e-1","created_at":"2020-02-06T21:27:34.308Z","data":{"id":"p-1"}}"#,
        texts: [Some("payment.updated"), Some("p-1"), Some("e-1")],
        time: Some(1_581_024_454_308),
    },
    Sample {
        scheme: "twilio",
        headers: &[("i-twilio-idempotency-token", "t-1"), ("content-type", "application/x-www-form-urlencoded")],
        body: "SmsSid=SM1&SmsStatus=sent&MessageStatus=delivered&MessageSid=SM1",
        texts: [Some("delivered"), Some("SM1"), Some("t-1")],
        time: None,
    },
    Sample {
        scheme: "twilio",
        headers: FORM,
        body: "CallSid=CA1&CallStatus=ringing&Timestamp=Fri%2C+02+Jan+2026+03%3A04%3A05+%2B0000",
        texts: [Some("ringing"), Some("CA1"), None],
        time: Some(1_767_323_045_000),
    },
    Sample {
        scheme: "discord",
        headers: &[],
        body: r#"{"application_id":"12","type":1,"event":{"type":"ENTITLEMENT_CREATE","timestamp":"2024-10-18T14:42:53.064834"}}"#,
        texts: [Some("ENTITLEMENT_CREATE"), Some("12"), None],
        time: Some(1_729_262_573_064),
    },
    Sample {
        scheme: "mailgun",
        headers: &[],
        body: r#"{"event-data":{"event":"opened","id":"E1","timestamp":1529006854.329574,"message":{"headers":{"message-id":"m@h"}}}}"#,
        texts: [Some("opened"), Some("m@h"), Some("E1")],
        time: Some(1_529_006_854_329),
    },
    Sample {
        scheme: "meta",
        headers: &[],
        body: r#"{"object":"page","entry":[{"id":"1","time":1458692752478}]}"#,
        texts: [Some("page"), None, None],
        time: None,
    },
    Sample {
        scheme: "x",
        headers: &[],
        body: r#"{"for_user_id":"2244994945","tweet_create_events":[{}]}"#,
        texts: [None, Some("2244994945"), None],
        time: None,
    },
    Sample {
        scheme: "okta",
        headers: &[],
        body: r#"{"eventType":"com.okta.event_hook","eventId":"b5a188b9","eventTime":"2019-03-28T16:47:57.094Z"}"#,
        texts: [Some("com.okta.event_hook"), None, Some("b5a188b9")],
        time: Some(1_553_791_677_094),
    },
    Sample { scheme: "sendgrid", headers: &[], body: r#"[{"event":"open"}]"#, texts: [None; 3], time: None },
    // Under the names that verifying takes as well: a request that is sent again with others is the same event.
    Sample {
        scheme: "standard-webhooks",
        headers: &[("svix-id", "msg_1")],
        body: r#"{"type":"user.created"}"#,
        texts: [Some("user.created"), None, Some("msg_1")],
        time: None,
    },
    Sample {
        scheme: "svix",
        headers: &[("webhook-id", "msg_1")],
        body: r#"{"type":"user.created"}"#,
        texts: [Some("user.created"), None, Some("msg_1")],
        time: None,
    },
    Sample {
        scheme: "standard-webhooks",
        headers: &[("webhook-id", "msg_1")],
        body: r#"{"type":"user.created","timestamp":"2022-11-03T20:26:10.344522Z","data":{"id":"1"}}"#,
        texts: [Some("user.created"), None, Some("msg_1")],
        time: Some(1_667_507_170_344),
    },
    Sample {
        scheme: "svix",
        headers: &[("svix-id", "msg_1")],
        body: r#"{"type":"email.sent","data":{}}"#,
        texts: [Some("email.sent"), None, Some("msg_1")],
        time: None,
    },
    Sample { scheme: "none", headers: &[], body: r#"{"type":"x","id":"1"}"#, texts: [None; 3], time: None },
    Sample {
        scheme: "box",
        headers: &[("box-delivery-id", "e-1")],
        body: r#"{"trigger":"made","source":{"id":"s-1"},"created_at":"2026-01-02T03:04:05Z"}"#,
        texts: [Some("made"), Some("s-1"), Some("e-1")],
        time: Some(1_767_323_045_000),
    },
    Sample {
        scheme: "coinbase-commerce",
        headers: &[],
        body: r#"{"event":{"type":"made","id":"e-1","created_at":"2026-01-02T03:04:05Z"}}"#,
        texts: [Some("made"), None, Some("e-1")],
        time: Some(1_767_323_045_000),
    },
    Sample {
        scheme: "cronofy",
        headers: &[],
        body: r#"{"notification":{"type":"made"}}"#,
        texts: [Some("made"), None, None],
        time: None,
    },
    Sample {
        scheme: "easypost",
        headers: &[],
        body: r#"{"description":"made","id":"e-1","created_at":"2026-01-02T03:04:05Z"}"#,
        texts: [Some("made"), None, Some("e-1")],
        time: Some(1_767_323_045_000),
    },
    Sample {
        scheme: "imagekit",
        headers: &[],
        body: r#"{"type":"made","id":"e-1","created_at":"2026-01-02T03:04:05Z"}"#,
        texts: [Some("made"), None, Some("e-1")],
        time: Some(1_767_323_045_000),
    },
    Sample {
        scheme: "linear",
        headers: &[("linear-event", "made"), ("linear-delivery", "e-1")],
        body: r#"{"data":{"id":"s-1"},"createdAt":"2026-01-02T03:04:05Z"}"#,
        texts: [Some("made"), Some("s-1"), Some("e-1")],
        time: Some(1_767_323_045_000),
    },
    Sample {
        scheme: "mux",
        headers: &[],
        body: r#"{"type":"made","object":{"id":"s-1"},"id":"e-1","created_at":"2026-01-02T03:04:05Z"}"#,
        texts: [Some("made"), Some("s-1"), Some("e-1")],
        time: Some(1_767_323_045_000),
    },
    Sample {
        scheme: "notion",
        headers: &[],
        body: r#"{"type":"made","entity":{"id":"s-1"},"id":"e-1","timestamp":"2026-01-02T03:04:05Z"}"#,
        texts: [Some("made"), Some("s-1"), Some("e-1")],
        time: Some(1_767_323_045_000),
    },
    Sample {
        scheme: "onfido",
        headers: &[],
        body: r#"{"payload":{"action":"made","object":{"id":"s-1"}}}"#,
        texts: [Some("made"), Some("s-1"), None],
        time: None,
    },
    Sample {
        scheme: "paddle",
        headers: &[],
        body: r#"{"event_type":"made","data":{"id":"s-1"},"event_id":"e-1","occurred_at":"2026-01-02T03:04:05Z"}"#,
        texts: [Some("made"), Some("s-1"), Some("e-1")],
        time: Some(1_767_323_045_000),
    },
    Sample {
        scheme: "razorpay",
        headers: &[("x-razorpay-event-id", "e-1")],
        body: r#"{"event":"made","account_id":"s-1","created_at":"2026-01-02T03:04:05Z"}"#,
        texts: [Some("made"), Some("s-1"), Some("e-1")],
        time: Some(1_767_323_045_000),
    },
    Sample {
        scheme: "retell",
        headers: &[],
        body: r#"{"event":"made","call":{"call_id":"s-1"}}"#,
        texts: [Some("made"), Some("s-1"), None],
        time: None,
    },
    Sample {
        scheme: "sanity",
        headers: &[("idempotency-key", "e-1")],
        body: r#"{}"#,
        texts: [None, None, Some("e-1")],
        time: None,
    },
    Sample {
        scheme: "stream",
        headers: &[("x-webhook-id", "e-1")],
        body: r#"{"type":"made","created_at":"2026-01-02T03:04:05Z"}"#,
        texts: [Some("made"), None, Some("e-1")],
        time: Some(1_767_323_045_000),
    },
    Sample {
        scheme: "viber",
        headers: &[],
        body: r#"{"event":"made","timestamp":"2026-01-02T03:04:05Z"}"#,
        texts: [Some("made"), None, None],
        time: Some(1_767_323_045_000),
    },
    Sample { scheme: "webflow", headers: &[], body: r#"{"triggerType":"made"}"#, texts: [Some("made"), None, None], time: None },
    Sample {
        scheme: "workos",
        headers: &[],
        body: r#"{"event":"made","data":{"id":"s-1"},"id":"e-1","created_at":"2026-01-02T03:04:05Z"}"#,
        texts: [Some("made"), Some("s-1"), Some("e-1")],
        time: Some(1_767_323_045_000),
    },
    Sample {
        scheme: "intercom",
        headers: &[],
        body: r#"{"topic":"made","data":{"item":{"id":"s-1"}},"id":"e-1","created_at":"2026-01-02T03:04:05Z"}"#,
        texts: [Some("made"), Some("s-1"), Some("e-1")],
        time: Some(1_767_323_045_000),
    },
    Sample {
        scheme: "pagerduty",
        headers: &[],
        body: r#"{"event":{"event_type":"made","data":{"id":"s-1"},"id":"e-1","occurred_at":"2026-01-02T03:04:05Z"}}"#,
        texts: [Some("made"), Some("s-1"), Some("e-1")],
        time: Some(1_767_323_045_000),
    },
    Sample { scheme: "paystack", headers: &[], body: r#"{"event":"made"}"#, texts: [Some("made"), None, None], time: None },
    Sample {
        scheme: "typeform",
        headers: &[],
        body: r#"{"event_type":"made","event_id":"e-1"}"#,
        texts: [Some("made"), None, Some("e-1")],
        time: None,
    },
    Sample {
        scheme: "woocommerce",
        headers: &[("x-wc-webhook-topic", "made"), ("x-wc-webhook-resource", "s-1"), ("x-wc-webhook-delivery-id", "e-1")],
        body: r#"{}"#,
        texts: [Some("made"), Some("s-1"), Some("e-1")],
        time: None,
    },
    Sample {
        scheme: "zendesk",
        headers: &[],
        body: r#"{"type":"made","subject":"s-1","id":"e-1","time":"2026-01-02T03:04:05Z"}"#,
        texts: [Some("made"), Some("s-1"), Some("e-1")],
        time: Some(1_767_323_045_000),
    },
];

#[test]
fn the_facts_of_providers_are_found() {
    for Sample { scheme, headers, body, texts, time } in SAMPLES {
        let headers: HeaderMap =
            headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect();
        let (preset, mut facts) = (of(scheme), Facts::new(&headers, None, body.as_bytes()));
        let found = [preset.event_type(), preset.subject(), preset.id()].map(|fact| facts.find(fact.as_ref()));
        assert_eq!(found.each_ref().map(Option::as_deref), *texts, "{scheme}: {body}");
        assert_eq!(facts.time(preset.time().as_ref()), time.map(Timestamp), "{scheme}: {body}");
    }
}

#[test]
fn each_scheme_is_in_the_table() {
    for scheme in verify::schemes() {
        assert!(listed(scheme).is_some(), "`{scheme}` has no entry; one without facts of its own has NOTHING");
    }
}

#[test]
fn each_preset_has_a_sample() {
    for (scheme, preset) in presets() {
        let has_facts = [preset.event_type, preset.subject, preset.id, preset.time].iter().any(|places| !places.is_empty());
        assert!(!has_facts || SAMPLES.iter().any(|sample| sample.scheme == *scheme), "{scheme}");
    }
}

/// The row of the table in docs/sources.md.
fn row(scheme: &str, preset: &Preset) -> String {
    let mut row = format!("| `{scheme}` |");
    for places in [preset.event_type, preset.subject, preset.id, preset.time] {
        let mut before = "";
        for place in places {
            let (kind, name) = match place {
                Header(name) => ("header ", name),
                Form(name) => ("form ", name),
                Json(path) => ("", path),
            };
            // A kind is said once for those of it that stand together.
            let kind_told = if kind == before { "" } else { kind };
            let comma = if row.ends_with('|') { "" } else { "," };
            row += &format!("{comma} {kind_told}`{name}`");
            before = kind;
        }
        row += " |";
    }
    row
}

#[test]
fn the_table_of_the_page_on_sources_is_this_one() {
    let page = include_str!("../../../../docs/sources.md");
    for scheme in verify::schemes() {
        let preset = of(scheme);
        let has_facts = [preset.event_type, preset.subject, preset.id, preset.time].iter().any(|places| !places.is_empty());
        let row = if has_facts { row(scheme, preset) } else { format!("`{scheme}`") };
        assert!(page.contains(&row), "docs/sources.md has no row: {row}");
    }
}
