//! Who calls the API: what a key may do, and in which workspace.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Hub,
    wording::{did_you_mean, nearest},
};
use crate::event::Name;

/// The id of the key in `admin.key`.
pub const ADMIN_KEY: &str = "admin";

/// What a key may do. All but the last two are for its workspace; `admin` stands for all of these, `operator` for everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Publishes events.
    Ingest,
    /// Reads documents, events and what became of them; secrets are never shown.
    Read,
    /// Changes sources, destinations and rules, applies hub files.
    Rules,
    /// Uploads, activates and changes plugins.
    Plugins,
    /// Retries, replays, and lets destinations and plugins go on.
    Replay,
    /// Fetches messages from destinations of kind "pull".
    Pull,
    /// All of the above, and the workspace's keys and audit log.
    Admin,
    /// Reads the metrics of the whole host.
    Metrics,
    /// Everything, in every workspace, and what is the host's: workspaces, backups, the main key.
    Operator,
}

impl Scope {
    /// All of them, in order.
    pub const ALL: [Self; 9] = [
        Self::Ingest,
        Self::Read,
        Self::Rules,
        Self::Plugins,
        Self::Replay,
        Self::Pull,
        Self::Admin,
        Self::Metrics,
        Self::Operator,
    ];

    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Read => "read",
            Self::Rules => "rules",
            Self::Plugins => "plugins",
            Self::Replay => "replay",
            Self::Pull => "pull",
            Self::Admin => "admin",
            Self::Metrics => "metrics",
            Self::Operator => "operator",
        }
    }

    /// Whether who has this may do what needs `wanted`.
    fn covers(self, wanted: Self) -> bool {
        self == wanted || self == Self::Operator || (self == Self::Admin && !matches!(wanted, Self::Metrics | Self::Operator))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is no [`Scope`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is none of ingest, read, rules, plugins, replay, pull, admin, metrics, operator{hint}")]
pub struct ScopeError {
    text: String,
    hint: String,
}

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text).ok_or_else(|| {
            let meant = nearest(text, Self::ALL.map(Self::as_str));
            ScopeError { text: text.chars().take(80).collect(), hint: meant.map_or(String::new(), |name| did_you_mean(&name)) }
        })
    }
}

/// Whoever presented a key that is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The key's public id, for the audit log; `admin` is the key in `admin.key`.
    pub key: String,
    /// The only workspace it is good for; `None`: each.
    pub workspace: Option<Name>,
    /// What it may do.
    pub scopes: Vec<Scope>,
}

impl Caller {
    /// Whether it may do what needs this scope, in a workspace that it is good for.
    #[must_use]
    pub fn may(&self, wanted: Scope) -> bool {
        self.scopes.iter().any(|scope| scope.covers(wanted))
    }

    /// Whether it is good for this workspace.
    #[must_use]
    pub fn reaches(&self, workspace: &Name) -> bool {
        self.workspace.as_ref().is_none_or(|own| own == workspace)
    }
}

impl Hub {
    /// Whose key this is, where it is good now; takes the same time whichever letter is wrong. Notes in memory that it was used.
    #[must_use]
    pub fn authenticate(&self, presented: &str) -> Option<Caller> {
        if self.inner.keys.is_admin(presented) {
            return Some(Caller { key: ADMIN_KEY.to_owned(), workspace: None, scopes: vec![Scope::Operator] });
        }
        self.inner.tenancy.load().caller(presented, (self.inner.clock)())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_covers_what_it_stands_for() {
        for scope in Scope::ALL {
            assert_eq!(scope.to_string().parse(), Ok(scope));
            assert!(scope.covers(scope) && Scope::Operator.covers(scope));
            assert_eq!(Scope::Admin.covers(scope), !matches!(scope, Scope::Metrics | Scope::Operator), "{scope}");
            assert_eq!(Scope::Read.covers(scope), scope == Scope::Read, "{scope}");
        }
        assert!("Read".parse::<Scope>().is_err());
        assert!("raed".parse::<Scope>().is_err_and(|error| error.to_string().ends_with("did you mean `read`?")));
    }
}
