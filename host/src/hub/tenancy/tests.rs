//! Keys and workspaces as their callers see them, on real folders, through losses and restarts.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use prometheus_client::registry::Registry;
use serde_json::json;
use tempfile::TempDir;

use super::{FILE, KeyChange, KeyState, NewKey, Quotas, ShownKey, TenancyError, WorkspaceChange};
use crate::{
    event::{Name, Timestamp},
    hub::{Caller, Draft, Hub, HubError, Kind, MainKeyOptions, Opened, Options, Scope, StoreError, Versioning},
    plugin::{self, Plugins},
};

const BEGUN_MS: u64 = 1_790_000_000_000;

/// A hub whose clock is in the test's hand.
struct World {
    folder: TempDir,
    clock: Arc<AtomicU64>,
    hub: Arc<Hub>,
    notes: Vec<String>,
}

async fn try_open(folder: &Path, clock: &Arc<AtomicU64>) -> Result<Opened, HubError> {
    let options = plugin::Options { workers: 1, queue_max: 1, ..plugin::Options::default() };
    let plugins = Plugins::start(&options, &mut Registry::default()).expect("plugins start");
    let options = Options {
        folder: folder.to_owned(),
        versioning: Versioning::default(),
        main_key: MainKeyOptions::default(),
        callbacks: false,
    };
    let clock = Arc::clone(clock);
    Hub::open(&options, plugins, Arc::new(move || Timestamp(clock.load(Ordering::Relaxed)))).await
}

impl World {
    async fn new() -> Self {
        let (folder, clock) = (tempfile::tempdir().expect("a folder"), Arc::new(AtomicU64::new(BEGUN_MS)));
        let Opened { hub, notes, .. } = try_open(folder.path(), &clock).await.expect("opened");
        Self { folder, clock, hub, notes }
    }

    /// Opens the folder again, after `between` has had its way with it.
    async fn again(self, between: impl FnOnce(&Path)) -> Self {
        self.hub.close();
        between(self.folder.path());
        let Opened { hub, notes, .. } = try_open(self.folder.path(), &self.clock).await.expect("opened again");
        Self { hub, notes, ..self }
    }

    fn later(&self, ms: u64) {
        self.clock.fetch_add(ms, Ordering::Relaxed);
    }

    /// A key of the workspace `default`, made by the operator.
    async fn key(&self, scopes: &[Scope]) -> ShownKey {
        let made = self.hub.create_key(&operator(), &Name::default_workspace(), new(scopes)).await;
        made.expect("made")
    }

    fn is_let_in(&self, shown: &ShownKey) -> bool {
        self.hub.authenticate(shown.secret.expose()).is_some()
    }

    async fn workspace(&self, text: &str) -> Name {
        self.hub
            .create_workspace(&self.hub.naming().await, &operator(), &name(text), WorkspaceChange::default())
            .await
            .expect("made");
        name(text)
    }

    /// Puts sources of these names.
    async fn put(&self, workspace: &Name, sources: &[&str]) -> Result<(), HubError> {
        self.hub.apply(workspace, draft(sources)).await.map(drop)
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join(FILE)
    }
}

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

/// Sources of these names.
fn draft(sources: &[&str]) -> Draft {
    let source = |text: &&str| ((Kind::Source, name(text)), Some(json!({ "verify": { "scheme": "none" } })));
    Draft { entries: sources.iter().map(source).collect(), ..Draft::default() }
}

fn operator() -> Caller {
    Caller { key: "admin".to_owned(), workspace: None, scopes: vec![Scope::Operator] }
}

fn new(scopes: &[Scope]) -> NewKey {
    NewKey { name: "ci".to_owned(), scopes: scopes.iter().copied().collect(), ..NewKey::default() }
}

fn id(shown: &ShownKey) -> &str {
    &shown.key.as_ref().expect("a key").id
}

fn damage(path: &Path) {
    let bytes = fs::read(path).expect("read");
    fs::write(path, bytes.iter().map(|byte| byte ^ 0x55).collect::<Vec<_>>()).expect("damaged");
}

