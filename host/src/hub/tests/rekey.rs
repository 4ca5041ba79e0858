//! Other keys while the hub is in use.

use std::collections::BTreeSet;

use super::*;
use crate::{
    event::Secret,
    hub::{MainKeySource, RekeyError},
};

const KEYS: [&str; 2] = [
    "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
    "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100",
];

fn main_key(folder: &Path) -> String {
    fs::read_to_string(folder.join("main.key")).expect("read")
}

/// Applying what is there already changes nothing, which only a hub that opens its secrets can tell.
async fn opens(world: &World, draft: &Draft) {
    assert_eq!(world.apply(draft.clone()).await.expect("applied").changes, []);
}

fn given(number: usize) -> Option<Secret> {
    Some(Secret::new(KEYS[number].to_owned()))
}

fn environment(number: usize) -> MainKeyOptions {
    let source = MainKeySource::Environment("SLUICEBOX_MAIN_KEY", Secret::new(KEYS[number].to_owned()));
    MainKeyOptions { source, old: None }
}

#[tokio::test]
async fn another_main_key_changes_nothing_but_what_lies_on_disk() {
    let world = World::new().await;
    let draft = put(&[source("s"), destination("https://crm.example")]);
    world.apply(draft.clone()).await.expect("applied");
    let (before, derived) = (main_key(world.folder.path()), world.hub.derived_key("receipts"));
    let shown = world.get(Kind::Source, "github");

    let rekeyed = world.hub.rotate_main_key(None).await.expect("rotated");
    assert_eq!((rekeyed.data_key, rekeyed.resealed, rekeyed.revision), (2, 2, 2));
    assert_eq!((world.revision(), world.get(Kind::Source, "github")), (2, shown.clone()));
    assert_ne!(main_key(world.folder.path()), before);
    opens(&world, &draft).await;
    assert_eq!(
        world.hub.inner.revisions.data_keys().expect("read"),
        BTreeSet::from([1, 2]),
        "the first record has its own still"
    );

    let world = world.again(|_| ()).await;
    assert!(world.notes.is_empty(), "{:?}", world.notes);
    assert_eq!((world.revision(), world.get(Kind::Source, "github")), (2, shown));
    assert_eq!(*world.hub.derived_key("receipts"), *derived);
    opens(&world, &draft).await;

    // The folder with the main key of before is a backup that was put together wrongly, or stolen.
    world.hub.close();
    fs::write(world.folder.path().join("main.key"), before).expect("written");
    let refused = try_open(world.folder.path()).await.err().expect("refused").to_string();
    assert!(refused.contains(&rekeyed.main_key) && refused.contains("nothing was touched"), "{refused}");
}

#[tokio::test]
async fn rules_and_their_revision_stay_when_secrets_are_sealed_anew() {
    let world = World::new().await;
    let draft = put(&[source("s"), destination("https://crm.example"), rule("x-a")]);
    world.apply(draft.clone()).await.expect("applied");
    let resealed = world.hub.reseal().await.expect("resealed");
    assert_eq!((resealed.data_key, resealed.resealed, resealed.revision), (2, 2, 2));
    let snapshot = world.hub.snapshot().load_full();
    assert_eq!((snapshot.revision, snapshot.ingest.sources.len(), snapshot.deliver.destinations.len()), (2, 1, 1));
    let record = fs::read_to_string(newest_record(world.folder.path())).expect("read");
    assert!(record.contains("\"2:") && !record.contains("\"1:"), "all of it, under the new key alone");
    for revision in [1, 2] {
        assert!(world.hub.rule_at(&Name::default_workspace(), revision, &name("issues")).await.expect("told").is_some());
    }
    // What follows is made to that revision.
    world.apply(put(&[destination("https://crm.example/2")])).await.expect("applied");
    let world = world.again(|_| ()).await;
    assert_eq!((world.revision(), world.notes.len()), (3, 0));
    assert!(world.hub.rule_at(&Name::default_workspace(), 1, &name("issues")).await.expect("told").is_some());
}

