//! The breakers of all versions of all plugins, in memory: a restart begins with closed ones. A version is a workspace's plugin and the
//! digest of its bytes, so that another version begins anew.
//!
//! Whoever runs a chain asks to be [admitted](Breakers::admit) first, and [tells](Breakers::told) afterwards how it went.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use prometheus_client::registry::Registry;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    Bound, BreakerStatus, Report,
    breaker::{Breaker, Says, Seen},
    breaker_metrics::Metrics,
};
use crate::event::{Digest, Failure, Name, Stage, Timestamp};

/// The most versions that are known; beyond it those that know nothing that matters are forgotten, then whichever.
const VERSIONS_MAX: usize = 4_096;

/// The code of what waits for a plugin, or is given up because of one.
pub const TRIPPED: &str = "plugin-tripped";

/// What becomes of events while a plugin is tripped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnFault {
    /// They wait until it is well again, or another version takes its place.
    #[default]
    Hold,
    /// They become dead letters at once.
    DeadLetter,
    /// They go on without it.
    Bypass,
}

/// All breakers.
pub struct Breakers {
    versions: Mutex<HashMap<Version, Entry>>,
    metrics: Metrics,
    trips: AtomicU64,
}

type Version = (Name, Name, Digest);

#[derive(Default)]
pub(super) struct Entry {
    pub(super) breaker: Breaker,
    /// No rule of today has it: it is nobody's concern but that of work which began with it.
    pub(super) retired: bool,
}

/// Leave to run a chain.
#[derive(Debug)]
pub struct Ticket {
    /// What is left of it, without what is bypassed.
    pub chain: Arc<[Arc<Bound>]>,
    /// One for each plugin that is bypassed.
    pub bypassed: Vec<Stage>,
    workspace: Name,
    probes: Vec<(Name, Digest)>,
    was_held: bool,
}

/// What a chain is told that asks whether it may run.
#[derive(Debug)]
pub enum Admission {
    /// It may.
    Go(Ticket),
    /// It has to wait.
    Hold(Failure),
    /// It is given up.
    Dead(Failure),
}

/// Whose fault a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The plugin's.
    Plugin,
    /// The plugin's, if it goes on like that: nothing is counted yet.
    PluginPerhaps,
    /// The plugin answered, though not with what one hoped for.
    Nobody,
    /// The host's, or nobody's that could be named: the call does not count.
    Host,
}

/// What becomes of work whose plugin failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum After {
    /// What becomes of any that failed so.
    Fate,
    /// It waits: its plugin is tripped.
    Hold(Failure),
    /// It is run again at once, without the plugin.
    Bypass,
}

/// Whether what was held may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// All of it.
    All,
    /// One at each look, to see whether it goes well.
    One,
    /// None yet.
    None,
}

impl Breakers {
    pub(super) fn new(registry: &mut Registry) -> Self {
        Self { versions: Mutex::default(), metrics: Metrics::register(registry), trips: AtomicU64::new(0) }
    }

    /// Whether a chain may run. `was_held`: the work waited for one of its plugins before.
    pub fn admit(&self, workspace: &Name, chain: &Arc<[Arc<Bound>]>, was_held: bool, now: Timestamp) -> Admission {
        let mut versions = self.lock();
        let says: Vec<Says> = chain.iter().map(|bound| says(&versions, workspace, bound, now)).collect();
        let waits = |how: OnFault| {
            let waits = |(bound, says): &(&Arc<Bound>, &Says)| **says == Says::Wait && bound.on_fault == how;
            chain.iter().zip(&says).filter(waits).map(|(bound, _)| bound).collect::<Vec<_>>()
        };
        if let Some(bound) = waits(OnFault::DeadLetter).first() {
            return Admission::Dead(tripped(bound));
        }
        if let Some(bound) = waits(OnFault::Hold).first() {
            return Admission::Hold(tripped(bound));
        }
        let mut probes = Vec::new();
        for (bound, _) in chain.iter().zip(&says).filter(|(_, says)| **says == Says::Probe) {
            self.entry(&mut versions, workspace, bound, now).breaker.begin_probe(now);
            probes.push((bound.name.clone(), bound.digest));
        }
        drop(versions);
        let bypassed: Vec<Stage> = waits(OnFault::Bypass).into_iter().map(|bound| self.bypass(bound)).collect();
        let chain = match bypassed.is_empty() {
            true => Arc::clone(chain),
            false => chain.iter().zip(&says).filter(|(_, says)| **says != Says::Wait).map(|(bound, _)| bound.clone()).collect(),
        };
        Admission::Go(Ticket { chain, bypassed, workspace: workspace.clone(), probes, was_held })
    }

