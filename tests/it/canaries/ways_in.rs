//! Every secret that a source can have, each shown to be the one that decides.

use std::time::{SystemTime, UNIX_EPOCH};

use reqwest::Method;
use serde_json::{Value, json};
use sluicebox::{event::Timestamp, verify::Sample};
use sluicebox_tests::{
    guests,
    signed::{Fixture, ID, fixtures, scheme},
};

use super::world::World;

const PUBLIC_URL: &str = "https://hub.example.com";

/// A source whose requests are signed with a canary.
struct Planted {
    name: String,
    spec: Value,
    fixture: Fixture,
}

/// Applies a source for each scheme with a secret, and has each accept what is signed with it, and refuse what is not.
pub(super) async fn plant(world: &mut World) {
    let planted: Vec<Planted> = fixtures().into_iter().enumerate().filter_map(|(at, fixture)| of(world, at, fixture)).collect();
    assert!(planted.len() > 50, "{} schemes", planted.len());
    let sources: Value = planted.iter().map(|source| (source.name.clone(), json!({ "verify": source.spec }))).collect();
    let (status, answer) = world.post("/v1/apply", &json!({ "sources": sources })).await;
    assert_eq!(status, 200, "{answer}");
    for source in &planted {
        assert_eq!(source.send(world, &source.spec).await, 202, "{} does not take its canary", source.name);
        assert_eq!(source.send(world, &source.another()).await, 401, "{} takes anything", source.name);
    }
    second_keys(world).await;
    handshake(world).await;
    by_plugin(world).await;
}

/// `None`: it has only a public key, or shows its secret in the body, which is kept as it comes.
fn of(world: &mut World, at: usize, fixture: Fixture) -> Option<Planted> {
    let secret = fixture.spec["secret"].as_str()?.to_owned();
    if fixture.label == "api-key in JSON" {
        return None;
    }
    let canary = world.new_canary(&format!("the secret of {} {at}", fixture.label));
    let mut spec = fixture.spec.clone();
    spec["secret"] = if secret.starts_with("whsec_") { canary.whsec() } else { canary.text() }.into();
    if spec.get("verify_token").is_some() {
        spec["verify_token"] = world.new_canary(&format!("the verify token of {} {at}", fixture.label)).text().into();
    }
    let name = format!("source-{at}");
    if spec.get("url").is_some() {
        spec["url"] = format!("{PUBLIC_URL}/in/{name}").into();
    }
    Some(Planted { name, spec, fixture })
}

impl Planted {
    /// With a secret that is no canary, so that what it signs may be told.
    fn another(&self) -> Value {
        let mut spec = self.spec.clone();
        spec["secret"] = self.fixture.other.0["secret"].clone();
        spec
    }

    async fn send(&self, world: &World, spec: &Value) -> u16 {
        let mut sample = self.fixture.unsigned.clone();
        sample.url = format!("{PUBLIC_URL}/in/{}", self.name);
        send_signed(world, sample, spec).await
    }
}

async fn send_signed(world: &World, mut sample: Sample, spec: &Value) -> u16 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
    scheme(spec).sign(&mut sample, ID, Timestamp(u64::try_from(now).expect("a time")), None).expect("signed");
    let path = sample.url.strip_prefix(PUBLIC_URL).expect("ours");
    let request = world.host().request(Method::POST, path).headers(sample.headers).body(sample.body);
    world.send(path, request).await.0
}

/// While senders change over, either of two keys is good.
async fn second_keys(world: &mut World) {
    let [first, second] = ["first", "second"].map(|which| world.new_canary(&format!("the {which} of a list of secrets")).text());
    let spec = |secrets: &[&str]| json!({ "scheme": "github", "secrets": secrets });
    let both = json!({ "sources": { "listed": { "verify": spec(&[&first, &second]) } } });
    assert_eq!(world.post("/v1/apply", &both).await.0, 200);
    let fixture = fixtures().into_iter().find(|fixture| fixture.label == "github").expect("there");
    for secret in [first, second] {
        let sample = Sample { url: format!("{PUBLIC_URL}/in/listed"), ..fixture.unsigned.clone() };
        assert_eq!(send_signed(world, sample, &spec(&[&secret])).await, 202);
    }
}

/// The word that Meta sends once, in the query.
async fn handshake(world: &mut World) {
    let word = world.new_canary("a verify token").text();
    let verify = json!({ "scheme": "meta", "secret": "not a canary", "verify_token": word });
    assert_eq!(world.post("/v1/apply", &json!({ "sources": { "meta": { "verify": verify } } })).await.0, 200);
    let path = |word: &str| format!("/in/meta?hub.mode=subscribe&hub.verify_token={word}&hub.challenge=77");
    for (word, status) in [(word.as_str(), 200), ("guess", 401)] {
        let told = world.send("a handshake", world.host().request(Method::GET, &path(word))).await.0;
        assert_eq!(told, status);
    }
}

/// A plugin that verifies by a secret that was granted to it, and traps; what senders show it is taken out of what is kept.
async fn by_plugin(world: &mut World) {
    let granted = world.new_canary("a secret granted to a plugin that verifies").text();
    let shown =
        ["authorization", "cookie", "x-shop-key"].map(|name| (name, world.new_canary(&format!("the {name} of a sender")).text()));
    let digest = world.host().upload(guests::component("doorkeeper")).await.expect("a component");
    let verify = json!({ "scheme": "plugin", "plugin": "doorkeeper", "credential_headers": ["x-shop-key"] });
    let hub = json!({
        "sources": { "guarded": { "verify": verify } },
        "plugins": { "doorkeeper": { "digest": digest, "grants": { "secrets": { "shop": granted } } } },
    });
    assert_eq!(world.post("/v1/apply", &hub).await.0, 200);
    let signature = crate::canaries::hmac_of(&granted, b"{}");
    for (name, value, status) in [("x-signature", signature.as_str(), 202), ("x-signature", "00", 401), ("x-do", "panic", 503)] {
        let mut request = world.host().request(Method::POST, "/in/guarded").header(name, value).body("{}");
        for (name, value) in &shown {
            request = request.header(*name, value);
        }
        assert_eq!(world.send("a guarded source", request).await.0, status, "{name}: {value}");
    }
}
