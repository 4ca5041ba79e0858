//! The hub as its callers see it, on real folders.

mod plugins;
mod rekey;
mod rules;
mod versions;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    Caller, Change, Draft, Hub, HubError, Kind, MainKeyOptions, Opened, Options, Problem, Scope, StoreError, Versioning, What,
    WorkspaceChange,
};
use crate::{
    dispatch::History,
    event::{Name, Timestamp},
    plugin::{self, Plugins},
};

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

fn put(entries: &[(Kind, &str, Value)]) -> Draft {
    let entry = |(kind, text, document): &(Kind, &str, Value)| ((*kind, name(text)), Some(document.clone()));
    Draft { entries: entries.iter().map(entry).collect(), ..Draft::default() }
}

fn delete(kind: Kind, text: &str) -> Draft {
    Draft { entries: [((kind, name(text)), None)].into(), ..Draft::default() }
}

fn source(secret: &str) -> (Kind, &'static str, Value) {
    let secret = json!({ "value": secret, "ref": "${GITHUB_SECRET}" });
    (Kind::Source, "github", json!({ "verify": { "scheme": "github", "secret": secret } }))
}

fn destination(url: &str) -> (Kind, &'static str, Value) {
    (Kind::Destination, "crm", json!({ "url": url }))
}

fn rule(forwarded: &str) -> (Kind, &'static str, Value) {
    (Kind::Rule, "issues", json!({ "match": { "type": ["opened"] }, "destinations": ["crm"], "forward_headers": [forwarded] }))
}

async fn try_open(folder: &Path) -> Result<Opened, HubError> {
    try_open_under(MainKeyOptions::default(), folder).await
}

async fn try_open_under(main_key: MainKeyOptions, folder: &Path) -> Result<Opened, HubError> {
    let options = plugin::Options { workers: 1, queue_max: 1, ..plugin::Options::default() };
    let plugins = Plugins::start(&options, &mut Registry::default()).expect("plugins start");
    let options = Options { folder: folder.to_owned(), main_key, versioning: Versioning::default(), callbacks: false };
    Hub::open(&options, plugins, Arc::new(|| Timestamp(1_790_000_000_000))).await
}

struct World {
    folder: TempDir,
    hub: Arc<Hub>,
    notes: Vec<String>,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let Opened { hub, notes, .. } = try_open(folder.path()).await.expect("opened");
        Self { folder, hub, notes }
    }

    /// Opens the folder again, after `between` has had its way with it.
    async fn again(self, between: impl FnOnce(&Path)) -> Self {
        self.hub.close();
        between(self.folder.path());
        let Opened { hub, notes, .. } = try_open(self.folder.path()).await.expect("opened again");
        Self { folder: self.folder, hub, notes }
    }

    async fn apply(&self, draft: Draft) -> Result<super::Applied, HubError> {
        self.hub.apply(&Name::default_workspace(), draft).await
    }

    fn get(&self, kind: Kind, text: &str) -> Option<Value> {
        self.hub.get(&Name::default_workspace(), kind, &name(text))
    }

    fn revision(&self) -> u64 {
        self.hub.snapshot().load().revision
    }
}

