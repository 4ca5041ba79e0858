//! Sources whose senders show JSON Web Tokens: the issuer's keys are fetched, kept and changed.

use std::sync::{Arc, Mutex};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use axum::response::IntoResponse as _;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use http::StatusCode;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use sluicebox_tests::{Answer, Api, Host, Receiver, eventually};
use tokio::task::JoinSet;

use crate::story::Time;

/// An issuer's private key, and its public half as it is published.
struct Key {
    id: &'static str,
    private: EncodingKey,
    public: Value,
}

impl Key {
    fn new(id: &'static str) -> Self {
        let pair = Ed25519KeyPair::generate().expect("a key");
        let x = BASE64_URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        let private = EncodingKey::from_ed_der(pair.to_pkcs8v1().expect("a document").as_ref());
        Self { id, private, public: json!({ "kty": "OKP", "crv": "Ed25519", "kid": id, "x": x }) }
    }

    /// A token that is good for an hour of the test's clock.
    fn token(&self) -> String {
        let header = Header { kid: Some(self.id.to_owned()), ..Header::new(Algorithm::EdDSA) };
        let claims = json!({ "iss": "issuer", "aud": "shop", "exp": 1_790_003_600 });
        format!("Bearer {}", encode(&header, &claims, &self.private).expect("a token"))
    }
}

/// An issuer that publishes these keys, or fails while there are none.
async fn issuer() -> (Receiver, Arc<Mutex<Vec<Value>>>) {
    let published: Arc<Mutex<Vec<Value>>> = Arc::default();
    let keys = Arc::clone(&published);
    let receiver = Receiver::answering(move |_| match &keys.lock().expect("no panic")[..] {
        [] => (StatusCode::INTERNAL_SERVER_ERROR, "not now").into_response(),
        keys => json!({ "keys": keys }).to_string().into_response(),
    })
    .await;
    (receiver, published)
}

fn hub(issuer: &Receiver) -> String {
    let url = issuer.url();
    format!(
        "[sources.shop]\nverify = {{ scheme = \"jwt\", jwks_url = \"{url}/keys\", issuer = \"issuer\", audience = \"shop\" }}\n"
    )
}

async fn post(host: &Api, token: &str) -> Answer {
    host.try_post("shop", &[("authorization", token)], "{}").await.expect("an answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keys_of_an_issuer_are_fetched_once_and_followed_when_they_change() {
    let (time, (issuer, published)) = (Time::new(), issuer().await);
    let host = Host::start_with(time.rules()).await;
    host.apply(&hub(&issuer)).await;
    let (first, second) = (Key::new("first"), Key::new("second"));
    published.lock().expect("no panic").push(first.public.clone());
    for _ in 0..5 {
        assert_eq!(post(&host, &first.token()).await.status, 202);
    }
    assert_eq!(issuer.received("/keys").len(), 1);

    // A key that nobody has published is no reason to ask all the time.
    for _ in 0..5 {
        assert_eq!(post(&host, &second.token()).await.status, 401);
    }
    assert_eq!(issuer.received("/keys").len(), 1);
    *published.lock().expect("no panic") = vec![second.public.clone()];
    time.pass_ms(10_000);
    assert_eq!(post(&host, &second.token()).await.status, 202);
    assert_eq!(post(&host, &first.token()).await.status, 401, "it was taken back");
    assert_eq!(issuer.received("/keys").len(), 2);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_fails_is_not_its_senders_fault() {
    let (time, (issuer, published)) = (Time::new(), issuer().await);
    let host = Host::start_with(time.rules()).await;
    host.apply(&hub(&issuer)).await;
    let key = Key::new("key");
    let answer = post(&host, &key.token()).await;
    assert_eq!((answer.status, &answer.json["type"]), (503, &json!("urn:sluicebox:problem:keys-unavailable")));
    assert_eq!(post(&host, &key.token()).await.status, 503);
    assert_eq!(issuer.received("/keys").len(), 1, "it is not asked again at once");
    assert_eq!(post(&host, "no token").await.status, 401, "no key would change that");

    published.lock().expect("no panic").push(key.public.clone());
    time.pass_ms(10_000);
    assert_eq!(post(&host, &key.token()).await.status, 202);
    // What is kept is good enough while it fails again.
    published.lock().expect("no panic").clear();
    time.pass_ms(20 * 60 * 1000);
    assert_eq!(post(&host, &key.token()).await.status, 202);
    eventually("it is asked behind the sender's back", async || (issuer.received("/keys").len() == 3).then_some(())).await;
    eventually("all are counted", async || (host.metric("sluicebox_ingest_key_set_fetches_total").await == 3).then_some(()))
        .await;
    host.stop().await;
}

/// Many who come at once wait for one fetch.
#[tokio::test(flavor = "multi_thread")]
async fn one_fetch_serves_all_who_wait() {
    let (time, (issuer, published)) = (Time::new(), issuer().await);
    let host = Host::start_with(time.rules()).await;
    host.apply(&hub(&issuer)).await;
    let key = Key::new("key");
    published.lock().expect("no panic").push(key.public.clone());
    let token = key.token();
    let mut posting = JoinSet::new();
    for _ in 0..20 {
        let (api, token) = (Api::clone(&host), token.clone());
        posting.spawn(async move { post(&api, &token).await.status });
    }
    assert_eq!((posting.join_all().await, issuer.received("/keys").len()), (vec![202; 20], 1));
    host.stop().await;
}

/// The URL came in with a hub file, so its address is vetted as a destination's is.
#[tokio::test(flavor = "multi_thread")]
async fn keys_are_not_fetched_from_inside() {
    let (time, (issuer, published)) = (Time::new(), issuer().await);
    let host = Host::start_with(|config| {
        time.rules()(config);
        config.net.allow_networks.clear();
    })
    .await;
    host.apply(&hub(&issuer)).await;
    let key = Key::new("key");
    published.lock().expect("no panic").push(key.public.clone());
    assert_eq!(post(&host, &key.token()).await.status, 503);
    assert!(issuer.received("/keys").is_empty());
    host.stop().await;
}

/// The token is a credential: it is in nothing that is kept.
#[tokio::test(flavor = "multi_thread")]
async fn the_token_is_not_kept() {
    let (time, (issuer, published)) = (Time::new(), issuer().await);
    let host = Host::start_with(time.rules()).await;
    let hub = hub(&issuer).replace("scheme = \"jwt\"", "scheme = \"jwt\", header = \"x-token\"");
    host.apply(&hub).await;
    let key = Key::new("key");
    published.lock().expect("no panic").push(key.public.clone());
    let token = key.token();
    let id = host.post("shop", &[("x-token", token.trim_start_matches("Bearer "))], "{}").await;
    assert!(!host.event(&id).await.to_string().contains("x-token"));
    host.stop().await;
}
