//! The contract is frozen: a released track's files are what they were, byte for byte, and the plugins that were built with it run as
//! they did then. `sdk/wit/README.md` tells how a track may grow.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use sha2::{Digest as _, Sha256};
use sluicebox_tests::{Host, process};

/// The languages whose SDK is part of a release.
const LANGUAGES: [&str; 2] = ["javascript", "rust"];

fn wit() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdk/wit")
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/golden")
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths
}

/// `CHECKSUMS` of a folder, in the form of `sha256sum`: the file by name, and its hash.
fn checksums(folder: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(folder.join("CHECKSUMS")).expect("checksums");
    let lines = text.lines().map(|line| line.split_once("  ").expect("a hash and a name"));
    lines.map(|(hash, name)| (name.to_owned(), hash.to_owned())).collect()
}

/// Every file in a folder of this folder, by its name, and its hash.
fn hashes(folder: &Path) -> BTreeMap<String, String> {
    let files = entries(folder).into_iter().filter(|path| path.is_dir()).flat_map(|inner| entries(&inner));
    let named = files.filter(|path| path.is_file()).map(|file| {
        let name = file.strip_prefix(folder).expect("below").to_str().expect("UTF-8").to_owned();
        (name, hex::encode(Sha256::digest(fs::read(&file).expect("a file"))))
    });
    named.collect()
}

#[test]
fn a_released_track_is_what_it_was() {
    assert!(!checksums(&wit()).is_empty());
    assert_eq!(hashes(&wit()), checksums(&wit()), "a track grows by new files, each with a line in CHECKSUMS");
}

#[test]
fn golden_plugins_are_what_they_were() {
    assert_eq!(hashes(&golden()), checksums(&golden()), "a release adds a folder; it changes none");
    for track in entries(&wit()).into_iter().filter(|path| path.is_dir()) {
        let track = track.file_name().expect("a name").to_str().expect("UTF-8").to_owned();
        for language in LANGUAGES {
            let file = golden().join(format!("{track}.0/{language}.wasm"));
            assert!(file.is_file(), "track {track} has no golden plugin: {}", file.display());
        }
    }
}

#[test]
fn golden_plugins_do_what_they_did() {
    for release in entries(&golden()).into_iter().filter(|path| path.is_dir()) {
        for language in LANGUAGES {
            let plugin = release.join(format!("{language}.wasm"));
            let output = Command::new(process::binary())
                .args(["plugin", "test", "--twice", "--wasm"])
                .args([&plugin, &release])
                .output()
                .expect("it runs");
            let told = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{}:\n{told}{}", plugin.display(), String::from_utf8_lossy(&output.stderr));
            let fixtures = entries(&release.join("fixtures")).len();
            assert_eq!(told.lines().filter(|line| line.starts_with("ok ")).count(), fixtures, "{told}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn golden_plugins_check_their_settings_as_they_did() {
    let host = Host::start().await;
    for language in LANGUAGES {
        let plugin = fs::read(golden().join(format!("0.1.0/{language}.wasm"))).expect("a golden plugin");
        let digest = host.upload(plugin).await.expect("a component");
        let hub = |greeting: &str| format!("[plugins.golden]\ndigest = \"{digest}\"\nconfig = {{ greeting = \"{greeting}\" }}\n");
        let refused = host.try_apply(&hub("a greeting that is too long")).await;
        assert_eq!(refused.status, 422, "{}", refused.json);
        assert!(refused.json.to_string().contains("/config/greeting"), "{}", refused.json);
        host.apply(&hub("hello")).await;
    }
    host.stop().await;
}
