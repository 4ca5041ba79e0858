//! Whether a proposal may become a revision: every changed entry fits its part, every name that another uses is there, every component
//! is compiled. All problems are told at once, each once: what is wrong with an entry makes no entry wrong that names it. Only where
//! nothing is wrong do refined entries reach a snapshot.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    component::Catalogue,
    draft::{Edits, is_shown_form},
    entry::{Key, Kind, Problem},
    remainder::Remainder,
    settings,
    snapshot::{Bounds, Item, Part, Workspace, all_but_rules, named, plugins_of},
    spec::{Reference, Specs, Wrong, fed, is_reference, matched_sources, references, secret_pointers, typed, verifier},
    wording::Misfit,
};
use crate::{
    deliver, dispatch,
    event::{Invalid, Name, Order},
    plugin,
};

/// The refined entries: the changed ones, and rules and sources that have to be joined with changed plugins.
pub(super) type Parts = BTreeMap<Key, Part>;

/// Why a proposal is refused.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) problems: Vec<Problem>,
    /// Deletions of what another entry uses.
    pub(super) in_use: Vec<Problem>,
}

/// What entries are checked against, beside each other.
#[derive(Clone, Copy)]
pub(super) struct Terms<'a> {
    /// Whose entries they are.
    pub(super) workspace: &'a Name,
    /// The components there are.
    pub(super) catalogue: &'a Catalogue,
    /// Whether destinations can call this host back.
    pub(super) callbacks: bool,
}

/// Checks `edits` to the entries there are.
pub(super) async fn check(standing: &Workspace, edits: &Edits, terms: &Terms<'_>) -> Result<Parts, Findings> {
    found(standing, edits, terms, Settings::Accepted).await
}

/// The same for what somebody asks for: each changed plugin says what it holds of its settings. What was applied is not asked again, so
/// that no plugin keeps the host from starting.
pub(super) async fn check_proposed(standing: &Workspace, edits: &Edits, terms: &Terms<'_>) -> Result<Parts, Findings> {
    found(standing, edits, terms, Settings::Proposed).await
}

/// Whether plugins accepted their settings before.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Settings {
    Accepted,
    Proposed,
}

async fn found(standing: &Workspace, edits: &Edits, terms: &Terms<'_>, settings: Settings) -> Result<Parts, Findings> {
    let &Terms { workspace, catalogue, callbacks } = terms;
    let mut check = Check { standing, edits, parts: Parts::new(), findings: Findings::default(), wrong: BTreeMap::new() };
    let specs = check.read();
    let plugins = check.bind(&specs, catalogue, workspace).await;
    if settings == Settings::Proposed {
        check.ask_plugins(&plugins, catalogue).await;
    }
    check.refine_sources(&specs, &plugins);
    check.refine_destinations(&specs, callbacks);
    check.refine_onwards(&specs);
    check.refine_rules(&specs, &plugins, settings);
    check.find_used();
    let Findings { problems, in_use } = &check.findings;
    if problems.is_empty() && in_use.is_empty() { Ok(check.parts) } else { Err(check.findings) }
}

struct Check<'a> {
    standing: &'a Workspace,
    edits: &'a Edits,
    parts: Parts,
    findings: Findings,
    /// What is left of entries that are wrong.
    wrong: BTreeMap<Key, Remainder>,
}

impl<'a> Check<'a> {
    /// Reads the changed entries, and the unchanged ones that use a changed plugin or destination.
    fn read(&mut self) -> Specs {
        let (standing, edits) = (self.standing, self.edits);
        let put = |used: Key| matches!(edits.get(&used), Some(Some(_)));
        let any_put = edits.iter().any(|((kind, _), document)| document.is_some() && is_used(*kind));
        let changed = edits.iter().filter_map(|(key, document)| Some((key, document.as_ref()?)));
        let standing = any_put.then(|| standing_items(standing, edits)).into_iter().flatten();
        let joined = standing.filter(|(_, item)| uses(&item.part).into_iter().any(put));
        let mut specs = Specs::default();
        for (key, document) in changed.chain(joined.map(|(key, item)| (key, &item.document))) {
            if let Some(Wrong { misfits, rest }) = specs.read_what_fits(key, document, &unsettled_secrets(key.0, document)) {
                misfits.into_iter().for_each(|misfit| self.problem(key, misfit));
                self.wrong.insert(key.clone(), rest);
            }
        }
        specs
    }

