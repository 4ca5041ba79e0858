//! Rules as they were. Runs and batches are pinned to the revision that matched them; where their rule has changed since, the rules of
//! that revision are refined again from the kept records.
//!
//! What only fails now, as a disk or a component's file may, is told as [`Unavailable`] and never remembered.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::OnceCell;

use super::{
    Hub,
    check::wants,
    component::{BindError, Catalogue},
    entry::{Documents, Kind},
    revision::RecordsError,
    seal::Seal,
    snapshot::{Bounds, named},
    spec::Specs,
};
use crate::{
    deliver,
    dispatch::{self, Unavailable},
    event::{Digest, Name},
    plugin,
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

/// What comes of reading and refining a set; `None`: the records no longer tell.
type Told = Result<Option<Arc<Rules>>, Unavailable>;

type Place = (Name, u64);

/// The former rule sets that were asked for last, newest first: complete ones, and those that are being refined.
#[derive(Default)]
pub(super) struct Former {
    kept: Mutex<VecDeque<(Place, Arc<OnceCell<Told>>)>>,
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
    /// `None`: the records no longer tell. Who asks for the same while it is being read and refined waits for that, and hears the same.
    async fn former_rules(&self, workspace: &Name, revision: u64) -> Result<Option<Arc<Rules>>, Unavailable> {
        let place = (workspace.clone(), revision);
        let set = self.inner.former.set(&place);
        let told = set.get_or_init(|| self.refine_former(workspace.clone(), revision)).await.clone();
        let is_complete = matches!(&told, Ok(Some(rules)) if rules.lacking.is_empty());
        if !is_complete {
            self.inner.former.forget(&place, &set);
        }
        told
    }

    async fn refine_former(&self, workspace: Name, revision: u64) -> Told {
        let inner = Arc::clone(&self.inner);
        let whose = workspace.clone();
        let read = move || Ok(inner.revisions.at(revision)?.map(|documents| FormerSpecs::of(&whose, &documents, &inner.seal)));
        let read: Result<Option<FormerSpecs>, RecordsError> = off_the_workers(revision, read).await?;
        let Some(former) = read.map_err(|error| unavailable(revision, error))? else { return Ok(None) };
        let bound = Plugins::bind(&workspace, &former.specs, &self.inner.catalogue).await;
        off_the_workers(revision, move || former.refine(&bound)).await.map(|rules| Some(Arc::new(rules)))
    }
}

/// Many rules take long to parse, and tokio's workers have events to take in.
async fn off_the_workers<T: Send + 'static>(revision: u64, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Unavailable> {
    tokio::task::spawn_blocking(work).await.map_err(|error| unavailable(revision, error))
}

impl Former {
    /// The set of this place, perhaps still empty; now the newest.
    fn set(&self, place: &Place) -> Arc<OnceCell<Told>> {
        let mut kept = self.kept();
        let found = kept.iter().position(|(other, _)| other == place).and_then(|found| kept.remove(found));
        let entry = found.unwrap_or_else(|| (place.clone(), Arc::default()));
        let set = Arc::clone(&entry.1);
        kept.push_front(entry);
        kept.truncate(KEPT_MAX);
        set
    }

    /// Lets the next who asks try anew; a newer try stays.
    fn forget(&self, place: &Place, set: &Arc<OnceCell<Told>>) {
        self.kept().retain(|(other, kept)| other != place || !Arc::ptr_eq(kept, set));
    }

    /// What the rules' plugins run.
    pub(super) fn digests(&self) -> Vec<Digest> {
        let kept = self.kept();
        let sets = kept.iter().filter_map(|(_, set)| set.get()?.as_ref().ok()?.as_ref());
        let rules = sets.flat_map(|rules| rules.rules.values());
        rules.flat_map(|rule| rule.chain.iter().flat_map(plugin::Bound::versions).map(|bound| bound.digest)).collect()
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<(Place, Arc<OnceCell<Told>>)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a rule set is refined from.
struct FormerSpecs {
    specs: Specs,
    destinations: BTreeMap<Name, dispatch::Wants>,
}

impl FormerSpecs {
    fn of(workspace: &Name, documents: &Documents, seal: &Seal) -> Self {
        let mut former = Self { specs: Specs::default(), destinations: BTreeMap::new() };
        for (entry, document) in documents.iter().filter(|(entry, _)| entry.workspace == *workspace) {
            match entry.kind {
                Kind::Source => {}
                // Its secrets are sealed, and of no concern to a rule.
                Kind::Destination => drop(former.destinations.insert(entry.name.clone(), wants_of(document))),
                // What does not fit is missing, like the rest of what cannot be refined.
                Kind::Rule => drop(former.specs.read(&entry.key(), document)),
                // A plugin computes with its secrets.
                Kind::Plugin => drop(seal.unseal(entry, document.clone()).map(|clear| former.specs.read(&entry.key(), &clear))),
            }
        }
        former
    }

    fn refine(&self, plugins: &Plugins) -> Rules {
        let mut rules = Rules::default();
        for (name, spec) in &self.specs.rules {
            if let Some(cause) = spec.plugins.iter().find_map(|plugin| plugins.absent.get(plugin)) {
                rules.lacking.insert(name.clone(), cause.clone());
            } else if let Ok((_, rule)) = spec.refine(name, &plugins.bound, &self.destinations) {
                rules.rules.insert(name.clone(), Arc::new(rule));
            }
        }
        rules
    }
}

/// A former rule set's plugins.
#[derive(Default)]
struct Plugins {
    bound: Bounds,
    /// Those that cannot be had now, and why.
    absent: HashMap<plugin::Reference, String>,
}

impl Plugins {
    async fn bind(workspace: &Name, specs: &Specs, catalogue: &Catalogue) -> Self {
        let mut plugins = Self::default();
        for (name, spec) in &specs.plugins {
            plugins.keep(named(name), catalogue.bind(workspace, name, spec).await);
        }
        for reference in specs.rules.values().flat_map(|rule| &rule.plugins).filter(|reference| reference.pin.is_some()) {
            let plugin = named(&reference.name);
            if let Some(cause) = plugins.absent.get(&plugin) {
                plugins.keep(reference.clone(), Err(BindError::Unavailable(cause.clone())));
            } else if let Some(plugin) = plugins.bound.get(&plugin) {
                let bound = catalogue.bind_pinned(plugin, reference).await;
                plugins.keep(reference.clone(), bound);
            }
        }
        plugins
    }

    fn keep(&mut self, reference: plugin::Reference, bound: Result<Arc<plugin::Bound>, BindError>) {
        match bound {
            Ok(bound) => drop(self.bound.insert(reference, bound)),
            Err(BindError::Unavailable(cause)) => drop(self.absent.insert(reference, cause)),
            Err(BindError::Invalid(_)) => {}
        }
    }
}

fn wants_of(destination: &Value) -> dispatch::Wants {
    let order: Option<deliver::OrderSpec> = field(destination, "order");
    wants(field(destination, "format").unwrap_or_default(), order.and_then(|order| order.refine().ok()))
}

fn field<T: DeserializeOwned>(document: &Value, name: &str) -> Option<T> {
    document.get(name).and_then(|value| serde_json::from_value(value.clone()).ok())
}
