//! Rules as they were. Runs and batches are pinned to the revision that matched them; where that is no longer the current one, the
//! rules are refined again from the kept records.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    Hub,
    component::Catalogue,
    entry::{Documents, Kind},
    spec::{Specs, collected},
};
use crate::{dispatch, event::Name};

/// The most former rule sets that are kept in memory.
const KEPT_MAX: usize = 16;

/// A workspace's rules as of one revision.
type Rules = Arc<HashMap<Name, Arc<dispatch::Rule>>>;

/// The former rule sets that were asked for last, newest first.
#[derive(Default)]
pub(super) struct Former {
    kept: Mutex<VecDeque<((Name, u64), Rules)>>,
}

impl dispatch::History for Hub {
    /// Reads records from disk where the revision is neither current nor among those asked for last; that takes milliseconds.
    fn rule_at(&self, workspace: &Name, revision: u64, rule: &Name) -> Option<Arc<dispatch::Rule>> {
        let snapshot = self.inner.snapshot.load();
        if revision > snapshot.revision {
            return None;
        }
        let current = snapshot.dispatch.workspaces.get(workspace).filter(|rules| revision >= rules.revision);
        if let Some(rules) = current {
            return rules.rules.iter().find(|found| found.name == *rule).cloned();
        }
        let place = (workspace.clone(), revision);
        if let Some(rules) = self.inner.former.get(&place) {
            return rules.get(rule).cloned();
        }
        let rules = Arc::new(rules_of(workspace, &self.inner.revisions.at(revision)?, &self.inner.catalogue));
        self.inner.former.keep(place, rules.clone());
        rules.get(rule).cloned()
    }
}

impl Former {
    fn get(&self, place: &(Name, u64)) -> Option<Rules> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.iter().position(|(other, _)| other == place)?;
        let entry = kept.remove(found)?;
        let rules = entry.1.clone();
        kept.push_front(entry);
        Some(rules)
    }

    fn keep(&self, place: (Name, u64), rules: Rules) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_front((place, rules));
        kept.truncate(KEPT_MAX);
    }
}

/// Rules that can no longer be refined, because a component is gone or the spec has moved on, are missing.
fn rules_of(workspace: &Name, documents: &Documents, catalogue: &Catalogue) -> HashMap<Name, Arc<dispatch::Rule>> {
    let mut specs = Specs::default();
    let mut destinations = BTreeMap::new();
    for (entry, document) in documents.iter().filter(|(entry, _)| entry.workspace == *workspace) {
        match entry.kind {
            Kind::Source => {}
            // Its secrets stay sealed: a rule only needs to know how it takes batches.
            Kind::Destination => destinations.extend(collected(document).map(|how| (entry.name.clone(), how))),
            // What does not fit is missing, like the rest of what cannot be refined.
            Kind::Plugin | Kind::Rule => drop(specs.read(&entry.key(), document)),
        }
    }
    let bind = |(name, spec): (&Name, &_)| Some((name.clone(), catalogue.plugins.bind(name.clone(), spec).ok()?));
    let plugins = specs.plugins.iter().filter_map(bind).collect();
    let refine = |(name, spec): (&Name, &dispatch::Spec)| {
        let (_, rule) = spec.refine(name, &plugins, &destinations).ok()?;
        Some((name.clone(), Arc::new(rule)))
    };
    specs.rules.iter().filter_map(refine).collect()
}
