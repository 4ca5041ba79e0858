//! What is said of the keys that secrets are sealed by: of the main key only its id.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What `POST /v1/main-key/rotate` takes; all of it may be left out.
#[derive(Clone, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RotateMainKey {
    /// The new main key, 64 hexadecimal digits; needed where the host cannot write it where it comes from, else one is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_main_key: Option<String>,
}

/// Without the key.
impl fmt::Debug for RotateMainKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RotateMainKey").field("is_given", &self.new_main_key.is_some()).finish()
    }
}

/// What a change of keys came to.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Rekeyed {
    /// The id of the main key in use; it tells nothing of the key.
    pub main_key: String,
    /// The number of the data key that secrets are sealed under.
    pub data_key: u32,
    /// How many entries' secrets were sealed anew.
    pub resealed: usize,
    /// The revision in force.
    pub revision: u64,
}
