//! An API key, and when it is good. Pure: the time is given.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use subtle::Choice;

use super::text::SecretHash;
use crate::{
    event::{Name, Timestamp},
    hub::{Caller, Scope},
};

/// An API key. This is its form on disk too: a field may be added, none may change its meaning. Times are in milliseconds since the
/// Unix epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ApiKey {
    /// Public: it names the key in listings and in the audit log.
    pub(super) id: String,
    /// `None`: the host's, good for each.
    pub(super) workspace: Option<Name>,
    /// For people.
    pub(super) name: String,
    pub(super) description: String,
    pub(super) scopes: BTreeSet<Scope>,
    pub(super) created_at: u64,
    /// The id of the key that made it.
    pub(super) created_by: String,
    /// Not good from then on.
    pub(super) expires_at: Option<u64>,
    pub(super) disabled: bool,
    pub(super) secret: SecretHash,
    /// The secret before, as long as it is good beside the new one. There is one: a further rotation ends it.
    pub(super) former: Option<FormerSecret>,
    pub(super) rotated_at: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FormerSecret {
    pub(super) secret: SecretHash,
    /// Not good from then on.
    pub(super) until: u64,
}

impl ApiKey {
    /// Who presents this, where it is the key's secret and the key is good.
    ///
    /// Every secret that it has or had is compared, whichever fits, so that the time it takes tells nothing.
    pub(super) fn caller(&self, presented: &SecretHash, now: Timestamp) -> Option<Caller> {
        let current = presented.is(&self.secret);
        let former = self
            .former
            .as_ref()
            .map_or(Choice::from(0), |former| presented.is(&former.secret) & Choice::from(u8::from(now.0 < former.until)));
        let is_ours = bool::from(current | former);
        (is_ours && self.is_good(now)).then(|| Caller {
            key: self.id.clone(),
            workspace: self.workspace.clone(),
            scopes: self.scopes.iter().copied().collect(),
        })
    }

    pub(super) fn is_good(&self, now: Timestamp) -> bool {
        !self.disabled && self.expires_at.is_none_or(|expires_at| now.0 < expires_at)
    }

    /// Puts a new secret into the place of the one it has, which stays good for so long.
    pub(super) fn rotate(&mut self, secret: SecretHash, overlap_ms: u64, now: Timestamp) {
        let old = std::mem::replace(&mut self.secret, secret);
        let until = now.plus_ms(overlap_ms).0;
        self.former = (overlap_ms > 0).then_some(FormerSecret { secret: old, until });
        self.rotated_at = Some(now.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_790_000_000_000);

    fn key() -> ApiKey {
        ApiKey {
            id: "0123456789ab".to_owned(),
            workspace: Some(Name::default_workspace()),
            name: "ci".to_owned(),
            description: String::new(),
            scopes: [Scope::Read, Scope::Rules].into(),
            created_at: NOW.0,
            created_by: "admin".to_owned(),
            expires_at: None,
            disabled: false,
            secret: SecretHash::of("first"),
            former: None,
            rotated_at: None,
        }
    }

    fn is_let_in(key: &ApiKey, secret: &str, at: Timestamp) -> bool {
        key.caller(&SecretHash::of(secret), at).is_some()
    }

    #[test]
    fn who_has_the_secret_is_the_key() {
        let caller = key().caller(&SecretHash::of("first"), NOW).expect("let in");
        assert_eq!(
            caller,
            Caller {
                key: "0123456789ab".to_owned(),
                workspace: Some(Name::default_workspace()),
                scopes: vec![Scope::Read, Scope::Rules],
            }
        );
        assert!(!is_let_in(&key(), "second", NOW) && !is_let_in(&key(), "", NOW));
    }

    #[test]
    fn a_key_ends_at_its_time_and_not_before() {
        let key = ApiKey { expires_at: Some(NOW.0 + 10), ..key() };
        let at = |ms| is_let_in(&key, "first", NOW.plus_ms(ms));
        assert_eq!((at(0), at(9), at(10), at(11)), (true, true, false, false));
    }

    #[test]
    fn a_disabled_key_lets_nobody_in() {
        assert!(!is_let_in(&ApiKey { disabled: true, ..key() }, "first", NOW));
    }

    #[test]
    fn the_old_secret_is_good_as_long_as_it_was_told() {
        let mut key = key();
        key.rotate(SecretHash::of("second"), 1_000, NOW);
        let at = |secret, ms| is_let_in(&key, secret, NOW.plus_ms(ms));
        assert_eq!((at("first", 0), at("first", 999), at("first", 1_000)), (true, true, false));
        assert_eq!((at("second", 0), at("second", 1_000)), (true, true));

        key.rotate(SecretHash::of("third"), 1_000, NOW);
        let good = ["first", "second", "third"].map(|secret| is_let_in(&key, secret, NOW));
        assert_eq!(good, [false, true, true], "there is one former secret");
        key.rotate(SecretHash::of("fourth"), 0, NOW);
        assert!(!is_let_in(&key, "third", NOW), "without an overlap it ends at once");
    }
}