#[tokio::test]
async fn a_key_is_good_from_its_making_to_its_revocation_and_across_restarts() {
    let world = World::new().await;
    let made = world.key(&[Scope::Read]).await;
    let caller = world.hub.authenticate(made.secret.expose()).expect("let in");
    assert_eq!((caller.key.as_str(), caller.workspace), (id(&made), Some(Name::default_workspace())));
    assert_eq!(caller.scopes, [Scope::Read]);

    let world = world.again(|_| ()).await;
    assert!(world.is_let_in(&made) && world.notes.is_empty());
    world.hub.revoke_key(&operator(), id(&made)).await.expect("revoked");
    assert!(!world.is_let_in(&made));
    let again = world.hub.revoke_key(&operator(), id(&made)).await;
    assert!(matches!(again, Err(TenancyError::UnknownKey(_))));
    let world = world.again(|_| ()).await;
    assert!(!world.is_let_in(&made));
}

#[tokio::test]
async fn a_secret_is_nowhere_on_disk_nor_in_what_is_printed() {
    let world = World::new().await;
    let made = world.key(&[Scope::Read]).await;
    let rotated = world.hub.rotate_key(&operator(), id(&made), 1_000).await.expect("rotated");
    world.hub.close();
    let mut folders = vec![world.folder.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).expect("a folder").map(|file| file.expect("a file").path()) {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = fs::read(&path).expect("read");
            for shown in [&made, &rotated] {
                let secret = &shown.secret.expose().as_bytes()["slk_0123456789ab_".len()..];
                assert!(!bytes.windows(16).any(|window| window == &secret[..16]), "{}", path.display());
            }
        }
    }
    for shown in [&made, &rotated] {
        assert!(!format!("{shown:?}").contains(&shown.secret.expose()[17..40]));
    }
}

#[tokio::test]
async fn a_key_ends_when_it_was_told_to() {
    let world = World::new().await;
    let ending = NewKey { expires_at: Some(Timestamp(BEGUN_MS + 1_000)), ..new(&[Scope::Read]) };
    let made = world.hub.create_key(&operator(), &Name::default_workspace(), ending.clone()).await.expect("made");
    assert!(world.is_let_in(&made));
    world.later(1_000);
    assert!(!world.is_let_in(&made));
    assert_eq!(world.hub.key(&operator(), id(&made)).expect("there").state, KeyState::Expired);

    let past = world.hub.create_key(&operator(), &Name::default_workspace(), ending).await;
    assert!(matches!(past, Err(TenancyError::Invalid(invalid)) if invalid.pointer == "/expires_at"));
    let change = KeyChange { expires_at: Some(None), ..KeyChange::default() };
    assert_eq!(world.hub.change_key(&operator(), id(&made), change).await.expect("changed").state, KeyState::Active);
    assert!(world.is_let_in(&made));
}

#[tokio::test]
async fn a_disabled_key_waits_until_it_is_enabled() {
    let world = World::new().await;
    let made = world.key(&[Scope::Read]).await;
    for disabled in [true, false] {
        let change = KeyChange { disabled: Some(disabled), ..KeyChange::default() };
        world.hub.change_key(&operator(), id(&made), change).await.expect("changed");
        assert_eq!(world.is_let_in(&made), !disabled);
    }
}

#[tokio::test]
async fn both_secrets_are_good_while_a_rotation_overlaps() {
    let world = World::new().await;
    let first = world.key(&[Scope::Read]).await;
    let second = world.hub.rotate_key(&operator(), id(&first), 5_000).await.expect("rotated");
    assert_eq!(id(&first), id(&second));
    let world = world.again(|_| ()).await;
    assert!(world.is_let_in(&first) && world.is_let_in(&second));
    assert_eq!(world.hub.key(&operator(), id(&first)).expect("there").former_until, Some(Timestamp(BEGUN_MS + 5_000)));
    world.later(5_000);
    assert!(!world.is_let_in(&first) && world.is_let_in(&second));
    assert_eq!(world.hub.key(&operator(), id(&first)).expect("there").former_until, None);
}

