//! SIGHUP: the settings are read again, and put in force as far as a running host can take them up.
//!
//! A file that is wrong changes nothing. Requests, runs and deliveries under way end with the settings that they began with.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::{EnvFilter, Registry, reload::Handle};

use super::{service_manager, settings::Flags};
use crate::{
    Reloader,
    config::{Changes, Given, Setting},
};

/// SIGHUP, from now on; without this it would end the process.
pub(super) struct Hangups(Signal);

impl Hangups {
    pub(super) fn listen() -> io::Result<Self> {
        signal(SignalKind::hangup()).map(Self)
    }
}

/// What reads settings again.
pub(super) struct Reloads {
    pub(super) flags: Flags,
    /// What is in force.
    pub(super) given: Given,
    pub(super) host: Reloader,
    pub(super) log: Handle<EnvFilter, Registry>,
}

impl Reloads {
    /// Reads them again at each SIGHUP, without end.
    pub(super) async fn on(mut self, mut hangups: Hangups) {
        while hangups.0.recv().await.is_some() {
            service_manager::reloading();
            match self.reload() {
                Ok(changes) => tell(&changes),
                Err(error) => {
                    self.host.refuse();
                    tracing::error!("the settings were read again and are no good; those from before stay in force:\n{error:#}");
                }
            }
            service_manager::ready();
        }
    }

    fn reload(&mut self) -> anyhow::Result<Changes> {
        let (new, _) = self.flags.read()?;
        let (reloaded, changes) = self.given.reloaded(&new);
        let settings = reloaded.settle()?;
        self.log.reload(settings.process.log.filter())?;
        self.host.apply(settings.refined());
        self.given = reloaded;
        Ok(changes)
    }
}

fn tell(Changes { taken_up, kept }: &Changes) {
    let names = |settings: &[&Setting]| settings.iter().map(|setting| setting.path()).collect::<Vec<_>>().join(", ");
    tracing::info!(taken_up = names(taken_up), "the settings were read again");
    if !kept.is_empty() {
        tracing::warn!(settings = names(kept), "these changed too, and stay as they were until the host is started again");
    }
}
