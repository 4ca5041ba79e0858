//! Signed as Discord does, by a key that is only for tests.

use super::*;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sluicebox_sdk::testing;

const NOW_SECS: u64 = 1_767_225_600;
const EVENT: &str = r#"{"version":1,"application_id":"1","type":1,"event":{"type":"APPLICATION_AUTHORIZED"}}"#;

fn key() -> SigningKey {
    SigningKey::from_bytes(&std::array::from_fn(|at| u8::try_from(at).unwrap_or(0)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn request(body: &str, signed_at: u64) -> Request {
    let signature = key().sign(format!("{signed_at}{body}").as_bytes());
    Request::post("https://hooks.example.com/in/discord", body)
        .with_header("X-Signature-Ed25519", hex(&signature.to_bytes()))
        .with_header("X-Signature-Timestamp", signed_at.to_string())
        .with_received_at_ms(NOW_SECS * 1_000)
}

fn judge(request: Request) -> Result<Decision> {
    testing::set_ed25519(|key, data, signature| {
        let key = key.try_into().ok().and_then(|key| VerifyingKey::from_bytes(key).ok());
        let signature = Signature::from_slice(signature).ok();
        key.zip(signature).is_some_and(|(key, signature)| key.verify_strict(data, &signature).is_ok())
    });
    discord(request, Settings { public_key: hex(key().verifying_key().as_bytes()), tolerance_secs: 300 })
}

#[test]
fn what_discord_signed_is_accepted() {
    assert_eq!(judge(request(EVENT, NOW_SECS)), accept());
    assert_eq!(judge(request(r#"{"type":2,"token":"t","data":{"name":"order"}}"#, NOW_SECS)), accept());
}

#[test]
fn the_pings_of_both_kinds_of_endpoints_are_answered() {
    let Ok(Decision::Answer(response)) = judge(request(r#"{"type":1,"token":"t"}"#, NOW_SECS)) else { panic!("no answer") };
    assert_eq!((response.status(), response.body()), (200, br#"{"type":1}"#.as_slice()));
    let Ok(Decision::Answer(response)) = judge(request(r#"{"type":0}"#, NOW_SECS)) else { panic!("no answer") };
    assert_eq!((response.status(), response.body()), (204, b"".as_slice()));
}

#[test]
fn what_was_touched_or_is_unsigned_is_refused() {
    let signed = request(EVENT, NOW_SECS);
    let header = |name: &str| signed.header(name).unwrap_or_default().to_owned();
    let with = |signature: &str, timestamp: &str, body: &str| {
        let request = Request::post("https://hooks.example.com/in/discord", body);
        request.with_header("x-signature-ed25519", signature).with_header("x-signature-timestamp", timestamp)
    };
    let (signature, timestamp) = (header("x-signature-ed25519"), header("x-signature-timestamp"));
    let another = refuse("the signature is another's");
    assert_eq!(judge(with(&signature, &timestamp, &EVENT.replace('1', "2"))), another);
    assert_eq!(judge(with(&signature, "1767225601", EVENT)), another);
    assert_eq!(judge(with(&signature[2..], &timestamp, EVENT)), refuse("no single x-signature-ed25519 of 64 bytes"));
    assert_eq!(judge(with("x", &timestamp, EVENT)), refuse("no single x-signature-ed25519 of 64 bytes"));
    assert_eq!(judge(Request::post("u", EVENT)), refuse("no single x-signature-timestamp"));
    assert_eq!(judge(signed.clone().with_header("x-signature-timestamp", "1")), refuse("no single x-signature-timestamp"));
    assert_eq!(judge(signed), accept());
}

#[test]
fn what_was_signed_long_ago_or_later_is_refused() {
    for (signed_at, expected) in [
        (NOW_SECS - 300, accept()),
        (NOW_SECS + 300, accept()),
        (NOW_SECS - 301, refuse("signed too far from now")),
        (NOW_SECS + 301, refuse("signed too far from now")),
    ] {
        assert_eq!(judge(request(EVENT, signed_at)), expected, "{signed_at}");
    }
}

#[test]
fn a_signed_body_that_is_no_json_is_rejected() {
    assert_eq!(judge(request("{", NOW_SECS)).expect_err("no JSON").code(), "invalid-json");
}

#[test]
fn a_public_key_that_is_none_is_told_when_it_is_applied() {
    let problems = sluicebox_sdk::config::check::<Settings>(&json!({ "public_key": "abc" })).expect_err("too short");
    assert_eq!(problems.len(), 1);
    let settings = Settings { public_key: "x".repeat(64), tolerance_secs: 300 };
    assert_eq!(discord(request(EVENT, NOW_SECS), settings).expect_err("no digits").code(), "invalid-key");
}