#[tokio::test]
async fn the_admin_key_is_rotated_at_once() {
    let world = World::new().await;
    let file = world.folder.path().join("admin.key");
    let old = fs::read_to_string(&file).expect("a key");
    let refused = world.hub.rotate_admin_key(&Caller { scopes: vec![Scope::Admin], ..operator() }).await;
    assert!(matches!(refused, Err(TenancyError::NotGranted(_))));
    let new = world.hub.rotate_admin_key(&operator()).await.expect("rotated");
    assert_eq!(fs::read_to_string(&file).expect("a key"), new.secret.expose());
    assert!(world.is_let_in(&new) && world.hub.authenticate(&old).is_none());
    let world = world.again(|_| ()).await;
    assert!(world.is_let_in(&new) && world.hub.authenticate(&old).is_none());
}

#[tokio::test]
async fn an_admin_neither_gives_nor_sees_more_than_it_has() {
    let world = World::new().await;
    let workspace = Name::default_workspace();
    let made = world.key(&[Scope::Admin]).await;
    let hosts = world.key(&[Scope::Operator]).await;
    let admin = world.hub.authenticate(made.secret.expose()).expect("let in");
    let mine = world.hub.create_key(&admin, &workspace, new(&[Scope::Read, Scope::Pull])).await.expect("made");
    assert_eq!(mine.key.as_ref().map(|key| key.created_by.as_str()), Some(id(&made)));
    for scope in [Scope::Operator, Scope::Metrics] {
        let refused = world.hub.create_key(&admin, &workspace, new(&[scope])).await;
        assert!(matches!(refused, Err(TenancyError::NotGranted(_))), "{scope}");
        let change = KeyChange { scopes: Some([scope].into()), ..KeyChange::default() };
        let refused = world.hub.change_key(&admin, id(&mine), change).await;
        assert!(refused.is_err(), "{scope}");
    }
    // The host's keys are not there for it: it could take one over by rotating it.
    let seen = world.hub.keys(&admin, &workspace).into_iter().map(|key| key.id).collect::<Vec<_>>();
    assert!(seen.contains(&id(&mine).to_owned()) && !seen.contains(&id(&hosts).to_owned()));
    assert!(matches!(world.hub.rotate_key(&admin, id(&hosts), 0).await, Err(TenancyError::UnknownKey(_))));
    assert!(matches!(world.hub.revoke_key(&admin, id(&hosts)).await, Err(TenancyError::UnknownKey(_))));
    assert!(world.is_let_in(&hosts) && world.is_let_in(&mine));
    // A key without `admin` manages none, not even itself.
    let reader = world.hub.authenticate(mine.secret.expose()).expect("let in");
    assert!(world.hub.keys(&reader, &workspace).is_empty());
    assert!(world.hub.rotate_key(&reader, id(&mine), 0).await.is_err());
}

#[tokio::test]
async fn a_key_of_a_workspace_stays_one() {
    let world = World::new().await;
    let made = world.key(&[Scope::Read]).await;
    let hosts = world.key(&[Scope::Metrics]).await;
    assert_eq!(hosts.key.as_ref().and_then(|key| key.workspace.clone()), None);
    for (shown, scope) in [(&made, Scope::Metrics), (&hosts, Scope::Read)] {
        let change = KeyChange { scopes: Some([scope].into()), ..KeyChange::default() };
        let refused = world.hub.change_key(&operator(), id(shown), change).await;
        assert!(matches!(refused, Err(TenancyError::Invalid(invalid)) if invalid.pointer == "/scopes"), "{scope}");
    }
}

#[tokio::test]
async fn a_lost_or_damaged_database_costs_no_key() {
    for damaged in [false, true] {
        let world = World::new().await;
        let made = world.key(&[Scope::Read]).await;
        let world = world
            .again(|folder| match damaged {
                true => damage(&folder.join("hub/conf")),
                false => fs::remove_dir_all(folder.join("hub")).expect("removed"),
            })
            .await;
        assert!(world.is_let_in(&made), "damaged: {damaged}");
        // The database followed: now it makes good for the record.
        let world = world.again(|folder| fs::remove_file(folder.join(FILE)).expect("removed")).await;
        assert!(world.is_let_in(&made), "damaged: {damaged}");
        assert!(world.notes.iter().any(|note| note.contains("taken from the database")), "{:?}", world.notes);
    }
}

