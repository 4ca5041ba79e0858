//! What a plugin remembers from one event to the next, under keys of its own. Needs the grant `state`.
//!
//! What is written here is stored together with what becomes of the event: a call that fails leaves nothing behind, and where two
//! events changed the same key at once, the second one's call is made again and sees what the first one left. So reading a value and
//! writing what follows from it needs no care:
//!
//! ```
//! use sluicebox_sdk::prelude::*;
//!
//! #[filter]
//! fn first_of_each_customer(event: Event) -> Result<bool> {
//!     let customer: String = event.json_at("customer.id")?.unwrap_or_default();
//!     let seen = state::add(&format!("seen/{customer}"), 1)?;
//!     Ok(seen == 1)
//! }
//! # fn main() {
//! # let order = || Event::new("shop", "order").with_body(r#"{"customer": {"id": "ada"}}"#);
//! # assert!(first_of_each_customer(order()).unwrap());
//! # assert!(!first_of_each_customer(order()).unwrap());
//! # }
//! ```
//!
//! A key has 1 to 256 bytes, a value at most 64 KiB; all keys and values of a plugin have 1 MiB together
//! (`plugins.NAME.limits.state_bytes` raises it), a call makes at most 64 operations. By `?` any [`Error`] here ends the call.

use crate::host;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::time::Duration;

/// What is stored under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The bytes.
    pub value: Vec<u8>,
    /// Another one after each write.
    pub version: u64,
}

/// Why nothing was read or written. As the crate's own error it is no `std::error::Error`, so that `?` keeps its code.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The entry is not at the version that [`Put::expect`] names.
    Conflict,
    /// The value is over 64 KiB, or the key has no byte or more than 256; with [`add`], what is stored is no number, or the sum does not
    /// fit one.
    TooLarge,
    /// The plugin has no room for more, or the call has made all its operations.
    Quota,
    /// The plugin is not granted any: the text names the grant.
    Denied(String),
    /// There is none here: settings are checked and requests verified without.
    Unavailable(String),
}

impl Error {
    /// As the code of a rejection: `state-quota`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Conflict => "state-conflict",
            Self::TooLarge => "state-too-large",
            Self::Quota => "state-quota",
            Self::Denied(_) => "not-granted",
            Self::Unavailable(_) => "state-unavailable",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Conflict => "the entry is at another version than expected",
            Self::TooLarge => "the key or the value is larger than the limit, or is no number",
            Self::Quota => "the plugin has no room for more, or the call made too many operations",
            Self::Denied(text) | Self::Unavailable(text) => text,
        })
    }
}

/// Rejects with the [code](Error::code); a conflict and missing state ask for another try instead, for they pass.
impl From<Error> for crate::Error {
    fn from(error: Error) -> Self {
        match &error {
            Error::Conflict | Error::Unavailable(_) => Self::retry(error.code(), error, None),
            Error::TooLarge | Error::Quota | Error::Denied(_) => Self::reject(error.code(), error),
        }
    }
}

/// What is under the key, with its version.
///
/// # Errors
/// No grant, a key that is too long, or too many operations.
pub fn entry(key: &str) -> Result<Option<Entry>, Error> {
    host::state_get(key)
}

/// The bytes under the key; none where nothing is, or where its time is over.
///
/// # Errors
/// As [`entry`].
pub fn get(key: &str) -> Result<Option<Vec<u8>>, Error> {
    Ok(entry(key)?.map(|entry| entry.value))
}

/// What [`put_json`] stored under the key.
///
/// # Errors
/// As [`entry`]; rejects with `invalid-json` where something else is stored.
pub fn get_json<T: DeserializeOwned>(key: &str) -> crate::Result<Option<T>> {
    get(key)?.map(|value| serde_json::from_slice(&value).map_err(crate::json::invalid)).transpose()
}

/// Stores a value, until it is removed or replaced.
///
/// # Errors
/// As [`entry`], and where there is no room.
pub fn put(key: &str, value: impl AsRef<[u8]>) -> Result<(), Error> {
    Put::new(key).store(value).map(drop)
}

/// Stores a value for so long.
///
/// # Errors
/// As [`put`].
pub fn put_for(ttl: Duration, key: &str, value: impl AsRef<[u8]>) -> Result<(), Error> {
    Put::new(key).ttl(ttl).store(value).map(drop)
}

/// Stores a value as JSON.
///
/// # Errors
/// As [`put`]; rejects with `invalid-json` what cannot be written as JSON.
pub fn put_json(key: &str, value: &impl Serialize) -> crate::Result<()> {
    let value = serde_json::to_vec(value).map_err(crate::json::invalid)?;
    Ok(put(key, value)?)
}

/// Removes what is under the key, if anything.
///
/// # Errors
/// As [`entry`].
pub fn delete(key: &str) -> Result<(), Error> {
    host::state_delete(key, None)
}

