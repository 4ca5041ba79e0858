//! Other keys for the secrets of a host that runs: killed at any step it starts again, with the old main key or the new one; and a main key from
//! elsewhere is the one of this folder, or nothing is touched.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use reqwest::Method;
use serde_json::{Value, json};
use sluicebox_tests::{
    HostProcess,
    canary::files,
    process::{binary, log_of},
};
use tempfile::TempDir;

use crate::canaries::hmac_of;

const SECRET: &str = "the-secret-of-the-shop";

const KEYS: [&str; 2] = [
    "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
    "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100",
];

fn hub() -> Value {
    json!({ "sources": { "shop": { "verify": { "scheme": "github", "secret": SECRET } } } })
}

async fn rotate(host: &HostProcess, body: Value) -> reqwest::Result<reqwest::Response> {
    host.request(Method::POST, "/v1/main-key/rotate").bearer_auth(host.key()).json(&body).send().await
}

/// Whether the host opens its secrets: it verifies by one.
async fn assert_opens(host: &HostProcess) {
    let signature = format!("sha256={}", hmac_of(SECRET, b"{}"));
    host.post("shop", &[("x-hub-signature-256", &signature)], "{}").await;
}

async fn started(data: &Path, environment: &[(&str, &str)]) -> HostProcess {
    let started = HostProcess::try_start(data, &[], environment).await;
    started.unwrap_or_else(|status| panic!("it ended with {status}: {}", log_of(data)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_killed_at_any_step_of_a_rekey_starts_again() {
    let folder = TempDir::new().expect("a folder");
    let data = folder.path().join("data");
    let host = started(&data, &[]).await;
    assert_eq!(host.send("/v1/apply", &hub()).await.status, 200);
    host.stop().await;
    let mut kills = 0;
    for step in ["file-written", "file-renamed", "revision-recorded", "database-flushed", "revision-followed"] {
        for nth in 1.. {
            let mut host = started(&data, &[("SLUICEBOX_FAILPOINT", &format!("{step}:{nth}"))]).await;
            let before = fs::read(data.join("data-keys.json")).expect("data keys");
            let rotated = rotate(&host, json!({})).await;
            let was_killed = !rotated.is_ok_and(|answer| answer.status().is_success());
            if was_killed {
                assert!(!host.ended().await.success(), "{}", host.log());
                kills += 1;
            } else {
                assert_ne!(fs::read(data.join("data-keys.json")).expect("data keys"), before);
                host.stop().await;
            }
            let host = started(&data, &[]).await;
            assert_opens(&host).await;
            assert!(!data.join("main.key.next").exists(), "{step}:{nth}");
            host.stop().await;
            if !was_killed {
                break;
            }
        }
    }
    // Of the new main key, the data keys and the record each file is written and renamed, and the main key put in place.
    assert!(kills >= 10, "{kills}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_main_key_is_told_before_anything_is_touched() {
    let folder = TempDir::new().expect("a folder");
    let data = folder.path().join("data");
    let host = started(&data, &[("SLUICEBOX_MAIN_KEY", KEYS[0])]).await;
    assert_eq!(host.send("/v1/apply", &hub()).await.status, 200);
    host.stop().await;
    assert!(!data.join("main.key").exists());
    // The journal is opened before, and has no secret.
    let held = || files(&data, &[]).into_iter().filter(|(path, _)| !path.starts_with(data.join("journal"))).collect::<Vec<_>>();
    let before = held();
    for (key, told) in [
        (None, "main.key is missing"),
        (Some(KEYS[1]), "nothing was touched"),
        (Some("canary"), "the main key in SLUICEBOX_MAIN_KEY is not 64 hexadecimal digits, but 6 characters"),
        (Some(""), "but empty"),
    ] {
        let environment: Vec<_> = key.map(|key| ("SLUICEBOX_MAIN_KEY", key)).into_iter().collect();
        assert!(HostProcess::try_start(&data, &[], &environment).await.is_err(), "{key:?}");
        let log = log_of(&data);
        assert!(log.contains(told) && !log.contains("canary") && !log.contains(KEYS[1]), "{log}");
    }
    assert!(held() == before, "nothing was touched");
    let host = started(&data, &[("SLUICEBOX_MAIN_KEY", KEYS[0])]).await;
    assert_opens(&host).await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_and_a_file_are_taken_and_followed_by_others() {
    let folder = TempDir::new().expect("a folder");
    let (data, credentials) = (folder.path().join("data"), folder.path().join("credentials"));
    fs::create_dir(&credentials).expect("a folder");
    let (credential, old) = (credentials.join("sluicebox-main-key"), credentials.join("sluicebox-main-key-old"));
    fs::write(&credential, format!("{}\n", KEYS[0])).expect("a file");
    let environment = [("CREDENTIALS_DIRECTORY", credentials.to_str().expect("a path"))];
    let host = started(&data, &environment).await;
    assert_eq!(host.send("/v1/apply", &hub()).await.status, 200);

    // In a file of its own, while the host runs; the file that it reads at its next start is changed first.
    let refused = rotate(&host, json!({})).await.expect("an answer");
    assert_eq!(refused.status(), 422);
    fs::rename(&credential, &old).expect("moved");
    fs::write(&credential, KEYS[1]).expect("a file");
    let mut rekey = Command::new(binary());
    rekey.args(["rekey", "--json", "--url", host.url(), "--key", host.key(), "--new-main-key-file"]).arg(&credential);
    let output = rekey.output().expect("an end");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&told["data_key"], &told["resealed"], &told["revision"]), (&json!(2), &json!(1), &json!(2)));
    host.stop().await;
    // With both, as after a kill at any moment; and then with the new one alone.
    for _ in 0..2 {
        let host = started(&data, &environment).await;
        assert_opens(&host).await;
        host.stop().await;
        // Gone already the second time.
        let _ = fs::remove_file(&old);
    }

    // To a file that a flag names, between two starts.
    let file = folder.path().join("key");
    fs::write(&file, KEYS[0]).expect("a file");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("set");
    let arguments =
        ["--main-key-file", file.to_str().expect("a path"), "--old-main-key-file", credential.to_str().expect("a path")];
    let host = HostProcess::try_start(&data, &arguments, &[]).await.expect("it starts");
    assert!(host.log().contains("were put under the main key in"), "{}", host.log());
    assert_opens(&host).await;
    host.stop().await;
    // By the variable and by the file of settings too.
    let settings = folder.path().join("sluicebox.toml");
    fs::write(&settings, format!("main_key_file = \"{}\"\n", file.display())).expect("a file");
    let by_settings = ["--config", settings.to_str().expect("a path")];
    let by_variable = [("SLUICEBOX_MAIN_KEY_FILE", arguments[1])];
    for (arguments, environment) in [(&arguments[..2], &[][..]), (&[], &by_variable), (&by_settings, &[])] {
        let host = HostProcess::try_start(&data, arguments, environment).await.expect("it starts");
        assert_opens(&host).await;
        host.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_core_dump_is_made() {
    let folder = TempDir::new().expect("a folder");
    let host = started(&folder.path().join("data"), &[]).await;
    let limits = fs::read_to_string(format!("/proc/{}/limits", host.id())).expect("a process");
    let line = limits.lines().find_map(|line| line.strip_prefix("Max core file size")).expect("a limit");
    assert_eq!(line.split_whitespace().take(2).collect::<Vec<_>>(), ["0", "0"]);
    host.stop().await;
}