fn problems(result: Result<super::Applied, HubError>) -> Vec<Problem> {
    match result {
        Err(HubError::Invalid(problems)) => problems,
        other => panic!("not refused: {other:?}"),
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).expect("a folder").map(|file| file.expect("a file").path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn newest_record(folder: &Path) -> PathBuf {
    files(&folder.join("revisions")).into_iter().max().expect("a record")
}

#[tokio::test]
async fn what_is_applied_is_there_and_in_effect() {
    let world = World::new().await;
    let applied = world.apply(put(&[source("s"), destination("https://crm.example")])).await.expect("applied");
    assert_eq!(applied.revision, 1);
    let created = |kind, text| Change { kind, name: name(text), what: What::Created };
    assert_eq!(applied.changes, [created(Kind::Source, "github"), created(Kind::Destination, "crm")]);

    let crm = json!({ "url": "https://crm.example", "secret": { "set": true } });
    assert_eq!(world.get(Kind::Destination, "crm"), Some(crm.clone()));
    assert_eq!(world.hub.list(&Name::default_workspace(), Kind::Destination), [(name("crm"), crm)]);
    assert_eq!(world.get(Kind::Source, "github").expect("there")["verify"]["secret"], json!({ "ref": "${GITHUB_SECRET}" }));
    assert_eq!(world.hub.get(&name("other"), Kind::Source, &name("github")), None, "another workspace");
    let snapshot = world.hub.snapshot().load_full();
    assert_eq!((snapshot.revision, snapshot.ingest.sources.len(), snapshot.deliver.destinations.len()), (1, 1, 1));

    let gone = world.apply(delete(Kind::Source, "github")).await.expect("deleted");
    assert_eq!(gone.changes, [Change { kind: Kind::Source, name: name("github"), what: What::Deleted }]);
    assert_eq!(world.get(Kind::Source, "github"), None);
    assert!(world.hub.snapshot().load().ingest.sources.is_empty());
    assert!(matches!(world.apply(delete(Kind::Source, "github")).await, Err(HubError::NotFound { .. })));
}

#[tokio::test]
async fn one_bad_entry_and_nothing_changes() {
    let world = World::new().await;
    world.apply(put(&[destination("https://old.example")])).await.expect("applied");
    let bad_source = (Kind::Source, "bad", json!({ "verify": { "scheme": "github", "secrte": "s" } }));
    let bad_rule = (Kind::Rule, "lost", json!({ "destinations": ["cmr"], "plugins": ["redact"] }));
    let draft = put(&[destination("https://new.example"), bad_source, bad_rule]);
    let told: Vec<_> = problems(world.apply(draft).await).iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "sources/bad/verify/secrte: unknown key `secrte`, did you mean `secret`?",
            "rules/lost/plugins/0: no plugin is called `redact`",
            "rules/lost/destinations/0: no destination is called `cmr`, did you mean `crm`?",
        ]
    );
    assert_eq!(world.get(Kind::Destination, "crm").expect("there")["url"], "https://old.example");
    assert_eq!(world.revision(), 1);
}

#[tokio::test]
async fn applying_twice_changes_nothing() {
    let world = World::new().await;
    let draft = put(&[source("s"), destination("https://crm.example")]);
    let first = world.apply(draft.clone()).await.expect("applied");
    let second = world.apply(draft).await.expect("applied again");
    assert_eq!((second.revision, second.changes.len(), second.generated.len()), (first.revision, 0, 0));

    let shown = world.get(Kind::Source, "github").expect("there");
    let third = world.apply(put(&[(Kind::Source, "github", shown)])).await.expect("what is shown can be put back");
    assert_eq!(third.changes, []);
    let fourth = world.apply(put(&[source("another")])).await.expect("applied");
    assert_eq!(fourth.changes.len(), 1, "a new secret under the same reference");
}

#[tokio::test]
async fn what_a_pruning_draft_does_not_name_goes() {
    let world = World::new().await;
    world.apply(put(&[source("s"), destination("https://crm.example")])).await.expect("applied");
    let draft = Draft { prune: true, ..put(&[source("s")]) };
    let applied = world.apply(draft).await.expect("applied");
    assert_eq!(applied.changes, [Change { kind: Kind::Destination, name: name("crm"), what: What::Deleted }]);
}

#[tokio::test]
async fn a_generated_secret_is_shown_once_and_kept() {
    let world = World::new().await;
    let applied = world.apply(put(&[destination("https://crm.example")])).await.expect("applied");
    assert_eq!(applied.generated.len(), 1);
    let secret = applied.generated[0].secret.clone();
    assert!(secret.starts_with("whsec_"), "{secret}");
    assert!(!format!("{applied:?}").contains(&secret), "not even in a log");

    let changed = world.apply(put(&[destination("https://crm.example/2")])).await.expect("applied");
    assert_eq!((changed.changes.len(), changed.generated.len()), (1, 0));
    let again = (Kind::Destination, "crm", json!({ "url": "https://crm.example/2", "secret": secret }));
    let declared = world.apply(put(std::slice::from_ref(&again))).await.expect("applied");
    assert_eq!((declared.changes.len(), declared.generated.len()), (1, 0), "from now on somebody declares it");
    assert_eq!(world.apply(put(&[again])).await.expect("applied").changes, [], "it is the one that is stored");
}

