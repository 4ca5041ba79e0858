//! What stands in for the host when a plugin is tested natively: one for each thread, and so for each test.

#[cfg(feature = "fixtures")]
mod fixtures;

#[cfg(feature = "fixtures")]
pub use fixtures::{Plugin, fixtures};

use crate::crypto::Algorithm;
use crate::log::Level;
use crate::state::{Entry, Error as StateError};
use serde::Serialize;
use serde_json::Value;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// A line that the plugin logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// How much it matters.
    pub level: Level,
    /// Its text.
    pub message: String,
    /// The facts beside it.
    pub fields: Vec<(String, String)>,
}

/// A number that the plugin told.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// Its name.
    pub name: String,
    /// What was told.
    pub value: Told,
    /// Its labels, as they were given.
    pub labels: Vec<(String, String)>,
}

/// What was told of a metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Told {
    /// By [`metrics::count`](crate::metrics::count).
    Count(u64),
    /// By [`metrics::observe`](crate::metrics::observe).
    Observe(f64),
}

/// Stands in for an HMAC.
type Mac = dyn Fn(Algorithm, &[u8]) -> Vec<u8>;

/// Stands in for the verification of Ed25519 signatures: of a key, the data and a signature.
type Ed25519 = dyn Fn(&[u8], &[u8], &[u8]) -> bool;

/// One thread's host.
struct Host {
    settings: Value,
    log: Vec<Line>,
    now_ms: u64,
    random: u64,
    secrets: BTreeMap<String, Rc<Mac>>,
    ed25519: Option<Rc<Ed25519>>,
    state: BTreeMap<String, Stored>,
    state_writes: u64,
    state_denied: bool,
    /// `None` until they are granted.
    metrics: Option<Vec<Metric>>,
}

/// An entry, and when its time is over.
struct Stored {
    entry: Entry,
    expires_at_ms: Option<u64>,
}

impl Host {
    const NEW: Self = Self {
        settings: Value::Null,
        log: Vec::new(),
        now_ms: 0,
        random: 0,
        secrets: BTreeMap::new(),
        ed25519: None,
        state: BTreeMap::new(),
        state_writes: 0,
        state_denied: false,
        metrics: None,
    };
}

thread_local! {
    static HOST: RefCell<Host> = const { RefCell::new(Host::NEW) };
}

/// Sets what [`config`](crate::config) reads on this thread.
///
/// # Panics
/// Where the settings cannot be written as JSON.
pub fn set_settings(settings: &impl Serialize) {
    let settings = serde_json::to_value(settings).expect("settings are JSON");
    HOST.with_borrow_mut(|host| host.settings = settings);
}

/// Sets what [`clock`](crate::clock) tells on this thread; 0 until then.
pub fn set_now_ms(now_ms: u64) {
    HOST.with_borrow_mut(|host| host.now_ms = now_ms);
}

/// Begins the stream of [`random`](crate::random) on this thread anew; each seed has its own.
pub fn set_random_seed(seed: u64) {
    HOST.with_borrow_mut(|host| host.random = seed);
}

/// Grants a secret on this thread, by the name that [`crypto`](crate::crypto) is asked for. There is no secret in a test: `mac` says
/// what the host would answer.
pub fn grant_secret(name: &str, mac: impl Fn(Algorithm, &[u8]) -> Vec<u8> + 'static) {
    HOST.with_borrow_mut(|host| host.secrets.insert(name.to_owned(), Rc::new(mac)));
}

/// Says on this thread which signatures [`crypto::verify_ed25519`](crate::crypto::verify_ed25519) finds good: of a key, the data and a
/// signature. A test may ask a library here, or say `|_, _, _| true`.
pub fn set_ed25519(verify: impl Fn(&[u8], &[u8], &[u8]) -> bool + 'static) {
    HOST.with_borrow_mut(|host| host.ed25519 = Some(Rc::new(verify)));
}

/// Takes the grant `state` away on this thread; a test has it unless told otherwise.
pub fn deny_state() {
    HOST.with_borrow_mut(|host| host.state_denied = true);
}

/// What [`state`](crate::state) has stored on this thread, by key, without what has expired.
#[must_use]
pub fn stored() -> BTreeMap<String, Vec<u8>> {
    HOST.with_borrow(|host| {
        let there = host.state.iter().filter(|(_, stored)| host.is_there(stored));
        there.map(|(key, stored)| (key.clone(), stored.entry.value.clone())).collect()
    })
}

/// Grants [`metrics`](crate::metrics) on this thread; without it they are refused.
pub fn grant_metrics() {
    HOST.with_borrow_mut(|host| {
        host.metrics.get_or_insert_default();
    });
}

/// Takes the metrics that were told on this thread.
pub fn take_metrics() -> Vec<Metric> {
    HOST.with_borrow_mut(|host| host.metrics.as_mut().map(std::mem::take).unwrap_or_default())
}

/// Takes the lines that were logged on this thread.
pub fn take_log() -> Vec<Line> {
    HOST.with_borrow_mut(|host| std::mem::take(&mut host.log))
}

pub(crate) fn log(level: Level, message: &str, fields: &[(&str, &str)]) {
    let fields = fields.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
    HOST.with_borrow_mut(|host| host.log.push(Line { level, message: message.to_owned(), fields }));
}

pub(crate) fn setting(key: &str) -> Option<String> {
    HOST.with_borrow(|host| match host.settings.get(key)? {
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    })
}

pub(crate) fn now_ms() -> u64 {
    HOST.with_borrow(|host| host.now_ms)
}

