//! No secret leaves the host but to whom it is meant for: a canary in every place that can hold one, each seen at work, and then a search of all
//! that was answered, logged, printed and stored. The only places where keys lie in clear are `main.key` and `admin.key`.

mod keys;
mod ways_in;
mod ways_out;
mod world;

use std::fs;

use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;
use sluicebox_tests::canary::{Canary, Search, files};

use ways_out::Proxy;
use world::{IN_CLEAR, World};

pub(super) fn hmac_of(secret: &str, data: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key of any length");
    mac.update(data);
    hex::encode(mac.finalize().into_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_told_or_stored_in_clear() {
    let mut world = World::new();
    let proxy = Proxy::start(&mut world);
    let proxied = [("SLUICEBOX_PROXY", proxy.url.as_str())];
    world.start(&[], &proxied).await;
    plant_main_key(&mut world);

    ways_in::plant(&mut world).await;
    ways_out::plant(&mut world, &proxy).await;
    keys::plant(&mut world).await;
    misuse(&mut world).await;
    change_keys(&mut world, &proxied).await;
    look_at_everything(&world).await;

    // What is on disk can be found: the search knows the files that hold a key.
    let search = Search::of(&world.canaries);
    for (name, label) in [("admin.key", "the admin key"), ("main.key", "the main key of the folder")] {
        let found = search.find(&fs::read(world.data().join(name)).expect("a key")).join(", ");
        assert!(found.contains(label), "{name}: {found}");
    }
    assert_eq!(world.canaries.iter().filter(|canary| canary.label.contains("main key")).count(), 5);
    let found = world.search().await;
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// The key that the host has now, and that another will take the place of.
fn plant_main_key(world: &mut World) {
    let text = fs::read_to_string(world.data().join("main.key")).expect("a main key");
    world.plant(Canary::of("the main key of the folder", &hex::decode(text).expect("digits")));
}

/// Secrets in wrong places and wrong secrets in right ones: whoever gave them is told where, and not what.
async fn misuse(world: &mut World) {
    let canary = world.new_canary("a secret in the wrong place").text();
    let destination = |more: Value| {
        let mut document = json!({ "url": "https://example.com/" });
        document.as_object_mut().expect("an object").extend(more.as_object().cloned().expect("an object"));
        json!({ "destinations": { "wrong": document } })
    };
    let source = |verify: Value| json!({ "sources": { "wrong": { "verify": verify } } });
    let mut taken = Vec::new();
    let with_a_control_character = format!("{canary}\n");
    for (at, bad) in [
        json!(canary),
        json!({ "sources": canary }),
        json!({ "sources": { "wrong": canary } }),
        source(json!(canary)),
        source(json!({ "scheme": "github", "secret": [canary] })),
        source(json!({ "scheme": "github", "secret": { "value": canary, "valeu": "" } })),
        source(json!({ "scheme": "github", "secrets": canary })),
        source(json!({ "scheme": "github", "secrets": [[canary]] })),
        source(json!({ "scheme": "github", "secret": canary, "tolerance": canary })),
        source(json!({ "scheme": "standard-webhooks", "secret": format!("whsec_{canary}!") })),
        source(json!({ "scheme": "basic", "username": "a:b", "secret": canary })),
        source(json!({ "scheme": "jwt", "public_key": format!("-----BEGIN PRIVATE KEY-----\n{canary}") })),
        destination(json!({ "secret": canary })),
        destination(json!({ "secrets": canary })),
        destination(json!({ "secrets": [{ "secret": canary, "until": canary }] })),
        destination(json!({ "auth": canary })),
        destination(json!({ "auth": { "type": "bearer", "token": with_a_control_character } })),
        destination(json!({ "auth": { "type": "basic", "username": "us", "passwort": canary } })),
        destination(json!({ "auth": { "type": "bearer", "token": { "value": canary, "x": 1 } } })),
        destination(json!({ "headers": canary })),
        destination(json!({ "headers": { "x-a": [canary] } })),
        destination(json!({ "headers": { "x-a": format!("{canary} {{data.") } })),
        destination(json!({ "headers": { "x-a": with_a_control_character } })),
        destination(json!({ "headers": { "webhook-id": canary } })),
        destination(json!({ "tls": canary })),
        destination(json!({ "tls": { "client_certificate": canary, "client_key": canary } })),
        destination(json!({ "signing": { "scheme": "hmac", "secret": [canary] } })),
        destination(json!({ "url": format!("https://us:{canary}@example.com/") })),
        json!({ "plugins": { "wrong": { "grants": { "secrets": canary } } } }),
        json!({ "plugins": { "wrong": { "grants": { "secrets": { "a": [canary] } } } } }),
    ]
    .into_iter()
    .enumerate()
    {
        let (status, answer) = world.post_as(&format!("bad apply {at}"), "/v1/apply", &bad).await;
        if !matches!(status, 400 | 422) {
            taken.push((at, answer));
        }
    }
    assert!(taken.is_empty(), "{taken:?}");
    assert_eq!(world.post("/v1/main-key/rotate", &json!(canary)).await.0, 400);
    assert_eq!(world.post("/v1/main-key/rotate", &json!({ "new_main_key": canary })).await.0, 422);

    // In a file, which the command line shows the lines of.
    fs::write(
        world.folder.path().join("bad.toml"),
        format!("[destinations.wrong]\nurl = \"https://e.com\"\nauth = \"{canary}\"\n"),
    )
    .expect("a file");
    assert!(!world.run(&["apply", "bad.toml"], &[]));
    fs::write(world.folder.path().join("broken.toml"), format!("[destinations.wrong]\nsecret = \"{canary}\nurl = 1\n"))
        .expect("a file");
    assert!(!world.run(&["apply", "broken.toml"], &[]));
    for key in [format!("slk_{canary}"), canary] {
        let request = world.host().request(Method::GET, "/v1/sources").bearer_auth(key);
        assert_eq!(world.send("a wrong key", request).await.0, 401);
    }
}

/// Another signing secret, other data keys, and a main key from here and there.
async fn change_keys(world: &mut World, proxied: &[(&str, &str)]) {
    let request = world.host().request(Method::POST, "/v1/destinations/bearer/rotate-secret").bearer_auth(world.host().key());
    // It comes from the hub file, where it is to be changed.
    assert_eq!(world.send("a rotation", request).await.0, 422);
    assert!(world.run(&["rekey"], &[]));
    plant_main_key(world);
    assert!(world.run(&["reseal"], &[]));

    let [first, second, third] = ["first", "second", "third"]
        .map(|which| world.plant(Canary::key(&format!("the {which} main key from elsewhere"))).text());
    let own = world.data().join("main.key");
    let own = own.to_str().expect("a path");
    let wrong = world.new_canary("what is no key at all").text();
    world.fail_to_start(&["--log", "trace"], &[("SLUICEBOX_MAIN_KEY", &wrong)]).await;
    world.fail_to_start(&["--log", "trace"], &[("SLUICEBOX_MAIN_KEY", &first)]).await;
    let password = world.new_canary("a password in a proxy's URL that is none").text();
    world.fail_to_start(&[], &[("SLUICEBOX_PROXY", &format!("ftp://us:{password}@proxy"))]).await;
    world.start(&["--old-main-key-file", own], &[proxied, &[("SLUICEBOX_MAIN_KEY", first.as_str())]].concat()).await;
    assert_eq!(world.post("/v1/main-key/rotate", &json!({ "new_main_key": second })).await.0, 200);
    let keys = [("SLUICEBOX_MAIN_KEY", third.as_str()), ("SLUICEBOX_MAIN_KEY_OLD", second.as_str())];
    world.start(&[], &[proxied, &keys].concat()).await;
    // All that was sealed opens still: what is declared again is what there is.
    let id = world.host().post("open", &[], r#"{"n":8}"#).await;
    assert!(!id.is_empty());
}

/// Every page there is to read.
async fn look_at_everything(world: &World) {
    for kind in ["sources", "destinations", "plugins", "rules"] {
        let listed = world.get(&format!("/v1/{kind}")).await;
        let items = listed["items"].as_array().expect("a list");
        let names: Vec<&str> = items.iter().filter_map(|item| item["name"].as_str()).collect();
        assert!(!names.is_empty(), "{kind}: {listed}");
        for name in names {
            world.get(&format!("/v1/{kind}/{name}")).await;
        }
    }
    for kind in ["events", "deliveries"] {
        let mut path = format!("/v1/{kind}?limit=100");
        loop {
            let page = world.get(&path).await;
            for item in page["items"].as_array().expect("a page") {
                world.get(&format!("/v1/{kind}/{}", item["id"].as_str().expect("an id"))).await;
            }
            let Some(next) = page["next"].as_str() else { break };
            path = format!("/v1/{kind}?limit=100&before={next}");
        }
    }
    for path in ["/v1/runs", "/v1/batches", "/v1/dead-letters", "/v1/plugins/capable/versions", "/metrics", "/readyz", "/healthz"]
    {
        world.get(path).await;
    }
    for command in [&["events"][..], &["deliveries"], &["runs"], &["dead"], &["destinations", "list"]] {
        world.run(command, &[]);
    }
    assert!(!files(&world.data(), IN_CLEAR).is_empty());
}
