//! Signatures of what goes out: what one host signs, another verifies; rotation; and what is told of keys.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use ed25519_dalek::{Signature, VerifyingKey};
use serde_json::{Value, json};
use sluicebox_tests::{Host, Received, Receiver};
use standardwebhooks::Webhook;

use crate::story::{OPEN_SOURCE, PRIVATE, PUBLIC, SECRET, destination};

fn to(url: &str, settings: &str) -> String {
    format!("{OPEN_SOURCE}[destinations.out]\nurl = \"{url}\"\n{settings}[rules.all]\ndestinations = [\"out\"]\n")
}

fn entries(received: &Received) -> Vec<String> {
    received.header("webhook-signature").split(' ').map(str::to_owned).collect()
}

/// Whether this is the public key's `v1a` signature of the request.
fn is_signed_by(public: &str, entry: &str, received: &Received) -> bool {
    let decode = |text: &str| BASE64_STANDARD.decode(text).expect("base64");
    let key: [u8; 32] = decode(public.strip_prefix("whpk_").expect("a public key")).try_into().expect("32 bytes");
    let signature = Signature::from_slice(&decode(entry.strip_prefix("v1a,").expect("v1a"))).expect("64 bytes");
    let head = format!("{}.{}.", received.id(), received.header("webhook-timestamp"));
    let content = [head.as_bytes(), &received.body].concat();
    VerifyingKey::from_bytes(&key).expect("a key").verify_strict(&content, &signature).is_ok()
}

/// A host that delivers to itself: each scheme, as who signs and as who verifies declares it.
#[tokio::test(flavor = "multi_thread")]
async fn what_one_host_signs_another_verifies() {
    let (signer, verifier) = (Host::start().await, Host::start().await);
    let configured = "scheme = \"hmac\", secret = \"s3cret\", header = \"x-signature\", algorithm = \"sha512\", encoding = \"base64\", \
                      prefix = \"sig=\", signed = \"{id}.{timestamp}.{body}\", timestamp_header = \"x-time\", id_header = \"x-id\"";
    let svix = format!("scheme = \"svix\", secret = \"{SECRET}\"");
    let standard = format!("scheme = \"standard-webhooks\", secret = \"{SECRET}\"");
    let schemes = [
        ("github", "scheme = \"github\", secret = \"s3cret\"", None),
        ("stripe", "scheme = \"stripe\", secret = \"s3cret\"", None),
        ("slack", "scheme = \"slack\", secret = \"s3cret\"", None),
        ("shopify", "scheme = \"shopify\", secret = \"s3cret\"", None),
        ("hmac", configured, None),
        ("svix", "scheme = \"svix\"", Some(svix.as_str())),
        ("standard", "scheme = \"svix\"", Some(standard.as_str())),
    ];
    let (mut out, mut back, mut names) = (OPEN_SOURCE.to_owned(), String::new(), Vec::new());
    for (name, signing, verify) in schemes {
        out += &destination(name, &format!("{}/in/{name}", verifier.url()));
        out += &format!("signing = {{ {signing} }}\n");
        back += &format!("[sources.{name}]\nverify = {{ {} }}\n", verify.unwrap_or(signing));
        names.push(name);
    }
    verifier.apply(&back).await;
    signer.apply(&format!("{out}[rules.all]\ndestinations = {names:?}\n")).await;
    signer.post("open", &[], "{\"n\": 1}").await;
    for name in names {
        sluicebox_tests::eventually(&format!("an event by {name}"), async || {
            let page = verifier.get(&format!("/v1/events?source={name}")).await.json;
            page["items"].as_array().filter(|items| !items.is_empty()).cloned()
        })
        .await;
    }
    signer.stop().await;
    verifier.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_key_is_told_and_verifies() {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    let settings = format!(
        "secret = \"{PRIVATE}\"\nsecrets = [\"{SECRET}\", {{ secret = \"{SECRET}\", until = \"2020-01-01T00:00:00Z\" }}]\n"
    );
    host.apply(&to(&format!("{}/out", receiver.url()), &settings)).await;
    let document = host.get("/v1/destinations/out").await.json;
    assert_eq!(document["public_keys"], json!([PUBLIC]));
    assert_eq!(document["secret"], json!({ "set": true }));
    assert_eq!(document["secrets"], json!([{ "set": true }, { "secret": { "set": true }, "until": "2020-01-01T00:00:00Z" }]));
    assert_eq!(host.put("/v1/destinations/out", &document).await.json["changes"], json!([]), "what was shown may be put back");

    host.post("open", &[], "{\"n\": 1}").await;
    let received = receiver.wait_for("/out", 1).await.remove(0);
    let [v1a, v1] = &entries(&received)[..] else { panic!("one entry a key that has not ended") };
    assert!(is_signed_by(PUBLIC, v1a, &received) && v1.starts_with("v1,"));
    Webhook::new(SECRET).expect("a secret").verify(&received.body, &received.headers).expect("the other entry does no harm");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_secret_signs_at_once_and_the_old_one_for_a_while() {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    let hub = to(&format!("{}/out", receiver.url()), "");
    let first = host.apply(&hub).await["generated_secrets"]["out"].as_str().expect("a secret").to_owned();
    let rotated = host.send("/v1/destinations/out/rotate-secret?overlap=1h&version=v1a", &Value::Null).await.json;
    assert!(rotated["generated_secrets"]["out"].as_str().expect("a secret").starts_with("whsk_"), "{rotated}");
    let public = host.get("/v1/destinations/out").await.json["public_keys"][0].as_str().expect("a public key").to_owned();
    assert_eq!(host.apply(&hub).await["changes"], json!([]), "the hub file says nothing of secrets, so they stay");

    host.post("open", &[], "{\"n\": 1}").await;
    let received = receiver.wait_for("/out", 1).await.remove(0);
    let [new, _old] = &entries(&received)[..] else { panic!("two entries") };
    assert!(is_signed_by(&public, new, &received));
    Webhook::new(&first).expect("a secret").verify(&received.body, &received.headers).expect("the old secret");

    host.send("/v1/destinations/out/rotate-secret?overlap=0s", &Value::Null).await;
    host.post("open", &[], "{\"n\": 2}").await;
    let received = receiver.wait_for("/out", 2).await.remove(1);
    let signed = entries(&received);
    assert_eq!(signed.len(), 2, "the one that has ended signs no more: {signed:?}");
    assert!(!is_signed_by(&public, &signed[0], &received), "but for a new one");
    host.stop().await;
}
