//! Numbers for the operator's dashboards, where the hub file grants them: `grants.metrics = true`.
//!
//! They are told under `sluicebox_plugin_custom_...`, with the plugin's name as a label. What a call that fails told counts all the same,
//! and again with its repeat.
//!
//! ```
//! use sluicebox_sdk::prelude::*;
//!
//! #[filter]
//! fn only_orders(event: Event) -> bool {
//!     let shop = event.header("x-shop").unwrap_or("unknown");
//!     // A number that cannot be told is no reason to lose the event.
//!     if let Err(error) = metrics::count("orders", 1, &[("shop", shop)]) {
//!         log::warn!("{error}");
//!     }
//!     event.event_type() == "order"
//! }
//! # fn main() {
//! # sluicebox_sdk::testing::grant_metrics();
//! # assert!(only_orders(Event::new("shop", "order")));
//! # assert_eq!(sluicebox_sdk::testing::take_metrics()[0].name, "orders");
//! # }
//! ```

use crate::{Error, Result, host};

/// Adds to a counter. Names and keys of labels have the form `[a-z][a-z0-9_]{0,62}`; a series has at most 4 labels, of at most 64 bytes
/// each, and a plugin at most 20 series unless its limits say otherwise.
///
/// # Errors
/// Rejects with `metric-refused` and a text that names the missing grant, the form or the limit.
pub fn count(name: &str, delta: u64, labels: &[(&str, &str)]) -> Result<()> {
    host::count(name, delta, labels).map_err(|message| Error::reject("metric-refused", message))
}

/// Adds a value, which has to be finite, to a histogram; its buckets are the powers of ten from 0.001 to 1,000,000. Names and labels are
/// as with [`count`], and a name is either counted or observed.
///
/// # Errors
/// As with [`count`].
pub fn observe(name: &str, value: f64, labels: &[(&str, &str)]) -> Result<()> {
    host::observe(name, value, labels).map_err(|message| Error::reject("metric-refused", message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, Told};

    #[test]
    fn only_what_is_granted_is_told() {
        let error = count("orders", 1, &[]).unwrap_err();
        assert_eq!(error.code(), "metric-refused");
        assert!(error.failure().message.contains("grants.metrics"), "{error}");
        testing::grant_metrics();
        count("orders", 2, &[("shop", "x")]).unwrap();
        observe("euros", 1.5, &[]).unwrap();
        assert!(observe("euros", f64::NAN, &[]).is_err());
        let told = testing::take_metrics();
        assert_eq!((told[0].value, told[1].value), (Told::Count(2), Told::Observe(1.5)));
        assert_eq!(told[0].labels, [("shop".to_owned(), "x".to_owned())]);
    }
}
