//! Settings of a host that runs, and what of a new file it takes up.

use std::sync::Arc;

use arc_swap::{
    ArcSwap,
    access::{DynAccess, Map},
};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use super::{Config, Given, Setting, table};

/// The settings in force. Parts that are handed a piece of them find it anew each time; what else is changed here nobody looks at.
pub struct Live {
    config: Arc<ArcSwap<Config>>,
    reloads: Family<Labels, Counter>,
    last_successful: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    outcome: &'static str,
}

impl Live {
    /// With the settings of the start.
    pub fn new(config: Config, registry: &mut Registry) -> Self {
        let (reloads, last_successful) = (Family::default(), Gauge::default());
        let told = "Settings that were read again, by whether they could be used";
        registry.register("sluicebox_config_reloads", told, Family::clone(&reloads));
        let told = "1 where the settings in force are those that were read last, 0 where those were refused";
        registry.register("sluicebox_config_last_reload_successful", told, last_successful.clone());
        last_successful.set(1);
        Self { config: Arc::new(ArcSwap::from_pointee(config)), reloads, last_successful }
    }

    /// A part's piece.
    pub fn piece<T: 'static>(&self, choose: fn(&Config) -> &T) -> Arc<dyn DynAccess<T> + Send + Sync> {
        Arc::new(Map::new(Arc::clone(&self.config), choose))
    }

    /// Puts these in force.
    pub fn apply(&self, config: Config) {
        self.config.store(Arc::new(config));
        self.ended("applied", 1);
    }

    /// Counts settings that were no good: those from before stay in force.
    pub fn refuse(&self) {
        self.ended("refused", 0);
    }

    fn ended(&self, outcome: &'static str, successful: i64) {
        self.reloads.get_or_create(&Labels { outcome }).inc();
        self.last_successful.set(successful);
    }
}

/// What is otherwise than it was.
#[derive(Debug, Default)]
pub struct Changes {
    /// What a running host takes up.
    pub taken_up: Vec<&'static Setting>,
    /// What stays as it was until the next start.
    pub kept: Vec<&'static Setting>,
}

impl Given {
    /// What is in force after a reload: of `new` what a running host can take up, and else what was before.
    #[must_use]
    pub fn reloaded(&self, new: &Self) -> (Self, Changes) {
        let (mut reloaded, mut changes) = (self.clone(), Changes::default());
        for setting in table::all() {
            // Where a value is from makes no difference to what it is; neither does saying what is the default anyway.
            if self.value_of(setting) == new.value_of(setting) {
                continue;
            }
            if setting.live {
                reloaded.take(setting, new);
                changes.taken_up.push(setting);
            } else {
                changes.kept.push(setting);
            }
        }
        (reloaded, changes)
    }

    fn value_of(&self, setting: &Setting) -> Vec<String> {
        self.words(setting).map_or_else(|| setting.value(&super::Settings::default()), <[String]>::to_vec)
    }
}