#[tokio::test]
async fn no_secret_is_in_clear_on_disk() {
    let world = World::new().await;
    let secret = format!("whsec_{}", "canary".repeat(6));
    let headers = json!({ "authorization": "canary-header" });
    let named = (Kind::Destination, "crm", json!({ "url": "https://crm.example", "secret": secret, "headers": headers }));
    world.apply(put(&[source("canary-source"), named])).await.expect("applied");
    let world = world.again(|_| ()).await;
    for path in files(world.folder.path()) {
        let bytes = fs::read(&path).expect("read");
        assert!(!bytes.windows(6).any(|window| window == b"canary"), "{}", path.display());
    }
    let same = world.apply(put(&[source("canary-source")])).await.expect("applied");
    assert_eq!(same.changes, [], "and it opens again");
}

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let world = World::new().await;
    assert_eq!(world.notes, Vec::<String>::new());
    world.apply(put(&[source("s"), destination("https://crm.example")])).await.expect("applied");
    let key = fs::read_to_string(world.folder.path().join("admin.key")).expect("a key");
    let world = world.again(|_| ()).await;
    assert_eq!((world.revision(), &world.notes), (1, &vec![]));
    assert_eq!(world.hub.snapshot().load().ingest.sources.len(), 1);
    assert!(world.hub.authenticate(&key).is_some_and(|caller| caller.may(Scope::Operator)));
    assert_eq!(world.hub.authenticate("slk_"), None);
    assert_eq!(world.apply(delete(Kind::Source, "github")).await.expect("deleted").revision, 2);
}

#[tokio::test]
async fn the_folder_has_one_user_and_a_closed_hub_none() {
    let world = World::new().await;
    let second = try_open(world.folder.path()).await.map(|_| ());
    assert!(matches!(second, Err(HubError::Store(StoreError::InUse { .. }))), "{second:?}");
    world.hub.close();
    let late = world.apply(put(&[source("s")])).await;
    assert!(matches!(late, Err(HubError::Store(StoreError::Closed))), "{late:?}");
}

#[tokio::test]
async fn a_lost_or_damaged_database_is_rebuilt_from_the_records() {
    let mut world = World::new().await;
    world.apply(put(&[source("s"), destination("https://1.example")])).await.expect("applied");
    world.apply(put(&[destination("https://2.example")])).await.expect("applied");
    let destroy: [fn(&Path); 3] = [
        |folder| fs::remove_dir_all(folder.join("hub")).expect("removed"),
        |folder| fs::write(folder.join("hub/db"), [0x55; 5000]).expect("overwritten"),
        |folder| fs::write(folder.join("hub/conf"), [0xAA; 50]).expect("overwritten"),
    ];
    for destroy in destroy {
        world = world.again(destroy).await;
        assert_eq!(world.revision(), 2);
        assert_eq!(world.get(Kind::Destination, "crm").expect("there")["url"], "https://2.example");
        assert!(world.apply(put(&[source("s")])).await.expect("applied").changes.is_empty(), "secrets open");
    }
    assert!(world.notes[0].contains("hub.damaged-1790000000000"), "{:?}", world.notes);
    assert!(world.again(|_| ()).await.notes.is_empty(), "told once");
}

