//! Verifies Discord's requests: an Ed25519 signature of the timestamp and the body, with the application's public key. The pings by
//! which Discord tries an address are answered.

use sluicebox_sdk::prelude::*;

#[cfg(test)]
mod tests;

/// Whose requests these are, and how old they may be.
#[derive(Deserialize, Config)]
pub struct Settings {
    /// The application's public key, in hexadecimal, as Discord's developer portal shows it.
    #[config(min_len = 64, max_len = 64)]
    pub public_key: String,
    /// How far the time of signing may be from now, either way; so that nobody sends an old request again.
    #[config(min = 1, max = 86_400)]
    #[serde(default = "tolerance_secs")]
    pub tolerance_secs: u64,
}

fn tolerance_secs() -> u64 {
    300
}

/// What tells a ping from an event: both kinds of endpoints number theirs, and not alike.
#[derive(Deserialize)]
struct Ping {
    #[serde(rename = "type")]
    kind: u64,
    /// Interactions have one to be answered with; events have none.
    #[serde(default)]
    token: Option<String>,
}

/// What is signed is trusted only after the signature was found good.
#[verify]
pub fn discord(request: Request, settings: Settings) -> Result<Decision> {
    let Some(key) = bytes(&settings.public_key) else { return reject("invalid-key", "public_key is not hexadecimal") };
    let Some(timestamp) = request.header("x-signature-timestamp") else { return refuse("no single x-signature-timestamp") };
    let Some(signature) = request.header("x-signature-ed25519").and_then(bytes).filter(|bytes| bytes.len() == 64) else {
        return refuse("no single x-signature-ed25519 of 64 bytes");
    };
    if !crypto::verify_ed25519(&key, &[timestamp.as_bytes(), request.body()].concat(), &signature)? {
        return refuse("the signature is another's");
    }
    let signed_at: Option<u64> = timestamp.parse().ok();
    if signed_at.is_none_or(|at| at.abs_diff(request.received_at_ms() / 1_000) > settings.tolerance_secs) {
        return refuse("signed too far from now");
    }
    match request.json::<Ping>()? {
        Ping { kind: 0, token: None } => {
            answer(Response::text("").with_status(204).with_header("content-type", "application/json"))
        }
        Ping { kind: 1, token: Some(_) } => answer(Response::json(&json!({ "type": 1 }))?),
        _ => accept(),
    }
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = hex.chars().map(|digit| u8::try_from(digit.to_digit(16)?).ok()).collect();
    digits.filter(|digits| digits.len() % 2 == 0).map(|digits| digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}
