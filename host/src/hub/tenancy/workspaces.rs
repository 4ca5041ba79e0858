//! What is asked about workspaces: list, make, change, delete. Whether the caller may is asked before; it takes the operator.

use std::sync::Arc;

use tokio::sync::OwnedMutexGuard;

use super::{
    Quotas, TenancyError, Tenants, Workspace,
    keys::checked_description,
    quotas::{Counts, counts},
};
use crate::{
    event::{Invalid, Name, Timestamp},
    hub::{Applied, Caller, Draft, Hub, HubError},
};

/// The most workspaces.
const WORKSPACES_MAX: usize = 1_000;

/// What of a workspace is to be another.
#[derive(Clone, Debug, Default)]
pub struct WorkspaceChange {
    /// For people.
    pub description: String,
    /// All of them anew.
    pub quotas: Quotas,
}

/// Held by who makes or deletes a workspace until all is done that belongs to it, beside the hub too: so a name is given to nobody while
/// something is left, or is being removed, of who had it before.
#[must_use]
pub struct Naming {
    _turn: OwnedMutexGuard<()>,
}

/// A workspace, and how much it has.
#[derive(Clone, Debug)]
pub struct WorkspaceStatus {
    /// The workspace.
    pub workspace: Arc<Workspace>,
    /// Its entries.
    pub entries: Counts,
    /// Its keys.
    pub keys: usize,
}

impl Hub {
    /// All workspaces, in the order of their names.
    #[must_use]
    pub fn workspaces(&self) -> Vec<WorkspaceStatus> {
        let tenants = self.inner.tenancy.load();
        tenants.workspaces.values().map(|workspace| self.workspace_status(&tenants, workspace)).collect()
    }

    /// One workspace.
    ///
    /// # Errors
    /// [`TenancyError::UnknownWorkspace`].
    pub fn workspace(&self, name: &Name) -> Result<WorkspaceStatus, TenancyError> {
        let tenants = self.inner.tenancy.load();
        Ok(self.workspace_status(&tenants, tenants.workspace(name)?))
    }

    /// When a workspace was made, for who asks for what is older: that was another's.
    #[must_use]
    pub fn workspace_since(&self, name: &Name) -> Option<Timestamp> {
        self.inner.tenancy.load().workspace(name).ok().map(|workspace| Timestamp(workspace.created_at))
    }

    /// The revision after which those of a workspace begin.
    pub(in crate::hub) fn revisions_begin_after(&self, name: &Name) -> u64 {
        self.inner.tenancy.load().workspace(name).map_or(0, |workspace| workspace.after_revision)
    }

    /// Waits for whoever makes or deletes a workspace, and holds the next ones back.
    pub async fn naming(&self) -> Naming {
        Naming { _turn: self.inner.naming.clone().lock_owned().await }
    }

    /// Makes a workspace. What is stored of an earlier one of this name is asked for before, in the same `naming`, by who knows the journal.
    ///
    /// # Errors
    /// [`TenancyError::WorkspaceExists`], [`TenancyError::Invalid`], [`TenancyError::Limit`], and [`TenancyError::Hub`] where the disk
    /// failed.
    pub async fn create_workspace(
        &self,
        _: &Naming,
        caller: &Caller,
        name: &Name,
        new: WorkspaceChange,
    ) -> Result<WorkspaceStatus, TenancyError> {
        let (inner, made, created_by) = (Arc::clone(&self.inner), name.clone(), caller.key.clone());
        let make = move |tenants: &mut Tenants, now: Timestamp| {
            if tenants.workspaces.contains_key(&made) {
                return Err(TenancyError::WorkspaceExists(made));
            }
            if tenants.workspaces.len() >= WORKSPACES_MAX {
                return Err(TenancyError::Limit { what: "workspaces", max: WORKSPACES_MAX });
            }
            let after_revision = inner.state.load().revision;
            let workspace = Workspace { after_revision, ..Workspace::new(made.clone(), &created_by, now) };
            let workspace = changed(&workspace, &new)?;
            tenants.workspaces.insert(made, Arc::new(workspace));
            Ok(())
        };
        self.change_tenants(make).await?;
        self.workspace(name)
    }

