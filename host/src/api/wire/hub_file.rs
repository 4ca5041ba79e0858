//! What is told of hub files: what one would change, what there is as one, and the revisions that came of them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Declared, Destinations, Moment, Plugins, Rules, Sources, SpecProblem};
use crate::{
    event::Name,
    hub::{self, Kind, Origin, What},
};

/// What `POST /v1/apply?dry_run=true` answers.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
pub struct PlanTold {
    /// The revision that this would be done to; give it as `expect` to apply just this.
    pub revision: u64,
    /// What would change; empty where it is all so already.
    pub changes: Vec<ChangeTold>,
    /// Why it would be refused; empty where it would not.
    pub problems: Vec<SpecProblem>,
    /// Components to be uploaded first. What hangs on them is checked when they are there.
    pub missing_components: Vec<MissingTold>,
    /// What would be applied, and will hardly do what it is meant to.
    #[serde(default)]
    pub warnings: Vec<SpecProblem>,
}

/// A component to be uploaded.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
pub struct MissingTold {
    /// The plugin that names it.
    pub plugin: Name,
    /// `sha256:...`
    pub digest: String,
}

/// A changed entry.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
pub struct ChangeTold {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: Name,
    /// What happens to it.
    pub what: What,
    /// What of it, field by field; none where it goes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldTold>,
    /// It was changed by other ways than a hub file since one was applied last: in this revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drifted_in: Option<u64>,
}

/// A changed field.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
pub struct FieldTold {
    /// A JSON pointer (RFC 6901) within the document.
    pub pointer: String,
    /// As it was; absent where it was not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// As it is; absent where it is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// It is a secret: no more than its reference is told.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secret: bool,
}

/// What `GET /v1/export` answers: the tables of a hub file, which `POST /v1/apply` takes but for `revision`.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
pub struct ExportTold {
    /// The revision that this is.
    pub revision: u64,
    /// By name.
    #[schemars(with = "BTreeMap<Name, Declared<Sources>>")]
    pub sources: BTreeMap<Name, Map<String, Value>>,
    /// By name.
    #[schemars(with = "BTreeMap<Name, Declared<Destinations>>")]
    pub destinations: BTreeMap<Name, Map<String, Value>>,
    /// By name.
    #[schemars(with = "BTreeMap<Name, Declared<Plugins>>")]
    pub plugins: BTreeMap<Name, Map<String, Value>>,
    /// By name.
    #[schemars(with = "BTreeMap<Name, Declared<Rules>>")]
    pub rules: BTreeMap<Name, Map<String, Value>>,
}

/// A revision.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
pub struct RevisionTold {
    /// Its number; numbers are shared by all workspaces, so that there are gaps.
    pub revision: u64,
    /// When it was applied.
    pub at: Moment,
    /// By what way it came.
    pub origin: Origin,
    /// The key that it came with.
    pub by: Option<String>,
    /// What is said of it.
    pub message: Option<String>,
    /// How many entries it created.
    pub created: usize,
    /// How many it updated.
    pub updated: usize,
    /// How many it deleted.
    pub deleted: usize,
    /// Which; told of a single revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Vec<ChangeTold>>,
}

/// What `GET /v1/revisions` answers, newest first.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
pub struct RevisionsTold {
    /// Some of them.
    pub items: Vec<RevisionTold>,
    /// `after` of the next page; null on the last one.
    pub next: Option<String>,
}

/// What `GET /v1/revisions/{revision}/diff` answers.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
pub struct RevisionDiffTold {
    /// From this revision
    pub from: u64,
    /// to this one.
    pub to: u64,
    /// What changed.
    pub changes: Vec<ChangeTold>,
}

/// What `GET /v1/drift` answers.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
pub struct DriftTold {
    /// The revision of the last hub file; null where none was applied, or very many revisions ago.
    pub since: Option<u64>,
    /// What changed since by other ways, each entry once.
    pub changes: Vec<DriftedTold>,
}

/// An entry that was changed by another way than a hub file.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
pub struct DriftedTold {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: Name,
    /// What happened to it last.
    pub what: What,
    /// In which revision.
    pub revision: u64,
    /// The key that it came with.
    pub by: Option<String>,
}

impl PlanTold {
    pub(in crate::api) fn of(plan: hub::Plan) -> Self {
        let missing = |missing: hub::Missing| MissingTold { plugin: missing.plugin, digest: missing.digest.to_string() };
        Self {
            revision: plan.revision,
            changes: plan.changes.into_iter().map(ChangeTold::of).collect(),
            problems: plan.problems.iter().map(SpecProblem::of).collect(),
            missing_components: plan.missing.into_iter().map(missing).collect(),
            warnings: Vec::new(),
        }
    }
}

impl ChangeTold {
    pub(in crate::api) fn of(planned: hub::Planned) -> Self {
        let field = |hub::FieldChange { pointer, before, after, secret }| FieldTold { pointer, before, after, secret };
        let fields = planned.fields.into_iter().map(field).collect();
        Self { fields, drifted_in: planned.drifted, ..Self::without_fields(planned.change) }
    }

    fn without_fields(hub::Change { kind, name, what }: hub::Change) -> Self {
        Self { kind, name, what, fields: Vec::new(), drifted_in: None }
    }
}

impl ExportTold {
    pub(in crate::api) fn of(hub::Exported { revision, entries }: hub::Exported) -> Self {
        let mut told = Self { revision, ..Self::default() };
        for ((kind, name), document) in entries {
            let table = match kind {
                Kind::Source => &mut told.sources,
                Kind::Destination => &mut told.destinations,
                Kind::Plugin => &mut told.plugins,
                Kind::Rule => &mut told.rules,
            };
            if let Value::Object(fields) = document {
                table.insert(name, fields);
            }
        }
        told
    }

    /// All documents, by kind and name.
    #[must_use]
    pub fn into_entries(self) -> BTreeMap<(Kind, Name), Value> {
        let Self { sources, destinations, plugins, rules, .. } = self;
        let tables = [(Kind::Source, sources), (Kind::Destination, destinations), (Kind::Plugin, plugins), (Kind::Rule, rules)];
        let entries = tables
            .into_iter()
            .flat_map(|(kind, table)| table.into_iter().map(move |(name, fields)| ((kind, name), fields.into())));
        entries.collect()
    }
}

impl RevisionTold {
    pub(in crate::api) fn of(revision: hub::Revision) -> Self {
        let count = |what| revision.changes.iter().filter(|change| change.what == what).count();
        Self {
            revision: revision.number,
            at: revision.at.into(),
            origin: revision.note.origin,
            created: count(What::Created),
            updated: count(What::Updated),
            deleted: count(What::Deleted),
            by: revision.note.by,
            message: revision.note.message,
            changes: None,
        }
    }

    pub(in crate::api) fn with_changes(revision: hub::Revision) -> Self {
        let changes = revision.changes.iter().cloned().map(ChangeTold::without_fields).collect();
        Self { changes: Some(changes), ..Self::of(revision) }
    }
}

impl DriftTold {
    pub(in crate::api) fn of(drift: hub::Drift) -> Self {
        let told = |hub::Drifted { change: hub::Change { kind, name, what }, revision, by }| DriftedTold {
            kind,
            name,
            what,
            revision,
            by,
        };
        Self { since: drift.since, changes: drift.changes.into_iter().map(told).collect() }
    }
}
