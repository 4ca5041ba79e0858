//! How destinations are shown that we may send to them: keys, tokens, certificates.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::response::{IntoResponse, Response};
use http::{StatusCode, Version};
use serde_json::{Value, json};
use sluicebox_tests::{
    Host, Received, Receiver, eventually,
    tls::{Authority, Certified, TlsReceiver},
};

use crate::story::{OPEN_SOURCE, destination};

/// A hub of one destination with these settings.
fn to(url: &str, settings: &str) -> String {
    format!("{OPEN_SOURCE}{}{settings}\n[rules.all]\ndestinations = [\"out\"]\n", destination("out", url))
}

/// A text as TOML.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_shown_in_their_headers_and_nowhere_else() {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    let mut hub = OPEN_SOURCE.to_owned();
    for (name, auth) in [
        ("bearer", "type = \"bearer\", token = \"canary-1\""),
        ("basic", "type = \"basic\", username = \"us\", password = \"canary-2\""),
        ("key", "type = \"api-key\", value = \"canary-3\""),
        ("named", "type = \"api-key\", header = \"x-token\", value = \"canary-4\""),
    ] {
        hub += &format!("{}auth = {{ {auth} }}\n", destination(name, &format!("{}/{name}", receiver.url())));
    }
    host.apply(&format!("{hub}[rules.all]\ndestinations = [\"bearer\", \"basic\", \"key\", \"named\"]\n")).await;
    host.post("open", &[], "{}").await;
    for (name, header, value) in [
        ("bearer", "authorization", "Bearer canary-1"),
        ("basic", "authorization", "Basic dXM6Y2FuYXJ5LTI="),
        ("key", "x-api-key", "canary-3"),
        ("named", "x-token", "canary-4"),
    ] {
        assert_eq!(receiver.wait_for(&format!("/{name}"), 1).await[0].header(header), value);
        let shown = host.get(&format!("/v1/destinations/{name}")).await.json.to_string();
        assert!(!shown.contains("canary"), "{shown}");
    }
    host.stop().await;
}

/// A token endpoint at `/token`, whose tokens are `t1`, `t2` and so on, and a destination at `/out` that takes the tokens that `is_good`.
async fn token_world(is_good: impl Fn(&str) -> bool + Send + Sync + 'static) -> Receiver {
    let given = Arc::new(AtomicUsize::new(0));
    Receiver::answering(move |received: &Received| -> Response {
        if received.path == "/token" {
            let number = given.fetch_add(1, Ordering::SeqCst) + 1;
            return axum::Json(json!({ "access_token": format!("t{number}"), "token_type": "Bearer", "expires_in": 3600 }))
                .into_response();
        }
        let token = received.header("authorization").trim_start_matches("Bearer ");
        if is_good(token) { StatusCode::OK.into_response() } else { StatusCode::UNAUTHORIZED.into_response() }
    })
    .await
}

