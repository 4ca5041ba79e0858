//! `sluicebox trigger`: events of providers, sent to their sources by the real command.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::{Value, json};
use sluicebox_tests::{Host, process};
use tempfile::TempDir;

use crate::story::{OPEN_SOURCE, SECRET};

/// What rules see of each event: its type, where the sender says one. What the sender says in its body is named by the source's own `type`.
const TYPES: &[(&str, &str)] = &[
    ("bitbucket.push", "repo:push"),
    ("bitbucket.pullrequest.created", "pullrequest:created"),
    ("discord.application_authorized", "APPLICATION_AUTHORIZED"),
    ("github.push", "push"),
    ("github.issue_comment.created", "issue_comment"),
    ("github.issues.opened", "issues"),
    ("github.ping", "ping"),
    ("github.pull_request.opened", "pull_request"),
    ("github.release.published", "release"),
    ("gitlab.push", "Push Hook"),
    ("gitlab.merge_request", "Merge Request Hook"),
    ("mailgun.delivered", "delivered"),
    ("mailgun.failed", "failed"),
    ("meta.whatsapp.message", "whatsapp_business_account"),
    ("okta.user.lifecycle.create", "user.lifecycle.create"),
    ("sample.order.created", "order.created"),
    ("shopify.orders.create", "orders/create"),
    ("shopify.products.update", "products/update"),
    ("slack.message", "message"),
    ("slack.app_mention", "app_mention"),
    ("square.payment.updated", "payment.updated"),
    ("standard-webhooks.user.created", "user.created"),
    ("stripe.payment_intent.succeeded", "payment_intent.succeeded"),
    ("stripe.checkout.session.completed", "checkout.session.completed"),
    ("stripe.customer.subscription.deleted", "customer.subscription.deleted"),
    ("stripe.invoice.paid", "invoice.paid"),
    ("svix.invoice.paid", "invoice.paid"),
    ("zoom.meeting.started", "meeting.started"),
    ("zoom.meeting.participant_joined", "meeting.participant_joined"),
];

struct World {
    host: Host,
    folder: TempDir,
}

impl World {
    async fn new() -> Self {
        Self { host: Host::start().await, folder: TempDir::new().expect("a folder") }
    }

    fn call(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(process::binary());
        command.arg("trigger").args(arguments).args(["--url", self.host.url(), "--key", self.host.key()]);
        command.current_dir(self.folder.path()).env_remove("SLUICEBOX_TRIGGER_SECRET").env("GITHUB_HOOK", SECRET);
        command.output().expect("an end")
    }

    /// What it printed as JSON.
    fn works(&self, arguments: &[&str]) -> Value {
        let output = self.call(&[arguments, &["--json"]].concat());
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    fn fails(&self, arguments: &[&str], expected: &str) {
        let output = self.call(arguments);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(1) && told.contains(expected), "{arguments:?}: {told}");
    }

    /// A source of this scheme, and the arguments by which it is signed for.
    async fn source(&self, scheme: &str) -> Vec<String> {
        let (verify, arguments) = match scheme {
            "discord" => self.with_pair("discord", "ed25519"),
            "sendgrid" => self.with_pair("sendgrid", "ecdsa-p256"),
            "meta" => (
                format!("{{ scheme = \"meta\", secret = \"{SECRET}\", verify_token = \"word\" }}"),
                vec!["--secret".to_owned(), SECRET.to_owned()],
            ),
            "sample" => ("{ scheme = \"none\" }".to_owned(), Vec::new()),
            _ => (format!("{{ scheme = \"{scheme}\", secret = \"{SECRET}\" }}"), vec!["--secret".to_owned(), SECRET.to_owned()]),
        };
        // Every other type is where the scheme's preset looks for it.
        let kind = if scheme == "sample" { "type = { json = \"type\" }\n" } else { "" };
        self.host.apply(&format!("[sources.{scheme}]\nverify = {verify}\n{kind}")).await;
        arguments
    }

    fn with_pair(&self, scheme: &str, algorithm: &str) -> (String, Vec<String>) {
        let pair = self.works(&["--make-key", algorithm]);
        let file = self.folder.path().join(scheme);
        fs::write(&file, pair["private_key"].as_str().expect("a key")).expect("a file");
        let public = pair["public_key"].as_str().expect("a key");
        (format!("{{ scheme = \"{scheme}\", public_key = \"{public}\" }}"), vec!["--private-key".to_owned(), text(&file)])
    }
}

fn text(path: &Path) -> String {
    path.to_str().expect("a path of text").to_owned()
}

