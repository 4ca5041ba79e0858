//! Keys and workspaces, as they are asked for and told. The command line reads these too.

use std::{collections::BTreeSet, fmt};

use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeOwned, Error as _},
};
use serde_json::{Map, Value};

use super::moment::Moment;
use crate::{
    event::{Name, Timestamp},
    hub::{self, Kind, Quotas, Scope},
};

/// What `POST /v1/keys` takes.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// What the key is for, in 1 to 100 characters.
    pub name: String,
    /// More about it, in up to 1000 characters.
    #[serde(default)]
    pub description: String,
    /// What it may do. `metrics` and `operator` reach beyond workspaces and each stand alone.
    pub scopes: BTreeSet<Scope>,
    /// When it ends; never unless told.
    #[serde(default)]
    pub expires_at: Option<Moment>,
}

/// What `PATCH /v1/keys/{id}` takes: what is left out stays as it is.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyChange {
    /// What the key is for, in 1 to 100 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// More about it, in up to 1000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What it may do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<BTreeSet<Scope>>,
    /// When it ends; `null`: never.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Option<Moment>>,
    /// Whether it lets nobody in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
}

/// Tells what is null from what is left out.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<Moment>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// A key, as every route tells it: without its secret.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
pub struct KeyTold {
    /// Public: it stands in the key's text and in the audit log.
    pub id: String,
    /// The workspace that it is good for; `null`: it is the host's, and good for each.
    pub workspace: Option<Name>,
    /// What it is for.
    pub name: String,
    /// More about it.
    pub description: String,
    /// What it may do.
    pub scopes: BTreeSet<Scope>,
    /// Whether it lets anybody in.
    pub state: KeyState,
    /// When it was made.
    pub created_at: Moment,
    /// The id of the key that made it; `admin`: the one in admin.key.
    pub created_by: String,
    /// When it ends; `null`: never.
    pub expires_at: Option<Moment>,
    /// When it got its secret, where that is not its first.
    pub rotated_at: Option<Moment>,
    /// Until then the secret before is good too.
    pub former_until: Option<Moment>,
    /// To the minute.
    pub last_used_at: Option<Moment>,
}

/// Whether a key lets anybody in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KeyState {
    /// It does.
    Active,
    /// Not until it is enabled.
    Disabled,
    /// Its time is over.
    Expired,
}

/// What `POST /v1/keys` and `POST /v1/keys/{id}/rotate` answer: the only time that the secret is told.
#[derive(Clone, Deserialize, Serialize, JsonSchema)]
pub struct KeyShown {
    /// The key; `null`: the one in admin.key.
    pub key: Option<KeyTold>,
    /// What is presented as `Authorization: Bearer ...`.
    pub secret: String,
}

/// Without the secret.
impl fmt::Debug for KeyShown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyShown").field("key", &self.key).finish_non_exhaustive()
    }
}

/// What `GET /v1/keys` answers.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
pub struct KeysTold {
    /// In the order of their ids.
    pub items: Vec<KeyTold>,
    /// `after` of the next page, if there is one.
    pub next: Option<String>,
}

/// What `POST /v1/workspaces` takes.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWorkspace {
    /// Its name.
    pub name: Name,
    /// What it is for, in up to 1000 characters.
    #[serde(default)]
    pub description: String,
    /// How much it may have.
    #[serde(default, deserialize_with = "object")]
    pub quotas: Quotas,
}

/// What `PUT /v1/workspaces/{name}` takes: all of it anew.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkspaceDocument {
    /// What it is for, in up to 1000 characters.
    #[serde(default)]
    pub description: String,
    /// How much it may have.
    #[serde(default, deserialize_with = "object")]
    pub quotas: Quotas,
}

/// Only an object: serde takes the members of a struct also from a list of them.
fn object<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<T, D::Error> {
    let members = Map::<String, Value>::deserialize(deserializer)?;
    T::deserialize(Value::Object(members)).map_err(D::Error::custom)
}

