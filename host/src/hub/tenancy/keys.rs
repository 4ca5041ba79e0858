//! What is asked about API keys: list, make, change, rotate, revoke.

use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::Ordering},
};

use super::{
    Held, TenancyError, Tenants, grant,
    key::ApiKey,
    text::{self, Fresh},
};
use crate::{
    event::{Invalid, Name, Secret, Timestamp},
    hub::{ADMIN_KEY, Caller, FileSystemError, Hub, HubError, Scope, StoreError},
};

/// The most keys, of all workspaces together.
const KEYS_MAX: usize = 10_000;
/// The longest name, in characters.
const NAME_CHARS_MAX: usize = 100;
/// The longest description, in characters.
pub(super) const DESCRIPTION_CHARS_MAX: usize = 1_000;

/// What a key is to be.
#[derive(Clone, Debug, Default)]
pub struct NewKey {
    /// For people.
    pub name: String,
    /// For people.
    pub description: String,
    /// What it may do.
    pub scopes: BTreeSet<Scope>,
    /// Not good from then on.
    pub expires_at: Option<Timestamp>,
}

/// What of a key is to be another; the rest stays as it is.
#[derive(Clone, Debug, Default)]
pub struct KeyChange {
    /// For people.
    pub name: Option<String>,
    /// For people.
    pub description: Option<String>,
    /// What it may do.
    pub scopes: Option<BTreeSet<Scope>>,
    /// Not good from then on; `Some(None)`: always good.
    pub expires_at: Option<Option<Timestamp>>,
    /// Whether it lets nobody in.
    pub disabled: Option<bool>,
}

/// A key as it is told of, which is without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyStatus {
    /// Public.
    pub id: String,
    /// `None`: the host's, good for each.
    pub workspace: Option<Name>,
    /// For people.
    pub name: String,
    /// For people.
    pub description: String,
    /// What it may do.
    pub scopes: BTreeSet<Scope>,
    /// Whether it lets anybody in.
    pub state: KeyState,
    /// Since then.
    pub created_at: Timestamp,
    /// The id of the key that made it.
    pub created_by: String,
    /// Not good from then on.
    pub expires_at: Option<Timestamp>,
    /// When it got the secret that it has, where that is not its first.
    pub rotated_at: Option<Timestamp>,
    /// Until then the secret before is good too.
    pub former_until: Option<Timestamp>,
    /// To the minute, across restarts.
    pub last_used_at: Option<Timestamp>,
}

/// Whether a key lets anybody in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// It does.
    Active,
    /// Not until it is enabled.
    Disabled,
    /// Not any more, unless it is given more time.
    Expired,
}

/// A key and its text, which is told this once.
#[derive(Clone, Debug)]
pub struct ShownKey {
    /// The key; `None`: the one in `admin.key`.
    pub key: Option<KeyStatus>,
    /// What is presented.
    pub secret: Secret,
}

impl Hub {
    /// The keys of a workspace that the caller manages, and for the operator those of the host, in the order of their ids.
    #[must_use]
    pub fn keys(&self, caller: &Caller, workspace: &Name) -> Vec<KeyStatus> {
        let now = (self.inner.clock)();
        let tenants = self.inner.tenancy.load();
        let here =
            |held: &&Held| held.key.workspace.as_ref().is_none_or(|own| own == workspace) && grant::sees(caller, &held.key);
        tenants.keys.values().filter(here).map(|held| status(held, now)).collect()
    }

    /// One key that the caller manages.
    ///
    /// # Errors
    /// [`TenancyError::UnknownKey`].
    pub fn key(&self, caller: &Caller, id: &str) -> Result<KeyStatus, TenancyError> {
        Ok(status(self.inner.tenancy.load().seen_by(caller, id)?, (self.inner.clock)()))
    }

    /// Whether a key is the host's, and no workspace's.
    #[must_use]
    pub fn is_key_of_host(&self, id: &str) -> bool {
        let tenants = self.inner.tenancy.load();
        id == ADMIN_KEY || tenants.keys.get(id).is_some_and(|held| held.key.workspace.is_none())
    }