#[tokio::test]
async fn a_torn_record_is_taken_from_the_database() {
    let world = World::new().await;
    let made = world.key(&[Scope::Read]).await;
    let world = world
        .again(|folder| {
            let bytes = fs::read(folder.join(FILE)).expect("read");
            fs::write(folder.join(FILE), &bytes[..bytes.len() / 2]).expect("torn");
        })
        .await;
    assert!(world.is_let_in(&made));
    assert!(world.notes.iter().any(|note| note.contains("damaged")), "{:?}", world.notes);
    let world = world.again(|_| ()).await;
    assert!(world.is_let_in(&made) && world.notes.is_empty(), "{:?}", world.notes);
}

#[tokio::test]
async fn without_any_good_copy_nothing_starts() {
    let world = World::new().await;
    world.key(&[Scope::Read]).await;
    world.hub.close();
    damage(&world.file());
    fs::remove_dir_all(world.folder.path().join("hub")).expect("removed");
    let refused = try_open(world.folder.path(), &world.clock).await.err().expect("refused");
    assert!(matches!(refused, HubError::Store(StoreError::NoTenancy { .. })), "{refused}");
    assert!(refused.to_string().contains(FILE));
    // As the message says.
    fs::remove_file(world.file()).expect("removed");
    assert!(try_open(world.folder.path(), &world.clock).await.is_ok());
}

#[tokio::test]
async fn an_older_record_does_not_bring_a_revoked_key_back() {
    let world = World::new().await;
    let made = world.key(&[Scope::Read]).await;
    let older = fs::read(world.file()).expect("read");
    world.hub.revoke_key(&operator(), id(&made)).await.expect("revoked");
    let world = world.again(|folder| fs::write(folder.join(FILE), older).expect("put back")).await;
    assert!(!world.is_let_in(&made));
    assert!(world.notes.iter().any(|note| note.contains("older than the database")), "{:?}", world.notes);
}

#[tokio::test]
async fn a_stop_between_record_and_database_loses_nothing() {
    let world = World::new().await;
    let first = world.key(&[Scope::Read]).await;
    // The database as it was before the second key: what a kill right after the record leaves.
    world.hub.close();
    let aside = world.folder.path().join("before");
    copy(&world.folder.path().join("hub"), &aside);
    let world = world.again(|_| ()).await;
    let second = world.key(&[Scope::Read]).await;
    world.hub.revoke_key(&operator(), id(&first)).await.expect("revoked");
    let world = world
        .again(|folder| {
            fs::remove_dir_all(folder.join("hub")).expect("removed");
            fs::rename(folder.join("before"), folder.join("hub")).expect("put back");
        })
        .await;
    assert!(world.is_let_in(&second) && !world.is_let_in(&first), "the record counts");
    let world = world.again(|folder| fs::remove_file(folder.join(FILE)).expect("removed")).await;
    assert!(world.is_let_in(&second) && !world.is_let_in(&first), "and the database has followed it");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).expect("made");
    for path in fs::read_dir(from).expect("a folder").map(|file| file.expect("a file").path()) {
        let to = to.join(path.file_name().expect("a name"));
        match path.is_dir() {
            true => copy(&path, &to),
            false => assert!(fs::copy(&path, to).is_ok(), "copied"),
        }
    }
}

#[tokio::test]
async fn last_use_is_noted_and_recalled() {
    let world = World::new().await;
    let made = world.key(&[Scope::Read]).await;
    let used_at = |world: &World| world.hub.key(&operator(), id(&made)).expect("there").last_used_at;
    assert_eq!((used_at(&world), world.hub.key_uses()), (None, vec![]));
    assert!(world.is_let_in(&made));
    world.later(10);
    assert!(world.hub.authenticate(&format!("{}0", made.secret.expose())).is_none(), "no use");
    assert_eq!(world.hub.key_uses(), [(id(&made).to_owned(), Timestamp(BEGUN_MS))]);
    let uses = world.hub.key_uses();
    let world = world.again(|_| ()).await;
    assert_eq!(used_at(&world), None);
    world.hub.recall_key_uses(&uses);
    assert_eq!(used_at(&world), Some(Timestamp(BEGUN_MS)));
    // A change of the key keeps it.
    world.hub.rotate_key(&operator(), id(&made), 0).await.expect("rotated");
    assert_eq!(used_at(&world), Some(Timestamp(BEGUN_MS)));
}

