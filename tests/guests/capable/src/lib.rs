//! Asks its host for what its setting `ask` names, and sends on what it was told.

use sluicebox_sdk::prelude::*;

/// What to ask for.
#[derive(Deserialize, Config)]
pub struct Settings {
    /// One of the arms below.
    #[config(one_of = ["clock", "random", "much-random", "hmac", "metrics"])]
    pub ask: String,
    /// Of no use but to be wrong.
    #[config(max_len = 2)]
    #[serde(default)]
    pub weights: Vec<u8>,
}

/// Asks.
#[transform]
pub fn capable(event: Event, settings: Settings) -> Result<Outcome> {
    let told = match settings.ask.as_str() {
        "clock" => json!([clock::now_ms(), clock::now_ms(), event.received_at_ms()]),
        "random" => json!([random::bytes(8), random::u64()]),
        "much-random" => json!(random::bytes(100_000).len()),
        "hmac" => json!(crypto::hmac(crypto::Algorithm::Sha256, "shop", event.body())?),
        "metrics" => {
            metrics::count("orders", 2, &[("shop", "x")])?;
            metrics::observe("euros", 12.5, &[])?;
            json!(metrics::observe("euros", f64::NAN, &[]).map_err(|error| error.to_string()))
        }
        other => return reject("unknown-question", other),
    };
    emit(Message::json(&told)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluicebox_sdk::testing;

    fn told(ask: &str) -> Value {
        let outcome = capable(Event::new("test", ""), Settings { ask: ask.into(), weights: Vec::new() });
        let Ok(Outcome::Emit(messages)) = outcome else { panic!("{outcome:?}") };
        sluicebox_sdk::serde_json::from_slice(messages[0].body()).expect("JSON")
    }

    #[test]
    fn the_test_says_what_the_host_tells() {
        testing::set_now_ms(7);
        assert_eq!(told("clock")[0], 7);
        assert_eq!(told("much-random"), 100_000);
    }
}
