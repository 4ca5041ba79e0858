//! The Debian package: unpacked into a folder, as `dpkg` unpacks it, and run from there.

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf, process::Command};

use sluicebox_tests::{HostProcess, Receiver};
use tempfile::TempDir;

use super::{file, given, works};
use crate::story::{OPEN_SOURCE, destination};

fn package() -> PathBuf {
    given("SLUICEBOX_DEB")
}

fn unpacked() -> TempDir {
    let root = TempDir::new().expect("a folder");
    works(Command::new("dpkg-deb").arg("--extract").arg(package()).arg(root.path()));
    root
}

fn control() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    works(Command::new("dpkg-deb").arg("--control").arg(package()).arg(folder.path()));
    folder
}

fn read(folder: &TempDir, name: &str) -> String {
    fs::read_to_string(folder.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn debian_package_has_what_a_service_needs() {
    let root = unpacked();
    let modes = [
        ("usr/bin/sluicebox", 0o755),
        ("etc/sluicebox/sluicebox.toml", 0o644),
        ("usr/lib/systemd/system/sluicebox.service", 0o644),
        ("usr/lib/sysusers.d/sluicebox.conf", 0o644),
        ("usr/share/bash-completion/completions/sluicebox", 0o644),
        ("usr/share/zsh/vendor-completions/_sluicebox", 0o644),
        ("usr/share/fish/vendor_completions.d/sluicebox.fish", 0o644),
        ("usr/share/doc/sluicebox/copyright", 0o644),
        ("usr/share/doc/sluicebox/THIRD-PARTY.txt", 0o644),
        ("usr/share/doc/sluicebox/docs/operations.md", 0o644),
    ];
    for (name, mode) in modes {
        let found = fs::metadata(root.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(found.permissions().mode() & 0o7777, mode, "{name}");
        assert!(found.len() > 0, "{name}");
    }
    let terms = read(&root, "usr/share/doc/sluicebox/THIRD-PARTY.txt");
    for contained in ["wasmtime 4", "rusqlite 0", "Apache License", "Permission is hereby granted"] {
        assert!(terms.contains(contained), "{contained}");
    }
    assert!(!terms.contains("\nproptest "), "what only tests need is not in the binary");
}

#[test]
fn debian_control_names_version_user_and_unit() {
    let field = |name: &str| works(Command::new("dpkg-deb").arg("--field").arg(package()).arg(name)).trim().to_owned();
    assert_eq!(field("Package"), "sluicebox");
    let version = format!("{}-1", env!("CARGO_PKG_VERSION"));
    assert_eq!(field("Version"), version);
    assert!(
        fs::read_to_string(file("packaging/debian/changelog")).expect("a file").starts_with(&format!("sluicebox ({version})"))
    );
    assert!(field("Depends").contains("systemd-sysusers"), "{}", field("Depends"));
    let control = control();
    assert_eq!(read(&control, "conffiles").trim(), "/etc/sluicebox/sluicebox.toml");
    let made = read(&control, "postinst");
    assert!(made.contains("systemd-sysusers") && made.contains("sluicebox.conf"), "{made}");
    assert!(
        made.contains("deb-systemd-helper enable 'sluicebox.service'")
            || made.contains("deb-systemd-helper enable sluicebox.service"),
        "{made}"
    );
    assert!(read(&control, "postrm").contains("is left"), "a purge tells that the data is left");
    for script in ["postinst", "prerm", "postrm"] {
        works(Command::new("sh").arg("-n").arg(control.path().join(script)));
    }
}

/// From what is unpacked: a host that takes an event in and delivers it.
#[tokio::test(flavor = "multi_thread")]
async fn debian_package_serves() {
    let (root, receiver) = (unpacked(), Receiver::start().await);
    let program = root.path().join("usr/bin/sluicebox");
    let data = root.path().join("var/lib/sluicebox");
    fs::create_dir_all(&data).expect("a folder");
    let host = HostProcess::start_installed(&program, &data).await;
    let sluicebox = |arguments: &[&str]| {
        let mut command = Command::new(&program);
        works(command.args(arguments).args(["--url", host.url(), "--data"]).arg(&data).current_dir(root.path()))
    };
    let hub =
        format!("{OPEN_SOURCE}{}[rules.all]\ndestinations = [\"out\"]\n", destination("out", &format!("{}/out", receiver.url())));
    fs::write(root.path().join("hub.toml"), hub).expect("a file");
    assert!(sluicebox(&["apply", "hub.toml"]).contains("created rule all"));
    let id = host.post("open", &[], "{\"n\":1}").await;
    assert_eq!(receiver.wait_for("/out", 1).await[0].body, "{\"n\":1}");
    assert!(sluicebox(&["events"]).contains(&id));
    assert!(sluicebox(&["health"]).contains("ready"));
    host.stop().await;
}

/// The binary of tests is not static as the one that is shipped, and so lacks a dependency.
#[test]
fn lintian_finds_no_error() {
    let mut lintian = Command::new("lintian");
    lintian.args(["--fail-on", "error", "--allow-root", "--no-cfg", "--suppress-tags", "missing-dependency-on-libc"]);
    works(lintian.arg(package()));
}