    /// Makes a key in a workspace; one of a scope beyond workspaces is the host's.
    ///
    /// # Errors
    /// [`TenancyError::NotGranted`], [`TenancyError::Invalid`], [`TenancyError::UnknownWorkspace`], [`TenancyError::Limit`], and
    /// [`TenancyError::Hub`] where the disk failed.
    pub async fn create_key(&self, caller: &Caller, workspace: &Name, new: NewKey) -> Result<ShownKey, TenancyError> {
        let (caller, workspace) = (caller.clone(), workspace.clone());
        let make = move |tenants: &mut Tenants, now: Timestamp| {
            grant::check(&caller, Some(&workspace), &new.scopes)?;
            let keys_max = tenants.workspace(&workspace)?.quotas.keys_max;
            if tenants.keys.len() >= KEYS_MAX {
                return Err(TenancyError::Limit { what: "keys", max: KEYS_MAX });
            }
            let home = grant::home(&workspace, &new.scopes)?;
            if let Some(max) = keys_max.filter(|max| home.is_some() && tenants.keys_of(&workspace) >= *max as usize) {
                return Err(HubError::Quota { workspace, quota: "keys_max", max }.into());
            }
            let id = text::new_id().map_err(no_random)?;
            let fresh = text::new_text(&id).map_err(no_random)?;
            let key = ApiKey {
                workspace: home,
                name: checked_name(&new.name)?,
                description: checked_description(&new.description)?,
                expires_at: checked_end(new.expires_at, now)?,
                scopes: new.scopes,
                created_at: now.0,
                created_by: caller.key,
                disabled: false,
                secret: fresh.hash.clone(),
                former: None,
                rotated_at: None,
                id: id.clone(),
            };
            let held = Held::new(key);
            let told = shown(&held, &fresh, now);
            tenants.keys.insert(id, held);
            Ok(told)
        };
        self.change_tenants(make).await
    }

    /// Changes a key; what it is not told to change stays.
    ///
    /// # Errors
    /// As of [`create_key`](Self::create_key), and [`TenancyError::UnknownKey`].
    pub async fn change_key(&self, caller: &Caller, id: &str, change: KeyChange) -> Result<KeyStatus, TenancyError> {
        self.edit_key(caller, id, move |key, now| changed(key, change, now)).await.map(|(status, ())| status)
    }

    /// Gives a key a new secret, told this once. The old one stays good for so long; one before that ends now.
    ///
    /// # Errors
    /// As of [`change_key`](Self::change_key).
    pub async fn rotate_key(&self, caller: &Caller, id: &str, overlap_ms: u64) -> Result<ShownKey, TenancyError> {
        let rotate = move |key: &mut ApiKey, now| {
            let fresh = text::new_text(&key.id).map_err(no_random)?;
            key.rotate(fresh.hash, overlap_ms, now);
            Ok(Secret::new(fresh.text.to_string()))
        };
        let (key, secret) = self.edit_key(caller, id, rotate).await?;
        Ok(ShownKey { key: Some(key), secret })
    }

    /// Puts a new key into `admin.key`, told this once. The old one ends now.
    ///
    /// # Errors
    /// [`TenancyError::NotGranted`], and [`TenancyError::Hub`] where the disk failed.
    pub async fn rotate_admin_key(&self, caller: &Caller) -> Result<ShownKey, TenancyError> {
        grant::check(caller, None, &[Scope::Operator].into())?;
        let turn = self.inner.turn.clone().lock_owned().await;
        let inner = Arc::clone(&self.inner);
        let rotated = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            inner.keys.rotate_admin()
        });
        let text = rotated.await.map_err(StoreError::Stopped)??;
        Ok(ShownKey { key: None, secret: Secret::new(text.to_string()) })
    }

    /// Ends a key for good. What it was stays in the audit log alone.
    ///
    /// # Errors
    /// As of [`change_key`](Self::change_key).
    pub async fn revoke_key(&self, caller: &Caller, id: &str) -> Result<KeyStatus, TenancyError> {
        let (caller, id) = (caller.clone(), id.to_owned());
        let revoke = move |tenants: &mut Tenants, now| {
            let told = status(tenants.seen_by(&caller, &id)?, now);
            tenants.keys.remove(&id);
            Ok(told)
        };
        self.change_tenants(revoke).await
    }

    async fn edit_key<T: Send + 'static>(
        &self,
        caller: &Caller,
        id: &str,
        edit: impl FnOnce(&mut ApiKey, Timestamp) -> Result<T, TenancyError> + Send + 'static,
    ) -> Result<(KeyStatus, T), TenancyError> {
        let (caller, id) = (caller.clone(), id.to_owned());
        let change = move |tenants: &mut Tenants, now| {
            let mut held = tenants.seen_by(&caller, &id)?.clone();
            let mut key = ApiKey::clone(&held.key);
            grant::check(&caller, key.workspace.as_ref(), &key.scopes)?;
            let told = edit(&mut key, now)?;
            grant::check(&caller, key.workspace.as_ref(), &key.scopes)?;
            held.key = Arc::new(key);
            let status = status(&held, now);
            tenants.keys.insert(id, held);
            Ok((status, told))
        };
        self.change_tenants(change).await
    }
}

