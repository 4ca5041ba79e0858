//! What is left of a workspace, and that of another is not touched.

use super::{
    state::{found, pending_run, put, run_end},
    *,
};
use crate::{
    event::Failure,
    journal::{Disabled, LaneFacts},
};

/// What workspaces are told apart by here, beside `default`.
const OTHER: &str = "acme";

fn facts() -> LaneFacts {
    LaneFacts { disabled: Some(Disabled { at: START, failure: Failure::new("gone", "") }), ..LaneFacts::default() }
}

fn lanes(world: &World) -> Vec<String> {
    done(world.journal.lane_facts()).into_iter().map(|(lane, _)| lane.workspace.to_string()).collect()
}

#[test]
fn work_of_a_workspace_is_seen_and_that_of_others_is_not() {
    let world = World::new();
    world.planned("{}");
    assert!(done(world.journal.has_work_of(Name::default_workspace())));
    assert!(!done(world.journal.has_work_of(name(OTHER))));
    done(world.journal.append(vec![Event { workspace: name(OTHER), ..event(b"{}") }]));
    assert!(done(world.journal.has_work_of(name(OTHER))));
}

#[test]
fn what_is_forgotten_is_the_workspaces_own() {
    let world = World::new();
    for workspace in [Name::default_workspace(), name(OTHER)] {
        done(world.journal.keep_lane_facts(Lane { workspace, name: name("crm") }, facts()));
    }
    assert_eq!(lanes(&world).len(), 2);
    assert_eq!(done(world.journal.forget_workspace(name(OTHER), 10)), 1);
    assert_eq!((lanes(&world), done(world.journal.forget_workspace(name(OTHER), 10))), (vec!["default".to_owned()], 0));
}

#[test]
fn what_plugins_remember_goes_in_steps() {
    let world = World::new();
    let unrouted = pending_run(&world);
    let uses = ["a", "b", "c"].map(|key| put(key, None, 1, "1"));
    done(world.journal.end_runs(vec![run_end(&unrouted, 1, &uses)]));
    assert_eq!(found(&world, "a").bytes, 6);
    // Three keys, and what is known of the size of all of them.
    let forgotten = [(); 3].map(|()| done(world.journal.forget_workspace(Name::default_workspace(), 3)));
    assert_eq!(forgotten, [3, 1, 0]);
    assert_eq!((found(&world, "a").entry, found(&world, "a").bytes), (None, 0));
}
