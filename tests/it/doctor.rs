//! `sluicebox doctor`: nothing to say of what is well, and the right thing of what is not.

use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use serde_json::Value;
use sluicebox_tests::{HostProcess, process};
use tempfile::TempDir;

/// What belongs to the machine that the tests run on, and to no host.
const OF_THE_MACHINE: [&str; 2] = ["open-files", "no-backup"];

/// The codes of what is found, and the exit code.
fn doctor(arguments: &[&str]) -> (BTreeSet<String>, i32) {
    let mut command = Command::new(process::binary());
    command.args(["doctor", "--json", "--disk-reserve-bytes", "0"]).args(arguments).env_remove("SLUICEBOX_KEY");
    let output = command.output().expect("an end");
    let told: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{arguments:?}: {}", String::from_utf8_lossy(&output.stderr)));
    let codes =
        told["findings"].as_array().expect("findings").iter().map(|finding| finding["code"].as_str().expect("a code").to_owned());
    let codes: BTreeSet<String> = codes.filter(|code| !OF_THE_MACHINE.contains(&code.as_str())).collect();
    (codes, output.status.code().expect("an exit code"))
}

fn found(arguments: &[&str], codes: &[&str]) {
    let (told, exit) = doctor(arguments);
    assert_eq!(told.iter().map(String::as_str).collect::<Vec<_>>(), codes, "{arguments:?}");
    if !codes.is_empty() {
        assert_eq!(exit, 4, "{arguments:?}: {codes:?}");
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

async fn host_at(data: &Path) -> HostProcess {
    let host = HostProcess::start(data).await;
    host.apply("[sources.s]\nverify = { scheme = \"github\", secret = \"canary-secret\" }\n").await;
    host
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_well_and_one_that_is_not() {
    let folder = TempDir::new().expect("a folder");
    let data = folder.path().join("data");
    let host = host_at(&data).await;
    let (url, at) = (host.url().to_owned(), text(&data));
    found(&["--url", &url, "--data", at], &[]);
    assert_eq!(doctor(&["--url", &url, "--data", at, "--host-only"]), (BTreeSet::new(), 0));
    found(&["--url", &url, "--data", at, "--host-only", "--key", "slk_wrong"], &["key-refused"]);
    found(&["--url", &url, "--data", text(&folder.path().join("none"))], &["no-key"]);
    found(&["--url", "http://127.0.0.1:1", "--data", at, "--host-only"], &["unreachable"]);

    // A destination that is gone for good, and what was given up for it.
    let receiver =
        sluicebox_tests::Receiver::answering(|_| axum::response::IntoResponse::into_response(http::StatusCode::GONE)).await;
    let out = crate::story::destination("out", &format!("{}/out", receiver.url()));
    // More than a page of others are before it.
    let others: String = (0..50).map(|n| format!("[destinations.d{n:02}]\nkind = \"pull\"\n")).collect();
    host.apply(&format!("{}{others}{out}[rules.all]\ndestinations = [\"out\"]\n", crate::story::OPEN_SOURCE)).await;
    host.post("open", &[], "{}").await;
    host.delivery_in_state("all", "dead").await;
    found(&["--url", &url, "--data", at], &["dead-letters", "destination-disabled", "unverified"]);
    let said = Command::new(process::binary()).args(["doctor", "--url", &url, "--data", at]).output().expect("an end").stdout;
    let said = String::from_utf8(said).expect("text");
    assert!(said.contains("sluicebox destinations enable out"), "it says what to do: {said}");
    assert!(!said.contains("canary-secret"));
    host.stop().await;
    found(&["--url", &url, "--data", at], &["unreachable"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_api_changed_since_the_hub_file_is_a_note() {
    let folder = TempDir::new().expect("a folder");
    let data = folder.path().join("data");
    let host = host_at(&data).await;
    let destination = serde_json::json!({ "url": "https://example.com/" });
    assert_eq!(host.put("/v1/destinations/by-hand", &destination).await.status, 200);
    let url = host.url().to_owned();
    assert_eq!(doctor(&["--url", &url, "--data", text(&data), "--host-only"]), (BTreeSet::from(["drift".to_owned()]), 0));
    let said = Command::new(process::binary()).args(["doctor", "--url", &url, "--data", text(&data)]).output().expect("an end");
    let said = String::from_utf8(said.stdout).expect("text");
    assert!(said.contains("drift: since the hub file of revision 1 the API has changed destination by-hand"), "{said}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_well_and_one_that_is_not() {
    let folder = TempDir::new().expect("a folder");
    let data = folder.path().join("data");
    host_at(&data).await.stop().await;
    let stopped = ["--stopped", "--data", text(&data)];
    found(&stopped, &[]);
    let listed = |folder: &Path| {
        let files = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
        files.collect::<BTreeSet<_>>()
    };
    let before = [listed(&data), listed(&data.join("revisions"))];

    let full = Command::new(process::binary())
        .args(["doctor", "--json", "--disk-reserve-bytes", "9000000000000000000"])
        .args(stopped)
        .output();
    assert!(String::from_utf8_lossy(&full.expect("an end").stdout).contains("disk-full"));

    let main = data.join("main.key");
    fs::set_permissions(&main, fs::Permissions::from_mode(0o644)).expect("opened up");
    found(&stopped, &["readable-by-others"]);
    fs::set_permissions(&main, fs::Permissions::from_mode(0o600)).expect("closed again");

    let key = fs::read_to_string(&main).expect("a key");
    fs::write(&main, "0123456789abcdef".repeat(4)).expect("another");
    found(&stopped, &["main-key-wrong"]);
    fs::write(&main, "none").expect("no key");
    found(&stopped, &["main-key-damaged"]);
    fs::write(&main, key).expect("as it was");

    let record = fs::read_dir(data.join("revisions")).expect("records").next().expect("one").expect("an entry").path();
    let whole = fs::read(&record).expect("a record");
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    fs::write(&record, damaged).expect("damaged");
    found(&stopped, &["record-damaged"]);
    assert_eq!([listed(&data), listed(&data.join("revisions"))], before, "nothing was set aside or made");
    fs::write(&record, whole).expect("as it was");

    fs::write(data.join("restore.unfinished"), "").expect("written");
    found(&stopped, &["restore-unfinished"]);
    fs::remove_file(data.join("restore.unfinished")).expect("removed");

    let journal = data.join("journal/journal.db");
    let whole = fs::read(&journal).expect("the journal");
    let mut torn = whole.clone();
    torn[8192 + 3..8192 * 3].fill(0xff);
    fs::write(&journal, torn).expect("damaged");
    let (codes, exit) = doctor(&stopped);
    assert!(codes.iter().any(|code| code.starts_with("journal-")) && exit == 4, "{codes:?}");
    fs::write(&journal, whole).expect("as it was");
    found(&stopped, &[]);

    let nowhere = Command::new(process::binary()).args(["doctor", "--stopped", "--data", "nowhere"]).output().expect("an end");
    assert_eq!(nowhere.status.code(), Some(1), "it could not be looked at");
}
