//! stub of the dispatch part
use std::{collections::HashMap, sync::Arc};

use serde::Deserialize;

use crate::{
    event::{Duration, Invalid, Name},
    journal::BatchLimits,
    plugin, route,
};

/// A rule as the hub file declares it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Which events; none named: all.
    #[serde(default, rename = "match")]
    pub pattern: serde_json::Value,
    /// In this order.
    #[serde(default)]
    pub plugins: Vec<Name>,
    /// Where to.
    #[serde(default)]
    pub destinations: Vec<Name>,
    /// Collects messages before they go out.
    pub batch: Option<BatchSpec>,
    /// Headers of the event that pass.
    #[serde(default)]
    pub forward_headers: Vec<String>,
}

/// A rule's batch as the hub file declares it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchSpec {
    /// 1 to 10,000.
    pub max_events: Option<u32>,
    /// In bytes.
    pub max_bytes: Option<u64>,
    /// `"30s"`.
    pub max_age: Option<Duration>,
}

/// A refined rule, without its plugins and pattern.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name.
    pub name: Name,
    /// In order, ready to run.
    pub chain: Arc<[Arc<plugin::Bound>]>,
    /// Where to.
    pub destinations: Vec<Name>,
    /// Collects messages before they go out.
    pub batch: Option<BatchLimits>,
    /// Lower case.
    pub forward_headers: Vec<String>,
    /// A hash of the rule and its plugins' digests and settings.
    pub hash: [u8; 16],
}

impl Spec {
    /// Checks the spec, and joins it with its plugins.
    pub fn refine(&self, _name: &Name, _plugins: &HashMap<Name, Arc<plugin::Bound>>) -> Result<(route::Pattern, Rule), Invalid> {
        Err(Invalid::at("", "stub"))
    }
}

/// This part's piece of the snapshot, of one workspace.
#[derive(Debug, Default)]
pub struct Rules {
    /// The revision it belongs to.
    pub revision: u64,
    /// In the order of the index's numbers.
    pub rules: Vec<Arc<Rule>>,
    /// Finds them.
    pub index: route::Index,
}

/// This part's piece of the snapshot.
#[derive(Debug, Default)]
pub struct Book {
    /// By workspace.
    pub workspaces: HashMap<Name, Arc<Rules>>,
}

/// Rules as they were: runs and batches are pinned to the revision that matched them.
pub trait History: Send + Sync {
    /// The rule as of that revision; `None` where it is no longer kept.
    fn rule_at(&self, workspace: &Name, revision: u64, rule: &Name) -> Option<Arc<Rule>>;
}
