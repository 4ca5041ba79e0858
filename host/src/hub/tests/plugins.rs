//! Plugins and the rules that are joined with them, with the real engine.

use bytes::Bytes;

use super::*;
use crate::{event::Digest, hub::Note};

/// A filter; each version has bytes of its own.
pub(super) fn component(version: &str) -> Bytes {
    wat::parse_str(include_str!("filter.wat").replace("VERSION", version)).expect("a component").into()
}

fn plugin(digest: &Digest) -> (Kind, &'static str, Value) {
    (Kind::Plugin, "redact", json!({ "digest": digest.to_string() }))
}

fn filtered_rule() -> (Kind, &'static str, Value) {
    (Kind::Rule, "issues", json!({ "plugins": ["redact"], "destinations": ["crm"] }))
}

impl World {
    async fn with_a_plugin() -> (Self, Digest) {
        let world = Self::new().await;
        let (digest, exports) = world.hub.put_component(&Name::default_workspace(), component("1")).await.expect("stored");
        assert!(exports.filter && !exports.transform);
        let draft = put(&[plugin(&digest), destination("https://crm.example"), filtered_rule()]);
        world.apply(draft).await.expect("applied");
        (world, digest)
    }

    /// The digest that the rule runs, as of a revision.
    async fn runs(&self, revision: u64) -> Option<Digest> {
        let rule = self.hub.rule_at(&Name::default_workspace(), revision, &name("issues")).await.expect("the disk is well")?;
        rule.chain.first().map(|bound| bound.digest)
    }
}

#[tokio::test]
async fn a_component_is_kept_and_compiled_again_after_a_restart() {
    let (world, digest) = World::with_a_plugin().await;
    let world = world.again(|_| ()).await;
    assert_eq!(world.runs(1).await, Some(digest));
}

#[tokio::test]
async fn a_new_version_is_joined_with_the_rules_and_the_old_one_remembered() {
    let (world, first) = World::with_a_plugin().await;
    let (second, _) = world.hub.put_component(&Name::default_workspace(), component("2")).await.expect("stored");
    let applied = world.apply(put(&[plugin(&second)])).await.expect("applied");
    assert_eq!(applied.changes.len(), 1, "the rule itself did not change: {:?}", applied.changes);
    assert_eq!((world.runs(1).await, world.runs(2).await), (Some(first), Some(second)));
    let world = world.again(|_| ()).await;
    assert_eq!((world.runs(1).await, world.runs(2).await), (Some(first), Some(second)));
}

#[tokio::test]
async fn what_nothing_runs_is_released() {
    let (world, first) = World::with_a_plugin().await;
    let (second, _) = world.hub.put_component(&Name::default_workspace(), component("2")).await.expect("stored");
    let loaded = |digest| world.hub.inner.catalogue.plugins.is_loaded(digest);
    world.apply(put(&[plugin(&second)])).await.expect("applied");
    assert!(!loaded(&first) && loaded(&second));
    assert_eq!(world.runs(1).await, Some(first), "compiled again for those who need it");
    world.apply(put(&[destination("https://crm.example/2")])).await.expect("applied");
    assert!(loaded(&first) && loaded(&second), "a former rule set runs it");
    assert_eq!(world.hub.inner.revisions.digests().expect("read"), [first, second].into());
}

#[tokio::test]
async fn a_former_rule_waits_for_a_component_that_cannot_be_read() {
    let (world, first) = World::with_a_plugin().await;
    let (second, _) = world.hub.put_component(&Name::default_workspace(), component("2")).await.expect("stored");
    world.apply(put(&[plugin(&second)])).await.expect("applied");
    let world = world.again(|_| ()).await;
    let file = world.folder.path().join("components").join(format!("{}.wasm", hex::encode(first.as_bytes())));
    let bytes = fs::read(&file).expect("read");
    fs::remove_file(&file).expect("removed");
    let failed = world.hub.rule_at(&Name::default_workspace(), 1, &name("issues")).await;
    assert!(failed.is_err(), "{failed:?}");
    fs::write(&file, bytes).expect("restored");
    assert_eq!(world.runs(1).await, Some(first));
}

#[tokio::test]
async fn new_bytes_undo_no_settings_that_came_before_their_turn() {
    let (world, first) = World::with_a_plugin().await;
    let (second, _) = world.hub.put_component(&Name::default_workspace(), component("2")).await.expect("stored");
    let configured = json!({ "digest": first.to_string(), "config": { "fields": ["a"] } });
    let (workspace, redact) = (Name::default_workspace(), name("redact"));
    // The settings take their turn first; the bytes were under way by then.
    let (settings, bytes) = tokio::join!(
        world.apply(put(&[(Kind::Plugin, "redact", configured)])),
        world.hub.activate(&workspace, &redact, second, Note::default()),
    );
    assert_eq!((settings.expect("applied").revision, bytes.expect("pushed").revision), (2, 3));
    let expected = json!({ "digest": second.to_string(), "config": { "fields": ["a"] } });
    assert_eq!(world.get(Kind::Plugin, "redact"), Some(expected));
    world.hub.activate(&workspace, &name("another"), first, Note::default()).await.expect("made");
    assert_eq!(world.get(Kind::Plugin, "another"), Some(json!({ "digest": first.to_string() })));
}

