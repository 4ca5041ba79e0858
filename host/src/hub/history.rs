//! Rules as they were. Runs and batches are pinned to the revision that matched them; where their rule has changed since, the rules of
//! that revision are refined again from the kept records.
//!
//! What only fails now, as a disk or a component's file may, is told as [`Unavailable`] and never remembered.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::Value;

use super::{
    Hub,
    check::collected,
    component::{BindError, Catalogue},
    entry::{Documents, Kind},
    spec::Specs,
};
use crate::{
    deliver,
    dispatch::{self, Unavailable},
    event::{Digest, Name},
};

/// The most former rule sets that are kept in memory.
const KEPT_MAX: usize = 16;

/// A workspace's rules as of one revision.
#[derive(Default)]
struct Rules {
    /// What can no longer be refined, because the spec has moved on, is missing.
    rules: HashMap<Name, Arc<dispatch::Rule>>,
    /// Rules with a plugin that cannot be had now, and why.
    lacking: HashMap<Name, String>,
}

/// The former rule sets that were asked for last, newest first. All of them are complete.
#[derive(Default)]
pub(super) struct Former {
    kept: Mutex<VecDeque<((Name, u64), Arc<Rules>)>>,
}

impl dispatch::History for Hub {
    /// Reads records from disk where the rule has changed since and the revision is not among those asked for last, which takes
    /// milliseconds; and loads components that only that revision used, which takes a compilation each.
    fn rule_at<'a>(&'a self, workspace: &'a Name, revision: u64, rule: &'a Name) -> dispatch::Found<'a> {
        Box::pin(async move {
            let state = self.inner.state.load_full();
            if let Some(rule) = state.rule_unchanged_since(workspace, revision, rule) {
                return Ok(Some(rule));
            }
            if revision > state.revision {
                return Ok(None);
            }
            let Some(former) = self.former_rules(workspace, revision).await? else { return Ok(None) };
            match former.lacking.get(rule) {
                Some(cause) => Err(unavailable(revision, cause.as_str())),
                None => Ok(former.rules.get(rule).cloned()),
            }
        })
    }
}

fn unavailable(revision: u64, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Unavailable {
    Unavailable { revision, cause: Arc::from(cause.into()) }
}

impl Hub {
    async fn former_rules(&self, workspace: &Name, revision: u64) -> Result<Option<Arc<Rules>>, Unavailable> {
        let place = (workspace.clone(), revision);
        if let Some(rules) = self.inner.former.get(&place) {
            return Ok(Some(rules));
        }
        let inner = Arc::clone(&self.inner);
        let read = tokio::task::spawn_blocking(move || inner.revisions.at(revision)).await;
        let documents = read.map_err(|error| unavailable(revision, error))?.map_err(|error| unavailable(revision, error))?;
        let Some(documents) = documents else { return Ok(None) };
        let rules = Arc::new(rules_of(workspace, &documents, &self.inner.catalogue).await);
        if rules.lacking.is_empty() {
            self.inner.former.keep(place, Arc::clone(&rules));
        }
        Ok(Some(rules))
    }
}

impl Former {
    fn get(&self, place: &(Name, u64)) -> Option<Arc<Rules>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.iter().position(|(other, _)| other == place)?;
        let entry = kept.remove(found)?;
        let rules = entry.1.clone();
        kept.push_front(entry);
        Some(rules)
    }

    /// What the rules' plugins run.
    pub(super) fn digests(&self) -> Vec<Digest> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let rules = kept.iter().flat_map(|(_, rules)| rules.rules.values());
        rules.flat_map(|rule| rule.chain.iter().map(|bound| bound.digest)).collect()
    }

    fn keep(&self, place: (Name, u64), rules: Arc<Rules>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_front((place, rules));
        kept.truncate(KEPT_MAX);
    }
}

async fn rules_of(workspace: &Name, documents: &Documents, catalogue: &Catalogue) -> Rules {
    let mut specs = Specs::default();
    let mut destinations = BTreeMap::new();
    for (entry, document) in documents.iter().filter(|(entry, _)| entry.workspace == *workspace) {
        match entry.kind {
            Kind::Source => {}
            // Its secrets are sealed, and of no concern to a rule.
            Kind::Destination => drop(destinations.insert(entry.name.clone(), collected(format_of(document)))),
            // What does not fit is missing, like the rest of what cannot be refined.
            Kind::Plugin | Kind::Rule => drop(specs.read(&entry.key(), document)),
        }
    }
    let (mut plugins, mut absent) = (HashMap::new(), HashMap::new());
    for (name, spec) in &specs.plugins {
        match catalogue.bind(name, spec).await {
            Ok(bound) => drop(plugins.insert(name.clone(), bound)),
            Err(BindError::Unavailable(cause)) => drop(absent.insert(name.clone(), cause)),
            Err(BindError::Invalid(_)) => {}
        }
    }
    let mut rules = Rules::default();
    for (name, spec) in &specs.rules {
        if let Some(cause) = spec.plugins.iter().find_map(|plugin| absent.get(plugin)) {
            rules.lacking.insert(name.clone(), cause.clone());
        } else if let Ok((_, rule)) = spec.refine(name, &plugins, &destinations) {
            rules.rules.insert(name.clone(), Arc::new(rule));
        }
    }
    rules
}

fn format_of(destination: &Value) -> deliver::Format {
    destination.get("format").and_then(|format| serde_json::from_value(format.clone()).ok()).unwrap_or_default()
}
