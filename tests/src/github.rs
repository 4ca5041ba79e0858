//! Real GitHub payloads, and GitHub's signature.

use std::{fs, path::Path};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// A payload of the fixtures.
#[derive(Clone, Debug)]
pub struct Payload {
    /// The file's name without `.json`: `issues.opened`.
    pub name: String,
    /// What goes into `X-GitHub-Event`: `issues`.
    pub event: String,
    /// The bytes of the file.
    pub body: Vec<u8>,
}

/// All payloads of the fixtures, by name.
#[must_use]
pub fn payloads() -> Vec<Payload> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/github");
    let files = fs::read_dir(&folder).expect("the fixtures").map(|entry| entry.expect("a file").path());
    let mut payloads: Vec<Payload> = files
        .filter(|file| file.extension().is_some_and(|extension| extension == "json"))
        .map(|file| {
            let name = file.file_stem().expect("a name").to_string_lossy().into_owned();
            let event = name.split(['.', '-']).next().unwrap_or_default().to_owned();
            Payload { name, event, body: fs::read(&file).expect("a payload") }
        })
        .collect();
    payloads.sort_by(|a, b| a.name.cmp(&b.name));
    payloads
}

/// The headers that GitHub sends with a payload.
#[must_use]
pub fn headers(payload: &Payload, secret: &str) -> Vec<(&'static str, String)> {
    vec![
        ("content-type", "application/json".to_owned()),
        ("x-github-event", payload.event.clone()),
        ("x-github-delivery", format!("delivery-{}", payload.name)),
        ("x-hub-signature-256", signature(secret, &payload.body)),
    ]
}

/// `sha256=...`, as GitHub signs.
#[must_use]
pub fn signature(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key of any length");
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}
