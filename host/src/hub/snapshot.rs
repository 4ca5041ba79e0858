//! What the running host reads: the parts' books, made of the refined entries and never changed again. A new one takes the place
//! of the old in one step, between two events.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use serde_json::Value;

use super::{
    entry::{Documents, Entry, Key, Kind},
    revision::Whole,
    shared_map::SharedMap,
};
use crate::{
    deliver, dispatch,
    event::{Digest, Name},
    ingest,
    journal::Lane,
    plugin, route,
};

/// The whole control plane as of one revision.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The newest revision of any workspace; 0 before the first.
    pub revision: u64,
    /// Flow 1's piece.
    pub ingest: ingest::Book,
    /// Flow 2's piece.
    pub dispatch: dispatch::Book,
    /// Flow 3's piece.
    pub deliver: deliver::Book,
}

/// All entries as of one revision: documents, and what they were refined to. Cloned and changed by each apply, so what it
/// does not touch is shared.
#[derive(Clone, Default)]
pub(super) struct State {
    pub(super) revision: u64,
    pub(super) workspaces: BTreeMap<Name, Arc<Workspace>>,
    /// What of the workspaces' quotas the flows keep; no revision has it.
    pub(super) rates: Arc<HashMap<Name, ingest::WorkspaceRate>>,
    /// The newest revision of each workspace that ever had one.
    pub(super) newest: BTreeMap<Name, u64>,
}

/// The entries of one workspace.
pub(super) type Workspace = SharedMap<Key, Arc<Item>>;

/// One entry.
pub(super) struct Item {
    /// Its secrets are sealed.
    pub(super) document: Value,
    pub(super) part: Part,
    /// The revision that made `part` what it is: for a rule, also one that changed a plugin or destination which it is joined with.
    pub(super) since: u64,
}

/// An entry, refined and ready to be put into its part's book.
#[derive(Clone)]
pub(super) enum Part {
    Source(Arc<ingest::Source>),
    Destination(Arc<deliver::Destination>),
    Pull(Arc<deliver::Pull>),
    Onward(Arc<deliver::Onward>),
    Plugin(Arc<plugin::Bound>),
    Rule(route::Pattern, Arc<dispatch::Rule>),
}

impl State {
    pub(super) fn workspace(&self, name: &Name) -> Arc<Workspace> {
        self.workspaces.get(name).cloned().unwrap_or_default()
    }

    /// The revision in force in a workspace; 0 before its first.
    pub(super) fn revision_of(&self, workspace: &Name) -> u64 {
        self.newest.get(workspace).copied().unwrap_or_default()
    }

    pub(super) fn item(&self, workspace: &Name, key: &Key) -> Option<&Arc<Item>> {
        self.workspaces.get(workspace)?.get(key)
    }

    pub(super) fn documents(&self) -> Documents {
        self.all().map(|(workspace, key, item)| (Entry::new(workspace, key), item.document.clone())).collect()
    }

    /// Everything, for a full record.
    pub(super) fn whole(&self) -> Whole {
        let rules = self.all().filter(|(_, key, _)| key.0 == Kind::Rule);
        let since = rules.map(|(workspace, key, item)| (Entry::new(workspace, key), item.since)).collect();
        Whole { documents: self.documents(), since, newest: self.newest.clone() }
    }

    /// The plugins' components, canaries and pinned ones too.
    pub(super) fn digests(&self) -> impl Iterator<Item = Digest> {
        let bound = self.all().flat_map(|(_, _, item)| match &item.part {
            Part::Plugin(bound) => std::slice::from_ref(bound),
            Part::Rule(_, rule) => &rule.chain,
            Part::Source(_) | Part::Destination(_) | Part::Pull(_) | Part::Onward(_) => &[],
        });
        bound.flat_map(plugin::Bound::versions).map(|bound| bound.digest)
    }

    /// The rule, if it is the same now as it was at this revision.
    pub(super) fn rule_unchanged_since(&self, workspace: &Name, revision: u64, rule: &Name) -> Option<Arc<dispatch::Rule>> {
        let item = self.item(workspace, &(Kind::Rule, rule.clone()))?;
        match &item.part {
            Part::Rule(_, rule) if item.since <= revision && revision <= self.revision => Some(Arc::clone(rule)),
            _ => None,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.workspaces.values().map(|workspace| workspace.len()).sum()
    }

    fn all(&self) -> impl Iterator<Item = (&Name, &Key, &Item)> {
        self.workspaces.iter().flat_map(|(name, workspace)| workspace.iter().map(move |(key, item)| (name, key, &**item)))
    }
}

/// What an apply changed of the rules.
pub(super) struct ChangedRules<'a> {
    pub(super) workspace: &'a Name,
    /// Those that came, went, or were refined again.
    pub(super) names: BTreeSet<&'a Name>,
}

impl Snapshot {
    /// The snapshot of `state`, made from nothing.
    pub(super) fn of(state: &State) -> Self {
        let mut snapshot = Self::without_rules(state);
        for (name, workspace) in &state.workspaces {
            snapshot.dispatch.workspaces.insert(name.clone(), Arc::new(rules_of(state.revision, workspace)));
        }
        snapshot
    }