/// A workspace, as every route tells it.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
pub struct WorkspaceTold {
    /// Its name.
    pub name: Name,
    /// What it is for.
    pub description: String,
    /// How much it may have; `null`: no limit but the host's.
    pub quotas: Quotas,
    /// How much it has.
    pub has: WorkspaceCounts,
    /// When it was made.
    pub created_at: Moment,
    /// The id of the key that made it.
    pub created_by: String,
}

/// How much a workspace has.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
pub struct WorkspaceCounts {
    /// Sources.
    pub sources: usize,
    /// Destinations.
    pub destinations: usize,
    /// Plugins.
    pub plugins: usize,
    /// Rules.
    pub rules: usize,
    /// API keys.
    pub keys: usize,
}

/// What `GET /v1/workspaces` answers.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
pub struct WorkspacesTold {
    /// In the order of their names.
    pub items: Vec<WorkspaceTold>,
    /// `after` of the next page, if there is one.
    pub next: Option<Name>,
}

/// What `DELETE /v1/workspaces/{name}` answers.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
pub struct WorkspaceDeleted {
    /// What went with it: `deleted source github`.
    pub changes: Vec<String>,
}

impl From<WorkspaceDocument> for hub::WorkspaceChange {
    fn from(WorkspaceDocument { description, quotas }: WorkspaceDocument) -> Self {
        Self { description, quotas }
    }
}

impl From<hub::WorkspaceStatus> for WorkspaceTold {
    fn from(status: hub::WorkspaceStatus) -> Self {
        let count = |kind| status.entries.get(&kind).copied().unwrap_or(0);
        let workspace = &status.workspace;
        Self {
            name: workspace.name.clone(),
            description: workspace.description.clone(),
            quotas: workspace.quotas,
            has: WorkspaceCounts {
                sources: count(Kind::Source),
                destinations: count(Kind::Destination),
                plugins: count(Kind::Plugin),
                rules: count(Kind::Rule),
                keys: status.keys,
            },
            created_at: Timestamp(workspace.created_at).into(),
            created_by: workspace.created_by.clone(),
        }
    }
}

impl From<NewKey> for hub::NewKey {
    fn from(NewKey { name, description, scopes, expires_at }: NewKey) -> Self {
        Self { name, description, scopes, expires_at: expires_at.map(Into::into) }
    }
}

impl From<KeyChange> for hub::KeyChange {
    fn from(KeyChange { name, description, scopes, expires_at, disabled }: KeyChange) -> Self {
        Self { name, description, scopes, expires_at: expires_at.map(|at| at.map(Into::into)), disabled }
    }
}

impl From<hub::KeyStatus> for KeyTold {
    fn from(key: hub::KeyStatus) -> Self {
        let state = match key.state {
            hub::KeyState::Active => KeyState::Active,
            hub::KeyState::Disabled => KeyState::Disabled,
            hub::KeyState::Expired => KeyState::Expired,
        };
        Self {
            id: key.id,
            workspace: key.workspace,
            name: key.name,
            description: key.description,
            scopes: key.scopes,
            state,
            created_at: key.created_at.into(),
            created_by: key.created_by,
            expires_at: key.expires_at.map(Into::into),
            rotated_at: key.rotated_at.map(Into::into),
            former_until: key.former_until.map(Into::into),
            last_used_at: key.last_used_at.map(Into::into),
        }
    }
}

impl From<hub::ShownKey> for KeyShown {
    fn from(shown: hub::ShownKey) -> Self {
        Self { key: shown.key.map(Into::into), secret: shown.secret.expose().to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_secret_is_not_printed() {
        let shown = KeyShown { key: None, secret: "slk_canary".to_owned() };
        assert!(!format!("{shown:?}").contains("canary"));
    }

    #[test]
    fn no_end_is_told_from_no_change() {
        let read = |json| serde_json::from_value::<KeyChange>(json).expect("a change").expires_at;
        assert_eq!((read(json!({})), read(json!({ "expires_at": null }))), (None, Some(None)));
        assert!(matches!(read(json!({ "expires_at": "2027-01-01T00:00:00Z" })), Some(Some(_))));
        let json = serde_json::to_value(KeyChange { expires_at: Some(None), ..KeyChange::default() }).expect("JSON");
        assert_eq!(json, json!({ "expires_at": null }));
    }
}