/// The whole way: every event that there is, signed by the command, verified and stored by the host.
#[tokio::test(flavor = "multi_thread")]
async fn every_event_is_taken_by_a_source_of_its_scheme() {
    let world = World::new().await;
    let events = world.works(&["--list"]);
    let events = events.as_array().expect("a list");
    assert!(events.len() >= 20, "{}", events.len());
    for event in events {
        let (name, scheme) = (event["event"].as_str().expect("a name"), event["scheme"].as_str().expect("a scheme"));
        let keys = world.source(scheme).await;
        let arguments: Vec<&str> = [scheme, name].into_iter().chain(keys.iter().map(String::as_str)).collect();
        let told = world.works(&arguments);
        let stored = &told["events"][0];
        assert_eq!((&stored["source"], &stored["sent"]), (&json!(scheme), &json!(name)), "{told}");
        if let Some((_, kind)) = TYPES.iter().find(|(event, _)| *event == name) {
            assert_eq!(stored["type"], *kind, "{name}");
        }
        // What is signed is fresh each time, so it is no repeat.
        assert_ne!(world.works(&arguments)["events"][0]["id"], stored["id"], "{name}");
    }
    for (name, _) in TYPES {
        assert!(events.iter().any(|event| event["event"] == *name), "{name} is no event");
    }
    world.host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sources_of_one_s_own_are_sent_what_is_wanted() {
    let world = World::new().await;
    for (name, verify) in [
        ("open", "{ scheme = \"none\" }"),
        ("keyed", "{ scheme = \"api-key\", header = \"x-own\", secret = \"geheim\" }"),
        ("bearing", "{ scheme = \"bearer\", secret = \"geheim\" }"),
        ("basic", "{ scheme = \"basic\", username = \"u\", secret = \"geheim\" }"),
        (
            "signed",
            "{ scheme = \"hmac\", header = \"x-sign\", signed = \"{timestamp}.{body}\", timestamp_header = \"x-at\", secret = \"geheim\" }",
        ),
    ] {
        world.host.apply(&format!("[sources.{name}]\nverify = {verify}\ntype = {{ json = \"type\" }}\n")).await;
        let told = world.works(&[name, "--secret", "geheim", "--set", "data.order.total_cents=5", "--set", "note=x y"]);
        let stored = &told["events"][0];
        assert_eq!(stored["type"], "order.created", "{name}");
        let event = world.host.event(stored["id"].as_str().expect("an id")).await;
        let body: Value = serde_json::from_str(event["body"]["text"].as_str().expect("text")).expect("JSON");
        assert_eq!((&body["data"]["order"]["total_cents"], &body["note"]), (&json!(5), &json!("x y")));
    }
    let told = world.works(&["open", "stripe.invoice.paid", "--header", "x-trace: 7"]);
    let event = world.host.event(told["events"][0]["id"].as_str().expect("an id")).await;
    assert!(event["headers"].as_array().expect("headers").contains(&json!(["x-trace", "7"])), "{event}");
    world.host.stop().await;
}

/// Square and Twilio sign the URL as they call it.
#[tokio::test(flavor = "multi_thread")]
async fn a_url_that_is_signed_is_the_one_that_the_host_is_called_by() {
    let folder = TempDir::new().expect("a folder");
    let host = Host::start_with(|config| config.ingest.public_url = Some("https://hooks.example.com".to_owned())).await;
    let world = World { host, folder };
    let keys = world.source("square").await;
    world.fails(&["square", &keys[0], &keys[1]], "401");
    world.works(&["square", &keys[0], &keys[1], "--public-url", "https://hooks.example.com"]);
    let own = format!("{{ scheme = \"square\", url = \"https://other.example.com/x\", secret = \"{SECRET}\" }}");
    world.host.apply(&format!("[sources.other]\nverify = {own}\n")).await;
    world.works(&["other", &keys[0], &keys[1]]);
    world.host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_says_why_and_what_to_do() {
    let world = World::new().await;
    let verify = "{ scheme = \"github\", secret = { value = \"geheim\", ref = \"${GITHUB_HOOK}\" } }";
    world.host.apply(&format!("[sources.github]\nverify = {verify}\n{OPEN_SOURCE}")).await;
    world.fails(&["github"], "is the secret the source's?");
    world.fails(&["githb"], "githb");
    world.fails(&["github", "isues.opend"], "did you mean `github.issues.opened`?");
    world.fails(&["github", "stripe.invoice.paid"], "the source is one of `github`");
    world.fails(&["open", "--set", "type"], "path=value");
    world.fails(&["open", "--header", "x"], "name: value");
    world.host.apply("[sources.github]\nverify = { scheme = \"github\", secret = \"geheim\" }\n").await;
    world.fails(&["github"], "--secret or SLUICEBOX_TRIGGER_SECRET");
    world.works(&["github", "--secret", "geheim"]);
    // Named by the hub file, and set here.
    let verify = format!("{{ scheme = \"github\", secret = {{ value = \"{SECRET}\", ref = \"${{GITHUB_HOOK}}\" }} }}");
    world.host.apply(&format!("[sources.github]\nverify = {verify}\n")).await;
    world.works(&["github", "ping"]);
    world.host.stop().await;
}
