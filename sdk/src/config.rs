//! The plugin's settings from the hub file.
//!
//! Mostly they come as the second argument of the plugin's function; these are for what has none, such as a batch's key.

use crate::{Error, Result, host};
use serde::de::DeserializeOwned;

/// One top-level setting: a text as it is, anything else as JSON.
pub fn get(key: &str) -> Option<String> {
    host::setting(key)
}

/// All settings.
///
/// # Errors
/// Rejects with `invalid-config` and serde's text what does not fit the type.
pub fn settings<T: DeserializeOwned>() -> Result<T> {
    serde_json::from_str(&host::settings()).map_err(|error| Error::reject("invalid-config", error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use serde_json::json;
    use std::collections::BTreeMap;

    #[test]
    fn a_text_comes_as_it_is_and_anything_else_as_json() {
        testing::set_settings(&json!({ "mask": "***", "fields": ["a"] }));
        assert_eq!(get("mask").as_deref(), Some("***"));
        assert_eq!(get("fields").as_deref(), Some("[\"a\"]"));
        assert_eq!(get("other"), None);
    }

    #[test]
    fn wrong_settings_are_rejected_with_serdes_text() {
        testing::set_settings(&json!({ "mask": "***" }));
        let error = settings::<BTreeMap<String, u32>>().unwrap_err();
        assert_eq!(error.code(), "invalid-config");
        assert!(error.failure().message.contains("invalid type: string \"***\", expected u32"), "{error}");
    }
}