    /// The snapshot of `after`, where this is that of `before`. Of a workspace where no rule changed, the rules and their index are
    /// this one's; where one did, what the next ones cost grows with the change, not with the rules.
    pub(super) fn followed_by(&self, before: &State, after: &State, changed: Option<&ChangedRules<'_>>) -> Self {
        let mut snapshot = Self::without_rules(after);
        for (name, workspace) in &after.workspaces {
            let standing = self.dispatch.workspaces.get(name);
            let rules = match (standing, changed.filter(|changed| changed.workspace == name)) {
                (None, _) => Arc::new(rules_of(after.revision, workspace)),
                (Some(standing), None) => Arc::clone(standing),
                (Some(standing), Some(changed)) => {
                    let turn = Turn { before: &before.workspace(name), after: workspace };
                    Arc::new(dispatch::Rules { revision: after.revision, ..turn.rules(standing, &changed.names) })
                }
            };
            snapshot.dispatch.workspaces.insert(name.clone(), rules);
        }
        snapshot
    }

    fn without_rules(state: &State) -> Self {
        let mut snapshot = Self { revision: state.revision, ..Self::default() };
        snapshot.ingest.rates = Arc::clone(&state.rates);
        let all = state.workspaces.iter().flat_map(|(name, workspace)| all_but_rules(workspace).map(move |entry| (name, entry)));
        for (workspace, ((_, name), item)) in all {
            match &item.part {
                Part::Source(source) => {
                    snapshot.ingest.sources.insert((workspace.clone(), name.clone()), source.clone());
                }
                Part::Destination(destination) => {
                    let lane = Lane { workspace: workspace.clone(), name: name.clone() };
                    snapshot.deliver.destinations.insert(lane, destination.clone());
                }
                Part::Pull(pull) => {
                    let lane = Lane { workspace: workspace.clone(), name: name.clone() };
                    snapshot.deliver.pulls.insert(lane, pull.clone());
                }
                Part::Onward(onward) => {
                    let lane = Lane { workspace: workspace.clone(), name: name.clone() };
                    snapshot.deliver.onwards.insert(lane, onward.clone());
                }
                Part::Plugin(_) | Part::Rule(..) => {}
            }
        }
        snapshot
    }
}

/// The entries that are not many: keys are ordered by kind, and rules come last.
pub(super) fn all_but_rules(workspace: &Workspace) -> impl Iterator<Item = (&Key, &Arc<Item>)> {
    workspace.iter().take_while(|(key, _)| key.0 < Kind::Rule)
}

fn rule_in<'a>(workspace: &'a Workspace, name: &Name) -> Option<(&'a route::Pattern, &'a Arc<dispatch::Rule>)> {
    match &workspace.get(&(Kind::Rule, name.clone()))?.part {
        Part::Rule(pattern, rule) => Some((pattern, rule)),
        _ => None,
    }
}

fn rules_of(revision: u64, workspace: &Workspace) -> dispatch::Rules {
    let parts = workspace.values().filter_map(|item| match &item.part {
        Part::Rule(pattern, rule) => Some((pattern.clone(), rule.clone())),
        _ => None,
    });
    let (patterns, rules) = parts.unzip();
    dispatch::Rules { revision, rules, index: route::Index::new(patterns) }
}

/// From one state of a workspace to the next.
struct Turn<'a> {
    before: &'a Workspace,
    after: &'a Workspace,
}

impl Turn<'_> {
    /// The next rules, where `standing` are those of the state before.
    fn rules(&self, standing: &dispatch::Rules, changed: &BTreeSet<&Name>) -> dispatch::Rules {
        let mut rules = Vec::with_capacity(standing.rules.len() + changed.len());
        let mut changes = Vec::new();
        let mut taken = 0;
        for name in changed {
            let found = standing.rules.binary_search_by(|rule| rule.name.cmp(name));
            let (Ok(number) | Err(number)) = found;
            rules.extend_from_slice(&standing.rules[taken..number]);
            taken = number + usize::from(found.is_ok());
            match rule_in(self.after, name) {
                Some((pattern, rule)) => {
                    rules.push(Arc::clone(rule));
                    let same_pattern = rule_in(self.before, name).is_some_and(|(before, _)| before == pattern);
                    match found {
                        Ok(_) if same_pattern => {}
                        Ok(number) => changes.push(route::Change::Replace(number, pattern.clone())),
                        Err(number) => changes.push(route::Change::Insert(number, pattern.clone())),
                    }
                }
                None => changes.extend(found.ok().map(route::Change::Remove)),
            }
        }
        rules.extend_from_slice(&standing.rules[taken..]);
        let index = if changes.is_empty() { standing.index.clone() } else { standing.index.with(changes) };
        dispatch::Rules { revision: standing.revision, rules, index }
    }
}

/// Plugins ready to be joined with rules, by how rules name them.
pub(super) type Bounds = HashMap<plugin::Reference, Arc<plugin::Bound>>;

/// How a rule names a plugin that it does not pin.
pub(super) fn named(plugin: &Name) -> plugin::Reference {
    plugin::Reference { name: plugin.clone(), pin: None }
}

/// A workspace's plugins, as rules are refined with them.
pub(super) fn plugins_of(workspace: &Workspace) -> Bounds {
    let bound = |(key, item): (&Key, &Arc<Item>)| match &item.part {
        Part::Plugin(bound) => Some((named(&key.1), bound.clone())),
        _ => None,
    };
    all_but_rules(workspace).filter_map(bound).collect()
}
