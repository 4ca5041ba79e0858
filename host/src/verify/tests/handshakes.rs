//! Requests by which providers try an address: what is answered, to whom, and that no answer is of use to a stranger.

use serde_json::json;

use super::*;

fn asked(
    spec: serde_json::Value,
    method: &str,
    query: &str,
    headers: &[(&'static str, &str)],
    body: &str,
) -> Result<Verified, Refusal> {
    let world = World::new(spec, headers, body, 1_700_000_000);
    let headers: HeaderMap = world
        .headers
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).expect("text")))
        .collect();
    let url = format!("{URL}{query}");
    world.scheme().verify(Request { method, url: &url, headers: &headers, body: &world.body }, Timestamp(1_700_000_000_000))
}

#[track_caller]
fn answered(verified: Result<Verified, Refusal>) -> (u16, &'static str, String) {
    match verified.expect("an answer") {
        Verified::Handshake(Response { status, content_type, body }) => (status, content_type, body),
        Verified::Event(facts) => panic!("an event: {facts:?}"),
    }
}

fn of(scheme: &str) -> serde_json::Value {
    json!({ "scheme": scheme, "secret": "key" })
}

/// A body that is signed as by Slack and Zoom.
fn v0(scheme: &str, body: &str) -> Result<Verified, Refusal> {
    let signature = format!("v0={}", hex::encode(sha256(b"key", &format!("v0:1700000000:{body}"))));
    let (header, time) = match scheme {
        "slack" => ("x-slack-signature", "x-slack-request-timestamp"),
        _ => ("x-zm-signature", "x-zm-request-timestamp"),
    };
    asked(of(scheme), "POST", "", &[(header, &signature), (time, "1700000000")], body)
}

#[test]
fn slack_is_answered_with_its_challenge_where_it_signs() {
    let body = r#"{"type":"url_verification","challenge":"3eZbrw1aB"}"#;
    assert_eq!(answered(v0("slack", body)), (200, "text/plain; charset=utf-8", "3eZbrw1aB".into()));
    assert!(asked(of("slack"), "POST", "", &[], body).is_err(), "nobody signed it");
    for event in [r#"{"type":"event_callback","challenge":"x"}"#, r#"{"type":"url_verification"}"#, "payload=x"] {
        assert!(matches!(v0("slack", event), Ok(Verified::Event(_))), "{event}");
    }
}

