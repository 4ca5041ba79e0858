//! Plugins that verify: what a sender is told, what is stored of it, and that no plugin's failure lets anybody in, or keeps the senders
//! of other sources out.

use std::{fs, process::Command};

use ed25519_dalek::{Signer as _, SigningKey};
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use sha2::Sha256;
use sluicebox_tests::{Answer, Host, Receiver, eventually, guests, process};
use tempfile::TempDir;

use crate::story::{OPEN_SOURCE, destination};

const SECRET: &str = "the-secret-of-the-shop";

/// A body that buys its call more fuel than it has time to burn, where each byte is worth 10,000.
static MUCH_FUEL: [u8; 1_000_000] = [b' '; 1_000_000];

/// A plugin under this name, and a source of the same name that it verifies.
fn verified(name: &str, digest: &str) -> String {
    format!(
        "[sources.{name}]\nverify = {{ scheme = \"plugin\", plugin = \"{name}\", credential_headers = [\"X-Shop-Key\"] }}\n\
         [plugins.{name}]\ndigest = \"{digest}\"\ngrants.secrets = {{ shop = \"{SECRET}\" }}\n"
    )
}

/// A host with the source `shop`, whose events go out through the plugin that verified them.
async fn start(more: &str) -> (Host, Receiver, String) {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    let digest = host.upload(guests::component("doorkeeper")).await.expect("a component");
    let out = destination("out", &format!("{}/out", receiver.url()));
    let rule = "[rules.all]\nmatch.source = [\"shop\"]\nplugins = [\"shop\"]\ndestinations = [\"out\"]\n";
    host.apply(&format!("{}{more}{out}{rule}", verified("shop", &digest))).await;
    (host, receiver, digest)
}

