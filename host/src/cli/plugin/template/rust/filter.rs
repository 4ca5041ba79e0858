//! Lets events of some types pass, and drops all others.

use sluicebox_sdk::prelude::*;

/// The plugin's `config` in the hub file.
#[derive(Deserialize, Config)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The types that pass.
    pub types: Vec<String>,
}

/// Goes on with the event, or tells why not.
#[filter]
pub fn of_type(event: Event, settings: Settings) -> Result<Verdict> {
    if settings.types.iter().any(|one| one == event.event_type()) {
        keep()
    } else {
        drop(format!("of type {}", event.event_type()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluicebox_sdk::testing;

    #[test]
    fn the_fixtures_pass() {
        testing::fixtures("fixtures", of_type);
    }

    fn run(event_type: &str) -> Result<Verdict> {
        of_type(Event::new("shop", event_type), Settings { types: vec!["order.paid".to_owned()] })
    }

    #[test]
    fn only_the_types_of_the_settings_pass() {
        assert_eq!(run("order.paid"), keep());
        assert_eq!(run("order.seen"), drop("of type order.seen"));
    }
}
