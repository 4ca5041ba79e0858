//! `sluicebox sign` and `verify`: a request at hand, without any host.

use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use sluicebox_tests::{Host, process};
use tempfile::TempDir;

use crate::story::{PRIVATE, PUBLIC, SECRET};

const BODY: &[u8] = b"{\"n\": 1, \"text\": \"\xc3\xbc\"}\xff";

/// Calls it in this folder, with the body on standard input.
fn call(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(process::binary());
    command.args(arguments).current_dir(folder).env_remove("SLUICEBOX_SECRET").envs(environment.iter().copied());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("a process");
    // What does not read its input may be gone.
    drop(child.stdin.take().expect("an input").write_all(BODY));
    child.wait_with_output().expect("an end")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn what_is_signed_is_valid_until_anything_is_changed() {
    let folder = TempDir::new().expect("a folder");
    let folder = folder.path();
    fs::write(folder.join("private"), PRIVATE).expect("a file");
    let secret = [("SLUICEBOX_SECRET", SECRET)];
    let public = ["--public-key", PUBLIC];
    let cases: &[(&[&str], &[&str])] = &[
        (&[], &[]),
        (&["--private-key", "private"], &public),
        (&["--scheme", "github"], &["--scheme", "github"]),
        (&["--scheme", "stripe"], &["--scheme", "stripe"]),
        (&["--scheme", "hmac", "--with", "header=x-sig"], &["--scheme", "hmac", "--with", "header=x-sig"]),
    ];
    for (sign, verify) in cases {
        let environment = if verify.contains(&"--public-key") { &[][..] } else { &secret };
        let signed = call(folder, &[&["sign"], *sign].concat(), environment);
        assert!(signed.status.success(), "{sign:?}: {}", text(&signed.stderr));
        fs::write(folder.join("headers"), &signed.stdout).expect("a file");
        let judged = |more: &[&str]| {
            let told = call(folder, &[&["verify", "--headers-file", "headers", "--json"], *verify, more].concat(), environment);
            let json: Value = serde_json::from_slice(&told.stdout).unwrap_or_else(|_| panic!("{}", text(&told.stderr)));
            (told.status.code(), json["valid"] == true, json["reason"].as_str().unwrap_or_default().to_owned())
        };
        assert_eq!(judged(&[]), (Some(0), true, String::new()), "{verify:?}");
        fs::write(folder.join("other"), b"{}").expect("a file");
        assert_eq!(judged(&["other"]), (Some(5), false, "mismatch".to_owned()), "{verify:?}");
    }
}

#[test]
fn the_time_of_signing_is_held_against_the_time_that_is_told() {
    let folder = TempDir::new().expect("a folder");
    let environment = [("HOOK", SECRET)];
    let signed = call(folder.path(), &["sign", "--secret-env", "HOOK", "--id", "msg_1", "--at", "1790000000"], &environment);
    let headers = text(&signed.stdout);
    assert!(headers.contains("webhook-id: msg_1\n") && headers.contains("webhook-timestamp: 1790000000\n"), "{headers}");
    fs::write(folder.path().join("headers"), &headers).expect("a file");
    let verify = |more: &[&str]| {
        let told =
            call(folder.path(), &[&["verify", "--secret-env", "HOOK", "--headers-file", "headers"], more].concat(), &environment);
        (told.status.code(), text(&told.stdout))
    };
    assert_eq!(verify(&["--at", "1790000200"]).0, Some(0));
    let (code, told) = verify(&["--at", "2026-09-21T14:23:20Z"]);
    assert!(code == Some(5) && told.contains("(time)"), "{code:?} {told}");
    assert_eq!(verify(&["--at", "2026-09-21T14:23:20Z", "--skew", "15m"]).0, Some(0));
}

#[test]
fn what_cannot_be_judged_is_an_error_and_no_verdict() {
    let folder = TempDir::new().expect("a folder");
    let told = |arguments: &[&str]| {
        let output = call(folder.path(), arguments, &[]);
        (output.status.code(), text(&output.stderr))
    };
    for (arguments, part) in [
        (&["verify", "--scheme", "githib"][..], "did you mean `github`"),
        (&["verify", "--scheme", "github"], "--secret-file"),
        (&["verify", "--secret-env", "NOT_SET_ANYWHERE"], "NOT_SET_ANYWHERE is not set"),
        (&["verify", "--secret-file", "nowhere"], "nowhere"),
        (&["sign", "--private-key", "nowhere"], "nowhere"),
    ] {
        let (code, said) = told(arguments);
        assert!(code == Some(1) && said.contains(part), "{arguments:?}: {code:?} {said}");
    }
    assert_eq!(told(&["verify", "--at", "tomorrow"]).0, Some(2), "clap's");
}

/// The line that `--curl` prints is sent as it is by a shell, and the source takes it.
#[tokio::test(flavor = "multi_thread")]
async fn a_source_takes_what_was_signed() {
    let (host, folder) = (Host::start().await, TempDir::new().expect("a folder"));
    host.apply(&format!("[sources.shop]\nverify = {{ scheme = \"standard-webhooks\", secret = \"{SECRET}\" }}\n")).await;
    let url = format!("{}/in/shop", host.url());
    let environment = [("SLUICEBOX_SECRET", SECRET)];
    let arguments = ["sign", "--url", &url, "--header", "content-type: application/json", "--json"];
    let signed = call(folder.path(), &arguments, &environment);
    let signed: Value = serde_json::from_slice(&signed.stdout).expect("JSON");
    let headers: Vec<(&str, &str)> = signed["headers"]
        .as_object()
        .expect("headers")
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str().expect("a text")))
        .collect();
    host.post("shop", &headers, BODY.to_vec()).await;
    let line = call(folder.path(), &[&arguments[..5], &["--curl"]].concat(), &environment);
    let line = text(&line.stdout);
    assert!(
        line.starts_with("curl --request POST '")
            && line.contains("'webhook-signature: v1,")
            && line.ends_with(" --data-binary @-\n"),
        "{line}"
    );
    host.stop().await;
}