#[tokio::test]
async fn a_plugin_that_a_rule_uses_stays() {
    let (world, _) = World::with_a_plugin().await;
    let refused = world.apply(delete(Kind::Plugin, "redact")).await;
    assert!(matches!(refused, Err(HubError::InUse(_))), "{refused:?}");
    let moved = put(&[(Kind::Rule, "issues", json!({ "destinations": ["crm"] }))]);
    let both = Draft {
        entries: [moved.entries, delete(Kind::Plugin, "redact").entries].into_iter().flatten().collect(),
        ..Draft::default()
    };
    assert_eq!(world.apply(both).await.expect("once the rule lets go").changes.len(), 2);
}

#[tokio::test]
async fn what_is_no_plugin_is_refused_and_not_kept() {
    let world = World::new().await;
    let refused = world.hub.put_component(&Name::default_workspace(), Bytes::from_static(b"not wasm")).await;
    assert!(matches!(refused, Err(HubError::Refused(_))), "{refused:?}");
    assert_eq!(files(&world.folder.path().join("components")), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_reference_to_a_secret_in_settings_is_refused() {
    let (world, digest) = World::with_a_plugin().await;
    let document = json!({ "digest": digest.to_string(), "config": { "a": [{ "token": "${T}" }] } });
    let told = problems(world.apply(put(&[(Kind::Plugin, "redact", document)])).await);
    assert_eq!((told.len(), told[0].pointer.as_str()), (1, "/config/a/0/token"));
    assert!(told[0].message.contains("no place for secrets") && !told[0].message.contains("${T}"), "{told:?}");
}

#[tokio::test]
async fn a_component_has_to_be_uploaded_first() {
    let world = World::new().await;
    let draft = put(&[plugin(&Digest::of(b"nowhere")), destination("https://crm.example"), filtered_rule()]);
    let told = problems(world.apply(draft).await);
    assert_eq!(told.len(), 1, "the rule is not blamed: {told:?}");
    assert!(told[0].pointer == "/digest" && told[0].message.contains("upload it first"), "{told:?}");
}

#[tokio::test]
async fn the_host_does_not_start_without_a_component_that_a_rule_runs() {
    let (world, digest) = World::with_a_plugin().await;
    world.hub.close();
    let file = files(&world.folder.path().join("components")).remove(0);
    let spoil: [fn(&Path); 2] =
        [|file| fs::write(file, "bites").expect("damaged"), |file| fs::remove_file(file).expect("removed")];
    for spoil in spoil {
        spoil(&file);
        match try_open(world.folder.path()).await.map(|_| ()) {
            Err(HubError::Invalid(problems)) => {
                let told = &problems[0].message;
                let restore = format!("restore {}", file.display());
                assert!(told.contains(&digest.to_string()) && told.contains(&restore) && !told.contains("upload"), "{told}");
            }
            other => panic!("not refused: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_former_revision_still_has_the_secrets_that_were_granted() {
    let (world, digest) = World::with_a_plugin().await;
    let granted = json!({ "digest": digest.to_string(), "grants": { "secrets": { "shop": "s3cret-of-the-shop" } } });
    world.apply(put(&[(Kind::Plugin, "redact", granted)])).await.expect("granted");
    let with_grant = world.revision();
    let shown = world.hub.get(&Name::default_workspace(), Kind::Plugin, &name("redact")).expect("is there");
    assert!(!format!("{shown:?}").contains("s3cret"), "{shown:?}");
    world.apply(put(&[plugin(&digest)])).await.expect("taken back");
    assert!(world.revision() > with_grant);
    assert_eq!(world.runs(with_grant).await, Some(digest), "it can be refined again");
}

/// All of them are kept in one folder, which has room for so many: what one tenant may take of it can be bounded.
#[tokio::test]
async fn a_workspace_may_have_so_many_components_and_others_have_their_own() {
    let world = World::new().await;
    let (acme, own, redact) = (name("acme"), Name::default_workspace(), name("redact"));
    let operator = Caller { key: "admin".to_owned(), workspace: None, scopes: vec![Scope::Operator] };
    let quotas = crate::hub::Quotas { components_max: Some(2), ..Default::default() };
    let change = WorkspaceChange { quotas, ..WorkspaceChange::default() };
    let naming = world.hub.naming().await;
    world.hub.create_workspace(&naming, &operator, &acme, change).await.expect("made");
    let store = async |workspace: &Name, version: &str| world.hub.put_component(workspace, component(version)).await;
    let is_over = |error: &HubError| matches!(error, HubError::Quota { quota: "components_max", max: 2, .. });

    let (first, _) = store(&acme, "1").await.expect("stored");
    world.hub.upload_version(&acme, &redact, component("2"), None).await.expect("stored");
    assert!(is_over(&store(&acme, "3").await.expect_err("refused")));
    assert!(is_over(&world.hub.upload_version(&acme, &redact, component("3"), None).await.expect_err("refused")));
    assert!(!world.hub.inner.catalogue.components.has(&Digest::of(&component("3"))), "it is not kept");
    store(&acme, "1").await.expect("what it has may be sent again");
    store(&own, "3").await.expect("others are not bounded by it");
    assert!(is_over(&store(&acme, "3").await.expect_err("it is another's")));
    world.hub.apply(&acme, put(&[plugin(&first)])).await.expect("a document names what was uploaded");
    assert!(is_over(&store(&acme, "4").await.expect_err("refused")));
    // It is no less after a restart, which forgets uploads that nothing names.
    let world = world.again(|_| ()).await;
    assert!(is_over(&world.hub.put_component(&acme, component("4")).await.expect_err("refused")));
}