    /// All plugins of the workspace, ready to be joined with rules; those that fail are missing.
    async fn bind(&mut self, specs: &Specs, catalogue: &Catalogue, workspace: &Name) -> Bounds {
        let mut plugins = plugins_of(self.standing);
        plugins.retain(|plugin, _| !self.edits.contains_key(&(Kind::Plugin, plugin.name.clone())));
        for (name, spec) in &specs.plugins {
            let key = (Kind::Plugin, name.clone());
            let mut tried = catalogue.bind(workspace, name, spec).await;
            let bound = loop {
                let error = match tried {
                    Ok(bound) => break Some(bound),
                    Err(error) => error,
                };
                let Some(spec) = self.left_of_plugin(&key, error.into_invalid()) else { break None };
                tried = catalogue.bind(workspace, name, &spec).await;
            };
            if let Some(bound) = bound {
                plugins.insert(named(name), bound.clone());
                self.parts.insert(key, Part::Plugin(bound));
            }
        }
        self.bind_pinned(specs, catalogue, &mut plugins).await;
        plugins
    }

    /// What is left to bind of a plugin without what is wrong with it, of which it tells.
    fn left_of_plugin(&mut self, key: &Key, wrong: Invalid) -> Option<plugin::Spec> {
        let document = self.document(key)?;
        let mut rest = self.wrong.remove(key).unwrap_or_else(|| Remainder::of(key.0, document));
        let (told, goes_on) = rest.without_misfit(&wrong.into());
        let left = if goes_on { typed(rest.left()).ok() } else { None };
        self.findings.problems.extend(told.map(|misfit| Problem::new(key, misfit.into())));
        self.wrong.insert(key.clone(), rest);
        left
    }

    /// The versions that rules pin, with their plugins' settings.
    async fn bind_pinned(&mut self, specs: &Specs, catalogue: &Catalogue, plugins: &mut Bounds) {
        for (rule, spec) in &specs.rules {
            for (at, reference) in spec.plugins.iter().enumerate() {
                // A pin that was not resolved has been told of.
                let is_new = !plugins.contains_key(reference) && reference.pin.as_ref().is_some_and(|pin| pin.whole().is_some());
                let Some(plugin) = plugins.get(&named(&reference.name)).filter(|_| is_new) else { continue };
                match catalogue.bind_pinned(plugin, reference).await {
                    Ok(bound) => drop(plugins.insert(reference.clone(), bound)),
                    Err(error) => {
                        let Invalid { message, .. } = error.into_invalid();
                        self.problem(&(Kind::Rule, rule.clone()), Invalid::at(format!("/plugins/{at}"), message));
                    }
                }
            }
        }
    }

    /// Changed plugins, their canaries, and what changed rules pin.
    async fn ask_plugins(&mut self, plugins: &Bounds, catalogue: &Catalogue) {
        let is_asked =
            |plugin: &plugin::Reference| plugin.pin.is_some() || self.parts.contains_key(&(Kind::Plugin, plugin.name.clone()));
        let asked: Vec<_> = plugins.iter().filter(|(plugin, _)| is_asked(plugin)).map(|(_, bound)| bound).collect();
        for bound in asked.into_iter().flat_map(plugin::Bound::versions) {
            for misfit in settings::told(catalogue.plugins.check_settings(Arc::clone(bound)).await) {
                self.problem(&(Kind::Plugin, bound.name.clone()), misfit);
            }
        }
    }

    fn refine_sources(&mut self, specs: &Specs, plugins: &Bounds) {
        let known = self.known();
        let active = plugins.iter().filter(|(plugin, _)| plugin.pin.is_none());
        let active = active.map(|(plugin, bound)| (plugin.name.clone(), Arc::clone(bound))).collect();
        for (name, spec) in &specs.sources {
            let key = (Kind::Source, name.clone());
            let unknown = self.tell_unknown(&key, verifier(spec), &known);
            // What failed itself has told of it; the source is not blamed as well.
            let plugin_is_good = spec.verify.plugin.as_ref().is_none_or(|name| plugins.contains_key(&named(name)));
            let told = if unknown || !plugin_is_good { vec!["/verify/plugin".to_owned()] } else { Vec::new() };
            self.keep(key, spec, &told, |spec| spec.refine(&active).map(|source| Part::Source(Arc::new(source))));
        }
    }

