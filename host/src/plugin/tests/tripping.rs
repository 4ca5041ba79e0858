//! Breakers over real plugins: who is admitted, and what is said of failures.

use super::*;
use crate::event::Timestamp;

const NOW: Timestamp = Timestamp(1_790_000_000_000);
const SPINS: &str = r#"{ "fuel": 1000 }"#;

/// A plugin that spins or keeps, with this `on_fault`.
async fn plugin(world: &World, name: &str, guest: &Guest, on_fault: &str) -> Arc<Bound> {
    let (digest, _) = world.plugins.load(name, guest.component()).await.expect("loads");
    let limits: serde_json::Value = serde_json::from_str(SPINS).expect("JSON");
    let spec = json!({ "digest": digest.to_string(), "limits": limits, "on_fault": on_fault });
    world
        .plugins
        .bind(&Name::default_workspace(), name.parse().expect("a name"), &serde_json::from_value(spec).expect("a spec"))
        .expect("binds")
}

/// What one more run at this time comes to.
async fn run(world: &World, chain: &Arc<[Arc<Bound>]>, was_held: bool, now: Timestamp) -> Result<(Report, After), Admission> {
    let breakers = world.plugins.breakers();
    let ticket = match breakers.admit(&Name::default_workspace(), chain, was_held, now) {
        Admission::Go(ticket) => ticket,
        refused => return Err(refused),
    };
    let report = world.plugins.run(Arc::clone(&ticket.chain), Call { event: event(), attempt: 1, now, state: None }).await;
    let blame = if report.result.is_err() { Blame::Plugin } else { Blame::Nobody };
    let after = breakers.told(&ticket, &report, blame, now);
    Ok((Report { stages: [ticket.bypassed, report.stages].concat(), ..report }, after))
}

async fn trip(world: &World, chain: &Arc<[Arc<Bound>]>) -> After {
    let mut last = After::Fate;
    for _ in 0..20 {
        assert_eq!(last, After::Fate, "not before the twentieth");
        last = run(world, chain, false, NOW).await.expect("admitted").1;
    }
    last
}

fn state(world: &World, bound: &Bound) -> &'static str {
    world.plugins.breakers().status(&Name::default_workspace(), bound, NOW).state
}

#[tokio::test]
async fn twenty_faults_hold_what_comes_after_them_until_a_probe_goes_well() {
    let world = World::new();
    let chain: Arc<[Arc<Bound>]> = [plugin(&world, "guest", &Guest::filter(guest::SPIN), "hold").await].into();
    assert!(matches!(trip(&world, &chain).await, After::Hold(failure) if failure.code == TRIPPED));
    assert!(matches!(run(&world, &chain, false, NOW).await, Err(Admission::Hold(_))));
    let workspace = Name::default_workspace();
    let release = |now| world.plugins.breakers().release(&workspace, &chain, now);
    assert_eq!((release(NOW), release(NOW.plus_ms(30_000))), (Release::None, Release::One));

    let (_, after) = run(&world, &chain, true, NOW.plus_ms(30_000)).await.expect("the probe");
    assert!(matches!(after, After::Hold(_)), "a probe that fails is held again");
    assert_eq!(release(NOW.plus_ms(59_999)), Release::None);

    let good: Arc<[Arc<Bound>]> = [plugin(&world, "guest", &Guest::filter(guest::KEEP), "hold").await].into();
    assert_eq!(world.plugins.breakers().release(&workspace, &good, NOW), Release::One, "another version begins anew");
    assert_eq!(run(&world, &good, true, NOW).await.expect("admitted").1, After::Fate);
    assert_eq!(world.plugins.breakers().release(&workspace, &good, NOW), Release::All, "it is proven");
}

#[tokio::test]
async fn of_two_versions_of_a_plugin_in_one_chain_the_one_that_failed_is_tripped() {
    let world = World::new();
    let keeps = plugin(&world, "guest", &Guest::filter(guest::KEEP), "hold").await;
    let spins = plugin(&world, "guest", &Guest::filter(guest::SPIN), "hold").await;
    // The same bytes under another name, behind: never called, so that nothing is known of it.
    let other = plugin(&world, "other", &Guest::filter(guest::KEEP), "hold").await;
    let chain: Arc<[Arc<Bound>]> = [Arc::clone(&keeps), Arc::clone(&spins), other].into();
    assert!(matches!(trip(&world, &chain).await, After::Hold(_)));
    let states: Vec<_> = chain.iter().map(|bound| state(&world, bound)).collect();
    assert_eq!(states, ["closed", "tripped", "closed"]);
    let release = |of: &[Arc<Bound>]| world.plugins.breakers().release(&Name::default_workspace(), of, NOW);
    assert_eq!([&chain[..1], &chain[1..2], &chain[2..]].map(release), [Release::All, Release::None, Release::One]);
}

