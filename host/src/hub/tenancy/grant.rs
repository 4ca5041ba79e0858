//! Who may give which scopes. Pure.
//!
//! Nobody gives what they do not have; keys are managed by who has the scope `admin`, in the workspaces that their own key is good
//! for. What reaches beyond a workspace is the host's, and its operator's to give.

use std::collections::BTreeSet;

use super::{TenancyError, key::ApiKey};
use crate::{
    event::{Invalid, Name},
    hub::{Caller, Scope},
};

/// Whose a key of these scopes is, made in `workspace`; `None`: the host's.
pub(super) fn home(workspace: &Name, scopes: &BTreeSet<Scope>) -> Result<Option<Name>, Invalid> {
    let wide = scopes.iter().find(|scope| is_wide(**scope));
    match wide {
        None if scopes.is_empty() => Err(Invalid::at("/scopes", "say at least one of what the key may do")),
        None => Ok(Some(workspace.clone())),
        Some(_) if scopes.len() == 1 => Ok(None),
        Some(wide) => {
            Err(Invalid::at("/scopes", format!("`{wide}` is of the whole host: a key that has it has no other scope beside it")))
        }
    }
}

/// Whether the caller may make or change keys of these scopes there.
pub(super) fn check(caller: &Caller, workspace: Option<&Name>, scopes: &BTreeSet<Scope>) -> Result<(), TenancyError> {
    let refused = |message: String| Err(TenancyError::NotGranted(message));
    if !caller.may(Scope::Admin) {
        return refused("keys are managed by who has the scope `admin`, which your key has not".to_owned());
    }
    if let Some(lacking) = scopes.iter().find(|scope| !caller.may(**scope)) {
        return refused(format!("your key has not the scope `{lacking}`, and nobody gives what they do not have"));
    }
    match workspace {
        Some(workspace) if !caller.reaches(workspace) => refused(format!("your key is not good for the workspace `{workspace}`")),
        _ => Ok(()),
    }
}

/// Whether the caller may know of the key at all.
pub(super) fn sees(caller: &Caller, key: &ApiKey) -> bool {
    caller.may(Scope::Admin) && key.workspace.as_ref().map_or(caller.may(Scope::Operator), |workspace| caller.reaches(workspace))
}

/// Whether it reaches beyond workspaces.
fn is_wide(scope: Scope) -> bool {
    matches!(scope, Scope::Metrics | Scope::Operator)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        text.parse().expect("a name")
    }

    fn caller(workspace: Option<&str>, scopes: &[Scope]) -> Caller {
        Caller { key: "0123456789ab".to_owned(), workspace: workspace.map(name), scopes: scopes.to_vec() }
    }

    #[test]
    fn nobody_gives_what_they_do_not_have() {
        let operator = caller(None, &[Scope::Operator]);
        let admin = caller(Some("shop"), &[Scope::Admin]);
        for scope in Scope::ALL {
            let scopes = BTreeSet::from([scope]);
            let gives = |caller: &Caller| check(caller, Some(&name("shop")), &scopes).is_ok();
            assert!(gives(&operator), "{scope}");
            assert_eq!(gives(&admin), !is_wide(scope), "{scope}");
            // Whatever else a key may do: without `admin` it gives nothing, not even what it has.
            let others =
                Scope::ALL.into_iter().filter(|other| !matches!(other, Scope::Admin | Scope::Operator)).collect::<Vec<_>>();
            assert!(!gives(&caller(Some("shop"), &others)), "{scope}");
        }
    }

    #[test]
    fn an_admin_gives_in_its_own_workspace_only() {
        let admin = caller(Some("shop"), &[Scope::Admin]);
        let read = BTreeSet::from([Scope::Read]);
        assert!(check(&admin, Some(&name("shop")), &read).is_ok());
        assert!(matches!(check(&admin, Some(&name("bank")), &read), Err(TenancyError::NotGranted(_))));
    }

    #[test]
    fn what_is_of_the_whole_host_stands_alone() {
        let home = |scopes: &[Scope]| home(&name("shop"), &scopes.iter().copied().collect());
        assert_eq!(home(&[Scope::Read, Scope::Rules]), Ok(Some(name("shop"))));
        assert_eq!((home(&[Scope::Operator]), home(&[Scope::Metrics])), (Ok(None), Ok(None)));
        assert!(home(&[]).is_err() && home(&[Scope::Read, Scope::Metrics]).is_err());
    }
}