    fn refine_destinations(&mut self, specs: &Specs, callbacks: bool) {
        for (name, spec) in &specs.destinations {
            self.keep((Kind::Destination, name.clone()), spec, &[], |spec| {
                let refined = spec.refine().and_then(|refined| refined.check_callbacks(callbacks).map(|()| refined));
                refined.map(|refined| Part::Destination(Arc::new(refined)))
            });
        }
        for (name, spec) in &specs.pulls {
            let key = (Kind::Destination, name.clone());
            self.keep(key, spec, &[], |spec| spec.refine().map(|refined| Part::Pull(Arc::new(refined))));
        }
    }

    fn refine_onwards(&mut self, specs: &Specs) {
        let known = self.known();
        for (name, spec) in &specs.onwards {
            let key = (Kind::Destination, name.clone());
            self.tell_unknown(&key, fed(spec), &known);
            self.keep(key, spec, &[], |spec| spec.refine().map(|refined| Part::Onward(Arc::new(refined))));
        }
    }

    fn refine_rules(&mut self, specs: &Specs, plugins: &Bounds, settings: Settings) {
        let known = self.known();
        let destinations = self.destinations();
        for (name, spec) in &specs.rules {
            let key = (Kind::Rule, name.clone());
            // What stands on disk was checked when it was applied: no pattern keeps the host from starting.
            let named = references(spec).filter(|named| settings == Settings::Proposed || named.kind != Kind::Source);
            self.tell_unknown(&key, named, &known);
            // What is not there, or failed itself, is told of; the rule is not blamed as well.
            let bad_plugins = spec.plugins.iter().enumerate().filter(|(_, name)| !plugins.contains_key(*name));
            let bad_plugins = bad_plugins.map(|(at, _)| format!("/plugins/{at}"));
            let bad_destinations = spec.destinations.iter().enumerate().filter(|(_, name)| !destinations.contains_key(*name));
            let told: Vec<String> = bad_plugins.chain(bad_destinations.map(|(at, _)| format!("/destinations/{at}"))).collect();
            self.keep(key, spec, &told, |spec| {
                spec.refine(name, plugins, &destinations).map(|(pattern, rule)| Part::Rule(pattern, Arc::new(rule)))
            });
        }
    }

    /// Whether an entry names what is not there. That an unchanged one uses what is deleted is told at what is deleted.
    fn tell_unknown(&mut self, key: &Key, references: impl Iterator<Item = Reference>, known: &BTreeSet<Key>) -> bool {
        let unknown: Vec<_> = references.filter_map(|reference| reference.unknown(known)).collect();
        let is_unknown = !unknown.is_empty();
        for mut misfit in unknown.into_iter().filter(|_| self.edits.contains_key(key)) {
            if let Some(rest) = self.wrong.get(key) {
                misfit.pointer = rest.in_whole(&misfit.pointer);
            }
            self.problem(key, misfit);
        }
        is_unknown
    }

    /// Finds what is deleted although an entry that stays uses it.
    fn find_used(&mut self) {
        let any_gone = self.edits.iter().any(|((kind, _), document)| document.is_none() && is_used(*kind));
        if !any_gone {
            return;
        }
        let is_gone = |used: &Key| matches!(self.edits.get(used), Some(None));
        let mut in_use = Vec::new();
        for ((kind, name), item) in standing_items(self.standing, self.edits) {
            let matched = if *kind == Kind::Rule { matched_sources(&item.document["match"]) } else { Vec::new() };
            let used: BTreeSet<Key> = uses(&item.part).into_iter().chain(matched.iter().filter_map(Reference::key)).collect();
            for used in used.into_iter().filter(is_gone) {
                in_use.push(Problem::new(&used, Invalid::at("", format!("the {} `{name}` uses it", kind.singular()))));
            }
        }
        self.findings.in_use = in_use;
    }

    /// What rules have to know of the destinations that there would be; those that fail are missing.
    fn destinations(&self) -> BTreeMap<Name, dispatch::Wants> {
        let stays = all_but_rules(self.standing).filter(|(key, _)| !self.edits.contains_key(key));
        let stays = stays.map(|(key, item)| (key, &item.part));
        let all = stays.chain(self.parts.iter()).filter_map(|((_, name), part)| match part {
            Part::Destination(destination) => Some((name.clone(), wants(destination.format(), destination.order().cloned()))),
            Part::Pull(_) => Some((name.clone(), wants(deliver::Format::Raw, None))),
            Part::Onward(onward) => Some((name.clone(), wants(deliver::Format::Raw, onward.order().cloned()))),
            _ => None,
        });
        all.collect()
    }

