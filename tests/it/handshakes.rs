//! Handshakes and refusals of schemes as senders see them, and what is left of them.

use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, HeaderValue};
use reqwest::Method;
use serde_json::json;
use sha2::Sha256;
use sluicebox::{
    event::Timestamp,
    verify::{Sample, Spec},
};
use sluicebox_tests::Host;

const SOURCES: &str = "\
[sources.slack]\nverify = { scheme = \"slack\", secret = \"key\" }\n\
[sources.dropbox]\nverify = { scheme = \"dropbox\", secret = \"key\" }\n\
[sources.meta]\nverify = { scheme = \"meta\", secret = \"key\", verify_token = \"word\" }\n\
[sources.mailgun]\nverify = { scheme = \"mailgun\", secret = \"key\" }\n";

async fn stored(host: &Host) -> usize {
    host.get("/v1/events").await.json["items"].as_array().map_or(0, Vec::len)
}

/// A request to a source, signed now.
fn signed(scheme: &str, body: &str) -> Sample {
    let spec: Spec = serde_json::from_value(json!({ "scheme": scheme, "secret": "key" })).expect("a spec");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a time").as_millis();
    let mut sample = Sample { method: "POST".into(), url: String::new(), headers: HeaderMap::new(), body: body.into() };
    let now = Timestamp(u64::try_from(now).expect("a time"));
    spec.refine().expect("a scheme").sign(&mut sample, "token-1", now, None).expect("signed");
    sample
}

async fn send(host: &Host, source: &str, sample: &Sample) -> reqwest::Response {
    let request = host.request(Method::POST, &format!("/in/{source}")).headers(sample.headers.clone());
    request.body(sample.body.clone()).send().await.expect("an answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_is_answered_safely_and_leaves_nothing() {
    let host = Host::start().await;
    host.apply(SOURCES).await;
    let asked = host.request(Method::GET, "/in/dropbox?challenge=%3Cb%3E").send().await.expect("an answer");
    let header = |name: &str| asked.headers().get(name).map(|value| value.to_str().expect("text").to_owned());
    assert_eq!((asked.status().as_u16(), header("content-type").as_deref()), (200, Some("text/plain; charset=utf-8")));
    assert_eq!(header("x-content-type-options").as_deref(), Some("nosniff"));
    assert!(header("content-security-policy").is_some_and(|policy| policy.contains("sandbox")));
    assert_eq!(asked.text().await.expect("a body"), "<b>");
    let slack = send(&host, "slack", &signed("slack", r#"{"type":"url_verification","challenge":"3eZ"}"#)).await;
    assert_eq!((slack.status().as_u16(), slack.text().await.expect("a body").as_str()), (200, "3eZ"));
    assert_eq!(stored(&host).await, 0);
    assert!(host.metrics().await.contains(r#"source="slack",outcome="answered""#));
    // A GET is a handshake of those that have one, and nothing else.
    for (path, status) in [
        ("/in/slack", 405),
        ("/in/dropbox", 401),
        ("/in/meta?hub.mode=subscribe&hub.verify_token=word&hub.challenge=7", 200),
        ("/in/meta?hub.mode=subscribe&hub.verify_token=guess&hub.challenge=7", 401),
    ] {
        assert_eq!(host.request(Method::GET, path).send().await.expect("an answer").status(), status, "{path}");
    }
    let mac = {
        let mut mac = Hmac::<Sha256>::new_from_slice(b"key").expect("a key of any length");
        mac.update(b"");
        hex::encode(mac.finalize().into_bytes())
    };
    let get = host.request(Method::GET, "/in/dropbox").header("x-dropbox-signature", mac).send().await.expect("an answer");
    assert_eq!(get.status(), 405, "signed, but no event comes by GET");
    assert_eq!(stored(&host).await, 0);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sender_learns_nothing_and_the_metrics_which_step_failed() {
    let host = Host::start().await;
    host.apply(SOURCES).await;
    let good = signed("slack", "{}");
    let mut answers = Vec::new();
    for (header, value) in
        [("x-slack-signature", None), ("x-slack-signature", Some("v0=00")), ("x-slack-request-timestamp", Some("7"))]
    {
        let mut forged = good.clone();
        forged.headers.remove(header);
        if let Some(value) = value {
            forged.headers.insert(header, HeaderValue::from_static(value));
        }
        let answer = send(&host, "slack", &forged).await;
        assert_eq!(answer.status(), 401);
        answers.push(answer.text().await.expect("a body"));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0] && !answer.contains("slack")), "{answers:?}");
    let page = host.metrics().await;
    for reason in ["missing", "mismatch", "time"] {
        let line = format!(r#"sluicebox_ingest_not_verified_total{{workspace="default",source="slack",reason="{reason}"}} 1"#);
        assert!(page.contains(&line), "{line}: {page}");
    }
    host.stop().await;
}

/// Its signature does not cover the body, so whoever saw one could send it with another.
#[tokio::test(flavor = "multi_thread")]
async fn a_proof_that_covers_no_body_is_good_once() {
    let host = Host::start().await;
    host.apply(SOURCES).await;
    let first = signed("mailgun", r#"{"event-data":{"event":"delivered"}}"#);
    assert_eq!(send(&host, "mailgun", &first).await.status(), 202);
    let forged = String::from_utf8(first.body).expect("text").replace("delivered", "opened");
    let again = send(&host, "mailgun", &Sample { body: forged.into_bytes(), ..signed("mailgun", "{}") }).await;
    assert_eq!(again.status(), 202);
    let told: serde_json::Value = again.json().await.expect("JSON");
    assert_eq!(told["duplicate"], json!(true));
    assert_eq!(stored(&host).await, 1);
    host.stop().await;
}
