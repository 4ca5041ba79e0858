use super::{World, done};
use crate::{
    event::{Failure, Name, Timestamp},
    journal::{Disabled, Lane, LaneFacts, Opened},
};

fn lane(name: &str) -> Lane {
    Lane { workspace: Name::default_workspace(), name: name.parse().expect("a name") }
}

#[test]
fn facts_are_kept_until_there_is_nothing_to_know() {
    let world = World::new();
    let disabled = Disabled { at: Timestamp(1), failure: Failure::new("gone", "it answered 410") };
    let opened = Opened { since: Timestamp(2), until: Timestamp(3), probes: 4 };
    let all = LaneFacts { disabled: Some(disabled), opened: Some(opened), held_until: Some(Timestamp(5)) };
    let held = LaneFacts { held_until: Some(Timestamp(6)), ..LaneFacts::default() };
    done(world.journal.keep_lane_facts(lane("crm"), all.clone()));
    done(world.journal.keep_lane_facts(lane("shop"), all.clone()));
    done(world.journal.keep_lane_facts(lane("shop"), held.clone()));
    let world = world.reopen();
    assert_eq!(done(world.journal.lane_facts()), [(lane("crm"), all), (lane("shop"), held)]);
    done(world.journal.keep_lane_facts(lane("crm"), LaneFacts::default()));
    assert_eq!(done(world.journal.lane_facts()).len(), 1);
}
