//! A rule as the hub file declares it, and refined: joined with its plugins and destinations.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use http::HeaderName;
use schemars::JsonSchema;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::collect::Collected;
use crate::{
    event::{Duration, Invalid, Name, Order, is_host_owned},
    journal::BatchLimits,
    plugin::{Bound, Reference},
    route::Pattern,
};

/// The most destinations of one rule: each message of a chain becomes a delivery to each of them, in one transaction.
const DESTINATIONS_MAX: usize = 100;

/// A rule as the hub file declares it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Rule")]
pub struct Spec {
    /// Which events; without it: all.
    #[serde(default, rename = "match")]
    #[schemars(with = "Pattern")]
    pub pattern: serde_json::Value,
    /// In this order; by name, or pinned to a version.
    #[serde(default)]
    pub plugins: Vec<Reference>,
    /// Where to; at least one, at most 100.
    #[serde(default)]
    pub destinations: Vec<Name>,
    /// Collects messages before they go out.
    pub batch: Option<BatchSpec>,
    /// Headers of the event that the message carries too.
    #[serde(default)]
    pub forward_headers: Vec<String>,
}

/// A rule's batch as the hub file declares it: it goes out when the first of these is reached.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Batch")]
pub struct BatchSpec {
    /// 1 to 10,000; 100 unless told otherwise.
    pub max_events: Option<u32>,
    /// Bodies together, in bytes, to 16 MiB; 1 MiB unless told otherwise.
    pub max_bytes: Option<u64>,
    /// 100 ms to 7 days after the first event; `"1m"` unless told otherwise.
    pub max_age: Option<Duration>,
}

/// A destination of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The destination.
    pub name: Name,
    /// What it wants.
    pub wants: Wants,
}

/// What a destination wants of the messages that go there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wants {
    /// What a batch without a plugin becomes on its way.
    pub collected: Collected,
    /// What has to come in order.
    pub order: Option<Order>,
}

/// A refined rule; its pattern is in the index.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name.
    pub name: Name,
    /// In order, ready to run.
    pub chain: Arc<[Arc<Bound>]>,
    /// Where to.
    pub targets: Vec<Target>,
    /// Collects messages before they go out.
    pub batch: Option<BatchLimits>,
    /// Lower case.
    pub forward_headers: Vec<String>,
    /// A hash of what a batch's members have in common: another one closes the batch.
    pub hash: [u8; 16],
}

impl Rule {
    /// The plugin that folds this rule's batches.
    #[must_use]
    pub fn folder(&self) -> Option<&Arc<Bound>> {
        self.chain.last().filter(|plugin| plugin.exports.batch)
    }
}

impl Spec {
    /// Checks the spec, and joins it with what it names.
    pub fn refine(
        &self,
        name: &Name,
        plugins: &HashMap<Reference, Arc<Bound>>,
        destinations: &BTreeMap<Name, Wants>,
    ) -> Result<(Pattern, Rule), Invalid> {
        let pattern = Pattern::parse(&self.pattern).map_err(|e| Invalid::at(format!("/match{}", e.pointer), e.message))?;
        let batch = self.batch.as_ref().map(BatchSpec::refine).transpose()?;
        let forward_headers = self.forwarded()?;
        let chain = self.chain(plugins)?;
        let targets = self.targets(destinations)?;
        let mut rule = Rule { name: name.clone(), chain, targets, batch, forward_headers, hash: [0; 16] };
        check_batch_stage(&rule)?;
        check_batch_order(&rule)?;
        rule.hash = hash(&rule);
        Ok((pattern, rule))
    }

    fn chain(&self, plugins: &HashMap<Reference, Arc<Bound>>) -> Result<Arc<[Arc<Bound>]>, Invalid> {
        let known = || plugins.keys().map(|reference| &reference.name);
        let bound = self.plugins.iter().enumerate().map(|(i, named)| {
            let (at, name) = (format!("/plugins/{i}"), &named.name);
            let plugin = plugins.get(named).ok_or_else(|| unknown(&at, "plugin", name, known()))?;
            if !plugin.exports.takes_events() {
                let message = format!(
                    "the plugin `{name}` only verifies requests: name it in a source, as in \
                    verify = {{ scheme = \"plugin\", plugin = \"{name}\" }}"
                );
                return Err(Invalid::at(at, message));
            }
            Ok(Arc::clone(plugin))
        });
        bound.collect()
    }