    /// How it went; `blame` is for its failure, where it failed. Says what becomes of it then.
    pub fn told(&self, ticket: &Ticket, report: &Report, blame: Blame, now: Timestamp) -> After {
        let mut versions = self.lock();
        let is_of = |stage: &Stage, bound: &Bound| stage.plugin == bound.name && stage.digest == bound.digest;
        // Not by the fault's name alone: a chain may have two versions of a plugin.
        let failed = report.result.as_ref().err().and(report.stages.last());
        let mut after = After::Fate;
        for bound in distinct(&ticket.chain) {
            let blame = if failed.is_some_and(|stage| is_of(stage, bound)) { blame } else { Blame::Nobody };
            let calls = report.stages.iter().filter(|stage| is_of(stage, bound)).count();
            let entry = self.entry(&mut versions, &ticket.workspace, bound, now);
            let was_tripped = entry.breaker.is_tripped();
            if ticket.probes.iter().any(|(name, digest)| *name == bound.name && *digest == bound.digest) {
                entry.breaker.end_probe(well(calls, blame), now);
            } else {
                entry.breaker.count(seen(calls, blame), now);
            }
            let failed_again = matches!(blame, Blame::Plugin | Blame::PluginPerhaps);
            if failed_again && ticket.was_held && !entry.breaker.is_proven() && !entry.breaker.is_tripped() {
                entry.breaker.trip(now);
            }
            if blame == Blame::Nobody && calls > 0 {
                entry.breaker.prove();
            }
            self.metrics.changed(bound, entry, was_tripped);
            if !was_tripped && entry.breaker.is_tripped() {
                self.trips.fetch_add(1, Ordering::Relaxed);
            }
            if failed_again && entry.breaker.is_tripped() {
                after = match bound.on_fault {
                    OnFault::Hold => After::Hold(tripped(bound)),
                    OnFault::Bypass => After::Bypass,
                    OnFault::DeadLetter => After::Fate,
                };
            }
        }
        after
    }

    /// Whether work that was held for a chain may go on.
    pub fn release(&self, workspace: &Name, chain: &[Arc<Bound>], now: Timestamp) -> Release {
        let versions = self.lock();
        let of = |bound: &Arc<Bound>| match versions.get(&version(workspace, bound)) {
            Some(Entry { breaker, .. }) => match breaker.says(now) {
                Says::Closed if breaker.is_proven() => Release::All,
                Says::Closed | Says::Probe => Release::One,
                Says::Wait if bound.on_fault == OnFault::Hold => Release::None,
                Says::Wait => Release::All,
            },
            None => Release::One,
        };
        let all: Vec<Release> = chain.iter().map(of).collect();
        let strictest = [Release::None, Release::One].into_iter().find(|release| all.contains(release));
        strictest.unwrap_or(Release::All)
    }

    /// Whether one of these is tripped.
    pub fn any_tripped(&self, workspace: &Name, chain: &[Arc<Bound>]) -> bool {
        let versions = self.lock();
        chain.iter().any(|bound| versions.get(&version(workspace, bound)).is_some_and(|entry| entry.breaker.is_tripped()))
    }

    /// How often one of them has tripped.
    pub fn trips(&self) -> u64 {
        self.trips.load(Ordering::Relaxed)
    }

    /// Tells which versions the rules of today have, so that others are no longer shown as tripped.
    pub fn retire(&self, is_used: impl Fn(&Name, &Name, &Digest) -> bool) {
        for ((workspace, plugin, digest), entry) in self.lock().iter_mut().filter(|(_, entry)| entry.breaker.is_tripped()) {
            let retired = !is_used(workspace, plugin, digest);
            if retired != entry.retired {
                entry.retired = retired;
                self.metrics.tripped(workspace, plugin, if retired { -1 } else { 1 });
            }
        }
    }

