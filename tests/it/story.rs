//! What most tests begin with.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use sluicebox::{config::Config, event::Timestamp};

/// The secret of every destination here: one of the published vectors of Standard Webhooks.
pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The published private key of Standard Webhooks, and its public half.
pub(crate) const PRIVATE: &str = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==";
pub(crate) const PUBLIC: &str = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";

/// A destination that is tried again soon, however often it fails.
pub(crate) fn destination(name: &str, url: &str) -> String {
    format!("{}breaker = false\n", guarded(name, url))
}

/// The same with the breaker that every destination has.
pub(crate) fn guarded(name: &str, url: &str) -> String {
    format!("[destinations.{name}]\nurl = \"{url}\"\nsecret = \"{SECRET}\"\nretry = {{ first = \"100ms\", max = \"100ms\" }}\n")
}

/// A source that verifies nothing and takes the type from a header.
pub(crate) const OPEN_SOURCE: &str = "[sources.open]\nverify = { scheme = \"none\" }\ntype = { header = \"x-type\" }\n";

/// A clock that moves when it is told to.
#[derive(Clone)]
pub(crate) struct Time(Arc<AtomicU64>);

impl Time {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicU64::new(1_790_000_000_000)))
    }

    pub(crate) fn pass_ms(&self, ms: u64) {
        self.0.fetch_add(ms, Ordering::Relaxed);
    }

    pub(crate) fn rules(&self) -> impl FnOnce(&mut Config) + use<> {
        let time = self.clone();
        |config| config.clock = Arc::new(move || Timestamp(time.0.load(Ordering::Relaxed)))
    }
}