    fn targets(&self, destinations: &BTreeMap<Name, Wants>) -> Result<Vec<Target>, Invalid> {
        if self.destinations.is_empty() {
            return Err(Invalid::at("/destinations", "a rule sends somewhere: name at least one destination"));
        }
        if self.destinations.len() > DESTINATIONS_MAX {
            let count = self.destinations.len();
            return Err(Invalid::at(
                "/destinations",
                format!("a rule sends to {count} destinations, the limit is {DESTINATIONS_MAX}"),
            ));
        }
        let mut targets = Vec::with_capacity(self.destinations.len());
        for (i, name) in self.destinations.iter().enumerate() {
            let at = format!("/destinations/{i}");
            let wants = destinations.get(name).ok_or_else(|| unknown(&at, "destination", name, destinations.keys()))?.clone();
            let target = Target { name: name.clone(), wants };
            if targets.contains(&target) {
                return Err(Invalid::at(at, format!("`{name}` is named twice")));
            }
            targets.push(target);
        }
        Ok(targets)
    }

    fn forwarded(&self) -> Result<Vec<String>, Invalid> {
        let checked = self.forward_headers.iter().enumerate().map(|(i, text)| {
            let at = format!("/forward_headers/{i}");
            let name: HeaderName = text.parse().map_err(|_| Invalid::at(&at, format!("`{text}` is not a header name")))?;
            if name == http::header::CONTENT_TYPE || is_host_owned(name.as_str()) {
                return Err(Invalid::at(
                    at,
                    format!("`{text}` cannot be forwarded: the host sets it, or it is for one hop only"),
                ));
            }
            Ok(name.as_str().to_owned())
        });
        checked.collect()
    }
}

fn unknown<'a>(at: impl Into<String>, what: &str, name: &Name, known: impl Iterator<Item = &'a Name>) -> Invalid {
    let nearest = known.max_by(|a, b| {
        let near = |candidate: &Name| strsim::jaro_winkler(candidate.as_str(), name.as_str());
        near(a).total_cmp(&near(b))
    });
    let hint = match nearest {
        Some(nearest) => format!("; did you mean `{nearest}`?"),
        None => format!("; no {what} is declared"),
    };
    Invalid::at(at, format!("there is no {what} `{name}`{hint}"))
}

/// Plugins before the batch stage run as events join; there is nothing after it but the destinations.
fn check_batch_stage(rule: &Rule) -> Result<(), Invalid> {
    let Some(place) = rule.chain.iter().position(|plugin| plugin.exports.batch) else { return Ok(()) };
    let name = &rule.chain[place].name;
    if place + 1 < rule.chain.len() {
        let message = format!("`{name}` folds batches and must be the last plugin of the rule");
        return Err(Invalid::at(format!("/plugins/{place}"), message));
    }
    if rule.batch.is_none() {
        let message = format!("`{name}` folds batches: say when, as in batch = {{ max_events = 100, max_age = \"1m\" }}");
        return Err(Invalid::at(format!("/plugins/{place}"), message));
    }
    Ok(())
}

/// A batch has events of many keys, so it can be in no line of one of them.
fn check_batch_order(rule: &Rule) -> Result<(), Invalid> {
    let by_key = |target: &Target| matches!(target.wants.order, Some(Order::Json(_) | Order::Header(_)));
    let Some(place) = rule.targets.iter().position(by_key).filter(|_| rule.batch.is_some()) else { return Ok(()) };
    let message = format!(
        "`{}` has its events in order by a key, and a batch has no one key: send batches to a destination with order = \"destination\", \
         or without an order",
        rule.targets[place].name
    );
    Err(Invalid::at(format!("/destinations/{place}"), message))
}

const EVENTS_MAX: u32 = 10_000;
const BYTES_MAX: u64 = 16 * 1024 * 1024;
const AGE_MS: std::ops::RangeInclusive<u64> = 100..=7 * 24 * 3_600_000;

impl BatchSpec {
    fn refine(&self) -> Result<BatchLimits, Invalid> {
        let limits = BatchLimits {
            events_max: self.max_events.unwrap_or(100),
            bytes_max: self.max_bytes.unwrap_or(1024 * 1024),
            age_ms_max: self.max_age.map_or(60_000, |age| age.ms),
        };
        if !(1..=EVENTS_MAX).contains(&limits.events_max) {
            return Err(Invalid::at("/batch/max_events", format!("{} is outside of 1 to {EVENTS_MAX}", limits.events_max)));
        }
        if !(1..=BYTES_MAX).contains(&limits.bytes_max) {
            return Err(Invalid::at("/batch/max_bytes", format!("{} is outside of 1 to {BYTES_MAX}", limits.bytes_max)));
        }
        if !AGE_MS.contains(&limits.age_ms_max) {
            return Err(Invalid::at("/batch/max_age", "the age is outside of \"100ms\" to \"7d\""));
        }
        Ok(limits)
    }
}

