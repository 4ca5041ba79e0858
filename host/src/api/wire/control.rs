//! What the control plane is told and answers: documents, components and versions. The command line reads these too.

use std::{collections::BTreeMap, fmt};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::{Map, Value};

use super::{Declared, Destinations, FailureTold, Moment, Plugins, Rules, Sources};
use crate::{
    event::Name,
    hub::{self, Kind},
};

/// What `POST /v1/apply` takes: the hub file's tables, its references resolved.
///
/// Its secrets are in clear, so it shows nothing but names.
#[derive(Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApplyRequest {
    /// By name.
    #[serde(default)]
    #[schemars(with = "BTreeMap<Name, Declared<Sources>>")]
    pub sources: BTreeMap<Name, Map<String, Value>>,
    /// By name.
    #[serde(default)]
    #[schemars(with = "BTreeMap<Name, Declared<Destinations>>")]
    pub destinations: BTreeMap<Name, Map<String, Value>>,
    /// By name.
    #[serde(default)]
    #[schemars(with = "BTreeMap<Name, Declared<Plugins>>")]
    pub plugins: BTreeMap<Name, Map<String, Value>>,
    /// By name.
    #[serde(default)]
    #[schemars(with = "BTreeMap<Name, Declared<Rules>>")]
    pub rules: BTreeMap<Name, Map<String, Value>>,
}

impl fmt::Debug for ApplyRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("ApplyRequest");
        shown.field("sources", &self.sources.keys()).field("destinations", &self.destinations.keys());
        shown.field("plugins", &self.plugins.keys()).field("rules", &self.rules.keys()).finish()
    }
}

impl ApplyRequest {
    /// A request of these documents; what is no object is refused by the server as it stands.
    #[must_use]
    pub fn of(entries: &BTreeMap<(Kind, Name), Value>) -> Self {
        let table = |kind| {
            let of_kind = entries.iter().filter(move |((other, _), _)| *other == kind);
            of_kind.map(|((_, name), document)| (name.clone(), document.as_object().cloned().unwrap_or_default())).collect()
        };
        Self {
            sources: table(Kind::Source),
            destinations: table(Kind::Destination),
            plugins: table(Kind::Plugin),
            rules: table(Kind::Rule),
        }
    }

    /// All documents, by kind and name.
    pub(in crate::api) fn into_entries(self) -> impl Iterator<Item = ((Kind, Name), Value)> {
        let Self { sources, destinations, plugins, rules } = self;
        let tables = [(Kind::Source, sources), (Kind::Destination, destinations), (Kind::Plugin, plugins), (Kind::Rule, rules)];
        let entries = tables.map(|(kind, table)| table.into_iter().map(move |(name, document)| ((kind, name), document.into())));
        entries.into_iter().flatten()
    }
}

/// What `POST /v1/apply` and every `PUT` and `DELETE` of a document answer.
#[derive(Clone, Deserialize, Serialize, JsonSchema)]
pub struct Applied {
    /// The revision in force now.
    pub revision: u64,
    /// `created source github`; empty where nothing was different.
    pub changes: Vec<String>,
    /// Secrets that were made, by destination; shown this once.
    pub generated_secrets: BTreeMap<Name, String>,
    /// What is in force, and will hardly do what it is meant to.
    #[serde(default)]
    pub warnings: Vec<SpecProblem>,
}

/// Without the secrets, but for whose they are.
impl fmt::Debug for Applied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Applied");
        shown.field("revision", &self.revision).field("changes", &self.changes);
        shown.field("generated_secrets", &self.generated_secrets.keys()).finish()
    }
}

/// What `POST /v1/components` answers.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
pub struct ComponentStored {
    /// `sha256:...`
    pub digest: String,
    /// `filter`, `transform`, `batch`.
    pub exports: Vec<String>,
}

/// What `POST /v1/plugins/{name}/activate` takes.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Activate {
    /// `sha256:` and at least 12 digits.
    #[schemars(regex(pattern = "^sha256:[0-9a-f]{12,64}$"))]
    pub digest: String,
}

/// What `PUT /v1/plugins/{name}/canary` takes.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "CanaryRequest")]
pub struct Canary {
    /// `sha256:` and at least 12 digits.
    #[schemars(regex(pattern = "^sha256:[0-9a-f]{12,64}$"))]
    pub digest: String,
    /// Its share of the events: 1 to 99.
    #[schemars(range(min = 1, max = 99))]
    #[serde(deserialize_with = "whole")]
    pub percent: u8,
}