#[tokio::test]
async fn a_hub_of_which_nothing_is_readable_is_not_taken_for_an_empty_one() {
    let world = World::new().await;
    world.apply(put(&[destination("https://crm.example")])).await.expect("applied");
    world.hub.close();
    let folder = world.folder.path();
    fs::write(newest_record(folder), "torn").expect("overwritten");
    fs::write(folder.join("hub/conf"), [0xAA; 50]).expect("overwritten");
    for _ in 0..2 {
        let refused = try_open(folder).await.map(|_| ());
        let refused = refused.expect_err("neither at first nor at the next start");
        assert!(matches!(refused, HubError::Store(StoreError::NothingReadable { .. })), "{refused:?}");
        assert!(refused.to_string().contains("restore"), "{refused}");
    }
}

#[tokio::test]
async fn a_torn_record_costs_no_revision_that_the_database_has() {
    let world = World::new().await;
    world.apply(put(&[destination("https://1.example")])).await.expect("applied");
    world.apply(put(&[destination("https://2.example")])).await.expect("applied");
    let tear = |folder: &Path| {
        let record = newest_record(folder);
        let bytes = fs::read(&record).expect("read");
        fs::write(&record, &bytes[..bytes.len() / 2]).expect("torn");
    };
    let world = world.again(tear).await;
    assert_eq!((world.revision(), world.notes.len()), (2, 2), "{:?}", world.notes);
    assert_eq!(world.get(Kind::Destination, "crm").expect("there")["url"], "https://2.example");

    world.apply(put(&[destination("https://3.example")])).await.expect("applied");
    let world = world
        .again(|folder| {
            tear(folder);
            fs::remove_dir_all(folder.join("hub")).expect("removed");
        })
        .await;
    assert_eq!(world.get(Kind::Destination, "crm").expect("there")["url"], "https://2.example", "now it is lost");
    let applied = world.apply(put(&[destination("https://4.example")])).await.expect("applied");
    assert_eq!(applied.revision, 4, "3 was given before");
    let world = world.again(|_| ()).await;
    assert_eq!((world.revision(), &world.notes), (4, &vec![]));
}

#[tokio::test]
async fn what_a_rule_uses_stays() {
    let world = World::new().await;
    world.apply(put(&[destination("https://crm.example"), rule("x-first")])).await.expect("applied");
    match world.apply(delete(Kind::Destination, "crm")).await {
        Err(HubError::InUse(problems)) => assert!(problems[0].to_string().contains("`issues` uses it"), "{problems:?}"),
        other => panic!("not refused: {other:?}"),
    }
    let both = Draft { prune: true, ..Draft::default() };
    assert_eq!(world.apply(both).await.expect("both at once").changes.len(), 2);
}

/// Decided in the draft's turn: who asks may have seen something else before.
#[tokio::test]
async fn a_draft_changes_no_kind_that_it_may_not() {
    let world = World::new().await;
    world.apply(put(&[destination("https://crm.example"), source("s")])).await.expect("applied");
    let only = || Some(vec![Kind::Source, Kind::Rule]);
    let named = Draft { only: only(), ..put(&[destination("https://crm.example"), source("t")]) };
    assert_eq!(world.apply(named).await.expect("a destination that is named as it is").changes.len(), 1);
    for draft in [put(&[destination("https://other.example")]), Draft { prune: true, ..put(&[source("s")]) }] {
        let refused = world.apply(Draft { only: only(), ..draft }).await;
        assert!(matches!(refused, Err(HubError::NotAllowed { kind: Kind::Destination })), "{refused:?}");
    }
    assert_eq!(world.revision(), 2);
}

#[tokio::test]
async fn a_rule_is_found_as_it_was() {
    let world = World::new().await;
    let workspace = Name::default_workspace();
    world.apply(put(&[destination("https://crm.example"), rule("x-first")])).await.expect("applied");
    world.apply(put(&[rule("x-second")])).await.expect("applied");
    world.apply(put(&[source("s")])).await.expect("applied");
    world.apply(delete(Kind::Rule, "issues")).await.expect("deleted");
    let world = world.again(|_| ()).await;

    let issues = name("issues");
    let forwards = async |revision| {
        let rule = world.hub.rule_at(&workspace, revision, &issues).await.expect("the disk is well")?;
        rule.forward_headers.first().cloned()
    };
    assert_eq!(forwards(1).await.as_deref(), Some("x-first"));
    assert_eq!(forwards(2).await.as_deref(), Some("x-second"));
    assert_eq!(forwards(3).await.as_deref(), Some("x-second"), "another entry changed");
    assert_eq!(forwards(1).await.as_deref(), Some("x-first"), "from memory");
    assert_eq!(forwards(4).await, None, "deleted");
    assert_eq!(forwards(5).await, None, "never was");
    assert!(world.hub.rule_at(&name("other"), 1, &issues).await.expect("the disk is well").is_none());
}