fn by_tokens(receiver: &Receiver) -> String {
    let token_url = format!("{}/token", receiver.url());
    let auth = format!(
        "auth = {{ type = \"oauth2\", token_url = \"{token_url}\", client_id = \"us\", client_secret = \"s3cret\", scope = \"orders\" }}"
    );
    to(&format!("{}/out", receiver.url()), &auth)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_asked_for_once_and_kept() {
    let (host, receiver) = (Host::start().await, token_world(|token| token == "t1").await);
    host.apply(&by_tokens(&receiver)).await;
    for number in 0..20 {
        host.post("open", &[], format!("{number}")).await;
    }
    assert_eq!(receiver.wait_for("/out", 20).await.len(), 20);
    let asked = receiver.received("/token");
    assert_eq!(asked.len(), 1, "though eight deliveries begin at once");
    assert_eq!(asked[0].body, "grant_type=client_credentials&scope=orders");
    assert_eq!(asked[0].header("authorization"), "Basic dXM6czNjcmV0");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_refused_is_replaced_within_the_attempt() {
    let (host, receiver) = (Host::start().await, token_world(|token| token == "t2").await);
    host.apply(&by_tokens(&receiver)).await;
    host.post("open", &[], "{}").await;
    let delivery = host.delivery_in_state("all", "delivered").await;
    assert_eq!(delivery["attempts"], 1);
    let tokens: Vec<String> = receiver.received("/out").iter().map(|one| one.header("authorization").to_owned()).collect();
    assert_eq!(tokens, ["Bearer t1", "Bearer t2"]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_that_takes_no_token_is_a_failed_attempt() {
    let (host, receiver) = (Host::start().await, token_world(|_| false).await);
    host.apply(&by_tokens(&receiver).replace("retry = {", "retry = { attempts_max = 2,")).await;
    host.post("open", &[], "{}").await;
    let delivery = host.delivery_in_state("all", "dead").await;
    assert_eq!(delivery["attempt_records"][0]["status"], 401);
    // The second attempt begins with the token that the first was refused last.
    assert_eq!((receiver.received("/out").len(), receiver.received("/token").len()), (4, 3));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_endpoint_that_fails_is_a_failure_of_its_own() {
    let receiver = Receiver::answering(|_| {
        (StatusCode::BAD_REQUEST, axum::Json(json!({ "error": "invalid_scope", "error_description": "canary" }))).into_response()
    })
    .await;
    let host = Host::start().await;
    host.apply(&by_tokens(&receiver).replace("retry = {", "retry = { attempts_max = 2,")).await;
    host.post("open", &[], "{}").await;
    let delivery = host.delivery_in_state("all", "dead").await;
    let failure = &delivery["attempt_records"][0]["failure"];
    assert_eq!(failure["code"], "oauth2-token");
    assert_eq!(failure["message"], "the token endpoint answered 400 Bad Request (`invalid_scope`)");
    assert!(receiver.received("/out").is_empty(), "nothing is sent without a token");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_endpoint_is_dialled_like_a_destination() {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    let hub = by_tokens(&receiver).replace(&format!("token_url = \"{}", receiver.url()), "token_url = \"http://10.0.0.1");
    host.apply(&hub).await;
    host.post("open", &[], "{}").await;
    let delivery = host.delivery_in_state("all", "dead").await;
    assert_eq!(delivery["failure"]["code"], "address-forbidden");
    host.stop().await;
}

/// Sends one event to a receiver over TLS, and gives the failure's code or the version of HTTP by which it came.
async fn sent(receiver: &TlsReceiver, tls: &str) -> Result<Version, String> {
    let host = Host::start().await;
    let hub = to(&format!("{}/out", receiver.url()), tls).replace("retry = {", "retry = { attempts_max = 1,");
    host.apply(&hub).await;
    host.post("open", &[], "{}").await;
    let ended = eventually("an end", async || {
        let page = host.get("/v1/deliveries").await.json;
        let delivery = page["items"][0].clone();
        matches!(delivery["state"].as_str(), Some("delivered" | "dead")).then_some(delivery)
    })
    .await;
    let delivery = host.get(&format!("/v1/deliveries/{}", ended["id"].as_str().expect("an id"))).await.json;
    host.stop().await;
    match delivery["attempt_records"][0]["failure"]["code"].as_str() {
        Some(code) => Err(code.to_owned()),
        None => Ok(receiver.received()[0].0),
    }
}

fn trusting(authority: &Authority) -> String {
    format!("ca_certificates = {}", quoted(&authority.certificate()))
}

#[tokio::test(flavor = "multi_thread")]
async fn http2_is_spoken_where_the_destination_offers_it() {
    let authority = Authority::new();
    let tls = format!("tls = {{ {} }}", trusting(&authority));
    let both = TlsReceiver::start(&authority, &["h2", "http/1.1"], None).await;
    assert_eq!(sent(&both, &tls).await, Ok(Version::HTTP_2));
    let (_, received) = both.received().remove(0);
    assert!(!received.header("webhook-signature").is_empty());
    let old = TlsReceiver::start(&authority, &["http/1.1"], None).await;
    assert_eq!(sent(&old, &tls).await, Ok(Version::HTTP_11));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_that_is_not_named_is_not_trusted() {
    let (authority, other) = (Authority::new(), Authority::new());
    let receiver = TlsReceiver::start(&authority, &["http/1.1"], None).await;
    assert_eq!(sent(&receiver, "").await, Err("tls".into()), "it is no public one");
    assert_eq!(sent(&receiver, &format!("tls = {{ {} }}", trusting(&other))).await, Err("tls".into()));
    assert!(receiver.received().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_shown_to_who_asks_for_it() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let receiver = TlsReceiver::start(&authority, &["h2"], Some(&clients)).await;
    let tls = |Certified { certificate, key }: Certified| {
        let identity = format!("client_certificate = {}, client_key = {}", quoted(&certificate), quoted(&key));
        format!("tls = {{ {}, {identity} }}", trusting(&authority))
    };
    assert!(sent(&receiver, &format!("tls = {{ {} }}", trusting(&authority))).await.is_err(), "without one");
    assert!(sent(&receiver, &tls(authority.certify("us"))).await.is_err(), "of another authority");
    assert!(receiver.received().is_empty());
    assert_eq!(sent(&receiver, &tls(clients.certify("us"))).await, Ok(Version::HTTP_2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_another_certificate_is_refused_at_apply() {
    let (host, authority) = (Host::start().await, Authority::new());
    let (one, other) = (authority.certify("one"), authority.certify("other"));
    let tls = format!("tls = {{ client_certificate = {}, client_key = {} }}", quoted(&one.certificate), quoted(&other.key));
    let answer = host.try_apply(&to("https://example.com/", &tls)).await;
    assert_eq!(answer.status, 422);
    assert_eq!(answer.json["problems"][0]["pointer"], "/tls/client_key");
    assert!(!answer.json.to_string().contains("PRIVATE KEY"), "{}", answer.json);
    host.stop().await;
}
