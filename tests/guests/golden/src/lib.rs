//! Calls every function of the contract and exports every interface, so that what it was built as can be kept: the golden plugins of
//! `tests/fixtures/golden` are this crate, and its like in JavaScript, as each released SDK builds them.

use sluicebox_sdk::prelude::*;
use sluicebox_sdk::state::Put;

/// What settings are checked by.
#[derive(Deserialize, Config)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Told back.
    #[config(max_len = 20)]
    pub greeting: String,
}

/// RFC 8032, 7.1, test 2: key, message, signature.
const ED25519: (&str, &[u8], &str) = (
    "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
    &[0x72],
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
);

/// Drops one type, and fails by another.
#[filter]
pub fn golden_filter(event: Event) -> Result<Verdict> {
    match event.event_type() {
        "golden.drop" => drop("told to drop"),
        "golden.reject" => reject("told-to-reject", "by its type"),
        "golden.retry" => retry_after(30.secs()),
        _ => keep(),
    }
}

/// Tells all that it was told, in one message that sets all that a message may; splits one type, keeps another.
#[transform]
pub fn golden_transform(event: Event, settings: Settings) -> Result<Outcome> {
    match event.event_type() {
        "golden.keep" => return keep(),
        "golden.drop-here" => return drop("told to drop here"),
        "golden.split" => return emit_all([Message::text("one"), Message::text("two")]),
        _ => {}
    }
    log::trace!("trace");
    log::debug!("debug");
    log::info!("told: {}", settings.greeting);
    log::warn!("warn");
    log::error!("error");
    let told = json!({
        "event": {
            "id": event.id(),
            "type": event.event_type(),
            "source": event.source(),
            "received_at": event.received_at_ms(),
            "attempt": event.attempt(),
            "content_type": event.content_type(),
            "headers": event.headers().collect::<Vec<_>>(),
            "attributes": event.attributes().collect::<Vec<_>>(),
            "body": event.text()?,
        },
        "config": { "get": config::get("greeting"), "absent": config::get("absent"), "all": settings.greeting },
        "clock": clock::now_ms(),
        "random": [random::bytes(4).len(), random::bytes(0).len()],
        "state": remembered()?,
        "metrics": [metrics::count("golden", 2, &[("kind", "count")]).is_ok(), metrics::observe("golden_seconds", 0.25, &[]).is_ok()],
        "crypto": encrypted()?,
    });
    let message = Message::json(&told)?.with_type("golden.told").with_header("x-golden", "1").with_header("x-golden", "2");
    emit(message.with_attribute("golden", "yes"))
}

/// Every operation on state, each with what it answers.
fn remembered() -> Result<Value> {
    let before = state::get("kept")?.map(|value| String::from_utf8_lossy(&value).into_owned());
    let none_there = Put::new("once").expect_none().store("1").is_ok();
    let conflict = Put::new("once").expect_none().store("2").is_err();
    state::put_for(3600.secs(), "kept", "after")?;
    let after = state::get("kept")?.map(|value| String::from_utf8_lossy(&value).into_owned());
    let sums = [state::add("sum", 40)?, state::add("sum", 2)?];
    state::delete("once")?;
    Ok(json!({ "before": before, "none_there": none_there, "conflict": conflict, "after": after, "sums": sums,
        "deleted": state::get("once")?.is_none() }))
}

fn encrypted() -> Result<Value> {
    let (key, data, signature) = (bytes(ED25519.0), ED25519.1, bytes(ED25519.2));
    let mac = crypto::hmac(crypto::Algorithm::Sha256, "golden", b"data")?;
    Ok(json!({
        "hmac": hex(&mac),
        "verify_hmac": crypto::verify_hmac(crypto::Algorithm::Sha256, "golden", b"data", &mac)?,
        "not_granted": crypto::hmac(crypto::Algorithm::Sha256, "another", b"data").is_err(),
        "verify_ed25519": crypto::verify_ed25519(&key, data, &signature)?,
        "forged": crypto::verify_ed25519(&key, b"another", &signature)?,
    }))
}

/// Folds the types of its events.
#[batch(key = "customer")]
pub fn golden_batch(batch: Batch) -> Result<Message> {
    let types: Vec<&str> = batch.iter().map(Event::event_type).collect();
    Message::json(&json!({ "key": batch.key(), "opened_at": batch.opened_at_ms(), "types": types }))
}

/// Accepts, refuses and answers as a header says.
#[verify]
pub fn golden_verify(request: Request) -> Result<Decision> {
    match request.header("x-golden") {
        Some("accept") => accept_with([("method", request.method().to_owned()), ("url", request.url().to_owned())]),
        Some("answer") => answer(Response::text("an answer")),
        Some("retry") => retry_after(30.secs()),
        _ => refuse("told to refuse"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).filter_map(|at| u8::from_str_radix(&hex[at..at + 2], 16).ok()).collect()
}
