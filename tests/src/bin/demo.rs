//! `cargo xtask demo`: a hub on loopback, real GitHub payloads in, plugins, signed deliveries out, told as it happens.

use std::{
    collections::BTreeMap,
    env,
    io::IsTerminal,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use axum::response::IntoResponse;
use http::StatusCode;
use serde_json::Value;
use similar::TextDiff;
use sluicebox_tests::{
    Api, HostProcess, Received, Receiver,
    github::{self, Payload},
    guests, process,
};
use standardwebhooks::Webhook;

/// What the demo signs GitHub's payloads with; a host of your own has one that nobody else knows.
const GITHUB_SECRET: &str = "It's a Secret to Everybody";
/// The receivers' secrets, by path. Published, so good for a demo only.
const RECEIVER_SECRETS: [(&str, &str, &str); 3] = [
    ("/crm", "CRM_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
    ("/chat", "CHAT_SECRET", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"),
    ("/archive", "ARCHIVE_SECRET", "whsec_ZGVtby1vbmx5LWFyY2hpdmUtc2VjcmV0"),
];
/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Lines of a diff that are shown.
const DIFF_LINES_MAX: usize = 24;

#[tokio::main]
async fn main() -> ExitCode {
    let once = env::args().any(|argument| argument == "--once");
    match run(once).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\ndemo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(once: bool) -> anyhow::Result<()> {
    let verified = Arc::new(Mutex::new(BTreeMap::new()));
    let receiver = receiver(Arc::clone(&verified)).await;
    let folder = folder(receiver.url())?;
    title("a hub on loopback");
    let host = HostProcess::start(&folder.join("data")).await;
    println!("hub       {}   data in {}", host.url(), folder.join("data").display());
    println!("receiver  {}   checks every signature with the crate standardwebhooks", receiver.url());
    apply(&host, &folder)?;

    for (note, payload) in payloads() {
        title(&format!("{} {note}", payload.name));
        let id = post(&host, &payload).await?;
        show_event(&host, &verified, &id).await?;
    }
    title("the three pushes, folded by digest");
    show_batch(&host, &receiver).await?;
    title("done");
    check(&receiver, &verified)?;
    if !once {
        stay(&host, &folder).await?;
    }
    Ok(())
}

/// What the receiver found of each `webhook-id`.
type Verified = Arc<Mutex<BTreeMap<String, Result<(), String>>>>;

async fn receiver(verified: Verified) -> Receiver {
    Receiver::answering(move |received| {
        let found = verify(received);
        let status = if found.is_ok() { StatusCode::NO_CONTENT } else { StatusCode::UNAUTHORIZED };
        verified.lock().unwrap_or_else(PoisonError::into_inner).insert(received.id().to_owned(), found);
        status.into_response()
    })
    .await
}

/// As a receiver of yours would: by the official crate.
fn verify(received: &Received) -> Result<(), String> {
    let secret = RECEIVER_SECRETS.iter().find(|(path, ..)| *path == received.path).ok_or("no such receiver")?.2;
    let webhook = Webhook::new(secret).map_err(|error| error.to_string())?;
    webhook.verify(&received.body, &received.headers).map_err(|error| error.to_string())
}

/// A new folder with the hub file and its plugins.
fn folder(receiver: &str) -> anyhow::Result<PathBuf> {
    let target = process::binary().ancestors().nth(2).context("no target folder")?.to_owned();
    let folder = target.join("demo");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).context("the last demo's folder is in the way")?;
    }
    std::fs::create_dir_all(folder.join("plugins"))?;
    for guest in ["only_humans", "redact", "digest"] {
        let file = format!("{guest}.wasm");
        std::fs::copy(guests::folder().join(&file), folder.join("plugins").join(&file)).with_context(|| file)?;
    }
    let hub = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/demo/hub.toml");
    let hub = std::fs::read_to_string(hub)?.replace("http://127.0.0.1:9000", receiver);
    std::fs::write(folder.join("hub.toml"), hub)?;
    Ok(folder)
}

fn apply(host: &Api, folder: &Path) -> anyhow::Result<()> {
    println!("\n$ sluicebox apply hub.toml");
    let mut command = Command::new(process::binary());
    command.arg("apply").arg(folder.join("hub.toml")).args(["--url", host.url()]).arg("--data").arg(folder.join("data"));
    command.env("GITHUB_WEBHOOK_SECRET", GITHUB_SECRET).envs(RECEIVER_SECRETS.map(|(_, name, secret)| (name, secret)));
    ensure!(command.status()?.success(), "the hub file was not applied");
    Ok(())
}

/// Real payloads; one is sent a second time as if by a bot.
fn payloads() -> Vec<(&'static str, Payload)> {
    let all = github::payloads();
    let named = |name: &str| all.iter().find(|payload| payload.name == name).expect("a payload of the fixtures").clone();
    let mut by_bot = named("issues.opened");
    by_bot.body = String::from_utf8(by_bot.body).expect("UTF-8").replace("\"type\": \"User\"", "\"type\": \"Bot\"").into_bytes();
    vec![
        ("", named("issues.opened")),
        ("as if opened by a bot", by_bot),
        ("", named("star.created")),
        ("that no rule wants", named("fork")),
        ("", named("push")),
        ("", named("push-2")),
        ("", named("push-3")),
    ]
}

async fn post(host: &Api, payload: &Payload) -> anyhow::Result<String> {
    let headers = github::headers(payload, GITHUB_SECRET);
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let answer = host.try_post("github", &headers, payload.body.clone()).await?;
    ensure!(answer.status == 202, "the hub refused {}: {}", payload.name, answer.json);
    let id = answer.json["id"].as_str().context("no id")?.to_owned();
    println!("received   {} bytes, signed by GitHub's scheme, stored as {id}", payload.body.len());
    Ok(id)
}

/// Follows an event until each of its rules has come to an end.
async fn show_event(host: &Api, verified: &Verified, id: &str) -> anyhow::Result<()> {
    let event = until("an event's end", async || {
        let event = host.event(id).await;
        let runs = event["runs"].as_array()?;
        let ended = |run: &Value| run["state"] != "pending";
        let settled = |delivery: &Value| delivery["state"] != "waiting";
        let done = event["routed"] == true && runs.iter().all(ended) && event["deliveries"].as_array()?.iter().all(settled);
        done.then_some(event)
    })
    .await?;
    let runs = event["runs"].as_array().context("no runs")?;
    if runs.is_empty() {
        println!("rules      none matched: it is stored, and goes nowhere");
    }
    for run in runs {
        show_run(host, verified, &event, run).await?;
    }
    Ok(())
}

async fn show_run(host: &Api, verified: &Verified, event: &Value, run: &Value) -> anyhow::Result<()> {
    println!("rule       {} matched", text(&run["rule"]));
    for stage in run["stages"].as_array().into_iter().flatten() {
        println!(
            "  plugin   {} {}: {} ({} us)",
            text(&stage["plugin"]),
            text(&stage["export"]),
            text(&stage["result"]),
            stage["elapsed_us"]
        );
    }
    match text(&run["state"]) {
        "dropped" => println!("dropped    {}", text(&run["failure"]["message"])),
        "batched" => println!("batched    waits for others of its kind"),
        "dead" => bail!("a dead letter: {}", run["failure"]),
        _ => {}
    }
    let sent = event["deliveries"].as_array().into_iter().flatten().filter(|delivery| delivery["rule"] == run["rule"]);
    for delivery in sent {
        let whole = host.get(&format!("/v1/deliveries/{}", text(&delivery["id"]))).await.json;
        show_diff(text(&event["body"]["text"]), text(&whole["body"]["text"]));
        show_delivery(verified, &whole)?;
    }
    Ok(())
}

fn show_delivery(verified: &Verified, delivery: &Value) -> anyhow::Result<()> {
    let (id, destination) = (text(&delivery["id"]), text(&delivery["destination"]));
    ensure!(delivery["state"] == "delivered", "{id} was not delivered to {destination}: {}", delivery["failure"]);
    let attempt = delivery["attempt_records"].as_array().and_then(|attempts| attempts.last()).context("no attempt")?;
    println!("delivered  to {destination} as {id}: {} in {} ms", attempt["status"], attempt["duration_ms"]);
    match verified.lock().unwrap_or_else(PoisonError::into_inner).get(id) {
        Some(Ok(())) => println!("verified   {}", paint("32", "the receiver found the signature to be right")),
        Some(Err(error)) => bail!("the receiver refused {id}: {error}"),
        None => bail!("the receiver never saw {id}"),
    }
    Ok(())
}

/// What the plugins did to the body, as a unified diff of its formatted JSON.
fn show_diff(before: &str, after: &str) {
    if before == after {
        println!("unchanged  byte for byte");
        return;
    }
    let pretty = |json: &str| {
        serde_json::from_str::<Value>(json).and_then(|v| serde_json::to_string_pretty(&v)).unwrap_or_else(|_| json.to_owned())
    };
    let (before, after) = (pretty(before), pretty(after));
    let diff = TextDiff::from_lines(&before, &after);
    let unified = diff.unified_diff().context_radius(1).header("as received", "as sent").to_string();
    for line in unified.lines().take(DIFF_LINES_MAX) {
        let colour = match line.as_bytes().first() {
            Some(b'-') => "31",
            Some(b'+') => "32",
            Some(b'@') => "36",
            _ => "0",
        };
        println!("    {}", paint(colour, line));
    }
    let more = unified.lines().count().saturating_sub(DIFF_LINES_MAX);
    if more > 0 {
        println!("    ... {more} more lines");
    }
}

async fn show_batch(host: &Api, receiver: &Receiver) -> anyhow::Result<()> {
    let delivered = until("the digest's delivery", async || {
        let page = host.get("/v1/deliveries?rule=pushes&state=delivered").await.json;
        page["items"].as_array()?.first().cloned()
    })
    .await?;
    let received = receiver.received("/chat");
    let digest: Value = serde_json::from_slice(&received.first().context("nothing came to /chat")?.body)?;
    println!("delivered  to {} as {}", text(&delivered["destination"]), text(&delivered["id"]));
    println!("{}", serde_json::to_string_pretty(&digest)?);
    Ok(())
}

/// Whether all that was to arrive did, each with a signature that was found right.
fn check(receiver: &Receiver, verified: &Verified) -> anyhow::Result<()> {
    let expected = [("/crm", 1), ("/archive", 1), ("/chat", 1)];
    let missing: Vec<String> = expected
        .iter()
        .filter(|(path, count)| receiver.received(path).len() < *count)
        .map(|(path, count)| format!("{path}: {} of {count}", receiver.received(path).len()))
        .collect();
    ensure!(missing.is_empty(), "deliveries are missing: {}", missing.join(", "));
    let verified = verified.lock().unwrap_or_else(PoisonError::into_inner);
    for (id, found) in verified.iter() {
        ensure!(found.is_ok(), "the signature of {id} was refused");
    }
    println!("{} deliveries arrived, every signature was right", verified.len());
    Ok(())
}

async fn stay(host: &Api, folder: &Path) -> anyhow::Result<()> {
    let sluicebox = process::binary();
    let access = format!("--url {} --data {}", host.url(), folder.join("data").display());
    println!("\nThe hub stays up until Ctrl-C. To try next, in another terminal:\n");
    println!("  {} events {access}", sluicebox.display());
    println!("  {} deliveries --rule new-issues {access}", sluicebox.display());
    println!("  {} runs --state dropped {access}", sluicebox.display());
    tokio::signal::ctrl_c().await.context("no signals")
}

async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> anyhow::Result<T> {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.with_context(|| format!("still missing after {PATIENCE:?}: {what}"))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn title(text: &str) {
    println!("\n{}", paint("1", &format!("── {} ──", text.trim())));
}

fn paint(code: &str, text: &str) -> String {
    if std::io::stdout().is_terminal() { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}
