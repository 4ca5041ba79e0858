//! Published vectors, and what is refused. That other hosts verify what is signed is for `tests/it/signing.rs` to show.

use serde_json::{Value, json};

use super::*;

/// The published vectors of Standard Webhooks: secret, id, timestamp, body, signature.
const VECTORS: [(&str, &str, u64, &str, &str); 3] = [
    (
        "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
        "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
        1_649_367_553,
        r#"{"email":"test@example.com","username":"test_user"}"#,
        "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
    ),
    (
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1_614_265_330,
        r#"{"test": 2432232314}"#,
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    ),
    (
        "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1_614_265_330,
        r#"{"test": 2432232314}"#,
        "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==",
    ),
];

fn key(text: &str) -> Key {
    Key::parse(text).expect("a good key")
}

fn content<'a>(id: &'a str, timestamp_secs: u64, body: &'a [u8]) -> Content<'a> {
    Content { id, timestamp_secs, url: "https://example.com/hooks", body }
}

fn scheme(spec: Value) -> Result<Scheme, crate::event::Invalid> {
    serde_json::from_value::<Spec>(spec).expect("fields of the right types").refine()
}

#[test]
fn the_published_vectors_are_met() {
    for (secret, id, timestamp, body, signature) in VECTORS {
        assert_eq!(standard_webhooks(&[key(secret)], content(id, timestamp, body.as_bytes())), signature);
    }
}

#[test]
fn the_public_key_of_the_published_vector_is_told() {
    assert_eq!(key(VECTORS[2].0).public().as_deref(), Some("whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="));
    assert_eq!(key(VECTORS[0].0).public(), None);
}

#[test]
fn every_key_signs_in_order_whatever_its_version() {
    let keys = [key(VECTORS[0].0), key(VECTORS[1].0), key(VECTORS[2].0)];
    let (_, id, timestamp, body, second) = VECTORS[1];
    let all = standard_webhooks(&keys, content(id, timestamp, body.as_bytes()));
    let entries: Vec<_> = all.split(' ').collect();
    assert_eq!(entries.len(), 3);
    assert_ne!(entries[0], second);
    assert_eq!(entries[1..], [second, VECTORS[2].4]);
    assert_eq!(standard_webhooks([], content(id, timestamp, b"")), "");
}

#[test]
fn a_body_need_not_be_text() {
    for secret in [VECTORS[0].0, VECTORS[2].0] {
        let signed = |body: &[u8]| standard_webhooks(&[key(secret)], content("msg_1", 1, body));
        assert_ne!(signed(&[0xff, 0x00]), signed(&[0xfe, 0x00]));
    }
}

#[test]
fn the_vectors_of_providers_are_met() {
    let headers = |name: &str, secret: &str, timestamp, body: &str| {
        let scheme = scheme(json!({ "scheme": name, "secret": secret })).expect("a scheme");
        scheme.headers([], content("msg_1", timestamp, body.as_bytes()))
    };
    let github = headers("github", "It's a Secret to Everybody", 1, "Hello, World!");
    assert_eq!(github[0].0, "x-hub-signature-256");
    assert_eq!(github[0].1, "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17");

    let body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar\
                &user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com\
                %2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121\
                .803a0bc887a14d10d2c447fce8b6703c";
    let slack = headers("slack", "8f742231b10e8888abcd99yyyzzz85a5", 1_531_420_618, body);
    assert_eq!(slack[0].1, "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503");
    assert_eq!((slack[1].0.as_str(), slack[1].1.as_str()), ("x-slack-request-timestamp", "1531420618"));
}

/// RFC 2202, section 3, test case 2.
#[test]
fn sha1_is_there_for_receivers_that_know_nothing_better() {
    let spec = json!({ "scheme": "hmac", "secret": "Jefe", "header": "x-signature", "algorithm": "sha1", "prefix": "sha1=" });
    let headers = scheme(spec).expect("a scheme").headers([], content("msg_1", 1, b"what do ya want for nothing?"));
    assert_eq!(
        headers,
        [(http::HeaderName::from_static("x-signature"), "sha1=effcdf6ae5eb2fa2d27416d5f184df9c259a7c79".to_owned())]
    );
}

#[test]
fn what_a_scheme_cannot_use_is_refused_with_its_place() {
    let hmac = |more: Value| {
        let mut spec = json!({ "scheme": "hmac", "secret": "s", "header": "x-signature" });
        spec.as_object_mut().expect("an object").extend(more.as_object().cloned().expect("an object"));
        spec
    };
    for (spec, pointer) in [
        (json!({ "scheme": "gitlab", "secret": "s" }), "/scheme"),
        (json!({ "scheme": "github" }), "/secret"),
        (json!({ "scheme": "github", "secret": "" }), "/secret"),
        (json!({ "scheme": "github", "secret": "s", "prefix": "x" }), "/prefix"),
        (json!({ "scheme": "svix", "secret": "s" }), "/secret"),
        (json!({ "scheme": "hmac", "secret": "s" }), "/header"),
        (hmac(json!({ "header": "webhook-signature" })), "/header"),
        (hmac(json!({ "header": "a b" })), "/header"),
        (hmac(json!({ "id_header": "host" })), "/id_header"),
        (hmac(json!({ "signed": "{id}" })), "/signed"),
        (hmac(json!({ "signed": "{time}{body}" })), "/signed"),
        (hmac(json!({ "signed": "{timestamp}.{body}" })), "/signed"),
        (hmac(json!({ "prefix": "a\nb" })), "/prefix"),
    ] {
        let refused = scheme(spec.clone()).expect_err("it is refused");
        assert_eq!(refused.pointer, pointer, "{spec}");
    }
}

#[test]
fn a_scheme_shows_no_secret() {
    let scheme = scheme(json!({ "scheme": "github", "secret": "geheim" })).expect("a scheme");
    assert!(!format!("{scheme:?}").contains("geheim"));
}
