//! The settings of a host: one part each, made by the part it belongs to.
//!
//! A person gives them by a file, by the environment and by flags, each over the one before: [`Given`]. [`table`] declares what there is,
//! each setting once; [`Settings`] is what it comes to, and [`Config`] what a host is run with.

mod document;
mod given;
mod kind;
mod live;
mod setting;
mod settings;
pub mod table;
mod word;

#[cfg(test)]
mod tests;

pub use document::{default_file, schema};
pub use given::{Flaw, Flaws, Given, Origin};
pub use kind::Form;
pub use live::{Changes, Live};
pub use setting::Setting;
pub use settings::{Process, Settings};
pub use word::{LogFilter, LogFormat};

/// What stands for a value that is nobody's to read.
pub const HIDDEN: &str = "(hidden)";

use std::{
    path::PathBuf,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use crate::{
    api, deliver, dispatch,
    event::{Clock, Timestamp},
    hub, ingest, journal, net, observe, plugin,
};

/// All settings of a host. [`Config::at`] gives the defaults, which are those of the command line.
#[derive(Clone)]
pub struct Config {
    /// The folder that holds everything that is kept.
    pub data: PathBuf,
    /// Where the time comes from.
    pub clock: Clock,
    /// What comes in.
    pub ingest: ingest::Options,
    /// Rules and plugins at work.
    pub dispatch: dispatch::Options,
    /// What goes out.
    pub deliver: deliver::Options,
    /// Where it may go to.
    pub net: net::Options,
    /// Where the key is from that secrets are sealed by.
    pub main_key: hub::MainKeyOptions,
    /// How plugins' versions are kept.
    pub versioning: hub::Versioning,
    /// The plugin machine.
    pub plugin: plugin::Options,
    /// The store of events.
    pub journal: journal::Options,
    /// What operators are given.
    pub api: api::Options,
    /// How long it keeps what is settled.
    pub retention: journal::Retention,
    /// Traces of what is done.
    pub trace: observe::Options,
    /// So long after it was told to stop the host takes events still, while `/readyz` sends balancers elsewhere.
    pub shutdown_delay_ms: u64,
}

impl Config {
    /// The defaults, with all that is kept in this folder.
    #[must_use]
    pub fn at(data: impl Into<PathBuf>) -> Self {
        let mut config = Self {
            clock: system_clock(),
            ingest: ingest::Options::default(),
            dispatch: dispatch::Options::default(),
            deliver: deliver::Options::default(),
            net: net::Options::default(),
            main_key: hub::MainKeyOptions::default(),
            versioning: hub::Versioning::default(),
            plugin: plugin::Options::default(),
            journal: journal::Options::default(),
            api: api::Options::default(),
            retention: journal::Retention::default(),
            trace: observe::Options::default(),
            shutdown_delay_ms: 0,
            data: PathBuf::new(),
        };
        config.keep_in(data.into());
        config
    }

    /// Keeps all that is kept in this folder.
    pub fn keep_in(&mut self, data: PathBuf) {
        self.plugin.cache = Some(data.join("compiled"));
        self.journal.folder = data.join("journal");
        self.data = data;
    }

    /// How long requests, runs, batches and deliveries that are under way may take to end when the host stops: the flows end at the same
    /// time, so this is the longest of theirs.
    #[must_use]
    pub fn drain_ms(&self) -> u64 {
        self.ingest.drain_ms.max(self.dispatch.drain_ms).max(self.deliver.drain_ms)
    }

    /// Gives each flow this long.
    pub fn set_drain_ms(&mut self, ms: u64) {
        (self.ingest.drain_ms, self.dispatch.drain_ms, self.deliver.drain_ms) = (ms, ms, ms);
    }
}

/// The wall clock of the system.
#[must_use]
pub fn system_clock() -> Clock {
    Arc::new(|| {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
    })
}
