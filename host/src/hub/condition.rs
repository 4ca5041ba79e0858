//! Compare-and-set of one document: it is changed only while it is what whoever asked has seen (RFC 9110, section 13).
//!
//! A document's tag is a digest of it as it is stored, its secrets sealed: it tells nothing of them and still is another one when only a
//! secret was changed. It stays the same over restarts.

use super::{Draft, Hub, HubError, Kind, draft::Applied, snapshot::State};
use crate::event::{Digest, Name};

/// The digits of a digest that a tag has; it is held against one other tag, not looked up among many.
const TAG_DIGITS: usize = 32;

/// What has to hold of a document when it is changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// It is there, and as one of these tags say.
    pub is: Option<Tags>,
    /// It is not there, or not as one of these tags say.
    pub is_not: Option<Tags>,
}

/// The tags of a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tags {
    /// Whatever document is there.
    Any,
    /// These, as [`Hub::tag`] tells them.
    Of(Vec<String>),
}

impl Condition {
    /// Whether nothing is asked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it holds of a document with this tag, or of none.
    fn holds(&self, tag: Option<&str>) -> bool {
        let is_of = |tags: &Tags| match (tags, tag) {
            (_, None) => false,
            (Tags::Any, Some(_)) => true,
            (Tags::Of(tags), Some(tag)) => tags.iter().any(|other| other == tag),
        };
        self.is.as_ref().is_none_or(is_of) && !self.is_not.as_ref().is_some_and(is_of)
    }
}

impl Hub {
    /// What stands for a document as it is now, in a few letters.
    #[must_use]
    pub fn tag(&self, workspace: &Name, kind: Kind, name: &Name) -> Option<String> {
        tag(&self.inner.state.load(), workspace, kind, name)
    }

    /// Applies a draft, where the condition holds of a document in the turn of this change. Tells the document's tag after it, where nothing
    /// else was changed meanwhile.
    ///
    /// # Errors
    /// [`HubError::Changed`] where it does not hold; else as [`apply`](Self::apply).
    pub async fn change_if(
        &self,
        workspace: &Name,
        condition: &Condition,
        (kind, name): (Kind, Name),
        draft: Draft,
    ) -> Result<(Applied, Option<String>), HubError> {
        let turn = self.inner.turn.clone().lock_owned().await;
        if !condition.holds(self.tag(workspace, kind, &name).as_deref()) {
            return Err(HubError::Changed { kind, name });
        }
        let applied = self.apply_in_turn(turn, workspace, draft).await?;
        let state = self.inner.state.load();
        let tag = if state.revision_of(workspace) == applied.revision { tag(&state, workspace, kind, &name) } else { None };
        Ok((applied, tag))
    }
}

fn tag(state: &State, workspace: &Name, kind: Kind, name: &Name) -> Option<String> {
    let item = state.item(workspace, &(kind, name.clone()))?;
    let digest = Digest::of(item.document.to_string().as_bytes()).to_string();
    let digits = digest.rsplit(':').next().unwrap_or_default();
    Some(digits.chars().take(TAG_DIGITS).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_holds_of_what_it_names() {
        let of = |tag: &str| Some(Tags::Of(vec!["x".to_owned(), tag.to_owned()]));
        let is = |is| Condition { is, is_not: None };
        let is_not = |is_not| Condition { is: None, is_not };
        for (condition, absent, a, b) in [
            (Condition::default(), true, true, true),
            (is(Some(Tags::Any)), false, true, true),
            (is(of("a")), false, true, false),
            (is_not(Some(Tags::Any)), true, false, false),
            (is_not(of("a")), true, false, true),
            (Condition { is: of("a"), is_not: of("b") }, false, true, false),
        ] {
            let held = [None, Some("a"), Some("b")].map(|tag| condition.holds(tag));
            assert_eq!(held, [absent, a, b], "{condition:?}");
        }
    }
}
