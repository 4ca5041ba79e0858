//! Rules as they were. Runs and batches are pinned to the revision that matched them; where that is no longer the current one, the
//! rules are refined again from the kept records.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::Value;

use super::{
    Hub,
    check::collected,
    component::Catalogue,
    entry::{Documents, Kind},
    seal::Seal,
    spec::Specs,
};
use crate::{deliver, dispatch, event::Name};

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
    /// Reads records from disk where the revision is neither current nor among those asked for last, which takes milliseconds; and
    /// loads components that only that revision used, which takes a compilation each.
    fn rule_at<'a>(&'a self, workspace: &'a Name, revision: u64, rule: &'a Name) -> dispatch::Found<'a> {
        Box::pin(async move {
            let snapshot = self.inner.snapshot.load_full();
            if revision > snapshot.revision {
                return None;
            }
            match snapshot.dispatch.workspaces.get(workspace).filter(|rules| revision >= rules.revision) {
                Some(rules) => rules.named(rule).cloned(),
                None => self.former_rules(workspace, revision).await?.get(rule).cloned(),
            }
        })
    }
}

impl Hub {
    async fn former_rules(&self, workspace: &Name, revision: u64) -> Option<Rules> {
        let place = (workspace.clone(), revision);
        if let Some(rules) = self.inner.former.get(&place) {
            return Some(rules);
        }
        let inner = Arc::clone(&self.inner);
        let documents = tokio::task::spawn_blocking(move || inner.revisions.at(revision)).await.ok()??;
        let rules = Arc::new(rules_of(workspace, &documents, &self.inner.catalogue, &self.inner.seal).await);
        self.inner.former.keep(place, Arc::clone(&rules));
        Some(rules)
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
async fn rules_of(
    workspace: &Name,
    documents: &Documents,
    catalogue: &Catalogue,
    seal: &Seal,
) -> HashMap<Name, Arc<dispatch::Rule>> {
    let mut specs = Specs::default();
    let mut destinations = BTreeMap::new();
    for (entry, document) in documents.iter().filter(|(entry, _)| entry.workspace == *workspace) {
        match entry.kind {
            Kind::Source => {}
            // Its secrets are sealed, and of no concern to a rule.
            Kind::Destination => drop(destinations.insert(entry.name.clone(), collected(format_of(document)))),
            // What does not fit is missing, like the rest of what cannot be refined.
            Kind::Rule => drop(specs.read(&entry.key(), document)),
            Kind::Plugin => drop(seal.unseal(entry, document.clone()).map(|clear| specs.read(&entry.key(), &clear))),
        }
    }
    let mut plugins = HashMap::new();
    for (name, spec) in &specs.plugins {
        if let Ok(bound) = catalogue.bind(name, spec).await {
            plugins.insert(name.clone(), bound);
        }
    }
    let refine = |(name, spec): (&Name, &dispatch::Spec)| {
        let (_, rule) = spec.refine(name, &plugins, &destinations).ok()?;
        Some((name.clone(), Arc::new(rule)))
    };
    specs.rules.iter().filter_map(refine).collect()
}

fn format_of(destination: &Value) -> deliver::Format {
    destination.get("format").and_then(|format| serde_json::from_value(format.clone()).ok()).unwrap_or_default()
}
