//! The schedule as the pump uses it.

use super::*;
use crate::event::Name;

const NOW: Timestamp = Timestamp(1000);
const SLOW_MS: u64 = 2_000;

/// Health does not count.
fn plain(places_max: usize) -> Schedule {
    Schedule::new(places_max, 0, SLOW_MS)
}

fn lane(name: &str) -> Lane {
    Lane { workspace: Name::default_workspace(), name: name.parse().expect("a name") }
}

/// Lets the next in line take its turn.
fn turn(schedule: &mut Schedule, concurrency: usize) -> Option<(Lane, usize)> {
    let lane = schedule.next_in_line()?;
    let places = schedule.take(&lane, concurrency);
    Some((lane, places))
}

/// Lets all take turns until none can; all that is claimed begins at this time, and there is always more.
fn turns(schedule: &mut Schedule, concurrency: usize, elapsed_ms: u64) -> Vec<(Lane, u64)> {
    let mut begun = Vec::new();
    while let Some((lane, places)) = turn(schedule, concurrency) {
        if places > 0 {
            begun.extend((0..places).map(|_| (lane.clone(), schedule.started(&lane, elapsed_ms))));
            schedule.claimed(&lane, 0, Some(NOW), NOW);
        }
    }
    begun
}

#[test]
fn a_lane_takes_its_concurrency_and_goes_on_when_one_ends() {
    let mut schedule = plain(100);
    schedule.mark(&lane("a"));
    assert_eq!(turn(&mut schedule, 3), Some((lane("a"), 3)));
    let piece = schedule.started(&lane("a"), 0);
    schedule.claimed(&lane("a"), 0, Some(NOW), NOW);
    assert_eq!(turn(&mut schedule, 3), Some((lane("a"), 0)), "full");
    assert_eq!(turn(&mut schedule, 3), None);
    schedule.ended(piece, None, 5);
    assert_eq!(turn(&mut schedule, 3), Some((lane("a"), 1)));
}

#[test]
fn one_lane_leaves_half_of_the_places_to_others() {
    let mut schedule = plain(20);
    schedule.mark(&lane("greedy"));
    assert_eq!(turn(&mut schedule, 256), Some((lane("greedy"), 10)));
    schedule.claimed(&lane("greedy"), 0, Some(NOW), NOW);
    schedule.mark(&lane("modest"));
    assert_eq!(turn(&mut schedule, 256), Some((lane("greedy"), 0)));
    assert_eq!(turn(&mut schedule, 2), Some((lane("modest"), 2)));
}

#[test]
fn turns_go_round() {
    let mut schedule = plain(1000);
    let names = ["a", "b", "c"];
    names.iter().for_each(|name| schedule.mark(&lane(name)));
    for name in names.iter().cycle().take(6) {
        assert_eq!(turn(&mut schedule, 256), Some((lane(name), TURN_PLACES_MAX)));
        schedule.claimed(&lane(name), 0, Some(NOW), NOW);
    }
}

#[test]
fn a_lane_that_holds_its_place_long_gets_it_as_seldom() {
    let mut schedule = plain(1);
    ["slow", "quick"].iter().for_each(|name| schedule.mark(&lane(name)));
    let (mut elapsed_ms, mut slow, mut quick) = (0, 0, 0);
    while elapsed_ms < 1_000_000 {
        let (lane, piece) = turns(&mut schedule, 8, elapsed_ms).remove(0);
        let (took_ms, held) = if lane.name.as_str() == "slow" { (20_000, &mut slow) } else { (5, &mut quick) };
        *held += took_ms;
        elapsed_ms += took_ms;
        schedule.ended(piece, None, elapsed_ms);
    }
    assert!(quick.abs_diff(slow) <= 20_000 + 200, "they held the place for {slow} and {quick} ms");
}

#[test]
fn without_a_place_the_line_waits_in_order() {
    let mut schedule = plain(2);
    ["a", "b", "c"].iter().for_each(|name| schedule.mark(&lane(name)));
    assert_eq!(turn(&mut schedule, 8), Some((lane("a"), 1)));
    assert_eq!(turn(&mut schedule, 8), Some((lane("b"), 1)));
    assert_eq!(turn(&mut schedule, 8), None);
    schedule.claimed(&lane("b"), 1, None, NOW);
    assert_eq!(turn(&mut schedule, 8), Some((lane("c"), 1)));
}

#[test]
fn a_mark_within_a_claim_is_not_lost() {
    let mut schedule = plain(10);
    schedule.mark(&lane("a"));
    assert_eq!(turn(&mut schedule, 4), Some((lane("a"), 4)));
    schedule.mark(&lane("a"));
    assert_eq!(turn(&mut schedule, 4), None, "one claim at a time");
    schedule.claimed(&lane("a"), 4, None, NOW);
    assert_eq!(turn(&mut schedule, 4), Some((lane("a"), 4)));
}

#[test]
fn alarms_ring_once_and_the_earliest_counts() {
    let mut schedule = plain(10);
    for at in [5000, 3000, 4000] {
        schedule.put_off(&lane("a"), Timestamp(at));
    }
    assert_eq!(schedule.next_alarm(), Some(Timestamp(3000)));
    schedule.ring(Timestamp(2999));
    assert_eq!(turn(&mut schedule, 4), None);
    schedule.ring(Timestamp(3000));
    assert_eq!(turn(&mut schedule, 4), Some((lane("a"), 4)));
    assert_eq!(schedule.next_alarm(), None);
}