    /// Changes a workspace. A quota below what there is keeps it from growing, and takes nothing away.
    ///
    /// # Errors
    /// As of [`create_workspace`](Self::create_workspace), and [`TenancyError::UnknownWorkspace`].
    pub async fn change_workspace(&self, name: &Name, change: WorkspaceChange) -> Result<WorkspaceStatus, TenancyError> {
        let meant = name.clone();
        let edit = move |tenants: &mut Tenants, _| {
            let workspace = changed(tenants.workspace(&meant)?, &change)?;
            tenants.workspaces.insert(meant, Arc::new(workspace));
            Ok(())
        };
        self.change_tenants(edit).await?;
        self.workspace(name)
    }

    /// Deletes a workspace and its keys; with `force` also its sources, destinations, plugins and rules, by a revision before.
    ///
    /// # Errors
    /// [`TenancyError::UnknownWorkspace`], [`TenancyError::WorkspaceNotEmpty`], [`TenancyError::Invalid`] for `default`, and
    /// [`TenancyError::Hub`] where the disk failed.
    pub async fn delete_workspace(&self, _: &Naming, name: &Name, force: bool) -> Result<Applied, TenancyError> {
        if *name == Name::default_workspace() {
            return Err(Invalid::at("/name", "`default` is always there").into());
        }
        let standing = self.workspace(name)?;
        if let (false, Some(what)) = (force, standing.content()) {
            return Err(TenancyError::WorkspaceNotEmpty { name: name.clone(), what });
        }
        let applied = if standing.entries.values().any(|count| *count > 0) {
            self.apply(name, Draft { prune: true, ..Draft::default() }).await?
        } else {
            Applied::default()
        };
        let (inner, gone) = (Arc::clone(&self.inner), name.clone());
        let delete = move |tenants: &mut Tenants, _| {
            tenants.workspace(&gone)?;
            // Somebody may have been quicker, since their turn came before this one.
            let entries = counts(&inner.state.load().workspace(&gone)).values().sum::<usize>();
            let keys = if force { 0 } else { tenants.keys_of(&gone) };
            if entries + keys > 0 {
                let what = format!("{entries} entries and {keys} keys that came meanwhile");
                return Err(TenancyError::WorkspaceNotEmpty { name: gone, what });
            }
            tenants.keys.retain(|_, held| held.key.workspace.as_ref() != Some(&gone));
            tenants.workspaces.remove(&gone);
            Ok(())
        };
        self.change_tenants(delete).await?;
        Ok(applied)
    }

    /// Whether there is such a workspace.
    ///
    /// # Errors
    /// [`HubError::NoWorkspace`], with the nearest name.
    pub fn has_workspace(&self, name: &Name) -> Result<(), HubError> {
        self.check_workspace(name).map(drop)
    }

    /// The quotas of a workspace, for who works in it.
    pub(in crate::hub) fn check_workspace(&self, name: &Name) -> Result<Quotas, HubError> {
        let tenants = self.inner.tenancy.load();
        tenants.workspace(name).map(|workspace| workspace.quotas).map_err(|unknown| HubError::NoWorkspace(unknown.to_string()))
    }

    fn workspace_status(&self, tenants: &Tenants, workspace: &Arc<Workspace>) -> WorkspaceStatus {
        let entries = counts(&self.inner.state.load().workspace(&workspace.name));
        let keys = tenants.keys_of(&workspace.name);
        WorkspaceStatus { workspace: Arc::clone(workspace), entries, keys }
    }
}

impl Tenants {
    /// How many keys a workspace has.
    pub(super) fn keys_of(&self, workspace: &Name) -> usize {
        self.keys.values().filter(|held| held.key.workspace.as_ref() == Some(workspace)).count()
    }
}

impl WorkspaceStatus {
    /// What there is in it, for people; `None`: it is empty.
    fn content(&self) -> Option<String> {
        let entries = self.entries.iter().filter(|(_, count)| **count > 0).map(|(kind, count)| format!("{count} {kind}"));
        let keys = (self.keys > 0).then(|| format!("{} keys", self.keys));
        let content: Vec<String> = entries.chain(keys).collect();
        (!content.is_empty()).then(|| content.join(", "))
    }
}

fn changed(workspace: &Workspace, change: &WorkspaceChange) -> Result<Workspace, Invalid> {
    change.quotas.check()?;
    let description = checked_description(&change.description)?;
    Ok(Workspace { description, quotas: change.quotas, ..workspace.clone() })
}
