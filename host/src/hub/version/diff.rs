//! What another version would have made of events that came before: each rule that runs the active one is run with both, and nothing
//! that comes of it is kept. The runs take their turns on the plugins' workers like all others.

use std::{fmt, sync::Arc, time::Instant};

use crate::{
    dispatch,
    event::{Digest, Event, Name, Timestamp},
    hub::{Hub, HubError, Kind, snapshot::Part},
    plugin::{self, Bound, Call, Pin, Plugins, Report, StateStore},
    route,
};

/// Two versions of a plugin, in the rules that run the active one.
pub struct Trial {
    /// The active version.
    pub active: Digest,
    /// The one that it is compared with.
    pub other: Digest,
    plugin: Name,
    rules: Vec<TriedRule>,
    index: route::Index,
    plugins: Arc<Plugins>,
    now: Timestamp,
}

struct TriedRule {
    name: Name,
    active: Chain,
    other: Chain,
}

type Chain = Arc<[Arc<Bound>]>;

/// What both versions made of an event in one rule.
#[derive(Debug)]
pub struct Tried {
    /// The rule.
    pub rule: Name,
    /// With the active version.
    pub active: Report,
    /// With the other one.
    pub other: Report,
}

impl Hub {
    /// Sets a version against the active one, in all rules that run that, or in one of them.
    ///
    /// # Errors
    /// [`HubError::NotFound`] for the plugin or the rule, [`HubError::NoVersion`], [`HubError::NotReady`].
    pub async fn trial(&self, workspace: &Name, plugin: &Name, pin: &Pin, rule: Option<&Name>) -> Result<Trial, HubError> {
        let other = self.resolve(workspace, plugin, pin)?;
        let standing = self.inner.state.load().workspace(workspace);
        let absent = |kind, name: &Name| HubError::NotFound { kind, name: name.clone() };
        let active = match standing.get(&(Kind::Plugin, plugin.clone())).map(|item| &item.part) {
            Some(Part::Plugin(bound)) => Arc::clone(bound),
            _ => return Err(absent(Kind::Plugin, plugin)),
        };
        if let Some(rule) = rule.filter(|rule| !standing.contains_key(&(Kind::Rule, (*rule).clone()))) {
            return Err(absent(Kind::Rule, rule));
        }
        self.check_ready(workspace, plugin, &other)?;
        let reference = plugin::Reference { name: plugin.clone(), pin: Some(other.into()) };
        let bound = self.inner.catalogue.bind_pinned(&active, &reference).await;
        let not_ready = |why: String| HubError::NotReady { plugin: plugin.clone(), digest: other, why };
        let bound = bound.map_err(|error| not_ready(error.into_invalid().message))?;
        let used = standing.values().filter_map(|item| match &item.part {
            Part::Rule(pattern, tried) if rule.is_none_or(|rule| *rule == tried.name) => {
                Some((pattern.clone(), tried_rule(tried, &active, &bound)?))
            }
            _ => None,
        });
        let (patterns, rules) = used.unzip();
        Ok(Trial {
            active: active.digest,
            other,
            plugin: plugin.clone(),
            rules,
            index: route::Index::new(patterns),
            plugins: Arc::clone(&self.inner.catalogue.plugins),
            now: (self.inner.clock)(),
        })
    }
}

/// `None`: the rule does not run the active version, or pins it.
fn tried_rule(rule: &dispatch::Rule, active: &Arc<Bound>, other: &Arc<Bound>) -> Option<TriedRule> {
    let is_active = |bound: &&Arc<Bound>| Arc::ptr_eq(bound, active);
    rule.chain.iter().find(is_active)?;
    let swapped = rule.chain.iter().map(|bound| if is_active(&bound) { Arc::clone(other) } else { Arc::clone(bound) });
    Some(TriedRule { name: rule.name.clone(), active: Arc::clone(&rule.chain), other: swapped.collect() })
}

impl Trial {
    /// The rules.
    pub fn rules(&self) -> impl Iterator<Item = &Name> {
        self.rules.iter().map(|rule| &rule.name)
    }

    /// Runs the rules that match the event, each with both versions: as if it had just come, at the same time for both, which read this
    /// state and leave nothing in it. `each` is told at once, for a report may be large. True: `until` came before all were run.
    pub async fn run(
        &self,
        event: &Arc<Event>,
        state: &Arc<dyn StateStore>,
        until: Instant,
        mut each: impl FnMut(Tried),
    ) -> bool {
        for rule in self.index.matches(event).into_iter().filter_map(|number| self.rules.get(number)) {
            if Instant::now() >= until {
                return true;
            }
            let call = Call { event: Arc::clone(event), attempt: 1, now: self.now, state: Some(Arc::clone(state)) };
            let active = self.plugins.rehearse(Arc::clone(&rule.active), call.clone()).await;
            let other = self.plugins.rehearse(Arc::clone(&rule.other), call).await;
            each(Tried { rule: rule.name.clone(), active, other });
        }
        false
    }

    /// What the compared plugin alone used in a report.
    #[must_use]
    pub fn fuel(&self, report: &Report) -> u64 {
        report.stages.iter().filter(|stage| stage.plugin == self.plugin).map(|stage| stage.fuel).sum()
    }
}

impl fmt::Debug for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trial").field("active", &self.active).field("other", &self.other).finish_non_exhaustive()
    }
}
