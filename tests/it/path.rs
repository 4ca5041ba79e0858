//! The whole path: a webhook in, rules, plugins, a signed delivery out.

use serde_json::Value;
use sluicebox_tests::{
    Host, Received, Receiver,
    github::{self, Payload},
    guests,
};
use standardwebhooks::Webhook;

use crate::story::{OPEN_SOURCE, SECRET, destination};

const GITHUB: &str = "It's a Secret to Everybody";

async fn post(host: &Host, payload: &Payload) -> String {
    let headers = github::headers(payload, GITHUB);
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    host.post("github", &headers, payload.body.clone()).await
}

/// All bodies, in an order of their own: each as often as it came.
fn bodies(received: &[Received]) -> Vec<Vec<u8>> {
    sorted(received.iter().map(|one| one.body.to_vec()))
}

fn sorted<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.collect();
    items.sort();
    items
}

/// Every payload of the fixtures goes through a rule without plugins, a filter, a transform and a batch.
#[tokio::test(flavor = "multi_thread")]
async fn payloads_arrive_byte_for_byte_unless_a_plugin_changed_them() {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    let payloads = github::payloads();
    assert!(payloads.len() >= 20, "the fixtures are there");
    let collected = format!("batch = {{ max_events = {}, max_age = \"1h\" }}", payloads.len());
    let mut hub = format!("[sources.github]\nverify = {{ scheme = \"github\", secret = \"{GITHUB}\" }}\n");
    for guest in ["only-humans", "redact", "digest"] {
        let digest = host.upload(guests::component(guest)).await.expect("a component");
        hub += &format!("[plugins.{guest}]\ndigest = \"{digest}\"\n");
        if guest == "redact" {
            hub += "config = { fields = [\"sender.login\"] }\n";
        }
    }
    for path in ["plain", "filtered", "redacted", "digested", "collected"] {
        hub += &destination(path, &format!("{}/{path}", receiver.url()));
        let plugins = match path {
            "filtered" => "plugins = [\"only-humans\"]",
            "redacted" => "plugins = [\"redact\"]",
            "collected" => &collected,
            "digested" => "match.type = [\"push\"]\nplugins = [\"digest\"]\nbatch = { max_events = 3, max_age = \"1h\" }",
            _ => "",
        };
        hub += &format!("[rules.{path}]\n{plugins}\ndestinations = [\"{path}\"]\n");
    }
    host.apply(&hub).await;

    for payload in &payloads {
        post(&host, payload).await;
    }
    let by_bot = String::from_utf8(payloads[0].body.clone()).expect("UTF-8").replace("\"type\": \"User\"", "\"type\": \"Bot\"");
    let by_bot = Payload { body: by_bot.into_bytes(), ..payloads[0].clone() };
    let bot_event = post(&host, &by_bot).await;
    let by_people = sorted(payloads.iter().map(|payload| payload.body.clone()));
    let all: Vec<Payload> = payloads.iter().cloned().chain([by_bot]).collect();
    let dropped = host.run_in_state(&bot_event, "filtered", "dropped").await;
    assert!(dropped["failure"]["message"].as_str().is_some_and(|why| why.contains("bot")), "{dropped}");
    assert_eq!(bodies(&receiver.wait_for("/plain", all.len()).await), sorted(all.iter().map(|payload| payload.body.clone())));
    assert_eq!(bodies(&receiver.wait_for("/filtered", payloads.len()).await), by_people, "all others were sent by people");
    // Members join in the order in which their runs were routed, which is the order of the posts.
    let members: Vec<&[u8]> = payloads.iter().map(|payload| &payload.body[..]).collect();
    let array = [&b"["[..], &members.join(&b','), b"]"].concat();
    assert_eq!(bodies(&receiver.wait_for("/collected", 1).await), [array]);
    check_redacted(&all, &receiver.wait_for("/redacted", all.len()).await);
    assert_eq!(host.metric("sluicebox_dispatch_events_total").await, all.len() as u64, "each event is routed once");
    let digested = receiver.wait_for("/digested", 1).await;
    let digest: Value = serde_json::from_slice(&digested[0].body).expect("JSON");
    assert_eq!(digest["repository"], "Codertocat/Hello-World");
    assert_eq!(digest["pushes"], 3);
    host.stop().await;
}

