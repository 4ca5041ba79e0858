//! What the documents say is so: the snippets in them are applied, the files they name are there.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

use sluicebox_tests::{Host, Receiver, guests, process, tls::Authority};
use standardwebhooks::Webhook;
use tempfile::TempDir;

use crate::story::{PRIVATE, SECRET};

pub(crate) fn page(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)).expect(name)
}

/// The fenced blocks of this language.
pub(crate) fn blocks(page: &str, language: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = page;
    while let Some((_, after)) = rest.split_once(&format!("```{language}\n")) {
        let (block, next) = after.split_once("```").expect("an end of the block");
        found.push(block.to_owned());
        rest = next;
    }
    found
}

/// The README's plugin and hub file, as a newcomer would try them; only the receiver's address is ours.
#[tokio::test(flavor = "multi_thread")]
async fn the_readmes_plugin_and_hub_file_work() {
    let (host, receiver, folder) = (Host::start().await, Receiver::start().await, TempDir::new().expect("a folder"));
    let [hub] = &blocks(&page("README.md"), "toml")[..] else { panic!("one hub file") };
    let hub = hub.replace("https://sales.example.com", receiver.url());
    fs::write(folder.path().join("hub.toml"), hub).expect("a file");
    fs::write(folder.path().join("big_orders.wasm"), guests::plain_module("big-orders")).expect("a file");
    let mut apply = Command::new(process::binary());
    apply.args(["apply", "hub.toml", "--url", host.url(), "--key", host.key()]).env("SHOP_SECRET", SECRET);
    let output = apply.current_dir(folder.path()).output().expect("an end");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    for (id, cents) in [("small", 9_999), ("big", 12_300)] {
        let body = format!("{{\"type\":\"order.created\",\"id\":7,\"total_cents\":{cents}}}");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        let webhook = Webhook::new(SECRET).expect("a secret");
        let signature = webhook.sign(id, i64::try_from(now).expect("a time"), body.as_bytes()).expect("a signature");
        let headers = [("webhook-id", id), ("webhook-timestamp", &now.to_string()), ("webhook-signature", &signature)];
        host.post("shop", &headers, body).await;
    }
    let received = receiver.wait_for("/hooks", 1).await;
    assert_eq!(received[0].body, "{\"text\":\"order 7 over 123 EUR\"}");
    assert_eq!(received.len(), 1);

    let line = blocks(&page("README.md"), "sh").concat();
    let line = line.lines().find_map(|line| line.strip_prefix("sluicebox trigger ")).expect("an event to try it with").to_owned();
    let arguments = line.split('#').next().expect("a command").split_whitespace();
    let mut trigger = Command::new(process::binary());
    trigger.arg("trigger").args(arguments).args(["--url", host.url(), "--key", host.key()]).env("SHOP_SECRET", SECRET);
    let output = trigger.output().expect("an end");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let received = receiver.wait_for("/hooks", 2).await;
    assert!(String::from_utf8_lossy(&received[1].body).contains("over 123 EUR"), "{:?}", received[1].body);
    host.stop().await;
}

/// The hub files of these pages are good ones; their references stand for a secret.
#[tokio::test(flavor = "multi_thread")]
async fn the_hub_files_on_pages_are_applied() {
    let host = Host::start().await;
    for name in ["docs/sources.md", "docs/providers.md", "docs/rules.md"] {
        let blocks = blocks(&page(name), "toml");
        assert!(!blocks.is_empty(), "{name} has examples");
        for hub in blocks {
            let mut pieces = hub.split("${");
            let begin = pieces.next().unwrap_or_default().to_owned();
            let hub = pieces.fold(begin, |hub, piece| hub + SECRET + piece.split_once('}').expect("an end of the reference").1);
            host.apply(&hub).await;
        }
    }
    host.stop().await;
}