impl Tenants {
    fn seen_by(&self, caller: &Caller, id: &str) -> Result<&Held, TenancyError> {
        let seen = self.keys.get(id).filter(|held| grant::sees(caller, &held.key));
        seen.ok_or_else(|| TenancyError::UnknownKey(id.chars().take(80).collect()))
    }
}

fn changed(key: &mut ApiKey, change: KeyChange, now: Timestamp) -> Result<(), TenancyError> {
    let KeyChange { name, description, scopes, expires_at, disabled } = change;
    if let Some(name) = name {
        key.name = checked_name(&name)?;
    }
    if let Some(description) = description {
        key.description = checked_description(&description)?;
    }
    if let Some(scopes) = scopes {
        let whose = grant::home(key.workspace.as_ref().unwrap_or(&Name::default_workspace()), &scopes)?;
        if whose.is_some() != key.workspace.is_some() {
            let message = "a key of a workspace does not become one of the host, nor the other way: make another";
            return Err(Invalid::at("/scopes", message).into());
        }
        key.scopes = scopes;
    }
    if let Some(expires_at) = expires_at {
        key.expires_at = checked_end(expires_at, now)?;
    }
    key.disabled = disabled.unwrap_or(key.disabled);
    Ok(())
}

fn checked_name(name: &str) -> Result<String, Invalid> {
    let chars = name.chars().count();
    if (1..=NAME_CHARS_MAX).contains(&chars) && !name.chars().any(char::is_control) {
        return Ok(name.to_owned());
    }
    Err(Invalid::at("/name", format!("say in 1 to {NAME_CHARS_MAX} characters what the key is for")))
}

pub(super) fn checked_description(description: &str) -> Result<String, Invalid> {
    if description.chars().count() <= DESCRIPTION_CHARS_MAX {
        return Ok(description.to_owned());
    }
    Err(Invalid::at("/description", format!("it has at most {DESCRIPTION_CHARS_MAX} characters")))
}

fn checked_end(expires_at: Option<Timestamp>, now: Timestamp) -> Result<Option<u64>, Invalid> {
    match expires_at {
        Some(at) if at <= now => Err(Invalid::at("/expires_at", "it is past: to end a key now, disable or revoke it")),
        at => Ok(at.map(|at| at.0)),
    }
}

fn shown(held: &Held, fresh: &Fresh, now: Timestamp) -> ShownKey {
    ShownKey { key: Some(status(held, now)), secret: Secret::new(fresh.text.to_string()) }
}

fn status(held: &Held, now: Timestamp) -> KeyStatus {
    let key = &held.key;
    let used_at = held.used_at.load(Ordering::Relaxed);
    let state = match key.disabled {
        true => KeyState::Disabled,
        false if key.is_good(now) => KeyState::Active,
        false => KeyState::Expired,
    };
    KeyStatus {
        id: key.id.clone(),
        workspace: key.workspace.clone(),
        name: key.name.clone(),
        description: key.description.clone(),
        scopes: key.scopes.clone(),
        state,
        created_at: Timestamp(key.created_at),
        created_by: key.created_by.clone(),
        expires_at: key.expires_at.map(Timestamp),
        rotated_at: key.rotated_at.map(Timestamp),
        former_until: key.former.as_ref().map(|former| former.until).filter(|until| now.0 < *until).map(Timestamp),
        last_used_at: (used_at > 0).then_some(Timestamp(used_at)),
    }
}

fn no_random(error: std::io::Error) -> TenancyError {
    FileSystemError::when("make a key for", std::path::Path::new(super::FILE))(error).into()
}
