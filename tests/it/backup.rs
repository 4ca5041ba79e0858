//! Backups: made while events come in, and restored into a fresh folder that goes on where the old one was.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Output},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::response::IntoResponse;
use http::StatusCode;
use reqwest::Method;
use serde_json::json;
use sluicebox::journal::DiskProbe;
use sluicebox_tests::{Host, HostProcess, Receiver, guests, process};
use standardwebhooks::Webhook;
use tempfile::TempDir;

use crate::story::{OPEN_SOURCE, SECRET, destination};

fn sluicebox(arguments: &[&str]) -> Output {
    Command::new(process::binary()).args(arguments).env_remove("SLUICEBOX_KEY").output().expect("an end")
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn works(arguments: &[&str]) -> String {
    let output = sluicebox(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", told(&output));
    told(&output)
}

fn fails(arguments: &[&str]) -> String {
    let output = sluicebox(arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", told(&output));
    told(&output)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// A destination that refuses everything while it is down.
async fn receiver(down: &Arc<AtomicBool>) -> Receiver {
    let down = Arc::clone(down);
    Receiver::answering(move |_| {
        let refuses = down.load(Ordering::SeqCst);
        if refuses { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::NO_CONTENT }.into_response()
    })
    .await
}

/// A host whose work waits, with a plugin.
async fn waiting(data: &Path, receiver: &Receiver) -> HostProcess {
    let host = HostProcess::start(data).await;
    let digest = host.upload(guests::component("redact")).await.expect("a component");
    let plugin = format!("[plugins.redact]\ndigest = \"{digest}\"\nconfig = {{ fields = [\"a\"] }}\n");
    let out = destination("out", &format!("{}/out", receiver.url()));
    let rule = "[rules.all]\nplugins = [\"redact\"]\ndestinations = [\"out\"]\n";
    host.apply(&format!("{OPEN_SOURCE}{out}{plugin}{rule}")).await;
    host
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_folder_goes_on_where_the_backup_was_made() {
    let (folder, down) = (TempDir::new().expect("a folder"), Arc::new(AtomicBool::new(true)));
    let (data, fresh) = (folder.path().join("data"), folder.path().join("fresh"));
    let archive = folder.path().join("backup.tar");
    let receiver = receiver(&down).await;
    let host = waiting(&data, &receiver).await;
    let mut before = Vec::new();
    for n in 0..20 {
        before.push(host.post("open", &[], format!("{{\"a\":1,\"n\":{n}}}")).await);
    }
    let first = receiver.wait_for("/out", 1).await.remove(0);

    // Events come in all the time while it is made.
    let stop = Arc::new(AtomicBool::new(false));
    let api = sluicebox_tests::Api::clone(&host);
    let sending = tokio::spawn({
        let stop = Arc::clone(&stop);
        async move {
            let mut during = 0;
            while !stop.load(Ordering::SeqCst) || during == 0 {
                api.post("open", &[], format!("{{\"during\":{during}}}")).await;
                during += 1;
            }
            during
        }
    });
    let arguments = ["backup", text(&archive), "--with-keys", "--url", host.url(), "--data", text(&data)];
    let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    let output = tokio::task::spawn_blocking(move || Command::new(process::binary()).args(arguments).output().expect("an end"));
    let output = output.await.expect("an end");
    assert!(output.status.success(), "{}", told(&output));
    stop.store(true, Ordering::SeqCst);
    assert!(sending.await.expect("all were acknowledged") > 0);
    assert_eq!(fs::metadata(&archive).expect("there").permissions().mode() & 0o777, 0o600);
    assert!(!data.join("backup").exists(), "nothing is left in the data folder");
    assert_eq!(host.metric("sluicebox_backup_ended_total").await, 1);
    let audited = host.get("/v1/audit?host=true&action=backup").await.json;
    assert_eq!(audited["items"].as_array().expect("entries").len(), 1);
    host.kill();

    works(&["restore", text(&archive), "--data", text(&fresh)]);
    let received = receiver.received("/out").len();
    down.store(false, Ordering::SeqCst);
    let host = HostProcess::start(&fresh).await;
    for id in &before {
        assert_eq!(host.event(id).await["id"], **id, "acknowledged before the backup");
    }
    host.delivery_in_state("all", "delivered").await;
    let all = receiver.wait_for("/out", received + before.len()).await;
    let again = all[received..].iter().find(|request| request.id() == first.id());
    let again = again.expect("what waited goes out under the id that it had");
    assert_eq!(again.body, first.body, "and with its bytes, as the plugin left them");
    let signed = Webhook::new(SECRET).expect("a secret").verify(&again.body, &again.headers);
    signed.expect("signed by the secret of the backup");
    host.post("open", &[], "{}").await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_in_a_backup_only_where_they_are_asked_for() {
    let folder = TempDir::new().expect("a folder");
    let (data, fresh) = (folder.path().join("data"), folder.path().join("fresh"));
    let archive = folder.path().join("backup.tar");
    let host = HostProcess::start(&data).await;
    host.apply("[sources.s]\nverify = { scheme = \"github\", secret = \"canary-secret\" }\n").await;
    works(&["backup", text(&archive), "--url", host.url(), "--data", text(&data)]);
    let other = ["backup", "other.tar", "--with-keys", "--url", host.url(), "--key", host.key(), "--data", text(folder.path())];
    assert!(fails(&other).contains("admin.key"), "a folder without keys");
    fs::write(folder.path().join("admin.key"), "slk_other").expect("written");
    assert!(fails(&other).contains("is not the data folder of the host"));
    let again = fails(&["backup", text(&archive), "--url", host.url(), "--data", text(&data)]);
    assert!(again.contains("is not overwritten"), "{again}");
    host.stop().await;
    let bytes = fs::read(&archive).expect("an archive");
    let holds = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    let main = fs::read_to_string(data.join("main.key")).expect("a key");
    let admin = fs::read_to_string(data.join("admin.key")).expect("a key");
    for secret in ["canary-secret", main.trim(), admin.trim()] {
        assert!(!holds(&bytes, secret), "{secret} is in the backup");
    }
    let said = works(&["restore", text(&archive), "--data", text(&fresh)]);
    assert!(said.contains("main.key was not in the archive"), "{said}");
    let Err(status) = HostProcess::try_start(&fresh, &[], &[]).await else { panic!("no start without the key") };
    assert_eq!(status.code(), Some(1), "{}", process::log_of(&fresh));
    assert!(process::log_of(&fresh).contains("main.key"));
    fs::copy(data.join("main.key"), fresh.join("main.key")).expect("brought back");
    let host = HostProcess::start(&fresh).await;
    assert_ne!(host.key(), admin.trim(), "a new admin key was made");
    assert_eq!(host.get("/v1/sources/s").await.status, 200);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_folder_is_backed_up_and_a_running_one_is_not_taken_for_it() {
    let folder = TempDir::new().expect("a folder");
    let (data, fresh) = (folder.path().join("data"), folder.path().join("fresh"));
    let archive = folder.path().join("backup.tar");
    let host = HostProcess::start(&data).await;
    host.apply(OPEN_SOURCE).await;
    let id = host.post("open", &[], "hello").await;
    let stopped = ["backup", text(&archive), "--stopped", "--with-keys", "--data", text(&data)];
    let said = fails(&stopped);
    assert!(said.contains("a host runs on this folder"), "{said}");
    assert!(!archive.exists());
    host.kill();
    works(&stopped);
    let left: Vec<_> = fs::read_dir(folder.path()).expect("a folder").map(|e| e.expect("an entry").file_name()).collect();
    assert_eq!(left.len(), 3, "the folder, its log and the archive: {left:?}");
    works(&["restore", text(&archive), "--data", text(&fresh), "--json"]);
    let host = HostProcess::start(&fresh).await;
    assert_eq!(host.event(&id).await["id"], *id);
    host.stop().await;
    let said = fails(&["restore", text(&archive), "--data", text(&fresh)]);
    assert!(said.contains("is not empty"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn through_a_pipe_and_cut_off() {
    let folder = TempDir::new().expect("a folder");
    let host = Host::start().await;
    host.apply(OPEN_SOURCE).await;
    let output = sluicebox(&["backup", "-", "--url", host.url(), "--key", host.key()]);
    assert!(output.status.success(), "{}", told(&output));
    let archive = folder.path().join("piped.tar");
    for (length, whole) in [(output.stdout.len(), true), (output.stdout.len() / 2, false), (0, false)] {
        fs::write(&archive, &output.stdout[..length]).expect("written");
        let fresh = folder.path().join("fresh");
        if whole {
            works(&["restore", text(&archive), "--data", text(&fresh)]);
            fs::remove_dir_all(&fresh).expect("removed");
        } else {
            let said = fails(&["restore", text(&archive), "--data", text(&fresh)]);
            assert!(said.contains("nothing was restored"), "{said}");
            assert!(!fresh.exists(), "nothing is left");
        }
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_at_a_time_and_not_at_the_cost_of_the_reserve() {
    let host = Host::start_with(|config| {
        config.journal.disk_reserve_bytes = 1 << 20;
        // As much as the reserve, and no more.
        config.journal.disk = DiskProbe::new(|_| Ok((1 << 20) + 1));
    })
    .await;
    let refused = host.get("/v1/backup").await;
    assert_eq!((refused.status, &refused.json["type"]), (503, &json!("urn:sluicebox:problem:storage-full")), "{}", refused.json);
    assert!(!host.data().join("backup").exists());
    host.stop().await;

    let host = Host::start().await;
    // More than a connection holds, so that it cannot be made before somebody reads it.
    for _ in 0..40 {
        host.try_post("nowhere", &[], "x").await.expect("an answer");
    }
    host.apply(OPEN_SOURCE).await;
    for _ in 0..30 {
        host.post("open", &[], vec![b'x'; 1 << 20]).await;
    }
    let slow = host.request(Method::GET, "/v1/backup").bearer_auth(host.key()).send().await.expect("an answer");
    assert_eq!(slow.status(), 200);
    let second = host.get("/v1/backup").await;
    assert_eq!((second.status, &second.json["type"]), (409, &json!("urn:sluicebox:problem:backup-under-way")), "{}", second.json);
    drop(slow);
    let works = sluicebox_tests::eventually("an end of the first", async || {
        let next = host.get("/v1/backup").await;
        (next.status == 200).then_some(next)
    });
    works.await;
    assert_eq!(host.metric("sluicebox_backup_under_way").await, 0);
    host.stop().await;
}

/// The one of a folder that is not what the archive is under opens nothing, and is not packed.
#[tokio::test(flavor = "multi_thread")]
async fn a_main_key_that_is_not_the_archives_is_not_packed() {
    let folder = TempDir::new().expect("a folder");
    let (data, archive, fresh) = (folder.path().join("data"), folder.path().join("a.tar"), folder.path().join("fresh"));
    let host = HostProcess::start(&data).await;
    host.apply(OPEN_SOURCE).await;
    host.stop().await;
    // The host has its key from elsewhere from now on, and an old one lies in the folder.
    let (key, old) = (folder.path().join("key"), folder.path().join("old"));
    fs::copy(data.join("main.key"), &old).expect("copied");
    fs::write(&key, "00112233445566778899aabbccddeeff".repeat(2)).expect("a key");
    let arguments = ["--main-key-file", text(&key), "--old-main-key-file", text(&old)];
    let host = HostProcess::try_start(&data, &arguments, &[]).await.expect("it starts");
    let running = ["backup", text(&archive), "--with-keys", "--url", host.url(), "--data", text(&data)];
    let said = fails(&running);
    assert!(
        said.contains("nothing was backed up") && said.contains("--main-key-file") && said.contains("main.key has the id"),
        "{said}"
    );
    host.stop().await;
    let stopped = ["backup", text(&archive), "--with-keys", "--stopped", "--data", text(&data)];
    assert!(fails(&stopped).contains("nothing was backed up"));
    assert!(!archive.exists() && fs::read_dir(folder.path()).expect("a folder").count() == 4, "nothing is left");
    // A change that was cut off after the data keys were put under the key that waits.
    fs::copy(&key, data.join("main.key.next")).expect("copied");
    works(&stopped);
    works(&["restore", text(&archive), "--data", text(&fresh)]);
    assert_eq!(fs::read(fresh.join("main.key")).expect("there"), fs::read(&key).expect("there"));
    HostProcess::start(&fresh).await.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_there_is_written_to_or_followed() {
    let folder = TempDir::new().expect("a folder");
    let (data, archive, victim) = (folder.path().join("data"), folder.path().join("a.tar"), folder.path().join("victim"));
    HostProcess::start(&data).await.stop().await;
    let backup = ["backup", text(&archive), "--stopped", "--data", text(&data)];
    fs::write(&victim, "precious").expect("written");
    let unfinished = folder.path().join("a.tar.unfinished");
    std::os::unix::fs::symlink(&victim, &unfinished).expect("a link");
    let said = fails(&backup);
    assert!(said.contains("a.tar.unfinished is there already"), "{said}");
    fs::remove_file(&unfinished).expect("removed");
    // A link that leads nowhere yet is not taken for a free name.
    std::os::unix::fs::symlink(folder.path().join("nowhere"), &archive).expect("a link");
    let said = fails(&backup);
    assert!(said.contains("is not overwritten"), "{said}");
    assert!(!folder.path().join("nowhere").exists());
    fs::remove_file(&archive).expect("removed");
    works(&backup);
    assert_eq!(fs::read_to_string(&victim).expect("there"), "precious");
    assert!(!unfinished.exists() && fs::metadata(&archive).expect("there").permissions().mode() & 0o777 == 0o600);
}