#[test]
fn zoom_is_answered_with_the_mac_of_its_token() {
    let body = r#"{"event":"endpoint.url_validation","payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"}}"#;
    let mac = hex::encode(sha256(b"key", "qgg8vlvZRS6UYooatFL8Aw"));
    let expected = format!(r#"{{"encryptedToken":"{mac}","plainToken":"qgg8vlvZRS6UYooatFL8Aw"}}"#);
    assert_eq!(answered(v0("zoom", body)), (200, "application/json", expected));
    // What an event's signature would be of is not signed.
    let forged = r#"{"event":"endpoint.url_validation","payload":{"plainToken":"v0:1700000000:{}"}}"#;
    assert_eq!(v0("zoom", forged).expect_err("no token").reason, Reason::Malformed);
}

#[test]
fn discords_pings_are_answered() {
    let scheme: Spec = serde_json::from_value(json!({
        "scheme": "discord", "public_key": "d52880e28f61caa4c2a48a82e55f4751a92289a78009ea9f6532270c16ce8abe",
    }))
    .expect("the right form");
    let scheme = scheme.refine().expect("a good spec");
    let private = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==";
    let now = Timestamp(1_700_000_000_000);
    let told = |body: &str| {
        let mut sample = Sample { method: "POST".into(), url: URL.into(), headers: HeaderMap::new(), body: body.into() };
        assert!(scheme.verify(sample.request(), now).is_err(), "nobody signed it");
        scheme.sign(&mut sample, "", now, Some(private)).expect("a key");
        scheme.verify(sample.request(), now)
    };
    assert_eq!(answered(told(r#"{"version":1,"application_id":"1","type":0}"#)), (204, "application/json", String::new()));
    assert_eq!(answered(told(r#"{"application_id":"1","token":"t","type":1}"#)).2, r#"{"type":1}"#);
    assert!(matches!(told(r#"{"version":1,"application_id":"1","type":1,"event":{}}"#), Ok(Verified::Event(_))));
}

#[test]
fn meta_is_answered_where_it_knows_the_word() {
    let spec = json!({ "scheme": "meta", "secret": "key", "verify_token": "word" });
    let get = |query: &str| asked(spec.clone(), "GET", query, &[], "");
    let query = "?hub.mode=subscribe&hub.verify_token=word&hub.challenge=1158201444";
    assert_eq!(answered(get(query)), (200, "text/plain; charset=utf-8", "1158201444".into()));
    for (bad, reason) in [
        (query.replace("=word", "=guess"), Reason::Mismatch),
        (query.replace("=word", "="), Reason::Mismatch),
        (query.replace("hub.verify_token=word&", ""), Reason::Missing),
        (format!("{query}&hub.verify_token=word"), Reason::Repeated),
        (query.replace("1158201444", "%0d%0a"), Reason::Malformed),
        (query.replace("1158201444", &"1".repeat(5000)), Reason::Malformed),
        (query.replace("subscribe", "other"), Reason::Missing),
    ] {
        assert_eq!(get(&bad).expect_err(&bad).reason, reason, "{bad}");
    }
    assert!(asked(spec.clone(), "POST", query, &[], "").is_err(), "only a GET is one");
    let printed = format!(
        "{:?}",
        World::new(json!({ "scheme": "meta", "secret": "key", "verify_token": "swordfish" }), &[], "", 0).scheme()
    );
    assert!(!printed.contains("swordfish"), "{printed}");
}

#[test]
fn what_anybody_may_ask_is_repeated_as_text_or_json() {
    assert_eq!(answered(asked(of("dropbox"), "GET", "?challenge=a%20b", &[], "")).2, "a b");
    let okta = asked(of("okta"), "GET", "", &[("x-okta-verification-challenge", "\"<b>")], "");
    assert_eq!(answered(okta), (200, "application/json", r#"{"verification":"\"<b>"}"#.into()));
    let graph = json!({ "scheme": "api-key", "secret": "key", "handshake": "microsoft-graph" });
    assert_eq!(answered(asked(graph.clone(), "POST", "?validationToken=a%3Ab", &[], "")).2, "a:b");
    assert!(asked(graph, "POST", "", &[], "").is_err());
    assert!(asked(of("github"), "GET", "?challenge=1", &[], "").is_err(), "GitHub has no handshake");
}

/// X has a text of a stranger's choice signed with the key of events, so no text that is signed is an event, and none that is an event is signed.
#[test]
fn no_answer_to_x_is_a_signature_of_an_event() {
    let get = |token: &str| asked(of("x"), "GET", &format!("?crc_token={token}"), &[], "");
    let mac = |text: &str| BASE64_STANDARD.encode(sha256(b"key", text));
    assert_eq!(answered(get("MDEyMw==")).2, format!(r#"{{"response_token":"sha256={}"}}"#, mac("MDEyMw==")));
    for event in ["%7B%7D", "%5B%5D", "%22a%22", "a+b", &"a".repeat(257)] {
        assert_eq!(get(event).expect_err(event).reason, Reason::Malformed, "{event}");
    }
    let post =
        |body: &str| asked(of("x"), "POST", "", &[("x-twitter-webhooks-signature", &format!("sha256={}", mac(body)))], body);
    assert!(post("{}").is_ok());
    for token in ["MDEyMw==", "123", ""] {
        assert_eq!(post(token).expect_err(token).reason, Reason::Ambiguous, "{token}");
    }
}

#[test]
fn a_get_is_taken_where_a_handshake_is_one() {
    let get = |spec: serde_json::Value| World::new(spec, &[], "", 0).scheme().answers_get();
    for scheme in ["dropbox", "okta", "x"] {
        assert!(get(of(scheme)), "{scheme}");
    }
    for scheme in ["github", "slack", "zoom", "bearer"] {
        assert!(!get(of(scheme)), "{scheme}");
    }
    assert!(!get(json!({ "scheme": "api-key", "secret": "key", "handshake": "microsoft-graph" })));
    assert!(get(json!({ "scheme": "hmac", "secret": "key", "header": "x-s", "handshake": "dropbox" })));
}