#[tokio::test]
async fn nothing_is_applied_in_a_workspace_that_is_not_there() {
    let world = World::new().await;
    let acme = world.workspace("acme").await;
    let refused = world.put(&name("acne"), &["shop"]).await.expect_err("refused").to_string();
    assert!(refused.contains("no workspace `acne`, did you mean `acme`?"), "{refused}");
    let refused = world.hub.upload_version(&name("acne"), &name("redact"), b"component".as_slice().into(), None).await;
    assert!(matches!(refused, Err(HubError::NoWorkspace(_))));
    let refused = world.hub.create_key(&operator(), &name("acne"), new(&[Scope::Read])).await;
    assert!(matches!(refused, Err(TenancyError::UnknownWorkspace { .. })));
    world.put(&acme, &["shop"]).await.expect("applied");
}

#[tokio::test]
async fn a_workspace_is_there_after_a_restart_and_with_a_lost_database() {
    let world = World::new().await;
    let acme = world.workspace("acme").await;
    let quotas = Quotas { events_per_second_max: Some(5), ..Quotas::default() };
    let change = WorkspaceChange { description: "a tenant".to_owned(), quotas };
    world.hub.change_workspace(&acme, change).await.expect("changed");
    let world = world.again(|folder| fs::remove_dir_all(folder.join("hub")).expect("removed")).await;
    let told = world.hub.workspace(&acme).expect("there").workspace;
    assert_eq!((told.description.as_str(), told.quotas), ("a tenant", quotas));
    let rates = &world.hub.snapshot().load().ingest.rates;
    assert!(rates.len() == 1 && rates.contains_key(&acme), "{rates:?}");
}

#[tokio::test]
async fn a_workspace_with_entries_is_there_whatever_was_lost() {
    let world = World::new().await;
    let acme = world.workspace("acme").await;
    world.put(&acme, &["shop"]).await.expect("applied");
    let lose = |folder: &Path| {
        fs::remove_dir_all(folder.join("hub")).expect("removed");
        fs::remove_file(folder.join(FILE)).expect("removed");
    };
    let world = world.again(lose).await;
    assert_eq!(world.hub.workspace(&acme).expect("there").entries[&Kind::Source], 1);
}

#[tokio::test]
async fn a_quota_keeps_from_growing_and_takes_nothing_away() {
    let world = World::new().await;
    let acme = world.workspace("acme").await;
    world.put(&acme, &["a", "b", "c"]).await.expect("applied");
    let quotas = Quotas { sources_max: Some(2), keys_max: Some(1), ..Quotas::default() };
    world.hub.change_workspace(&acme, WorkspaceChange { quotas, ..WorkspaceChange::default() }).await.expect("changed");
    let refused = world.put(&acme, &["d"]).await;
    assert!(matches!(refused, Err(HubError::Quota { quota: "sources_max", max: 2, .. })), "{refused:?}");
    world.put(&acme, &["a", "b", "c"]).await.expect("what is there may be put again");
    let replaced = |come: &str, gone: &[&str]| {
        let source = json!({ "verify": { "scheme": "none" } });
        let mut entries = std::collections::BTreeMap::from([((Kind::Source, name(come)), Some(source))]);
        entries.extend(gone.iter().map(|gone| ((Kind::Source, name(gone)), None)));
        Draft { entries, ..Draft::default() }
    };
    world.hub.apply(&acme, replaced("d", &["a"])).await.expect("no more than before");
    world.hub.apply(&acme, replaced("e", &["b", "c"])).await.expect("fewer");
    assert!(world.hub.apply(&acme, replaced("f", &[])).await.is_err());
    world.put(&Name::default_workspace(), &["a", "b", "c"]).await.expect("another workspace is not bounded");

    let made = world.hub.create_key(&operator(), &acme, new(&[Scope::Read])).await.expect("made");
    let refused = world.hub.create_key(&operator(), &acme, new(&[Scope::Read])).await;
    assert!(matches!(refused, Err(TenancyError::Hub(HubError::Quota { quota: "keys_max", .. }))));
    world.hub.revoke_key(&operator(), id(&made)).await.expect("revoked");
    world.hub.create_key(&operator(), &acme, new(&[Scope::Read])).await.expect("made again");
}

