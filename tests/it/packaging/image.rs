//! The image and its compose file. No image is built here: what they say is held against rules, by linters and by our own.

use std::{fs, process::Command};

use sluicebox_tests::process;

use super::{file, given, works};

fn dockerfile() -> String {
    fs::read_to_string(file("packaging/Dockerfile")).expect("a Dockerfile").replace("\\\n", " ")
}

/// What follows this instruction, each time.
fn instructions<'d>(dockerfile: &'d str, name: &str) -> Vec<&'d str> {
    dockerfile.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).map(str::trim).collect()
}

#[test]
fn hadolint_has_nothing_to_say() {
    let hadolint = given("SLUICEBOX_HADOLINT").join("bin/hadolint");
    assert_eq!(works(Command::new(hadolint).args(["--failure-threshold", "style"]).arg(file("packaging/Dockerfile"))), "");
}

#[test]
fn dclint_has_nothing_to_say() {
    let dclint = given("SLUICEBOX_DCLINT").join("node_modules/.bin/dclint");
    works(Command::new(dclint).args(["--max-warnings", "0"]).arg(file("packaging/compose.yaml")));
}

#[test]
fn the_image_is_the_binary_and_a_user_who_is_not_root() {
    let dockerfile = dockerfile();
    assert_eq!(instructions(&dockerfile, "FROM"), ["scratch"]);
    // By number: there is no /etc/passwd.
    let [user] = instructions(&dockerfile, "USER")[..] else { panic!("one user") };
    let ids: Vec<u32> = user.split(':').map(|id| id.parse().expect("a number")).collect();
    assert!(ids.len() == 2 && ids.iter().all(|id| *id > 0), "{user}");
    let copies = instructions(&dockerfile, "COPY");
    assert!(copies.iter().any(|copy| copy.contains(&format!("--chown={user} ")) && copy.ends_with("/var/lib/sluicebox/")));
    assert_eq!(instructions(&dockerfile, "RUN"), [""; 0], "there is no shell");
    assert_eq!(instructions(&dockerfile, "ENTRYPOINT"), ["[\"/sluicebox\"]"]);
    let [health] = instructions(&dockerfile, "HEALTHCHECK")[..] else { panic!("one check") };
    let command = health.split_once("CMD ").expect("a command").1;
    let words: Vec<String> = serde_json::from_str(command).expect("a list of words, since there is no shell");
    assert_eq!(words[0], "/sluicebox");
    works(Command::new(process::binary()).args(&words[1..]).arg("--help"));
}

#[test]
fn compose_takes_from_it_what_it_does_not_need() {
    let compose = fs::read_to_string(file("packaging/compose.yaml")).expect("a file");
    let lines: Vec<&str> = compose.lines().map(str::trim).collect();
    let dockerfile = dockerfile();
    let [user] = instructions(&dockerfile, "USER")[..] else { panic!("one user") };
    for line in ["read_only: true", "cap_drop:", "- ALL", "- no-new-privileges:true", &format!("user: \"{user}\"")] {
        assert!(lines.contains(&line), "{line}");
    }
    assert!(!compose.contains("privileged: true") && !compose.contains("network_mode: host"));
    // By the variable of the setting; the image has no shell that could hand it over otherwise.
    let variable = sluicebox::config::table::named("main_key_file").expect("a setting").variable();
    assert!(lines.contains(&format!("{variable}: /run/secrets/sluicebox-main-key").as_str()) && lines.contains(&"secrets:"));
    let version = format!("image: sluicebox:{}", env!("CARGO_PKG_VERSION"));
    assert!(lines.contains(&version.as_str()), "{version}");
}

/// What `HEALTHCHECK` runs: it needs no key, and tells by its exit code.
#[tokio::test(flavor = "multi_thread")]
async fn health_is_asked_without_a_key() {
    let host = sluicebox_tests::Host::start().await;
    let ask = |url: &str, more: &[&str]| {
        let folder = tempfile::TempDir::new().expect("a folder");
        let mut ask = Command::new(process::binary());
        ask.args(["health", "--url", url]).args(more).current_dir(folder.path()).output().expect("an end")
    };
    for more in [&[][..], &["--live"], &["--json"]] {
        let told = ask(host.url(), more);
        assert_eq!(told.status.code(), Some(0), "{told:?}");
    }
    let told = ask("http://127.0.0.1:1", &[]);
    assert_eq!(told.status.code(), Some(1), "{told:?}");
    assert!(String::from_utf8_lossy(&told.stderr).contains("sluicebox serve"), "{told:?}");
    host.stop().await;
}