/// A whole number is one however it is written: to JSON Schema `5.0` is 5.
fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    let number = f64::deserialize(deserializer)?;
    if number.fract() != 0.0 || !(0.0..=255.0).contains(&number) {
        return Err(D::Error::custom(format!("{number} is no whole number of percent")));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked just above")]
    Ok(number as u8)
}

/// What `GET /v1/plugins/{name}/versions` answers.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
pub struct VersionsTold {
    /// Newest upload first.
    pub items: Vec<VersionTold>,
    /// `after` of the next page, if there is one.
    pub next: Option<String>,
}

/// A version of a plugin: what an upload answers, and what is polled.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
pub struct VersionTold {
    /// The plugin's name.
    pub plugin: String,
    /// `sha256:...`
    pub digest: String,
    /// `queued`, `compiling`, `ready` or `failed`.
    pub state: String,
    /// Why it failed, or why it is ready and was not activated although that was asked for: `code` and `message`.
    pub problem: Option<FailureTold>,
    /// The component's size.
    pub bytes: u64,
    /// `filter`, `transform`, `batch`, `verify`; empty until it is ready.
    pub exports: Vec<String>,
    /// When it was uploaded, or first active.
    pub uploaded_at: Moment,
    /// Whether the plugin's name stands for it.
    pub active: bool,
    /// Whether a rollback would make it active.
    pub active_before: bool,
    /// Where it is the plugin's canary: its share of the events, in percent.
    pub canary_percent: Option<u8>,
    /// Whether it becomes active when it is ready.
    pub activate_when_ready: bool,
    /// The rules that run it.
    pub used_by: Vec<Name>,
}

impl VersionTold {
    pub(in crate::api) fn of(status: &hub::VersionStatus) -> Self {
        let version = &status.version;
        let (state, exports) = match version.state {
            hub::State::Queued => ("queued", Vec::new()),
            hub::State::Compiling => ("compiling", Vec::new()),
            hub::State::Ready(exports) => ("ready", exports.names()),
            hub::State::Failed => ("failed", Vec::new()),
        };
        let problem =
            version.problem.as_ref().map(|flaw| FailureTold { code: flaw.code.to_string(), message: flaw.message.clone() });
        Self {
            plugin: status.plugin.to_string(),
            digest: version.digest.to_string(),
            state: state.to_owned(),
            problem,
            bytes: version.bytes,
            exports: exports.into_iter().map(str::to_owned).collect(),
            uploaded_at: version.uploaded_at.into(),
            active: status.active,
            active_before: status.active_before,
            canary_percent: status.canary_percent,
            activate_when_ready: version.activate.is_some(),
            used_by: status.used_by.clone(),
        }
    }
}

/// A refused value of a document, as a member of `problems` in the problem.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
pub struct SpecProblem {
    /// `sources`, `destinations`, `plugins` or `rules`.
    pub kind: Kind,
    /// The document's name.
    pub name: String,
    /// A JSON pointer (RFC 6901) within the document.
    pub pointer: String,
    /// What is wrong, and how to mend it.
    pub message: String,
}

impl From<SpecProblem> for hub::Problem {
    fn from(SpecProblem { kind, name, pointer, message }: SpecProblem) -> Self {
        Self { kind, name, pointer, message }
    }
}

impl SpecProblem {
    pub(in crate::api) fn of(problem: &hub::Problem) -> Self {
        let hub::Problem { kind, name, pointer, message } = problem.clone();
        Self { kind, name, pointer, message }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_holds_secrets_prints_none() {
        let name: Name = "crm".parse().expect("a name");
        let document = json!({ "secret": { "value": "canary" } });
        let request = ApplyRequest::of(&BTreeMap::from([((Kind::Destination, name.clone()), document)]));
        let generated_secrets = BTreeMap::from([(name, "canary".to_owned())]);
        let applied = Applied { revision: 1, changes: vec![], generated_secrets, warnings: vec![] };
        let printed = format!("{request:?} {applied:?}");
        assert!(printed.contains("crm") && !printed.contains("canary"), "{printed}");
    }
}