#[tokio::test]
async fn what_drops_an_event_proves_nothing_of_the_plugins_behind() {
    let world = World::new();
    let drops = plugin(&world, "drops", &Guest { text: "spam", ..Guest::filter(guest::DROP) }, "hold").await;
    let behind = plugin(&world, "behind", &Guest::filter(guest::KEEP), "hold").await;
    let chain: Arc<[Arc<Bound>]> = [drops, behind].into();
    run(&world, &chain, true, NOW).await.expect("admitted");
    let release = |of: &[Arc<Bound>]| world.plugins.breakers().release(&Name::default_workspace(), of, NOW);
    assert_eq!([release(&chain[..1]), release(&chain)], [Release::All, Release::One]);
}

#[tokio::test]
async fn a_function_that_goes_well_does_not_hide_another_that_fails() {
    let world = World::new();
    let both = Guest { transform: Some(guest::SPIN), ..Guest::filter(guest::KEEP) };
    let chain: Arc<[Arc<Bound>]> = [plugin(&world, "guest", &both, "hold").await].into();
    let (_, after) = run(&world, &chain, true, NOW).await.expect("admitted");
    assert!(matches!(after, After::Hold(_)), "its filter went well, and its transform held the work up");
    assert_eq!(state(&world, &chain[0]), "tripped");
}

#[tokio::test]
async fn held_work_trips_a_version_of_which_nothing_good_is_known() {
    let world = World::new();
    let chain: Arc<[Arc<Bound>]> = [plugin(&world, "guest", &Guest::filter(guest::SPIN), "hold").await].into();
    let (_, after) = run(&world, &chain, true, NOW).await.expect("admitted");
    assert!(matches!(after, After::Hold(_)), "after a restart nothing that was held is burnt");
    assert_eq!(state(&world, &chain[0]), "tripped");
    world.plugins.breakers().reset(&Name::default_workspace(), &chain[0]);
    assert_eq!(state(&world, &chain[0]), "closed");
}

#[tokio::test]
async fn what_is_tripped_is_given_up_or_bypassed_where_the_operator_says_so() {
    let world = World::new();
    let chain: Arc<[Arc<Bound>]> = [plugin(&world, "guest", &Guest::filter(guest::SPIN), "dead-letter").await].into();
    assert_eq!(trip(&world, &chain).await, After::Fate);
    assert!(matches!(run(&world, &chain, false, NOW).await, Err(Admission::Dead(failure)) if failure.code == TRIPPED));

    let keeps = plugin(&world, "keeps", &Guest::filter(guest::KEEP), "hold").await;
    let chain: Arc<[Arc<Bound>]> = [plugin(&world, "other", &Guest::filter(guest::SPIN), "bypass").await, keeps].into();
    assert_eq!(trip(&world, &chain).await, After::Bypass);
    let (report, _) = run(&world, &chain, false, NOW).await.expect("admitted");
    let stages: Vec<_> = report.stages.iter().map(|stage| (stage.plugin.as_str(), stage.result.as_str())).collect();
    assert_eq!(stages, [("other", "bypassed"), ("keeps", "keep")]);
    assert_eq!(messages(&report).len(), 1);
}

#[tokio::test]
async fn a_version_that_is_no_longer_used_is_not_shown_as_tripped() {
    let world = World::new();
    let chain: Arc<[Arc<Bound>]> = [plugin(&world, "guest", &Guest::filter(guest::SPIN), "hold").await].into();
    trip(&world, &chain).await;
    let shown = || {
        let mut page = String::new();
        prometheus_client::encoding::text::encode(&mut page, &world.registry).expect("text");
        page.lines().find_map(|line| {
            line.strip_prefix("sluicebox_plugin_tripped{workspace=\"default\",plugin=\"guest\"} ").map(str::to_owned)
        })
    };
    assert_eq!(shown().as_deref(), Some("1"));
    world.plugins.breakers().retire(|_, _, _| false);
    world.plugins.breakers().retire(|_, _, _| false);
    assert_eq!(shown().as_deref(), Some("0"));
    world.plugins.breakers().retire(|_, _, _| true);
    assert_eq!(shown().as_deref(), Some("1"), "the old version is back");
    world.plugins.breakers().reset(&Name::default_workspace(), &chain[0]);
    assert_eq!(shown().as_deref(), Some("0"));
}

#[tokio::test]
async fn what_redacts_is_never_bypassed() {
    let world = World::new();
    let (digest, _) = world.plugins.load("guest", Guest::filter(guest::KEEP).component()).await.expect("loads");
    let spec = json!({ "digest": digest.to_string(), "on_fault": "bypass", "redacts": true });
    let refused = world.plugins.bind(
        &Name::default_workspace(),
        "guest".parse().expect("a name"),
        &serde_json::from_value(spec).expect("a spec"),
    );
    assert_eq!(refused.expect_err("refused").pointer, "/on_fault");
}