#[test]
fn idle_lanes_are_forgotten() {
    let mut schedule = plain(10);
    schedule.mark(&lane("a"));
    turn(&mut schedule, 4);
    let piece = schedule.started(&lane("a"), 0);
    schedule.claimed(&lane("a"), 3, None, NOW);
    assert_eq!(schedule.lanes.len(), 1, "one piece is under way");
    schedule.ended(piece, None, 5);
    assert!(schedule.lanes.is_empty() && schedule.held == Held::default());
}

#[test]
fn a_new_lane_is_tried_with_one_piece() {
    let mut schedule = Schedule::new(16, 8, SLOW_MS);
    schedule.mark(&lane("a"));
    let begun = turns(&mut schedule, 8, 0);
    assert_eq!(begun.len(), 1);
    schedule.ended(begun[0].1, None, 10);
    assert_eq!(turns(&mut schedule, 8, 10).len(), 8, "it is prompt");
}

#[test]
fn an_overdue_piece_makes_its_lane_slow_until_it_is_prompt_again() {
    let mut schedule = Schedule::new(16, 8, SLOW_MS);
    schedule.mark(&lane("a"));
    let first = turns(&mut schedule, 8, 0).remove(0).1;
    schedule.ended(first, None, 10);
    let begun = turns(&mut schedule, 8, 10);
    assert_eq!(schedule.next_overdue_ms(), Some(10 + SLOW_MS + 1));
    schedule.pass(10 + SLOW_MS + 1);
    assert_eq!(schedule.held(), (8, 8));
    begun.iter().for_each(|(_, piece)| schedule.ended(*piece, None, 20_000));
    let begun = turns(&mut schedule, 8, 20_000);
    assert_eq!(begun.len(), 4, "half of what is for all");
    schedule.ended(begun[0].1, None, 20_010);
    assert_eq!(turns(&mut schedule, 8, 20_010).len(), 5);
    assert_eq!(schedule.held(), (8, 0));
}

/// A thousand lanes that nothing is known of, of which each tenth hangs: whatever the order, the others have all their pieces done
/// before one that hangs has ended.
#[test]
fn lanes_that_hang_do_not_keep_the_others_from_the_places() {
    const LANES: usize = 1_000;
    const EACH: usize = 20;
    let mut schedule = Schedule::new(512, 256, SLOW_MS);
    let mut left: HashMap<Lane, usize> = (0..LANES).map(|number| (lane(&format!("d{number}")), EACH)).collect();
    let hangs = |lane: &Lane| lane.name.as_str().ends_with('7');
    (0..LANES).for_each(|number| schedule.mark(&lane(&format!("d{number}"))));
    let (mut elapsed_ms, mut done) = (0, 0);
    while done < LANES / 10 * 9 * EACH {
        assert!(elapsed_ms < 20_000, "{done} are done when the first timeouts come");
        schedule.pass(elapsed_ms);
        let mut begun = Vec::new();
        while let Some((lane, places)) = turn(&mut schedule, 8) {
            let more = left.get_mut(&lane).expect("a lane");
            let claimed = places.min(*more);
            *more -= claimed;
            begun.extend((0..claimed).map(|_| (lane.clone(), schedule.started(&lane, elapsed_ms))));
            if places > 0 {
                schedule.claimed(&lane, places - claimed, (*more > 0).then_some(NOW), NOW);
            }
        }
        elapsed_ms += 5;
        for (lane, piece) in begun.into_iter().filter(|(lane, _)| !hangs(lane)) {
            schedule.ended(piece, None, elapsed_ms);
            done += usize::from(!hangs(&lane));
        }
    }
    assert!(elapsed_ms < 2_000, "it took {elapsed_ms} ms");
}

/// The same where they were prompt until all begin to hang at once.
#[test]
fn lanes_that_begin_to_hang_at_once_leave_first_places() {
    let mut schedule = Schedule::new(512, 256, SLOW_MS);
    let all: Vec<Lane> = (0..200).map(|number| lane(&format!("d{number}"))).collect();
    all.iter().for_each(|lane| schedule.mark(lane));
    for (lane, piece) in turns(&mut schedule, 1, 0) {
        schedule.ended(piece, None, 5);
        schedule.claimed(&lane, 0, None, NOW);
    }
    // They have far more to do than there are places, and the healthy half of them comes later.
    let (hanging, healthy) = all.split_at(100);
    while schedule.next_in_line().is_some() {}
    hanging.iter().for_each(|lane| schedule.mark(lane));
    let begun = turns(&mut schedule, 8, 10);
    assert!(begun.len() <= 512 - 50, "{} are held by those that hang", begun.len());
    schedule.pass(10_000);
    healthy.iter().for_each(|lane| schedule.mark(lane));
    let begun = turns(&mut schedule, 8, 10_000);
    assert!(begun.len() >= 50 && begun.iter().all(|(lane, _)| healthy.contains(lane)), "{} of the healthy go on", begun.len());
}
