//! What becomes of uploads when decisions come one upon the other, or are interrupted.

use std::time::Duration;

use super::{plugins::component, *};
use crate::{
    event::Digest,
    hub::{Note, State, VersionStatus},
};

impl World {
    async fn upload(&self, version: &str, activate: bool) -> VersionStatus {
        let (workspace, redact) = (Name::default_workspace(), name("redact"));
        self.hub.upload_version(&workspace, &redact, component(version), activate.then(Note::default)).await.expect("taken in")
    }

    /// The version once nothing more is to become of it.
    async fn settled(&self, digest: Digest) -> VersionStatus {
        let version = || self.hub.version(&Name::default_workspace(), &name("redact"), &digest.into()).expect("is there");
        let settled = async {
            while version().version.activate.is_some() || !matches!(version().version.state, State::Ready(_) | State::Failed) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), settled).await.expect("a version that is settled");
        version()
    }

    /// Puts a version into the list that was taken in and that nobody compiles.
    fn interrupted(&self, version: &str, activate: bool) -> Digest {
        let (bytes, place) = (component(version), (Name::default_workspace(), name("redact")));
        let digest = Digest::of(&bytes);
        let inner = &self.hub.inner;
        assert!(inner.catalogue.components.put(&digest, &bytes, 9, || inner.named()).expect("kept"));
        inner.versions.interrupted(&place, digest, activate);
        digest
    }
}

#[tokio::test]
async fn what_nobody_compiles_is_compiled_when_it_comes_again() {
    let world = World::new().await;
    let digest = world.interrupted("1", false);
    assert_eq!(world.upload("1", false).await.version.state, State::Queued);
    assert!(matches!(world.settled(digest).await.version.state, State::Ready(_)));
}

#[tokio::test]
async fn of_several_uploads_the_last_that_is_to_be_active_is() {
    let world = World::new().await;
    let mut digests = Vec::new();
    for (version, activate) in [("1", true), ("2", true), ("3", false)] {
        digests.push(world.upload(version, activate).await.version.digest);
    }
    let mut active = Vec::new();
    for digest in &digests {
        world.settled(*digest).await;
    }
    for digest in digests {
        active.push(world.settled(digest).await.active);
    }
    assert_eq!(active, [false, true, false]);
}

#[tokio::test]
async fn a_decision_undoes_older_wishes() {
    let world = World::new().await;
    let (first, _) = world.hub.put_component(&Name::default_workspace(), component("1")).await.expect("stored");
    let second = world.interrupted("2", true);
    let place = (Name::default_workspace(), name("redact"));
    world.hub.activate(&place.0, &place.1, first, Note::default()).await.expect("activated");
    let world = world.again(|_| ()).await;
    let second = world.settled(second).await;
    assert!(matches!(second.version.state, State::Ready(_)) && !second.active, "{second:?}");
}

#[tokio::test]
async fn a_plugin_that_is_gone_has_nowhere_to_go_back_to() {
    let world = World::new().await;
    let (workspace, redact) = (Name::default_workspace(), name("redact"));
    let mut digests = Vec::new();
    for version in ["1", "2"] {
        let digest = world.upload(version, true).await.version.digest;
        assert!(world.settled(digest).await.active);
        digests.push(digest);
    }
    world.apply(delete(Kind::Plugin, "redact")).await.expect("deleted");
    let refused = world.hub.roll_back(&workspace, &redact, Note::default()).await;
    assert!(matches!(refused, Err(HubError::NotFound { .. })), "{refused:?}");
    world.hub.activate(&workspace, &redact, digests[0], Note::default()).await.expect("made anew");
    let refused = world.hub.roll_back(&workspace, &redact, Note::default()).await;
    assert!(matches!(refused, Err(HubError::NoVersion { .. })), "{refused:?}");
}

#[tokio::test]
async fn in_use_are_the_active_version_the_canary_and_what_rules_pin() {
    let world = World::new().await;
    let mut digests = Vec::new();
    for version in ["active", "canary", "pinned", "unused"] {
        digests.push(world.hub.put_component(&Name::default_workspace(), component(version)).await.expect("stored").0);
    }
    let [active, canary, pinned] = [0, 1, 2].map(|at| digests[at]);
    let document = json!({ "digest": active.to_string(), "canary": { "digest": canary.to_string(), "percent": 5 } });
    let rule = json!({ "plugins": [format!("redact@{pinned}")], "destinations": ["crm"] });
    let entries = [(Kind::Plugin, "redact", document), destination("https://crm.example"), (Kind::Rule, "issues", rule)];
    world.apply(put(&entries)).await.expect("applied");
    let mut found: Vec<_> =
        world.hub.in_use(&Name::default_workspace(), &name("redact")).iter().map(|bound| bound.digest).collect();
    assert_eq!((found.remove(0), found.len()), (active, 2));
    assert!(found.contains(&canary) && found.contains(&pinned), "{found:?}");
    assert!(world.hub.enable_plugin(&Name::default_workspace(), &name("redact")).is_some_and(|health| health.tripped.is_empty()));
}