    /// What there would be.
    fn known(&self) -> BTreeSet<Key> {
        let stays = all_but_rules(self.standing).map(|(key, _)| key).filter(|key| !self.edits.contains_key(key));
        let comes = self.edits.iter().filter(|(_, document)| document.is_some()).map(|(key, _)| key);
        stays.chain(comes).filter(|(kind, _)| is_used(*kind)).cloned().collect()
    }

    /// Keeps what an entry is refined to, or tells all that is wrong with it but for what is `told`: pointers into what was read of it.
    fn keep<S: DeserializeOwned>(&mut self, key: Key, spec: &S, told: &[String], refine: impl Fn(&S) -> Result<Part, Invalid>) {
        if let (Ok(part), []) = (refine(spec), told) {
            self.parts.insert(key, part);
            return;
        }
        let Some(document) = self.document(&key) else { return };
        let rest = self.wrong.remove(&key).unwrap_or_else(|| Remainder::of(key.0, document));
        let mut rest = rest.without(told);
        let (part, misfits) = rest.judge(|document| refine(&typed::<S>(document)?).map_err(Misfit::from));
        self.findings.problems.extend(misfits.into_iter().map(|misfit| Problem::new(&key, misfit.into())));
        if let (Some(part), []) = (part, told) {
            // What names it can be judged still.
            self.parts.insert(key.clone(), part);
        }
        self.wrong.insert(key, rest);
    }

    fn document(&self, key: &Key) -> Option<&'a Value> {
        let changed = self.edits.get(key).and_then(Option::as_ref);
        changed.or_else(|| self.standing.get(key).map(|item| &item.document))
    }

    /// Tells what is wrong, unless it is so only because of what has been told.
    fn problem(&mut self, key: &Key, misfit: impl Into<Misfit>) {
        let misfit = misfit.into();
        if !self.wrong.get(key).is_some_and(|rest| rest.explains(&misfit)) {
            self.findings.problems.push(Problem::new(key, misfit.into()));
        }
    }
}

/// What a destination of this format and order wants of the messages that go there.
pub(super) fn wants(format: deliver::Format, order: Option<Order>) -> dispatch::Wants {
    let collected = match format {
        deliver::Format::CloudeventsBatch => dispatch::Collected::CloudEvents,
        _ => dispatch::Collected::JsonArray,
    };
    dispatch::Wants { collected, order }
}

/// Secrets that are none: what was asked for has been told of when the draft was made ([`Proposal`](super::draft::Proposal)).
fn unsettled_secrets(kind: Kind, document: &Value) -> Vec<String> {
    let is_unsettled = |secret: &Value| secret.as_str().is_some_and(is_reference) || is_shown_form(secret);
    secret_pointers(kind, document).into_iter().filter(|pointer| document.pointer(pointer).is_some_and(is_unsettled)).collect()
}

/// Whether other entries name those of this kind.
fn is_used(kind: Kind) -> bool {
    kind != Kind::Rule
}

/// The plugins, destinations and sources that an entry is joined with, or feeds.
fn uses(part: &Part) -> Vec<Key> {
    let plugin = |bound: &Arc<plugin::Bound>| (Kind::Plugin, bound.name.clone());
    match part {
        Part::Source(source) => source.plugin.iter().map(plugin).collect(),
        Part::Rule(_, rule) => {
            let destinations = rule.targets.iter().map(|target| (Kind::Destination, target.name.clone()));
            rule.chain.iter().map(plugin).chain(destinations).collect()
        }
        Part::Onward(onward) => vec![(Kind::Source, onward.source().clone())],
        Part::Destination(_) | Part::Pull(_) | Part::Plugin(_) => Vec::new(),
    }
}

/// The entries that the proposal neither changes nor deletes.
fn standing_items<'a>(standing: &'a Workspace, edits: &'a Edits) -> impl Iterator<Item = (&'a Key, &'a Item)> {
    standing.iter().filter(|(key, _)| !edits.contains_key(key)).map(|(key, item)| (key, &**item))
}