fn signed(body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("a key of any length");
    mac.update(body.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

async fn post(host: &Host, source: &str, headers: &[(&str, &str)]) -> Answer {
    host.try_post(source, headers, "{}").await.expect("an answer")
}

async fn stored(host: &Host) -> usize {
    host.get("/v1/events").await.json["items"].as_array().map_or(0, Vec::len)
}

async fn get(host: &Host, path: &str) -> Response {
    host.request(Method::GET, path).send().await.expect("an answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_plugin_accepts_is_delivered_with_its_attributes_and_without_credentials() {
    let (host, receiver, _) = start("").await;
    let signature = signed("{}");
    let headers = [("x-signature", signature.as_str()), ("authorization", "Bearer me"), ("x-shop-key", "me too"), ("x-a", "1")];
    let id = host.post("shop", &headers, "{}").await;
    let seen: Value = serde_json::from_slice(&receiver.wait_for("/out", 1).await[0].body).expect("JSON");
    let told = json!({ "method": "POST", "path": "shop", "in-time": "true", "password": "true" });
    assert_eq!(seen["attributes"], told);
    assert_eq!(host.event(&id).await["attributes"], told);
    let names = seen["headers"].to_string();
    assert!(names.contains("x-a") && names.contains("x-signature"), "{names}");
    assert!(!names.contains("authorization") && !names.contains("x-shop-key"), "{names}");
    for page in [host.event(&id).await, host.get("/v1/plugins/shop").await.json, host.get("/v1/sources/shop").await.json] {
        assert!(!page.to_string().contains(SECRET), "{page}");
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_plugin_refuses_or_rejects_is_told_401_and_no_more() {
    let (host, _receiver, _) = start("").await;
    for headers in [("x-signature", "00"), ("x-do", "reject"), ("x-unsigned", "1")] {
        let answer = post(&host, "shop", &[headers]).await;
        assert_eq!((answer.status, &answer.json["type"]), (401, &json!("urn:sluicebox:problem:not-verified")), "{headers:?}");
        assert!(!answer.json.to_string().contains("sig"), "{}", answer.json);
    }
    assert_eq!(stored(&host).await, 0);
    assert_eq!(host.metric("sluicebox_ingest_requests_total").await, 3);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_is_answered_and_leaves_nothing() {
    let (host, _receiver, _) = start(OPEN_SOURCE).await;
    let asked = get(&host, "/in/shop?challenge=a%20b").await;
    let header = |name: &str| asked.headers().get(name).map(|value| value.to_str().expect("text").to_owned());
    assert_eq!((asked.status().as_u16(), header("x-told").as_deref()), (200, Some("GET")));
    assert_eq!(header("content-type").as_deref(), Some("text/plain; charset=utf-8"));
    assert_eq!((header("set-cookie"), header("x-content-type-options").as_deref()), (None, Some("nosniff")));
    assert!(header("content-security-policy").is_some_and(|policy| policy.contains("sandbox")));
    assert_eq!(asked.text().await.expect("a body"), "a b");

    let posted = host.request(Method::POST, "/in/shop?challenge=7").send().await.expect("an answer");
    assert_eq!((posted.status().as_u16(), posted.text().await.expect("a body").as_str()), (200, "7"));
    assert_eq!(stored(&host).await, 0);

    // Nothing is stored of a GET, whatever the plugin says; and where no plugin verifies, there is none.
    let signature = signed("");
    let request = host.request(Method::GET, "/in/shop").header("x-signature", signature);
    assert_eq!(request.send().await.expect("an answer").status(), 405);
    for (method, path, allowed) in [
        (Method::HEAD, "/in/shop?challenge=1", "GET,POST"),
        (Method::PUT, "/in/shop", "GET,POST"),
        (Method::GET, "/in/open?challenge=1", "POST"),
        (Method::GET, "/in/nobody", "POST"),
    ] {
        let answer = host.request(method.clone(), path).send().await.expect("an answer");
        let told = answer.headers().get("allow").map(|value| value.to_str().expect("text"));
        assert_eq!((answer.status().as_u16(), told), (405, Some(allowed)), "{method} {path}");
    }
    assert_eq!(stored(&host).await, 0);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_fails_accepts_nothing() {
    let (host, _receiver, _) = start("").await;
    for (order, retry_after) in [
        ("panic", "5"),
        ("spin", "5"),
        ("flood 1073741824", "5"),
        ("flood 20000000", "5"),
        ("flood 20000", "5"),
        ("move", "5"),
        ("forge", "5"),
        ("retry", "90"),
    ] {
        let request = host.request(Method::POST, "/in/shop").header("x-do", order);
        let answer = request.send().await.expect("an answer");
        let told = answer.headers().get("retry-after").map(|value| value.to_str().expect("text").to_owned());
        assert_eq!((answer.status().as_u16(), told.as_deref()), (503, Some(retry_after)), "{order}");
        let text = answer.text().await.expect("a problem");
        assert!(text.contains("urn:sluicebox:problem:verifier-failed") && !text.contains("told to"), "{order}: {text}");
    }
    assert_eq!(stored(&host).await, 0);
    assert_eq!(host.metric("sluicebox_plugin_limit_hits_total").await, 4, "one for spinning, three for floods");
    host.stop().await;
}

/// More requests than there are workers spin, one after the other; those of other sources are answered meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_spins_holds_up_nobody_elses_senders() {
    let (host, receiver) = (
        Host::start_with(|config| {
            config.plugin.verify_workers = 2;
            config.plugin.verify_queue_max = 16;
        })
        .await,
        Receiver::start().await,
    );
    let digest = host.upload(guests::component("doorkeeper")).await.expect("a component");
    let slow = verified("slow", &digest) + "limits = { time_ms = 2000, fuel_per_byte = 10_000 }\n";
    let out = destination("out", &format!("{}/out", receiver.url()));
    let rule = "[rules.all]\ndestinations = [\"out\"]\n";
    host.apply(&format!("{OPEN_SOURCE}{slow}{}{out}{rule}", verified("healthy", &digest))).await;

    let mut spinning = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let request = host.request(Method::POST, "/in/slow").header("x-do", "spin").body(MUCH_FUEL.as_slice());
        spinning.spawn(async move { request.send().await.expect("an answer").status().as_u16() });
    }
    // One has been through, so the others wait for the workers that it left.
    let first = eventually("a spinning request's end", async || spinning.try_join_next()).await;
    assert_eq!(first.expect("no panic"), 503);

    let signature = signed("{}");
    for _ in 0..3 {
        host.post("open", &[], "{}").await;
        host.post("healthy", &[("x-signature", &signature)], "{}").await;
    }
    while spinning.try_join_next().is_some() {}
    assert!(!spinning.is_empty(), "the others were answered before all of these were");
    let ends = spinning.join_all().await;
    assert!(ends.iter().all(|status| *status == 503), "{ends:?}");
    receiver.wait_for("/out", 6).await;
    assert_eq!(stored(&host).await, 6);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_requests_than_may_wait_are_told_to_come_again() {
    let host = Host::start_with(|config| {
        config.plugin.verify_workers = 1;
        config.plugin.verify_queue_max = 1;
    })
    .await;
    let digest = host.upload(guests::component("doorkeeper")).await.expect("a component");
    host.apply(&format!("{}limits = {{ time_ms = 1000, fuel_per_byte = 10_000 }}\n", verified("shop", &digest))).await;
    let mut spinning = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let request = host.request(Method::POST, "/in/shop").header("x-do", "spin").body(MUCH_FUEL.as_slice());
        spinning.spawn(async move { request.send().await.expect("an answer").text().await.expect("a problem") });
    }
    let told = spinning.join_all().await.concat();
    assert!(told.contains("urn:sluicebox:problem:verifier-busy"), "{told}");
    assert!(told.contains("urn:sluicebox:problem:verifier-failed"), "{told}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_of_the_wrong_kind_is_refused_where_it_stands() {
    let host = Host::start().await;
    let redact = host.upload(guests::component("redact")).await.expect("a component");
    let discord = host.upload(guests::component("discord-verify")).await.expect("a component");
    let plugins = format!(
        "[plugins.redact]\ndigest = \"{redact}\"\nconfig = {{ fields = [\"a\"] }}\n\
         [plugins.discord]\ndigest = \"{discord}\"\nconfig = {{ public_key = \"{}\" }}\n",
        "0".repeat(64)
    );
    let source = |plugin: &str| format!("[sources.shop]\nverify = {{ scheme = \"plugin\", plugin = \"{plugin}\" }}\n");
    let rule =
        "[destinations.out]\nurl = \"https://out.example\"\n[rules.all]\nplugins = [\"discord\"]\ndestinations = [\"out\"]\n";
    for (hub, parts) in [
        (source("redact"), ["/verify/plugin", "does not export `verify`"]),
        (source("dicsord"), ["/verify/plugin", "no plugin is called `dicsord`"]),
        (rule.to_owned(), ["/plugins/0", "only verifies requests"]),
    ] {
        let refused = host.try_apply(&format!("{plugins}{hub}")).await;
        let text = refused.json.to_string();
        assert!(refused.status == 422 && parts.iter().all(|part| text.contains(part)), "{parts:?} in {text}");
    }
    host.apply(&format!("{plugins}{}", source("discord"))).await;
    let used = host.delete("/v1/plugins/discord").await;
    assert!(used.status == 422 && used.json.to_string().contains("the source `shop` uses it"), "{}", used.json);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_shows_the_line_of_a_wrong_verifier() {
    let (host, folder) = (Host::start().await, TempDir::new().expect("a folder"));
    fs::write(folder.path().join("redact.wasm"), guests::module("redact")).expect("a file");
    let hub = "[plugins.redact]\npath = \"redact.wasm\"\nconfig = { fields = [] }\n\n\
        [sources.shop.verify]\nscheme = \"plugin\"\nplugin = \"redact\"\n";
    fs::write(folder.path().join("hub.toml"), hub).expect("a file");
    let mut apply = Command::new(process::binary());
    apply.args(["apply", "hub.toml", "--url", host.url(), "--key", host.key()]).current_dir(folder.path());
    let output = apply.output().expect("an end");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("hub.toml:7:10") && said.contains("does not export `verify`"), "{said}");
    host.stop().await;
}

/// The source itself does not change where its plugin does.
#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_is_changed_verifies_from_the_next_request_on() {
    let (host, _receiver, digest) = start("").await;
    let signature = signed("{}");
    assert_eq!(post(&host, "shop", &[("x-signature", &signature)]).await.status, 202);
    let document = json!({ "digest": digest, "grants": { "secrets": { "shop": "another" } } });
    let put = host.put("/v1/plugins/shop", &document).await;
    assert_eq!(put.status, 200, "{}", put.json);
    assert_eq!(post(&host, "shop", &[("x-signature", &signature)]).await.status, 401);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn discord_is_verified_and_its_ping_answered() {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    let digest = host.upload(guests::component("discord-verify")).await.expect("a component");
    let key = SigningKey::from_bytes(&[7; 32]);
    let public = hex::encode(key.verifying_key().as_bytes());
    let out = destination("out", &format!("{}/out", receiver.url()));
    host.apply(&format!(
        "[sources.discord]\nverify = {{ scheme = \"plugin\", plugin = \"discord-verify\" }}\ntype = {{ json = \"event.type\" }}\n\
         [plugins.discord-verify]\ndigest = \"{digest}\"\nconfig = {{ public_key = \"{public}\" }}\n\
         {out}[rules.all]\nmatch.type = [\"ENTITLEMENT_CREATE\"]\ndestinations = [\"out\"]\n"
    ))
    .await;
    let now_secs = (sluicebox::config::system_clock())().secs();
    let send = async |body: &'static str, signed: &str| {
        let signature = hex::encode(key.sign(format!("{now_secs}{signed}").as_bytes()).to_bytes());
        let request = host.request(Method::POST, "/in/discord").header("x-signature-ed25519", signature);
        let answer = request.header("x-signature-timestamp", now_secs).body(body).send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("a body"))
    };
    let (interaction, event) = (r#"{"type":1,"token":"t"}"#, r#"{"type":1,"event":{"type":"ENTITLEMENT_CREATE"}}"#);
    assert_eq!(send(interaction, interaction).await, (200, r#"{"type":1}"#.to_owned()));
    assert_eq!(send(r#"{"type":0}"#, r#"{"type":0}"#).await, (204, String::new()));
    assert_eq!(send(event, interaction).await.0, 401);
    assert_eq!(send(event, event).await.0, 202);
    assert_eq!(receiver.wait_for("/out", 1).await[0].body, event);
    assert_eq!(stored(&host).await, 1);
    host.stop().await;
}