/// Removes what is under the key where it is at this version.
///
/// # Errors
/// As [`entry`], and [`Error::Conflict`].
pub fn delete_version(key: &str, version: u64) -> Result<(), Error> {
    host::state_delete(key, Some(version))
}

/// Adds to a number and gives the sum; where nothing is, it was 0.
///
/// # Errors
/// As [`put`], and where no number is stored or the sum is beyond one.
pub fn add(key: &str, delta: i64) -> Result<i64, Error> {
    host::state_add(key, delta, None)
}

/// As [`add`]; where nothing is, the number lasts for so long from now on.
///
/// # Errors
/// As [`add`].
pub fn add_for(ttl: Duration, key: &str, delta: i64) -> Result<i64, Error> {
    host::state_add(key, delta, Some(millis(ttl)))
}

/// A write with conditions.
///
/// ```
/// # use sluicebox_sdk::{prelude::*, state::{Error, Put}};
/// let first = Put::new("leader").expect_none().store("a")?;
/// assert_eq!(Put::new("leader").expect_none().store("b"), Err(Error::Conflict));
/// Put::new("leader").expect(first).ttl(60.secs()).store("b")?;
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "nothing is stored before `store`"]
pub struct Put<'k> {
    key: &'k str,
    expect: Option<u64>,
    ttl: Option<Duration>,
}

impl<'k> Put<'k> {
    /// Under this key.
    pub const fn new(key: &'k str) -> Self {
        Self { key, expect: None, ttl: None }
    }

    /// Only where the entry is at this version.
    pub const fn expect(self, version: u64) -> Self {
        Self { expect: Some(version), ..self }
    }

    /// Only where nothing is.
    pub const fn expect_none(self) -> Self {
        self.expect(0)
    }

    /// For so long.
    pub const fn ttl(self, ttl: Duration) -> Self {
        Self { ttl: Some(ttl), ..self }
    }

    /// Stores the value, and gives its version.
    ///
    /// # Errors
    /// As [`put`], and [`Error::Conflict`].
    pub fn store(self, value: impl AsRef<[u8]>) -> Result<u64, Error> {
        host::state_put(self.key, value.as_ref(), self.expect, self.ttl.map(millis))
    }
}

fn millis(ttl: Duration) -> u64 {
    u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DurationExt, testing};

    #[test]
    fn what_is_stored_is_read_again_until_its_time_is_over() {
        testing::set_now_ms(1_000);
        put_for(5.secs(), "a", "x").unwrap();
        put_json("b", &[1, 2]).unwrap();
        assert_eq!(get("a").unwrap().as_deref(), Some(&b"x"[..]));
        testing::set_now_ms(6_000);
        assert_eq!(get("a").unwrap(), None);
        assert_eq!(get_json::<Vec<u8>>("b").unwrap(), Some(vec![1, 2]));
        assert_eq!(get_json::<String>("b").unwrap_err().code(), "invalid-json");
        delete("b").unwrap();
        assert_eq!(get("b").unwrap(), None);
    }

    #[test]
    fn a_write_may_have_conditions() {
        let first = Put::new("a").expect_none().store("1").unwrap();
        assert_eq!(Put::new("a").expect_none().store("2"), Err(Error::Conflict));
        let second = Put::new("a").expect(first).store("2").unwrap();
        assert_ne!(first, second);
        assert_eq!(delete_version("a", first), Err(Error::Conflict));
        assert_eq!(entry("a").unwrap(), Some(Entry { value: b"2".to_vec(), version: second }));
    }

    #[test]
    fn numbers_are_added_up() {
        assert_eq!((add("n", 2), add("n", -5)), (Ok(2), Ok(-3)));
        assert_eq!(get("n").unwrap().as_deref(), Some(&(-3_i64).to_le_bytes()[..]));
        assert_eq!(add("n", i64::MIN), Err(Error::TooLarge));
        put("t", "no number").unwrap();
        assert_eq!(add("t", 1), Err(Error::TooLarge));
        testing::set_now_ms(10);
        assert_eq!((add_for(1.secs(), "m", 1), add_for(9.secs(), "m", 1)), (Ok(1), Ok(2)));
        testing::set_now_ms(1_010);
        assert_eq!(add("m", 1), Ok(1), "only the first one's time counts");
    }

    #[test]
    fn limits_are_those_of_the_host_and_a_test_may_take_the_grant_away() {
        assert_eq!(put("", ""), Err(Error::TooLarge));
        assert_eq!(put("k", vec![0; (64 << 10) + 1]), Err(Error::TooLarge));
        testing::deny_state();
        let error = crate::Error::from(put("k", "v").unwrap_err());
        assert_eq!(error.code(), "not-granted");
        assert!(error.failure().message.contains("grants.state"), "{error}");
    }
}