fn hash(rule: &Rule) -> [u8; 16] {
    let mut hasher = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hasher.update((bytes.len() as u64).to_be_bytes());
        hasher.update(bytes);
    };
    for plugin in rule.chain.iter() {
        part(&plugin.fingerprint());
    }
    for target in &rule.targets {
        part(target.name.as_str().as_bytes());
        part(&[target.wants.collected as u8]);
        part(format!("{:?}", target.wants.order).as_bytes());
    }
    for header in &rule.forward_headers {
        part(header.as_bytes());
    }
    part(format!("{:?}", rule.batch).as_bytes());
    let mut half = [0; 16];
    half.copy_from_slice(&hasher.finalize()[..16]);
    half
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refine(spec: serde_json::Value) -> Result<(Pattern, Rule), Invalid> {
        let destinations = [("crm", Collected::JsonArray), ("erp", Collected::CloudEvents)];
        let wants = |collected| Wants { collected, order: None };
        let mut destinations: BTreeMap<Name, Wants> =
            destinations.map(|(name, how)| (name.parse().expect("name"), wants(how))).into();
        let in_order = |order| Wants { order: Some(order), ..wants(Collected::JsonArray) };
        destinations.insert("ledger".parse().expect("name"), in_order(Order::All));
        destinations.insert("by-key".parse().expect("name"), in_order(Order::Header("x-key".into())));
        let spec: Spec = serde_json::from_value(spec).expect("a spec");
        spec.refine(&"r".parse().expect("name"), &HashMap::new(), &destinations)
    }

    #[test]
    fn what_a_rule_names_must_be_there() {
        let wrong = refine(serde_json::json!({"destinations": ["crm", "epr"]})).expect_err("unknown");
        assert_eq!(wrong.pointer, "/destinations/1");
        assert!(wrong.message.contains("did you mean `erp`"), "{wrong}");
        let wrong = refine(serde_json::json!({"destinations": ["crm"], "plugins": ["redact"]})).expect_err("unknown");
        assert_eq!(wrong.pointer, "/plugins/0");
        assert_eq!(refine(serde_json::json!({})).expect_err("nowhere").pointer, "/destinations");
        assert_eq!(refine(serde_json::json!({"destinations": ["crm", "crm"]})).expect_err("twice").pointer, "/destinations/1");
    }

    #[test]
    fn a_rule_has_so_many_destinations() {
        let names = |count: usize| serde_json::json!({"destinations": (0..count).map(|i| format!("d{i}")).collect::<Vec<_>>()});
        let over = refine(names(101)).expect_err("one too many");
        assert_eq!((over.pointer.as_str(), over.message.contains("the limit is 100")), ("/destinations", true), "{over}");
        assert_eq!(refine(names(100)).expect_err("only unknown").pointer, "/destinations/0");
    }

    #[test]
    fn a_batch_has_bounds() {
        let with = |batch| refine(serde_json::json!({"destinations": ["crm"], "batch": batch}));
        let limits = with(serde_json::json!({})).expect("defaults").1.batch.expect("a batch");
        assert_eq!(limits, BatchLimits { events_max: 100, bytes_max: 1024 * 1024, age_ms_max: 60_000 });
        assert_eq!(with(serde_json::json!({"max_events": 0})).expect_err("none").pointer, "/batch/max_events");
        assert_eq!(with(serde_json::json!({"max_age": "1ms"})).expect_err("too short").pointer, "/batch/max_age");
    }

    #[test]
    fn a_batch_goes_where_all_or_nothing_is_in_order() {
        let to = |names: &[&str]| refine(serde_json::json!({"destinations": names, "batch": {}}));
        to(&["crm", "ledger"]).expect("a rule");
        let wrong = to(&["crm", "by-key"]).expect_err("a batch has no key");
        assert_eq!(wrong.pointer, "/destinations/1");
        refine(serde_json::json!({"destinations": ["by-key"]})).expect("single events have one");
    }

    #[test]
    fn the_hash_follows_what_members_have_in_common() {
        let hash = |spec| refine(spec).expect("a rule").1.hash;
        let one = hash(serde_json::json!({"destinations": ["crm"], "match": {"type": ["a"]}}));
        assert_eq!(
            one,
            hash(serde_json::json!({"destinations": ["crm"], "match": {"type": ["b"]}})),
            "a pattern changes no member"
        );
        assert_ne!(one, hash(serde_json::json!({"destinations": ["erp"]})));
        assert_ne!(one, hash(serde_json::json!({"destinations": ["crm"], "batch": {}})));
    }
}
