//! Whoever reads what a command prints may go away before its end, as `head` does: the command ends as it would have ended, and says nothing of it.

use std::{
    fs::{self, File},
    io::pipe,
    path::Path,
    process::{Command, Output, Stdio},
};

use sluicebox_tests::{Host, eventually, process};
use tempfile::TempDir;

use crate::story::OPEN_SOURCE;

/// A pipe that nobody reads.
fn closed() -> Stdio {
    let (reader, writer) = pipe().expect("a pipe");
    drop(reader);
    writer.into()
}

fn run(folder: &Path, arguments: &[&str], prepare: impl FnOnce(&mut Command)) -> Output {
    let mut command = Command::new(process::binary());
    prepare(command.args(arguments).current_dir(folder));
    command.output().expect("an end")
}

/// Runs it with and without readers; its exit code.
fn ends_alike(folder: &Path, arguments: &[&str]) -> i32 {
    let read = run(folder, arguments, |_| ());
    let half = run(folder, arguments, |command| {
        command.stdout(closed());
    });
    let said = String::from_utf8_lossy(&half.stderr);
    assert_eq!((half.status.code(), &half.stderr), (read.status.code(), &read.stderr), "{arguments:?}: {said}");
    assert!(!read.stdout.is_empty(), "{arguments:?} prints");
    let unread = run(folder, arguments, |command| {
        command.stdout(closed()).stderr(closed());
    });
    assert_eq!(unread.status.code(), read.status.code(), "{arguments:?}");
    read.status.code().expect("an exit code")
}

#[test]
fn what_needs_no_host_ends_as_it_would_have() {
    let folder = TempDir::new().expect("a folder");
    for arguments in [
        &["schema"][..],
        &["openapi"],
        &["completions", "bash"],
        &["config", "default"],
        &["config", "schema"],
        &["config", "show", "--json"],
        &["plugin", "--help"],
    ] {
        assert_eq!(ends_alike(folder.path(), arguments), 0);
    }
    fs::write(folder.path().join("sluicebox.toml"), "listne = 1\n").expect("a file");
    assert_eq!(ends_alike(folder.path(), &["config", "check", "sluicebox.toml", "--json"]), 1);
}

#[test]
fn output_that_is_lost_otherwise_is_a_failure() {
    let folder = TempDir::new().expect("a folder");
    let full = || File::options().write(true).open("/dev/full").expect("a device that is full");
    let output = run(folder.path(), &["schema"], |command| {
        command.stdout(full());
    });
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.starts_with("sluicebox: standard output could not be written: No space left"), "{said}");
    assert_eq!(output.status.code(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_host_answers_may_be_left_unread() {
    let (host, folder) = (Host::start().await, TempDir::new().expect("a folder"));
    host.apply(OPEN_SOURCE).await;
    host.post("open", &[], "{}").await;
    fs::write(folder.path().join("hub.toml"), "[sources.more]\nverify = { scheme = \"none\" }\n").expect("a file");
    let with_host = |arguments: &[&str]| -> Vec<String> {
        let place = ["--url", host.url(), "--key", host.key()];
        arguments.iter().chain(&place).map(|word| (*word).to_owned()).collect()
    };
    for (arguments, code) in [
        (&["events"][..], 0),
        (&["get", "sources", "--json"], 0),
        (&["audit", "export"], 0),
        (&["api", "GET", "/v1/sources"], 0),
        (&["diff", "hub.toml"], 3),
        (&["doctor", "--host-only"], 0),
    ] {
        let words = with_host(arguments);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        assert_eq!(ends_alike(folder.path(), &words), code, "{arguments:?}");
    }
    // A secret that nobody took is lost.
    let lost = run(
        folder.path(),
        &with_host(&["keys", "create", "k", "--scope", "read"]).iter().map(String::as_str).collect::<Vec<_>>(),
        |command| {
            command.stdout(closed());
        },
    );
    assert!(lost.status.code() == Some(1) && String::from_utf8_lossy(&lost.stderr).contains("keys rotate"), "{lost:?}");

    fs::write(folder.path().join("out.toml"), "[destinations.out]\nurl = \"https://example.com/\"\n").expect("a file");
    for arguments in [&["apply", "out.toml"][..], &["rotate-secret", "out"], &["rotate-secret", "out", "--json"]] {
        let words = with_host(arguments);
        let lost = run(folder.path(), &words.iter().map(String::as_str).collect::<Vec<_>>(), |command| {
            command.stdout(closed());
        });
        let said = String::from_utf8_lossy(&lost.stderr);
        let told = said.contains("nobody took the secret of out") && said.contains("sluicebox rotate-secret out");
        assert!(lost.status.code() == Some(1) && told, "{arguments:?}: {said}");
    }
    // Where none was made, what is left unsaid is no mistake.
    let words = with_host(&["apply", "out.toml"]);
    assert_eq!(ends_alike(folder.path(), &words.iter().map(String::as_str).collect::<Vec<_>>()), 0);

    // What has no end by itself ends with its reader.
    let mut listen = Command::new(process::binary());
    listen.args(with_host(&["listen", "open"])).current_dir(folder.path()).stdout(closed());
    let mut listen = listen.spawn().expect("a process");
    let ended = eventually("an end", async || {
        host.post("open", &[], "{}").await;
        listen.try_wait().expect("a process")
    });
    assert_eq!(ended.await.code(), Some(0));
    host.stop().await;
}