#[tokio::test]
async fn a_failure_that_passes_takes_no_rule_away() {
    let world = World::new().await;
    let (workspace, issues) = (Name::default_workspace(), name("issues"));
    world.apply(put(&[destination("https://crm.example"), rule("x-first")])).await.expect("applied");
    world.apply(put(&[rule("x-second")])).await.expect("applied");
    let (here, away) = (world.folder.path().join("revisions"), world.folder.path().join("away"));
    fs::rename(&here, &away).expect("moved away");
    let failed = world.hub.rule_at(&workspace, 1, &issues).await;
    assert!(matches!(&failed, Err(unavailable) if unavailable.revision == 1), "{failed:?}");
    fs::rename(&away, &here).expect("moved back");
    let found = world.hub.rule_at(&workspace, 1, &issues).await.expect("the disk is well again");
    assert_eq!(found.expect("kept").forward_headers, ["x-first"]);
}

#[tokio::test]
async fn who_asks_together_has_the_same_former_rules() {
    let world = World::new().await;
    let (workspace, issues) = (Name::default_workspace(), name("issues"));
    world.apply(put(&[destination("https://crm.example"), rule("x-first")])).await.expect("applied");
    world.apply(put(&[rule("x-second")])).await.expect("applied");
    let ask = async || world.hub.rule_at(&workspace, 1, &issues).await.expect("the disk is well").expect("kept");
    let (one, two, three) = tokio::join!(ask(), ask(), ask());
    assert!(Arc::ptr_eq(&one, &two) && Arc::ptr_eq(&two, &three), "refined once");
}

#[tokio::test]
async fn a_rule_that_did_not_change_needs_no_record_even_after_a_restart() {
    let world = World::new().await;
    let (workspace, issues) = (Name::default_workspace(), name("issues"));
    world.apply(put(&[destination("https://crm.example"), rule("x-first")])).await.expect("applied");
    world.apply(put(&[source("s")])).await.expect("applied");
    let world = world.again(|_| ()).await;
    fs::remove_dir_all(world.folder.path().join("revisions")).expect("removed");
    let found = world.hub.rule_at(&workspace, 1, &issues).await.expect("from memory");
    assert_eq!(found.expect("unchanged").forward_headers, ["x-first"]);
}

#[tokio::test]
async fn other_workspaces_keep_their_rules_as_they_are() {
    let world = World::new().await;
    let other = name("other");
    let operator = Caller { key: "admin".to_owned(), workspace: None, scopes: vec![Scope::Operator] };
    world.hub.create_workspace(&world.hub.naming().await, &operator, &other, WorkspaceChange::default()).await.expect("made");
    let draft = put(&[destination("https://crm.example"), rule("x-first")]);
    world.apply(draft.clone()).await.expect("applied");
    let before = world.hub.snapshot().load_full();
    world.hub.apply(&other, draft).await.expect("applied");
    let after = world.hub.snapshot().load_full();
    let rules = |snapshot: &super::Snapshot| snapshot.dispatch.workspaces[&Name::default_workspace()].clone();
    assert!(Arc::ptr_eq(&rules(&before), &rules(&after)));
    assert_eq!((after.revision, after.dispatch.workspaces[&other].revision), (2, 2));
    assert!(world.hub.rule_at(&Name::default_workspace(), 2, &name("issues")).await.expect("the disk is well").is_some());
}