/// What the page on the API publishes is taken.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_page_on_the_api_publishes_is_taken() {
    let (host, page) = (Host::start().await, page("docs/api.md"));
    for hub in blocks(&page, "toml") {
        host.apply(&hub).await;
    }
    let bodies = blocks(&page, "json");
    assert!(!bodies.is_empty(), "the page has examples");
    for body in bodies {
        let document: serde_json::Value = serde_json::from_str(&body).expect("JSON");
        // Of the two that are explained one names a rule and an event that are not there.
        let (path, status) = match (document.get("match"), document.get("rule")) {
            (Some(_), _) => ("/v1/explain", 200),
            (None, Some(_)) => ("/v1/explain", 404),
            (None, None) => ("/v1/events", 202),
        };
        let answer = host.send(path, &document).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.json);
    }
    host.stop().await;
}

/// Every hub file of the page about destinations is applied, its references with secrets that fit.
#[tokio::test(flavor = "multi_thread")]
async fn the_hub_files_about_destinations_are_applied() {
    // Those that call back have to know where.
    let host = Host::start_with(|config| config.ingest.public_url = Some("https://hooks.example.com".to_owned())).await;
    let (folder, authority) = (TempDir::new().expect("a folder"), Authority::new());
    let ours = authority.certify("sluicebox");
    for (name, text) in [("client.pem", ours.certificate), ("client.key", ours.key), ("ca.pem", authority.certificate())] {
        fs::write(folder.path().join(name), text).expect("a file");
    }
    let blocks = blocks(&page("docs/destinations.md"), "toml");
    assert!(blocks.len() > 5, "the page has examples");
    for block in blocks {
        fs::write(folder.path().join("hub.toml"), &block).expect("a file");
        let mut apply = Command::new(process::binary());
        apply.args(["apply", "hub.toml", "--url", host.url(), "--key", host.key()]).current_dir(folder.path());
        for (_, rest) in block.match_indices("${").map(|(at, _)| ((), &block[at + 2..])) {
            let name = rest.split_once('}').expect("an end of the reference").0;
            apply.env(name, if name.ends_with("PRIVATE_KEY") { PRIVATE } else { SECRET });
        }
        let output = apply.output().expect("an end");
        assert!(output.status.success(), "{block}\n{}", String::from_utf8_lossy(&output.stderr));
    }
    host.stop().await;
}

/// The README's plugin is, word for word, one that is built and run by these tests.
#[test]
fn the_readmes_plugin_is_one_that_is_tested() {
    let source = page("tests/guests/big-orders/src/lib.rs");
    let blocks = blocks(&page("README.md"), "rust");
    assert!(!blocks.is_empty(), "the README shows a plugin");
    for block in blocks {
        assert!(source.contains(block.trim()), "not found in the sources:\n{block}");
    }
}

/// The headings of a page, as links name them.
fn headings(page: &str) -> impl Iterator<Item = String> {
    let titles = page.lines().filter_map(|line| line.trim_start_matches('#').strip_prefix(' ').filter(|_| line.starts_with('#')));
    titles.map(|title| {
        let kept =
            title.to_lowercase().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_')).collect::<String>();
        kept.replace(' ', "-")
    })
}

#[test]
fn the_files_that_pages_name_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for name in [
        "README.md",
        "docs/ARCHITECTURE.md",
        "docs/plugins.md",
        "docs/plugins-python.md",
        "docs/api.md",
        "docs/hub-file.md",
        "docs/concepts.md",
        "docs/quick-start.md",
        "docs/sources.md",
        "docs/providers.md",
        "docs/rules.md",
        "docs/patterns.md",
        "docs/destinations.md",
        "docs/operations.md",
        "docs/security.md",
        "docs/cli.md",
        "docs/install.md",
        "CHANGELOG.md",
    ] {
        let page = page(name);
        for (_, link) in
            page.match_indices("](").map(|(at, _)| page[at + 2..].split_once(')').expect("an end")).map(|(l, _)| ((), l))
        {
            if link.contains("://") {
                continue;
            }
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let whole = root.join(name);
            let file = if file.is_empty() { whole } else { whole.parent().expect("a folder").join(file) };
            assert!(file.exists(), "{name} links to {link}");
            let text = if heading.is_empty() { String::new() } else { fs::read_to_string(&file).expect("a page") };
            assert!(heading.is_empty() || headings(&text).any(|known| known == heading), "{name} links to {link}");
        }
    }
}