/// SplitMix64, one byte of each number.
pub(crate) fn random(count: usize) -> Vec<u8> {
    let byte = || {
        HOST.with_borrow_mut(|host| {
            host.random = host.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (host.random ^ (host.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            (mixed ^ (mixed >> 31)).to_le_bytes()[0]
        })
    };
    (0..count).map(|_| byte()).collect()
}

pub(crate) fn hmac(algorithm: Algorithm, secret: &str, data: &[u8]) -> Result<Vec<u8>, String> {
    let mac = HOST.with_borrow(|host| host.secrets.get(secret).cloned());
    let mac = mac.ok_or_else(|| format!("the test grants no such secret (grants.secrets.{secret})"))?;
    Ok(mac(algorithm, data))
}

pub(crate) fn verify_hmac(algorithm: Algorithm, secret: &str, data: &[u8], mac: &[u8]) -> Result<bool, String> {
    Ok(hmac(algorithm, secret, data)? == mac)
}

pub(crate) fn verify_ed25519(public_key: &[u8], data: &[u8], signature: &[u8]) -> Result<bool, String> {
    let verify = HOST.with_borrow(|host| host.ed25519.clone());
    let verify = verify.ok_or("the test does not say which signatures are good (testing::set_ed25519)")?;
    Ok(verify(public_key, data, signature))
}

pub(crate) fn count(name: &str, delta: u64, labels: &[(&str, &str)]) -> Result<(), String> {
    tell(name, Told::Count(delta), labels)
}

pub(crate) fn observe(name: &str, value: f64, labels: &[(&str, &str)]) -> Result<(), String> {
    if !value.is_finite() {
        return Err(format!("`{name}`: what is observed has to be a finite number"));
    }
    tell(name, Told::Observe(value), labels)
}

fn tell(name: &str, value: Told, labels: &[(&str, &str)]) -> Result<(), String> {
    HOST.with_borrow_mut(|host| {
        let metrics = host.metrics.as_mut().ok_or("the test grants no metrics (grants.metrics)")?;
        let labels = labels.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
        metrics.push(Metric { name: name.to_owned(), value, labels });
        Ok(())
    })
}

/// As the host has it: no settings are an empty object.
pub(crate) fn settings() -> String {
    HOST.with_borrow(|host| if host.settings.is_null() { "{}".to_owned() } else { host.settings.to_string() })
}

/// The limits of the host that every plugin has; how much it stores altogether is not counted here.
const STATE_KEY_BYTES_MAX: usize = 256;
const STATE_VALUE_BYTES_MAX: usize = 64 << 10;

impl Host {
    fn is_there(&self, stored: &Stored) -> bool {
        stored.expires_at_ms.is_none_or(|end| end > self.now_ms)
    }

    fn stored(&self, key: &str) -> Result<Option<&Stored>, StateError> {
        if self.state_denied {
            return Err(StateError::Denied("the test takes the grant away (grants.state)".to_owned()));
        }
        if key.is_empty() || key.len() > STATE_KEY_BYTES_MAX {
            return Err(StateError::TooLarge);
        }
        Ok(self.state.get(key).filter(|stored| self.is_there(stored)))
    }

    fn expected(&self, key: &str, expect: Option<u64>) -> Result<(), StateError> {
        let version = self.stored(key)?.map_or(0, |stored| stored.entry.version);
        if expect.is_none_or(|expect| expect == version) { Ok(()) } else { Err(StateError::Conflict) }
    }

    fn store(&mut self, key: &str, value: &[u8], expires_at_ms: Option<u64>) -> u64 {
        self.state_writes += 1;
        let entry = Entry { value: value.to_owned(), version: self.state_writes };
        self.state.insert(key.to_owned(), Stored { entry, expires_at_ms });
        self.state_writes
    }
}

pub(crate) fn state_get(key: &str) -> Result<Option<Entry>, StateError> {
    HOST.with_borrow(|host| Ok(host.stored(key)?.map(|stored| stored.entry.clone())))
}

pub(crate) fn state_put(key: &str, value: &[u8], expect: Option<u64>, ttl_ms: Option<u64>) -> Result<u64, StateError> {
    HOST.with_borrow_mut(|host| {
        host.expected(key, expect)?;
        if value.len() > STATE_VALUE_BYTES_MAX {
            return Err(StateError::TooLarge);
        }
        let expires_at_ms = ttl_ms.map(|ttl| host.now_ms.saturating_add(ttl));
        Ok(host.store(key, value, expires_at_ms))
    })
}

pub(crate) fn state_delete(key: &str, expect: Option<u64>) -> Result<(), StateError> {
    HOST.with_borrow_mut(|host| {
        host.expected(key, expect)?;
        host.state.remove(key);
        Ok(())
    })
}

pub(crate) fn state_add(key: &str, delta: i64, ttl_ms: Option<u64>) -> Result<i64, StateError> {
    HOST.with_borrow_mut(|host| {
        let (number, expires_at_ms) = match host.stored(key)? {
            None => (0, ttl_ms.map(|ttl| host.now_ms.saturating_add(ttl))),
            Some(Stored { entry, expires_at_ms }) => {
                let bytes = entry.value.as_slice().try_into().map_err(|_| StateError::TooLarge)?;
                (i64::from_le_bytes(bytes), *expires_at_ms)
            }
        };
        let sum = number.checked_add(delta).ok_or(StateError::TooLarge)?;
        host.store(key, &sum.to_le_bytes(), expires_at_ms);
        Ok(sum)
    })
}