    /// The breaker of a version as people see it.
    pub fn status(&self, workspace: &Name, bound: &Bound, now: Timestamp) -> BreakerStatus {
        let versions = self.lock();
        versions.get(&version(workspace, bound)).map_or_else(|| Breaker::default().status(now), |entry| entry.breaker.status(now))
    }

    /// Closes the breaker of a version by hand: it begins anew.
    pub fn reset(&self, workspace: &Name, bound: &Bound) {
        if let Some(entry) = self.lock().remove(&version(workspace, bound)) {
            self.metrics.forgotten(workspace, &bound.name, &entry);
            tracing::info!(plugin = %bound.name, digest = %bound.digest, "the breaker of a plugin was closed by hand");
        }
    }

    fn bypass(&self, bound: &Bound) -> Stage {
        tracing::info!(plugin = %bound.name, digest = %bound.digest, "an event goes on without a plugin that is tripped");
        self.metrics.bypassed(bound);
        Stage {
            plugin: bound.name.clone(),
            digest: bound.digest,
            export: if bound.exports.filter {
                "filter"
            } else if bound.exports.transform {
                "transform"
            } else {
                "batch"
            },
            result: "bypassed".to_owned(),
            messages: 1,
            fuel: 0,
            memory_bytes: 0,
            elapsed_us: 0,
            instantiate_us: 0,
            logs: Vec::new(),
        }
    }

    /// The version's entry, made where there is none.
    fn entry<'v>(
        &self,
        versions: &'v mut HashMap<Version, Entry>,
        workspace: &Name,
        bound: &Bound,
        now: Timestamp,
    ) -> &'v mut Entry {
        let version = version(workspace, bound);
        if versions.len() >= VERSIONS_MAX && !versions.contains_key(&version) {
            versions.retain(|_, entry| !entry.breaker.is_idle(now));
            if let Some(any) = versions.keys().next().filter(|_| versions.len() >= VERSIONS_MAX).cloned()
                && let Some(entry) = versions.remove(&any)
            {
                self.metrics.forgotten(&any.0, &any.1, &entry);
            }
        }
        versions.entry(version).or_default()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Version, Entry>> {
        self.versions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Each version once, however often it stands in the chain.
fn distinct(chain: &[Arc<Bound>]) -> impl Iterator<Item = &Arc<Bound>> {
    let is_new = |(at, bound): &(usize, &Arc<Bound>)| {
        !chain[..*at].iter().any(|before| before.name == bound.name && before.digest == bound.digest)
    };
    chain.iter().enumerate().filter(is_new).map(|(_, bound)| bound)
}

fn version(workspace: &Name, bound: &Bound) -> Version {
    (workspace.clone(), bound.name.clone(), bound.digest)
}

fn says(versions: &HashMap<Version, Entry>, workspace: &Name, bound: &Bound, now: Timestamp) -> Says {
    versions.get(&version(workspace, bound)).map_or(Says::Closed, |entry| entry.breaker.says(now))
}

/// What a run's calls of one plugin come to; of those that failed only the last did.
fn seen(calls: usize, blame: Blame) -> Seen {
    let calls = u32::try_from(calls).unwrap_or(u32::MAX);
    match blame {
        Blame::Nobody => Seen { calls, faults: 0 },
        Blame::Plugin => Seen { calls, faults: calls.min(1) },
        Blame::PluginPerhaps | Blame::Host => Seen { calls: calls.saturating_sub(1), faults: 0 },
    }
}

/// What a probe's calls of its plugin say.
fn well(calls: usize, blame: Blame) -> Option<bool> {
    match blame {
        Blame::Plugin | Blame::PluginPerhaps => Some(false),
        Blame::Nobody if calls > 0 => Some(true),
        Blame::Nobody | Blame::Host => None,
    }
}

fn tripped(bound: &Bound) -> Failure {
    let (name, digest) = (&bound.name, bound.digest);
    let text = format!(
        "plugin `{name}` is tripped: too many of its calls failed. It is tried again every 30 s; push another version, or say \
         POST /v1/plugins/{name}/enable ({digest})"
    );
    Failure::new(TRIPPED, text)
}
