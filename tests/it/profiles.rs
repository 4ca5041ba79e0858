//! The client's own file: hosts by name.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Output},
};

use sluicebox_tests::{Host, process};
use tempfile::TempDir;

/// As a person calls it whose home is this folder.
fn call(home: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(process::binary());
    command.args(arguments).current_dir(home).env("HOME", home);
    for variable in
        ["XDG_CONFIG_HOME", "SLUICEBOX_PROFILES", "SLUICEBOX_PROFILE", "SLUICEBOX_URL", "SLUICEBOX_KEY", "SLUICEBOX_DATA"]
    {
        command.env_remove(variable);
    }
    command.output().expect("an end")
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_is_named_instead_of_told() {
    let (host, home) = (Host::start().await, TempDir::new().expect("a folder"));
    let home = home.path();
    let folder = home.join(".config/sluicebox");
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("here.key"), format!("{}\n", host.key())).expect("a file");
    let file = folder.join("config.toml");
    let (url, key) = (host.url(), host.key());
    fs::write(
        &file,
        format!(
            "default = \"here\"\n[profiles.here]\nurl = \"{url}\"\nkey_file = \"here.key\"\n\
             [profiles.literal]\nurl = \"{url}\"\nkey = \"{key}\"\n\
             [profiles.printed]\nurl = \"{url}\"\nkey_command = [\"cat\", \"{}\"]\n",
            folder.join("here.key").display()
        ),
    )
    .expect("a file");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("a mode");
    for more in [&[][..], &["--profile", "literal"], &["--profile", "printed"]] {
        let told = call(home, &[&["events"], more].concat());
        assert!(told.status.success() && told.stderr.is_empty(), "{more:?}: {}", said(&told));
    }
    // The default's key goes to no other address.
    let elsewhere = call(home, &["events", "--url", "http://127.0.0.1:1"]);
    assert!(said(&elsewhere).contains("no key"), "{}", said(&elsewhere));
    let unknown = call(home, &["events", "--profile", "hear"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(said(&unknown).contains("did you mean `here`"), "{}", said(&unknown));

    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("a mode");
    let open = call(home, &["events"]);
    assert!(open.status.success() && said(&open).contains("chmod 600"), "{}", said(&open));
    assert!(!said(&open).contains(key), "keys are not printed");
    host.stop().await;
}

#[test]
fn a_file_that_is_not_understood_is_refused_with_its_path() {
    let home = TempDir::new().expect("a folder");
    let folder = home.path().join(".config/sluicebox");
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("config.toml"), "[profiles.a]\nurll = \"x\"\n").expect("a file");
    let told = call(home.path(), &["events"]);
    assert_eq!(told.status.code(), Some(1));
    let said = said(&told);
    assert!(said.contains("config.toml: profiles.a: unknown key `urll`; did you mean `url`?"), "{said}");
}
