//! The plugin's settings from the hub file.
//!
//! Mostly they come as the second argument of the plugin's function; these are for what has none, such as a batch's key.

mod check;
mod schema;

pub use check::Problem;
#[doc(hidden)]
pub use check::{Any, Limits, converted, field, table, variant};
pub(crate) use check::{child, members, parsed};
#[doc(hidden)]
pub use schema::Schema;

use crate::{Error, Result, host};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Settings whose form is known without running the plugin. Derived: see [the macro](macro@crate::Config).
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a field of settings that derive `Config`",
    note = "derive `Config` for it, with `#[config(part)]`, or mark the field `#[config(any)]`, and it is left to serde"
)]
pub trait Config {
    /// The form as JSON Schema.
    #[doc(hidden)]
    const SCHEMA: Schema;

    /// Tells what of `value` does not have this form; `path` is where it is.
    #[doc(hidden)]
    fn check(value: &Value, path: &str, problems: &mut Vec<Problem>);
}

/// What the host asks when settings are applied: whether they can be read as `T`. For tests of settings.
///
/// # Errors
/// All problems, each with its place.
pub fn check<T: Config + DeserializeOwned>(settings: &Value) -> std::result::Result<(), Vec<Problem>> {
    check_text::<T>(settings, &settings.to_string())
}

/// The same, of settings that come as text. From that they are read, as they are for each call: by the same code, which a component
/// then has once.
pub(crate) fn check_text<T: Config + DeserializeOwned>(settings: &Value, text: &str) -> std::result::Result<(), Vec<Problem>> {
    let mut problems = Vec::new();
    <T as Config>::check(settings, "", &mut problems);
    if problems.is_empty() {
        // What only serde knows of: a conversion of the author's own.
        let read: std::result::Result<T, _> = serde_json::from_str(text);
        problems.extend(read.err().map(|error| Problem::new("", check::without_values(&error.to_string()))));
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

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
