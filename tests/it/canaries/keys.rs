//! Keys of the API: each seen to be good, given where none or another is meant, changed and revoked. Only the answers that made one may tell it.

use std::process::Command;

use reqwest::Method;
use serde_json::{Value, json};
use sluicebox_tests::{
    canary::{Canary, Search},
    process::binary,
};

use super::world::World;

const SCOPES: [&str; 2] = ["ingest", "admin"];

pub(super) async fn plant(world: &mut World) {
    let by_api = made_by_api(world).await;
    let by_command = made_by_command(world);
    let rotated = rotated(world, &by_api).await;
    for key in [&by_api, &by_command, &rotated] {
        use_everywhere(world, key).await;
    }
    misuse(world, &by_command).await;
    for key in [&rotated, &by_command] {
        revoke(world, key).await;
    }
    let listed = world.get("/v1/audit?kind=keys&limit=100").await;
    assert!(listed["items"].as_array().is_some_and(|entries| entries.len() >= 5), "{listed}");
    world.run(&["audit", "export"], &[]);
}

/// The secret of a key as a canary: 32 random bytes between the id and the checksum.
fn plant_secret(world: &mut World, label: &str, text: &str) {
    let digits = text.strip_prefix("slk_").and_then(|rest| rest.split_once('_')).expect("a key").1;
    let canary = world.plant(Canary::of(label, &hex::decode(&digits[..64]).expect("digits")));
    assert!(!Search::of([&canary]).find(text.as_bytes()).is_empty(), "it is found where it stands");
}

async fn made_by_api(world: &mut World) -> String {
    let new = json!({ "name": "planted", "scopes": SCOPES });
    // The second answer is the first again: it has the secret, and it was kept for that in memory.
    let mut answers = Vec::new();
    for _ in 0..2 {
        let request = world.host().request(Method::POST, "/v1/keys").bearer_auth(world.host().key());
        let answer = request.header("idempotency-key", "a-key").json(&new).send().await.expect("an answer");
        let made: Value = answer.json().await.expect("JSON");
        answers.push(made["secret"].as_str().expect("a secret").to_owned());
    }
    assert_eq!(answers[0], answers[1]);
    plant_secret(world, "the secret of a key", &answers[0]);
    answers.remove(0)
}

fn made_by_command(world: &mut World) -> String {
    let mut command = Command::new(binary());
    command.args(["keys", "create", "planted too", "--url", world.host().url(), "--key", world.host().key()]);
    let output = command.args(SCOPES.iter().flat_map(|scope| ["--scope", scope])).output().expect("an end");
    let text = String::from_utf8(output.stdout).expect("text").trim().to_owned();
    plant_secret(world, "the secret of a key that a command made", &text);
    world.hear("what `keys create` says beside the secret", output.stderr);
    text
}

/// Another secret for the key of this one, which stays good beside it.
async fn rotated(world: &mut World, key: &str) -> String {
    let id = &key[4..16];
    let request = world.host().request(Method::POST, &format!("/v1/keys/{id}/rotate?overlap=1h"));
    let answer = request.bearer_auth(world.host().key()).send().await.expect("an answer");
    let made: Value = answer.json().await.expect("JSON");
    let text = made["secret"].as_str().expect("a secret").to_owned();
    plant_secret(world, "the second secret of a key", &text);
    text
}

/// By the API, for publishing, by the command line, and as what a sender shows a source.
async fn use_everywhere(world: &World, key: &str) {
    for (what, method, path, body, status) in [
        ("a listing", Method::GET, "/v1/keys", Value::Null, 200),
        ("a scope that is missing", Method::GET, "/v1/workspaces", Value::Null, 403),
        ("an event", Method::POST, "/v1/events", json!({ "source": "open", "data": {} }), 202),
    ] {
        let request = world.host().request(method, path).bearer_auth(key).json(&body);
        let (told, answer) = world.send(what, request).await;
        assert_eq!(told, status, "{what}: {answer}");
    }
    let request = world.host().request(Method::POST, "/in/open").bearer_auth(key).body(r#"{"n":3}"#);
    assert_eq!(world.send("a sender's key", request).await.0, 202);
    let environment = [("SLUICEBOX_KEY", key.to_owned())];
    assert!(world.run_as(&["keys", "list", "--url", world.host().url()], &environment));
    // Nobody listens there.
    assert!(!world.run_as(&["keys", "list", "--url", "http://127.0.0.1:9"], &environment));
}

/// In places that are for an id, a name or something else; and a letter off.
async fn misuse(world: &World, key: &str) {
    let typo = format!("{}x", &key[..key.len() - 1]);
    for text in [key, &typo] {
        for path in [format!("/v1/keys/{text}"), format!("/v1/sources/{text}"), format!("/v1/keys?after={text}&x={text}")] {
            world.get(&path).await;
        }
        let delete = world.host().request(Method::DELETE, &format!("/v1/rules/{text}")).bearer_auth(world.host().key());
        assert!(world.send("a key for a name", delete).await.0 >= 400);
        let wrong = world.host().request(Method::GET, "/v1/sources").header("x-api-key", text);
        assert_eq!(world.send("a key in another header", wrong).await.0, 401);
    }
    assert!(!world.run_as(&["keys", "list", "--url", world.host().url()], &[("SLUICEBOX_KEY", typo)]));
}

/// By its whole text, as people do who have nothing else at hand.
async fn revoke(world: &World, key: &str) {
    assert!(world.run(&["keys", "revoke", key], &[]));
    let request = world.host().request(Method::GET, "/v1/keys").bearer_auth(key);
    assert_eq!(world.send("a key that was revoked", request).await.0, 401);
}
