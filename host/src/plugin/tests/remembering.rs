//! What becomes of a call whose state cannot be read, or not at once.

use std::{thread, time::Duration};

use super::{guest::KEEP, *};

/// Answers after a while, or never.
#[derive(Debug)]
struct Store {
    takes: Duration,
    fails: bool,
}

impl StateStore for Store {
    fn read(&self, _: &Name, _: &str, _: Timestamp, _: Duration) -> Result<StateFound, StateUnavailable> {
        thread::sleep(self.takes);
        if self.fails { Err(StateUnavailable("the disk is gone".into())) } else { Ok(StateFound::default()) }
    }
}

/// Reads the key `text`, then takes a turn of a loop, where the time is looked at, and keeps the event.
const READ: &str = "(call $get (i32.const 2048) (i32.const 4) (i32.const 3072)) (loop $once (br_if $once (i32.const 0)))
    (i32.const 512)";

async fn run(body: &'static str, limits: serde_json::Value, store: Store) -> Report {
    let world = World::new();
    let (digest, _) = world.plugins.load("guest", Guest::filter(body).component()).await.expect("loads");
    let spec = json!({ "digest": digest.to_string(), "limits": limits, "grants": { "state": true } });
    let spec: Spec = serde_json::from_value(spec).expect("a spec");
    let plugin = world.plugins.bind(&Name::default_workspace(), "guest".parse().expect("a name"), &spec).expect("binds");
    let call = Call { event: event(), attempt: 1, now: Timestamp(1_790_000_000_500), state: Some(Arc::new(store)) };
    world.plugins.run([plugin].into(), call).await
}

#[tokio::test]
async fn what_was_read_is_told_and_what_was_not_is_not() {
    let instant = || Store { takes: Duration::ZERO, fails: false };
    let report = run(READ, json!({}), instant()).await;
    assert_eq!(messages(&report).len(), 1);
    assert_eq!((report.state[0].plugin.as_str(), report.state[0].keys[0].key.as_str()), ("guest", "text"));
    assert_eq!(run(KEEP, json!({}), instant()).await.state, []);
}

#[tokio::test]
async fn a_store_that_fails_is_the_hosts_fault_whatever_the_guest_would_do() {
    let report = run(READ, json!({}), Store { takes: Duration::ZERO, fails: true }).await;
    let (kind, code, message) = fault(&report);
    assert_eq!((kind, code), (FaultKind::Host, "state-unavailable"));
    assert!(message.contains("the disk is gone"), "{message}");
}

/// The guest has a second of its own, of which it needs some microseconds.
#[tokio::test]
async fn the_time_of_a_slow_store_is_not_the_guests() {
    let slow = Store { takes: Duration::from_millis(1_100), fails: false };
    let report = run(READ, json!({ "time_ms": 1_000 }), slow).await;
    assert_eq!(messages(&report).len(), 1, "{report:?}");
    assert!(report.stages[0].elapsed_us >= 1_100_000);
}