#[tokio::test]
async fn a_deleted_workspace_takes_all_that_is_its_own_with_it() {
    let world = World::new().await;
    let acme = world.workspace("acme").await;
    world.put(&acme, &["shop"]).await.expect("applied");
    world.put(&Name::default_workspace(), &["shop"]).await.expect("applied");
    let made = world.hub.create_key(&operator(), &acme, new(&[Scope::Admin])).await.expect("made");
    let others = world.key(&[Scope::Admin]).await;
    let refused = world.hub.delete_workspace(&world.hub.naming().await, &acme, false).await;
    assert!(matches!(&refused, Err(TenancyError::WorkspaceNotEmpty { what, .. }) if what == "1 sources, 1 keys"), "{refused:?}");
    assert!(world.is_let_in(&made), "nothing has changed");

    world.hub.delete_workspace(&world.hub.naming().await, &acme, true).await.expect("deleted");
    let world = world.again(|_| ()).await;
    assert!(!world.is_let_in(&made) && world.is_let_in(&others));
    assert!(matches!(world.hub.workspace(&acme), Err(TenancyError::UnknownWorkspace { .. })));
    assert!(world.hub.list(&acme, Kind::Source).is_empty());
    assert_eq!(world.hub.list(&Name::default_workspace(), Kind::Source).len(), 1);
    assert!(world.hub.delete_workspace(&world.hub.naming().await, &Name::default_workspace(), true).await.is_err());
}

#[tokio::test]
async fn keys_of_one_workspace_are_not_there_for_another() {
    let world = World::new().await;
    let acme = world.workspace("acme").await;
    let theirs = world.hub.create_key(&operator(), &acme, new(&[Scope::Admin])).await.expect("made");
    let ours = world.key(&[Scope::Admin]).await;
    let admin = world.hub.authenticate(theirs.secret.expose()).expect("let in");
    assert!(admin.reaches(&acme) && !admin.reaches(&Name::default_workspace()));
    assert!(world.hub.keys(&admin, &Name::default_workspace()).is_empty());
    let missing = world.hub.key(&admin, id(&ours));
    assert!(matches!(missing, Err(TenancyError::UnknownKey(_))));
    let refused = world.hub.create_key(&admin, &Name::default_workspace(), new(&[Scope::Read])).await;
    assert!(matches!(refused, Err(TenancyError::NotGranted(_))));
}

/// What was asked for before its turn came is decided in its turn.
#[tokio::test]
async fn a_workspace_begins_after_what_came_before_its_turn() {
    let world = World::new().await;
    let turn = world.hub.inner.turn.clone().lock_owned().await;
    let hub = Arc::clone(&world.hub);
    let making = tokio::spawn(async move {
        let naming = hub.naming().await;
        hub.create_workspace(&naming, &operator(), &name("acme"), WorkspaceChange::default()).await
    });
    // It has begun, and waits for its turn.
    tokio::task::yield_now().await;
    let applied = world.hub.apply_in_turn(turn, &Name::default_workspace(), draft(&["first"])).await.expect("applied");
    making.await.expect("no panic").expect("made");
    assert_eq!((applied.revision, world.hub.revisions_begin_after(&name("acme"))), (1, 1));
}

#[tokio::test]
async fn a_key_that_came_before_the_turn_of_a_deletion_keeps_its_workspace() {
    let world = World::new().await;
    let acme = world.workspace("acme").await;
    let turn = world.hub.inner.turn.clone().lock_owned().await;
    let (hub, whose) = (Arc::clone(&world.hub), acme.clone());
    let making = tokio::spawn(async move { hub.create_key(&operator(), &whose, new(&[Scope::Read])).await });
    tokio::task::yield_now().await;
    let (hub, gone) = (Arc::clone(&world.hub), acme.clone());
    let deleting = tokio::spawn(async move { hub.delete_workspace(&hub.naming().await, &gone, false).await });
    tokio::task::yield_now().await;
    drop(turn);
    let made = making.await.expect("no panic").expect("made");
    let refused = deleting.await.expect("no panic");
    assert!(matches!(refused, Err(TenancyError::WorkspaceNotEmpty { .. })), "{refused:?}");
    assert!(world.is_let_in(&made));
}