/// Where there is a sender, its login is masked and all else means the same; where there is none, not a byte is changed.
fn check_redacted(payloads: &[Payload], received: &[Received]) {
    let meaning = |body: &[u8]| serde_json::from_slice::<Value>(body).expect("JSON");
    let mut expected = Vec::new();
    for payload in payloads {
        let mut value = meaning(&payload.body);
        match value.pointer_mut("/sender/login") {
            Some(login) => *login = "***".into(),
            None => assert!(received.iter().any(|one| one.body == payload.body), "{} is untouched", payload.name),
        }
        expected.push(value.to_string());
    }
    let found = sorted(received.iter().map(|one| meaning(&one.body).to_string()));
    assert_eq!(found, sorted(expected.into_iter()), "each payload arrived with its login masked and nothing else changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_no_json_and_no_text_pass_untouched() {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    let hub =
        format!("{OPEN_SOURCE}{}[rules.all]\ndestinations = [\"out\"]\n", destination("out", &format!("{}/out", receiver.url())));
    host.apply(&hub).await;
    let posted: [&[u8]; 5] = [
        b"",
        b"plain text",
        b"{\"broken\": ",
        &[0xff, 0x00, 0xfe, 0x80],
        b" { \"n\" : 1.0 , \"big\" : 123456789012345678901234567890 } ",
    ];
    for body in posted {
        host.post("open", &[("content-type", "application/x-any")], body).await;
    }
    let received = receiver.wait_for("/out", posted.len()).await;
    assert_eq!(bodies(&received), sorted(posted.iter().map(|body| body.to_vec())));
    assert!(received.iter().all(|one| one.header("content-type") == "application/x-any"));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_are_signed_and_carry_only_the_headers_that_pass() {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    let rule = "[rules.all]\ndestinations = [\"out\"]\nforward_headers = [\"X-Type\"]\n";
    host.apply(&format!("{OPEN_SOURCE}{}{rule}", destination("out", &format!("{}/out", receiver.url())))).await;
    let headers = [("x-type", "t"), ("x-other", "o"), ("authorization", "Bearer canary"), ("cookie", "canary")];
    let id = host.post("open", &headers, "{}").await;
    let received = receiver.wait_for("/out", 1).await.remove(0);
    Webhook::new(SECRET).expect("a secret").verify(&received.body, &received.headers).expect("a right signature");
    assert!(received.id().starts_with("msg_") && !received.id().contains('.'));
    assert_eq!(received.header("x-type"), "t");
    for gone in ["x-other", "authorization", "cookie"] {
        assert_eq!(received.header(gone), "", "{gone}");
    }
    let event = host.event(&id).await;
    assert!(!event["headers"].to_string().contains("canary"), "credentials are not kept: {}", event["headers"]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_request_is_refused_and_not_stored() {
    let host = Host::start().await;
    host.apply(&format!("[sources.github]\nverify = {{ scheme = \"github\", secret = \"{GITHUB}\" }}\n")).await;
    let right = github::signature(GITHUB, b"{}");
    let wrong = github::signature("another", b"{}");
    for headers in [vec![], vec![("x-hub-signature-256", wrong.as_str())]] {
        let answer = host.try_post("github", &headers, "{}").await.expect("an answer");
        assert_eq!((answer.status, &answer.json["type"]), (401, &"urn:sluicebox:problem:not-verified".into()));
    }
    let answer = host.try_post("github", &[("x-hub-signature-256", &right)], "{ }").await.expect("an answer");
    assert_eq!(answer.status, 401, "one byte more");
    assert_eq!(host.get("/v1/events").await.json["items"], serde_json::json!([]));
    host.post("github", &[("x-hub-signature-256", &right)], "{}").await;
    assert_eq!(host.try_post("nowhere", &[], "").await.expect("an answer").status, 404);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_over_the_limit_is_refused() {
    let host = Host::start().await;
    host.apply("[sources.small]\nverify = { scheme = \"none\" }\nmax_body_bytes = 10\n").await;
    host.post("small", &[], "0123456789").await;
    let answer = host.try_post("small", &[], "0123456789a").await.expect("an answer");
    assert_eq!((answer.status, &answer.json["type"]), (413, &"urn:sluicebox:problem:body-too-large".into()));
    host.stop().await;
}
