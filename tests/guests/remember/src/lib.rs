//! Does with its state what its setting `does` names, and sends on what came of it.

use sluicebox_sdk::prelude::*;
use sluicebox_sdk::state::Put;

/// What to do.
#[derive(Deserialize)]
pub struct Settings {
    /// One of the arms below.
    pub does: String,
}

/// Remembers.
#[transform]
pub fn remember(event: Event, settings: Settings) -> Result<Outcome> {
    let told = match settings.does.as_str() {
        "count" => json!(state::add("events", 1)?),
        "confess" => return confess(&event),
        "count-then-fail" => return reject("counted", state::add("events", 1)?),
        "all" => json!(all_operations()?),
        other => return reject("unknown-deed", other),
    };
    emit(Message::json(&told)?)
}

/// Fails at the second attempt, with all that its failure may depend on beside the event.
fn confess(event: &Event) -> Result<Outcome> {
    if event.attempt() == 1 {
        return retry_after(0.secs());
    }
    let told = format!("{} {} {} {}", event.attempt(), clock::now_ms(), random::u64(), state::add("events", 1)?);
    log::warn!("{told}");
    reject("confessed", told)
}

/// What each operation comes to, those that are refused too.
fn all_operations() -> Result<Vec<String>> {
    let told = |done: Result<u64, state::Error>| done.map_or_else(|error| error.code().to_owned(), |_| "ok".to_owned());
    let first = Put::new("a").expect_none().store("x")?;
    let mut all = vec![
        told(Put::new("a").expect_none().store("y")),
        told(Put::new("a").expect(first).store("y")),
        told(Put::new("").store("")),
        told(Put::new("large").store(vec![0; (64 << 10) + 1])),
        String::from_utf8_lossy(&state::get("a")?.unwrap_or_default()).into_owned(),
    ];
    state::delete("a")?;
    all.push(format!("{:?}", state::entry("a")?));
    let refused = (0..64).find_map(|_| state::add("n", 1).err());
    all.push(refused.map_or_else(String::new, |error| error.code().to_owned()));
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluicebox_sdk::testing;

    #[test]
    fn the_test_sees_what_is_stored() {
        let does = |does: &str| remember(Event::new("test", ""), Settings { does: does.into() });
        assert!(does("count").is_ok());
        assert_eq!(does("count-then-fail").expect_err("it fails").failure().message, "2");
        assert_eq!(testing::stored()["events"], 2_i64.to_le_bytes());
    }
}
