//! What a draft would do, without doing it: every check that an apply makes, but for whether who asks may, and every change field by field. It
//! changes nothing, not even what is on disk.

use std::sync::Arc;

use serde_json::Value;

use super::{
    Hub, HubError, StoreError,
    apply::{check_expected, verdict},
    check::check_proposed,
    component::Components,
    difference::{FieldChange, differences},
    draft::{Change, Draft, Edits, Proposal, What},
    entry::{Entry, Key, Kind, Problem},
    seal::SealError,
    snapshot::Workspace,
};
use crate::event::{Digest, Name};

/// What a draft would do.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The workspace's revision that it would be done to.
    pub revision: u64,
    /// In the order of kind and name. Empty: it all is so already.
    pub changes: Vec<Planned>,
    /// Why it would be refused; empty: it would be done.
    pub problems: Vec<Problem>,
    /// Components that have to be uploaded first. What hangs on them (settings, grants, rules) is checked when they are there.
    pub missing: Vec<Missing>,
}

/// One entry that would change.
#[derive(Clone, Debug)]
pub struct Planned {
    /// Which, and how.
    pub change: Change,
    /// What of it; empty where it goes.
    pub fields: Vec<FieldChange>,
    /// The revision in which it was changed by other ways than a hub file since the last one was applied.
    pub drifted: Option<u64>,
}

/// A component that a plugin names and that is not here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The plugin.
    pub plugin: Name,
    /// The component.
    pub digest: Digest,
    /// Where the plugin names it.
    pointer: &'static str,
}

impl Hub {
    /// Tells what applying a draft would do.
    ///
    /// # Errors
    /// As of [`apply`](Self::apply), but for what is wrong with entries: that is in the plan.
    pub async fn plan(&self, workspace: &Name, draft: Draft) -> Result<Plan, HubError> {
        let state = self.inner.state.load_full();
        let (standing, revision) = (state.workspace(workspace), state.revision_of(workspace));
        check_expected(draft.expect, revision)?;
        let missing = missing(&draft, &self.inner.catalogue.components);
        let proposal = Proposal::of(workspace, &standing, draft, &self.inner.seal, &self.inner.versions)?;
        self.check_room(workspace, &state, &proposal.edits)?;
        let checked = check_proposed(&standing, &proposal.edits, &self.inner.terms(workspace)).await;
        // What was compiled to be asked need not stay.
        self.inner.release();
        let mut problems = match verdict(checked, &proposal) {
            Ok(_) => Vec::new(),
            Err(HubError::Invalid(problems) | HubError::InUse(problems)) => problems,
            Err(error) => return Err(error),
        };
        problems.retain(|problem| !missing.iter().any(|missing| missing.is_told_by(problem)));
        let mut changes = self.planned(workspace, &standing, &proposal.edits).map_err(StoreError::Seal)?;
        if !changes.is_empty() {
            let drift = self.drift(workspace).await?;
            changes.iter_mut().for_each(|planned| planned.drifted = drift.of(&planned.change).map(|drifted| drifted.revision));
        }
        Ok(Plan { revision, changes, problems, missing })
    }

    fn planned(&self, workspace: &Name, standing: &Arc<Workspace>, edits: &Edits) -> Result<Vec<Planned>, SealError> {
        let planned = |(key, after): (&Key, &Option<Value>)| {
            let unsealed = |sealed: &Value| self.inner.seal.unseal(&Entry::new(workspace, key), sealed.clone());
            let before = standing.get(key).map(|item| unsealed(&item.document)).transpose()?;
            Ok(Planned::of(key, before.as_ref(), after.as_ref()))
        };
        edits.iter().map(planned).collect()
    }
}

impl Planned {
    /// The change from one document to another, their secrets in clear.
    pub(super) fn of((kind, name): &Key, before: Option<&Value>, after: Option<&Value>) -> Self {
        let change = Change { kind: *kind, name: name.clone(), what: What::of(before.is_some(), after.is_some()) };
        let fields = if after.is_some() { differences(*kind, before, after) } else { Vec::new() };
        Self { change, fields, drifted: None }
    }
}

impl Missing {
    fn is_told_by(&self, problem: &Problem) -> bool {
        problem.kind == Kind::Plugin && problem.name == self.plugin.as_str() && problem.pointer == self.pointer
    }
}

/// Also of plugins that stay as they are: a component that was lost is to be had again from who applies.
fn missing(draft: &Draft, components: &Components) -> Vec<Missing> {
    let mut missing = Vec::new();
    for ((kind, plugin), document) in &draft.entries {
        let Some(document) = document.as_ref().filter(|_| *kind == Kind::Plugin) else { continue };
        for pointer in ["/digest", "/canary/digest"] {
            let digest = document.pointer(pointer).and_then(Value::as_str).and_then(|text| text.parse::<Digest>().ok());
            let Some(digest) = digest.filter(|digest| !components.has(digest)) else { continue };
            missing.push(Missing { plugin: plugin.clone(), digest, pointer });
        }
    }
    missing
}