#[tokio::test]
async fn data_keys_go_with_the_last_record_that_needs_them() {
    let world = World::new().await;
    let draft = put(&[source("s")]);
    world.apply(draft.clone()).await.expect("applied");
    world.hub.reseal().await.expect("resealed");
    world.hub.retire_data_keys().await.expect("looked at");
    assert_eq!(world.hub.inner.seal.keys.count(), 2);
    let oldest = files(&world.folder.path().join("revisions")).into_iter().min().expect("a record");
    fs::remove_file(oldest).expect("pruned");
    world.hub.retire_data_keys().await.expect("retired");
    assert_eq!(world.hub.inner.seal.keys.count(), 1);
    let world = world.again(|_| ()).await;
    opens(&world, &draft).await;
}

#[tokio::test]
async fn nothing_to_seal_makes_no_revision() {
    let world = World::new().await;
    let rekeyed = world.hub.rotate_main_key(None).await.expect("rotated");
    assert_eq!((rekeyed.revision, rekeyed.resealed, rekeyed.data_key), (0, 0, 2));
    assert_eq!(world.again(|_| ()).await.revision(), 0);
}

#[tokio::test]
async fn a_main_key_from_elsewhere_is_followed_by_one_from_elsewhere() {
    let folder = tempfile::tempdir().expect("a folder");
    let Opened { hub, .. } = try_open_under(environment(0), folder.path()).await.expect("opened");
    assert!(!folder.path().join("main.key").exists(), "none is made beside it");
    let draft = put(&[source("s")]);
    hub.apply(&Name::default_workspace(), draft.clone()).await.expect("applied");

    let refused = async |given| match hub.rotate_main_key(given).await {
        Err(HubError::Rekey(error)) => error,
        other => panic!("not refused: {other:?}"),
    };
    assert!(matches!(refused(None).await, RekeyError::NotGiven { place } if place == "SLUICEBOX_MAIN_KEY"));
    assert!(matches!(refused(given(0)).await, RekeyError::Same { .. }));
    assert!(matches!(refused(Some(Secret::new("canary".to_owned()))).await, RekeyError::MainKey(_)));
    assert_eq!(hub.snapshot().load().revision, 1);

    hub.rotate_main_key(given(1)).await.expect("rotated");
    hub.close();
    assert!(try_open_under(environment(0), folder.path()).await.is_err());
    let Opened { hub, .. } = try_open_under(environment(1), folder.path()).await.expect("opened");
    assert_eq!(hub.apply(&Name::default_workspace(), draft).await.expect("applied").changes, []);
}

#[tokio::test]
async fn a_file_with_another_key_is_read_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("key");
    fs::write(&path, KEYS[0]).expect("written");
    let options = MainKeyOptions { source: MainKeySource::File(path.clone()), old: None };
    let data = folder.path().join("data");
    let Opened { hub, .. } = try_open_under(options.clone(), &data).await.expect("opened");
    assert!(matches!(hub.rotate_main_key(None).await, Err(HubError::Rekey(RekeyError::NotGiven { .. }))));
    fs::write(&path, KEYS[1]).expect("written");
    hub.rotate_main_key(None).await.expect("rotated");
    hub.close();
    try_open_under(options, &data).await.expect("opened");
}

#[tokio::test]
async fn a_restart_after_a_reseal_changes_no_revision() {
    let world = World::new().await;
    let (own, other) = (Name::default_workspace(), name("other"));
    let operator = Caller { key: "admin".to_owned(), workspace: None, scopes: vec![Scope::Operator] };
    let naming = world.hub.naming().await;
    world.hub.create_workspace(&naming, &operator, &other, WorkspaceChange::default()).await.expect("made");
    world.apply(put(&[source("s")])).await.expect("applied");
    world.hub.apply(&other, put(&[source("t")])).await.expect("applied");
    world.hub.reseal().await.expect("resealed");
    let told = async |world: &World| {
        let listed = world.hub.revisions(&own, None, 10).await.expect("listed").items[0].number;
        (world.hub.revision_of(&own), world.hub.revision_of(&other), listed)
    };
    let before = told(&world).await;
    assert_eq!(before, (3, 2, 3), "it is on record with the default workspace, and is none of the other's");
    let world = world.again(|_| ()).await;
    assert_eq!(told(&world).await, before);
}
