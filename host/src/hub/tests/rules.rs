//! The rules of a workspace and their index, as drafts change them.

use super::*;
use crate::{dispatch::Rules, event::Event};

/// More than are compiled again with each change.
const MANY: usize = 600;

impl World {
    fn rules(&self) -> Arc<Rules> {
        self.hub.snapshot().load().dispatch.workspaces[&Name::default_workspace()].clone()
    }

    /// The rules that an event of this type finds.
    fn found(&self, event_type: &str) -> Vec<String> {
        let rules = self.rules();
        assert!(rules.rules.is_sorted_by(|a, b| a.name < b.name) && rules.rules.len() == rules.index.len());
        let event = Event::bare(event_type, "");
        rules.index.matches(&event).into_iter().map(|number| rules.rules[number].name.to_string()).collect()
    }
}

fn of_type(event_type: &str) -> Value {
    json!({ "match": { "type": [event_type] }, "destinations": ["crm"] })
}

fn many(event_type: impl Fn(usize) -> String) -> Draft {
    let rules = (0..MANY).map(|n| ((Kind::Rule, name(&format!("rule-{n:03}"))), Some(of_type(&event_type(n)))));
    let mut draft = put(&[destination("https://crm.example")]);
    draft.entries.extend(rules);
    draft
}

#[tokio::test]
async fn each_draft_is_in_the_index_when_it_is_applied() {
    let world = World::new().await;
    world.apply(many(|n| format!("type-{}", n % 10))).await.expect("applied");
    let step = |n: usize| (Kind::Rule, name(&format!("rule-{n:03}")));
    assert_eq!(world.found("type-7").len(), MANY / 10);

    world.apply(put(&[(Kind::Rule, "rule-012-b", of_type("new"))])).await.expect("added in the middle");
    world.apply(put(&[(Kind::Rule, "a", of_type("new")), (Kind::Rule, "z", of_type("new"))])).await.expect("added at the ends");
    assert_eq!(world.found("new"), ["a", "rule-012-b", "z"]);
    world.apply(put(&[(Kind::Rule, "rule-100", of_type("new"))])).await.expect("changed");
    world.apply(delete(Kind::Rule, "z")).await.expect("deleted");
    let of_several = Draft {
        entries: [(step(101), Some(of_type("new"))), (step(102), None), ((Kind::Rule, name("rule-102-b")), Some(of_type("new")))]
            .into(),
        ..Draft::default()
    };
    world.apply(of_several).await.expect("applied");
    assert_eq!(world.found("new"), ["a", "rule-012-b", "rule-100", "rule-101", "rule-102-b"]);
    assert_eq!((world.found("type-0").len(), world.found("type-1").len(), world.found("type-2").len()), (59, 59, 59));

    let before = world.found("new");
    let world = world.again(|_| ()).await;
    assert_eq!(world.found("new"), before);
}

#[tokio::test]
async fn a_rule_that_is_only_joined_anew_is_not_compiled_again() {
    let world = World::new().await;
    world.apply(many(|n| format!("type-{n}"))).await.expect("applied");
    let before = world.rules();
    world.apply(put(&[destination("https://other.example")])).await.expect("applied");
    let after = world.rules();
    assert!(after.revision == 2 && !Arc::ptr_eq(&before.rules[0], &after.rules[0]), "they were joined with it");
    assert_eq!(after.index.parts(), 1);
    assert_eq!(world.found("type-5"), ["rule-005"]);
}

#[tokio::test]
async fn pieces_of_the_index_are_joined_afterwards() {
    let world = World::new().await;
    world.apply(many(|n| format!("type-{n}"))).await.expect("applied");
    for n in 0..2 {
        let rules = (0..MANY / 2).map(|of| ((Kind::Rule, name(&format!("more-{n}-{of:03}"))), Some(of_type("more"))));
        world.apply(Draft { entries: rules.collect(), ..Draft::default() }).await.expect("applied");
    }
    let inner = world.hub.inner.clone();
    let joining = tokio::task::spawn_blocking(move || inner.compact_until_well(&Name::default_workspace()));
    joining.await.expect("joined");
    assert_eq!((world.rules().index.parts(), world.found("more").len()), (1, MANY));
    assert_eq!(world.found("type-599"), ["rule-599"]);
    assert_eq!((world.rules().revision, world.revision()), (3, 3));
}
