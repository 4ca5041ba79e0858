//! Dead letters: found by what they tell, and taken up again, as they were or through the rules of today.

use std::{
    collections::BTreeSet,
    env, fs,
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::response::IntoResponse;
use http::StatusCode;
use serde_json::{Value, json};
use sluicebox_tests::{Host, Receiver, eventually, guests, process};
use tempfile::TempDir;

use crate::story::{OPEN_SOURCE, destination};

/// A receiver that refuses everything until it is mended.
async fn broken() -> (Receiver, Arc<AtomicBool>) {
    let mended = Arc::new(AtomicBool::new(false));
    let answer = Arc::clone(&mended);
    let receiver = Receiver::answering(move |_| match answer.load(Ordering::SeqCst) {
        true => StatusCode::OK.into_response(),
        false => (StatusCode::INTERNAL_SERVER_ERROR, "not today").into_response(),
    })
    .await;
    (receiver, mended)
}

/// A destination that is given up after two attempts.
fn impatient(name: &str, url: &str) -> String {
    destination(name, url).replace("retry = {", "retry = { attempts_max = 2,")
}

fn to_out(receiver: &Receiver) -> String {
    let out = impatient("out", &format!("{}/out", receiver.url()));
    format!("{OPEN_SOURCE}{out}[rules.all]\ndestinations = [\"out\"]\n")
}

async fn letters(host: &Host, query: &str) -> Vec<Value> {
    let answer = host.get(&format!("/v1/dead-letters{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.json);
    answer.json["items"].as_array().expect("a list").clone()
}

/// The dead letters, as soon as there are so many.
async fn dead(host: &Host, count: usize) -> Vec<Value> {
    eventually(&format!("{count} dead letters"), async || {
        let found = letters(host, "").await;
        (found.len() == count).then_some(found)
    })
    .await
}

async fn retry(host: &Host, what: &str, letter: &Value, body: Value) -> Value {
    let answer = host.send(&format!("/v1/{what}/{}/retry", letter["id"].as_str().expect("an id")), &body).await;
    assert_eq!(answer.status, 200, "{}", answer.json);
    answer.json
}

fn ids(receiver: &Receiver, path: &str) -> BTreeSet<(String, Vec<u8>)> {
    receiver.received(path).iter().map(|one| (one.id().to_owned(), one.body.to_vec())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_mended_destination_missed_is_sent_again_under_its_first_ids() {
    let (folder, (receiver, mended)) = (TempDir::new().expect("a folder"), broken().await);
    let host = Host::start_at(folder.path().join("data"), |_| {}).await;
    host.apply(&to_out(&receiver)).await;
    for body in ["1", "2", "3"] {
        host.post("open", &[("x-type", "made")], body).await;
    }
    let found = dead(&host, 3).await;
    let first = ids(&receiver, "/out");
    assert_eq!(first.len(), 3);
    let letter = &found[0];
    assert_eq!((&letter["kind"], &letter["failure"]["code"]), (&json!("delivery"), &json!("attempts-exhausted")));
    let attempts = letter["attempt_records"].as_array().expect("attempts");
    assert_eq!((attempts.len(), &attempts[1]["response_body"]["text"]), (2, &json!("not today")));

    // One that dies again has had a whole series more, and is dead again.
    assert_eq!(retry(&host, "deliveries", letter, json!({})).await["deliveries"], 1);
    receiver.wait_for("/out", 8).await;
    let again = eventually("it is dead again", async || {
        letters(&host, "").await.into_iter().find(|one| one["id"] == letter["id"] && one["attempts"] == 4)
    })
    .await;
    assert!(again["retried_at"].is_string());

    host.stop().await;
    let host = Host::start_at(folder.path().join("data"), |_| {}).await;
    dead(&host, 3).await;
    mended.store(true, Ordering::SeqCst);
    let before = receiver.received("/out").len();
    assert_eq!(retry(&host, "deliveries", letter, json!({})).await["letters"], 1);
    receiver.wait_for("/out", before + 1).await;

    let query = "?destination=out&code=status-500";
    let counted = host.send(&format!("/v1/dead-letters/retry{query}"), &json!({ "dry_run": true })).await.json;
    assert_eq!(counted["total"], 2, "{counted}");
    let [count] = &counted["counts"].as_array().expect("counts")[..] else { panic!("{counted}") };
    assert_eq!((&count["destination"], &count["last_code"], &count["count"]), (&json!("out"), &json!("status-500"), &json!(2)));
    assert_eq!(receiver.received("/out").len(), before + 1, "counting sends nothing");

    let taken = host.send(&format!("/v1/dead-letters/retry{query}"), &json!({})).await.json;
    assert_eq!((&taken["deliveries"], &taken["next"]), (&json!(2), &Value::Null), "{taken}");
    receiver.wait_for("/out", before + 3).await;
    assert_eq!(ids(&receiver, "/out"), first, "the ids and bytes are the first ones");
    eventually("all are delivered", async || {
        let page = host.get("/v1/deliveries?state=delivered").await.json;
        (page["items"].as_array()?.len() == 3).then_some(())
    })
    .await;
    assert!(letters(&host, "").await.is_empty());
    assert_eq!(host.metric("sluicebox_journal_revived_total").await, 3, "of this host");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_dead_is_retried_as_far_as_that_makes_sense() {
    let (host, (receiver, mended)) = (Host::start().await, broken().await);
    let patient = to_out(&receiver).replace("first = \"100ms\", max = \"100ms\"", "first = \"1h\", max = \"1h\"");
    host.apply(&patient).await;
    let event = host.post("open", &[], "1").await;
    receiver.wait_for("/out", 1).await;
    let waiting = eventually("a failed attempt on record", async || {
        let delivery = host.event(&event).await["deliveries"][0].clone();
        (delivery["attempts"] == 1).then_some(delivery)
    })
    .await;
    mended.store(true, Ordering::SeqCst);
    assert_eq!(retry(&host, "deliveries", &waiting, json!({})).await["deliveries"], 1, "it waits no longer");
    host.delivery_in_state("all", "delivered").await;

    let path = format!("/v1/deliveries/{}/retry", waiting["id"].as_str().expect("an id"));
    let refused = host.send(&path, &json!({})).await;
    assert_eq!(refused.status, 409);
    assert!(refused.json["type"].as_str().is_some_and(|kind| kind.ends_with("already-delivered")), "{}", refused.json);
    assert_eq!(host.send(&path, &json!({ "through": "today" })).await.status, 409);
    assert_eq!(host.send(&path, &json!({ "delivered": true })).await.json["deliveries"], 1);
    let received = receiver.wait_for("/out", 3).await;
    assert!(received.iter().all(|one| one.id() == received[0].id() && one.body == "1"));

    let unknown = "0".repeat(32);
    for (what, prefix) in [("deliveries", "msg"), ("runs", "run"), ("batches", "bat")] {
        assert_eq!(host.send(&format!("/v1/{what}/{prefix}_{unknown}/retry"), &json!({})).await.status, 404, "{what}");
        assert_eq!(host.send(&format!("/v1/{what}/nonsense/retry"), &json!({})).await.status, 400, "{what}");
    }
    host.stop().await;
}

/// The code of a refusal, and its words.
async fn refusal(host: &Host, path: &str, body: Value) -> (u16, String) {
    let answer = host.send(path, &body).await;
    (answer.status, answer.json["detail"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_are_searched_and_bad_questions_are_told_so() {
    let (host, (receiver, _)) = (Host::start().await, broken().await);
    let other = impatient("other", &format!("{}/other", receiver.url()));
    let rule = "[rules.special]\nmatch.type = [\"special\"]\ndestinations = [\"other\"]\n";
    host.apply(&format!("{}{other}{rule}", to_out(&receiver))).await;
    host.post("open", &[("x-type", "special")], "1").await;
    let found = dead(&host, 2).await;
    let count = async |query: &str| letters(&host, query).await.len();
    for (query, expected) in [
        ("?destination=other", 1),
        ("?rule=all", 1),
        ("?kind=run", 0),
        ("?kind=delivery&type=special", 2),
        ("?type=ordinary", 0),
        ("?source=open&code=attempts-exhausted", 2),
        ("?code=status-500", 2),
        ("?code=timeout", 0),
        ("?text=internal%20server", 2),
        ("?since=2100-01-01T00:00:00Z", 0),
        ("?until=2100-01-01T00:00:00Z&since=2020-01-01T00:00:00Z", 2),
    ] {
        assert_eq!(count(query).await, expected, "{query}");
    }
    let first = host.get("/v1/dead-letters?limit=1").await.json;
    let second = letters(&host, &format!("?limit=1&after={}", first["next"].as_str().expect("a cursor"))).await;
    assert_eq!((&first["items"][0]["id"], &second[0]["id"]), (&found[0]["id"], &found[1]["id"]));
    assert_eq!(
        host.get("/v1/deliveries?code=status-500&destination=other").await.json["items"].as_array().map(Vec::len),
        Some(1)
    );
    assert_eq!(host.get("/v1/events?since=2100-01-01T00:00:00Z").await.json["items"], json!([]));

    for query in ["?since=yesterday", "?after=7", "?kind=rule", "?kind=run&destination=out", "?colour=red"] {
        assert_eq!(host.get(&format!("/v1/dead-letters{query}")).await.status, 400, "{query}");
    }
    let (status, told) = refusal(&host, "/v1/dead-letters/retry?limit=1", json!({})).await;
    assert!(status == 400 && told.contains("next"), "{told}");
    let (status, told) = refusal(&host, "/v1/events/replay", json!({})).await;
    assert!(status == 400 && told.contains("source"), "{told}");
    let (status, told) =
        refusal(&host, "/v1/events/replay?source=open", json!({ "through": "today", "destination": "out" })).await;
    assert!(status == 400 && told.contains("rule"), "{told}");
    let (status, _) = refusal(&host, "/v1/events/replay?source=open", json!({ "through": "today", "rule": "gone" })).await;
    assert_eq!(status, 409);
    host.stop().await;
}

fn through_guest(plugin: &str, receiver: &Receiver, more: &str) -> String {
    let out = destination("out", &format!("{}/out", receiver.url()));
    let rule = format!("[rules.all]\nplugins = [\"guest\"]\ndestinations = [\"out\"]\n{more}");
    format!("{OPEN_SOURCE}[plugins.guest]\n{plugin}\n{out}{rule}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_run_goes_by_its_own_plugin_or_by_the_mended_one() {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    let bad = host.upload(guests::component("misbehave")).await.expect("a component");
    host.apply(&through_guest(&format!("digest = \"{bad}\"\nconfig = {{ mode = \"panic\" }}"), &receiver, "")).await;
    let event = host.post("open", &[], "{}").await;
    let letter = dead(&host, 1).await.remove(0);
    assert_eq!((&letter["kind"], &letter["event"], &letter["attempts"]), (&json!("run"), &json!(event), &json!(2)), "{letter}");

    assert_eq!(retry(&host, "runs", &letter, json!({})).await["runs"], 1);
    let again = eventually("as it was, it panics again", async || {
        letters(&host, "?kind=run&code=panic").await.into_iter().find(|one| one["attempts"] == 4)
    })
    .await;
    assert_eq!((&again["id"], &again["revision"]), (&letter["id"], &letter["revision"]));

    let good = host.upload(guests::component("redact")).await.expect("a component");
    host.apply(&through_guest(&format!("digest = \"{good}\"\nconfig = {{ fields = [\"a\"] }}"), &receiver, "")).await;
    assert_eq!(retry(&host, "runs", &letter, json!({ "through": "today" })).await["events"], 1);
    receiver.wait_for("/out", 1).await;
    assert!(letters(&host, "").await.is_empty());
    let told = host.event(&event).await;
    assert_eq!(told["generation"], 1);
    let states: Vec<&Value> = told["runs"].as_array().expect("runs").iter().map(|run| &run["state"]).collect();
    assert_eq!(states, ["dead", "planned"]);
    host.stop().await;
}

/// A push that the `digest` plugin takes, or one without a pusher, which it refuses with its whole batch.
fn push(good: bool) -> Vec<u8> {
    let mut push = json!({"ref": "refs/heads/main", "repository": {"full_name": "a/x"}, "compare": "c"});
    if good {
        push["pusher"] = json!({"name": "P"});
    }
    push.to_string().into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_batch_is_folded_again_as_a_whole_or_singly_or_its_events_go_through_the_rule_of_today() {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    let digest = host.upload(guests::component("digest")).await.expect("a component");
    let plugin = format!("digest = \"{digest}\"");
    host.apply(&through_guest(&plugin, &receiver, "batch = { max_events = 2, max_age = \"1h\" }\n")).await;
    host.post("open", &[("x-type", "push")], push(true)).await;
    let bad = host.post("open", &[("x-type", "push")], push(false)).await;
    let letter = dead(&host, 1).await.remove(0);
    assert_eq!((&letter["kind"], &letter["events"]), (&json!("batch"), &json!(2)));

    assert_eq!(retry(&host, "batches", &letter, json!({})).await["batches"], 1);
    let again = eventually("as a whole, it dies again", async || {
        letters(&host, "?kind=batch").await.into_iter().find(|one| one["attempts"] == 2)
    })
    .await;
    assert_eq!(again["id"], letter["id"]);

    assert_eq!(retry(&host, "batches", &letter, json!({ "singly": true })).await["batches"], 2);
    receiver.wait_for("/out", 1).await;
    let alone = eventually("the bad one dies alone", async || {
        letters(&host, "?kind=batch&source=open").await.into_iter().find(|one| one["events"] == 1)
    })
    .await;
    assert_ne!(alone["id"], letter["id"]);

    host.apply(&format!(
        "{OPEN_SOURCE}{}[rules.all]\ndestinations = [\"out\"]\n",
        destination("out", &format!("{}/out", receiver.url()))
    ))
    .await;
    assert_eq!(retry(&host, "batches", &alone, json!({ "through": "today" })).await["events"], 1);
    let received = receiver.wait_for("/out", 2).await;
    assert_eq!(received[1].body, push(false));
    assert_eq!(host.event(&bad).await["generation"], 1);
    assert!(letters(&host, "").await.is_empty());
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_replayed_as_it_was_or_through_the_rules_of_today() {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    let [a, b] = ["a", "b"].map(|name| destination(name, &format!("{}/{name}", receiver.url())));
    let hub = format!("{OPEN_SOURCE}{a}{b}[rules.a]\ndestinations = [\"a\"]\n");
    host.apply(&hub).await;
    let event = host.post("open", &[("x-type", "made")], "1").await;
    receiver.wait_for("/a", 1).await;
    host.delivery_in_state("a", "delivered").await;
    let path = format!("/v1/events/{event}/replay");

    assert_eq!(host.send(&path, &json!({})).await.json["deliveries"], 1);
    let received = receiver.wait_for("/a", 2).await;
    assert_eq!(received[1].id(), received[0].id(), "as it was: the same id");

    host.apply(&format!("{hub}[rules.b]\ndestinations = [\"b\"]\n")).await;
    let today = host.send(&path, &json!({ "through": "today", "rule": "b" })).await.json;
    assert_eq!(today["events"], 1, "{today}");
    receiver.wait_for("/b", 1).await;
    assert_eq!(host.event(&event).await["runs"].as_array().map(Vec::len), Some(2), "the other rule was not asked");

    let counted = host.send("/v1/events/replay?type=made", &json!({ "dry_run": true })).await.json;
    assert_eq!((&counted["total"], &counted["counts"][0]["source"]), (&json!(1), &json!("open")), "{counted}");
    let none = host.send("/v1/events/replay?until=2020-01-01T00:00:00Z", &json!({ "through": "today" })).await.json;
    assert_eq!((&none["events"], &none["next"]), (&json!(0), &Value::Null), "{none}");
    let today = host.send("/v1/events/replay?source=open", &json!({ "through": "today" })).await.json;
    assert_eq!(today["events"], 1, "{today}");
    let (to_a, to_b) = (receiver.wait_for("/a", 3).await, receiver.wait_for("/b", 2).await);
    assert_ne!(to_a[2].id(), to_a[0].id(), "through the rules of today: a new id");
    assert_ne!(to_b[1].id(), to_b[0].id());
    assert!(to_a.iter().chain(&to_b).all(|one| one.body == "1"));
    assert_eq!(host.event(&event).await["generation"], 2);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_deleted_destination_missed_is_sent_when_it_is_declared_again() {
    let (host, (receiver, mended)) = (Host::start().await, broken().await);
    let hub = to_out(&receiver).replace("attempts_max = 2", "attempts_max = 50");
    host.apply(&hub).await;
    host.post("open", &[], "1").await;
    let first = receiver.wait_for("/out", 1).await.remove(0);
    host.delete("/v1/rules/all").await;
    host.delete("/v1/destinations/out").await;
    let letter = dead(&host, 1).await.remove(0);
    assert_eq!(letter["failure"]["code"], "destination-deleted");
    let gone = host.send("/v1/dead-letters/retry", &json!({ "through": "today" })).await.json;
    assert_eq!((&gone["skipped"], &gone["letters"]), (&json!(1), &json!(0)), "its rule is gone: it stays: {gone}");
    dead(&host, 1).await;

    mended.store(true, Ordering::SeqCst);
    let before = receiver.received("/out").len();
    host.apply(&hub).await;
    assert_eq!(host.send("/v1/dead-letters/retry", &json!({})).await.json["deliveries"], 1);
    let again = receiver.wait_for("/out", before + 1).await.remove(before);
    assert_eq!((again.id(), &again.body), (first.id(), &first.body));
    host.stop().await;
}

/// Runs commands of the guide as they stand there, by a shell that stops at the first that fails.
fn sh(host: &Host, folder: &Path, commands: &str, id: &str) -> String {
    let path = format!("{}:{}", process::binary().parent().expect("a folder").display(), env::var("PATH").expect("a path"));
    let mut shell = Command::new("sh");
    shell.args(["-e", "-c", commands]).current_dir(folder).env("PATH", path).env("ID", id);
    let output = shell.env("SLUICEBOX_URL", host.url()).env("SLUICEBOX_KEY", host.key()).output().expect("an end");
    let told = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{commands}\n{told}");
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_guide_do_what_it_says() {
    let (host, (receiver, mended), folder) = (Host::start().await, broken().await, TempDir::new().expect("a folder"));
    let crm = impatient("crm", &format!("{}/crm", receiver.url()));
    host.apply(&format!("{}{crm}[rules.orders]\ndestinations = [\"crm\"]\n", OPEN_SOURCE.replace("open", "shop"))).await;
    for body in ["1", "2", "3"] {
        host.post("shop", &[], body).await;
    }
    let letter = dead(&host, 3).await.remove(0);
    let id = letter["id"].as_str().expect("an id");
    let guide = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operations.md")).expect("the guide");
    let section = guide.split("\n## ").find(|section| section.starts_with("Dead letters and replay")).expect("the section");
    let commands: Vec<&str> = section.split("```").skip(1).step_by(2).filter_map(|block| block.strip_prefix("sh\n")).collect();
    let [look, one, many, again] = commands[..] else { panic!("four blocks: {commands:?}") };

    let said = sh(&host, folder.path(), look, id);
    assert!(said.contains(id) && said.contains("attempts-exhausted") && said.contains("status-500"), "{said}");
    assert!(said.contains("not today"), "{said}");
    mended.store(true, Ordering::SeqCst);
    let before = receiver.received("/crm").len();
    assert_eq!(sh(&host, folder.path(), one, id), "1 delivery taken up again\n");
    receiver.wait_for("/crm", before + 1).await;
    let said = sh(&host, folder.path(), many, id);
    assert!(said.contains("2 would be retried") && said.contains("2 deliveries taken up again"), "{said}");
    receiver.wait_for("/crm", before + 3).await;
    eventually("all are delivered", async || {
        let page = host.get("/v1/deliveries?state=delivered").await.json;
        (page["items"].as_array()?.len() == 3).then_some(())
    })
    .await;
    let said = sh(&host, folder.path(), again, id);
    assert!(said.contains("3 would be replayed") && said.contains("3 deliveries taken up again"), "{said}");
    assert!(said.contains("3 events through the rules of today"), "{said}");
    receiver.wait_for("/crm", before + 9).await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_asks_for_a_choice() {
    let host = Host::start().await;
    let call = |arguments: &[&str]| {
        let output = Command::new(process::binary()).args(arguments).args(["--url", host.url(), "--key", host.key()]).output();
        let output = output.expect("an end");
        (output.status.code(), format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)))
    };
    for (arguments, words) in [
        (&["retry"][..], "--all"),
        (&["retry", "evt_1"], "sluicebox replay evt_1"),
        (&["retry", "x"], "msg_"),
        (&["retry", "msg_1", "--all"], "do not go together"),
        (&["retry", "--all", "--delivered"], "for ids"),
        (&["replay"], "--source"),
        (&["replay", "evt_1", "--dry-run"], "--dry-run"),
        (&["replay", "evt_1"], "evt_1"),
    ] {
        let (code, said) = call(arguments);
        assert!(code == Some(1) && said.contains(words), "{arguments:?}: {said}");
    }
    assert_eq!(call(&["retry", "--all"]), (Some(0), "nothing taken up again\n".to_owned()));
    let (code, said) = call(&["retry", "--all", "--json"]);
    let sum: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!((code, &sum["letters"]), (Some(0), &json!(0)));
    host.stop().await;
}