/// What the page on destinations declares is applied, and its command fetches what was posted, once.
#[tokio::test(flavor = "multi_thread")]
async fn the_pages_queue_is_fetched_from() {
    let (host, page) = (Host::start().await, page("docs/destinations.md"));
    let hub = blocks(&page, "toml").into_iter().find(|hub| hub.contains("kind = \"pull\""));
    host.apply(&hub.expect("a hub file with a queue")).await;
    host.post("shop", &[], "hello").await;
    let commands = blocks(&page, "sh").concat();
    let line = commands.lines().find_map(|line| line.strip_prefix("sluicebox pull ")).expect("a command");
    for expected in ["hello\n", ""] {
        // It need not be waited for again.
        let words = line.split_whitespace().map(|word| if expected.is_empty() && word == "20s" { "0s" } else { word });
        let mut pull = Command::new(process::binary());
        pull.arg("pull").args(words).args(["--url", host.url(), "--key", host.key()]);
        let output = pull.output().expect("an end");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(printed.split_once('\n').map_or("", |(_, body)| body), expected, "{printed}");
    }
    host.delivery_in_state("nightly", "delivered").await;
    host.stop().await;
}

/// The commands of the pages' sections on backups, the audit log and the doctor, in their order, as somebody would type them.
#[tokio::test(flavor = "multi_thread")]
async fn the_pages_backup_is_made_and_restored() {
    let page = page("docs/operations.md");
    let folder = TempDir::new().expect("a folder");
    let data = folder.path().join("data");
    let mut host = Some(process::HostProcess::start(&data).await);
    let (url, key) = host.as_ref().map(|host| (host.url().to_owned(), host.key().to_owned())).expect("a host");
    let programs = process::binary().parent().expect("a folder").to_owned();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").expect("a path"));
    // Those that need the host first.
    for title in ["## Audit log\n", "## Doctor\n", "## Backup and restore\n"] {
        let section = page.split_once(title).expect("a section").1.split("\n## ").next().expect("its text");
        let commands = blocks(section, "sh").concat();
        assert!(!commands.is_empty(), "{title} has commands");
        for line in commands.lines() {
            if line.contains("--stopped")
                && let Some(host) = host.take()
            {
                host.stop().await;
            }
            let mut shell = Command::new("sh");
            shell.args(["-c", line]).current_dir(folder.path()).env("PATH", &path);
            shell.env("SLUICEBOX_URL", &url).env("SLUICEBOX_DATA", &data).env("SLUICEBOX_KEY", &key);
            let output = shell.output().expect("an end");
            // The doctor may find fault with the machine that the tests run on.
            let well = output.status.success() || (line.contains("doctor") && output.status.code() == Some(4));
            assert!(well, "{line}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
    process::HostProcess::start(&folder.path().join("restored")).await.stop().await;
}

/// Every `sluicebox ...` of the pages is a command that there is, with flags that there are.
#[test]
fn the_commands_that_pages_name_are_there() {
    let pages = [
        "README.md",
        "docs/plugins.md",
        "docs/sources.md",
        "docs/destinations.md",
        "docs/operations.md",
        "docs/security.md",
        "docs/hub-file.md",
        "docs/observability.md",
        "docs/cli.md",
    ];
    for name in pages {
        for block in blocks(&page(name), "sh") {
            for line in block.lines().filter_map(|line| line.trim_start_matches("$ ").strip_prefix("sluicebox ")) {
                let words: Vec<&str> = line.split_whitespace().take_while(|word| !word.starts_with('-')).collect();
                let command = if ["plugin", "keys", "workspaces"].contains(&words[0]) { &words[..2] } else { &words[..1] };
                let help = Command::new(process::binary()).args(command).arg("--help").output().expect("an end");
                assert!(help.status.success(), "{line}");
                let help = String::from_utf8_lossy(&help.stdout).into_owned();
                for flag in line.split_whitespace().filter(|word| word.starts_with("--")) {
                    assert!(help.contains(flag), "{flag} of `{line}`");
                }
            }
        }
    }
}
