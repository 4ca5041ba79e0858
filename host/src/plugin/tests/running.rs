//! What guests do, and what is made of it.

use super::{
    guest::{DROP, KEEP, SPIN},
    *,
};
use crate::event::BatchId;

/// Two messages from 1100 on, 64 bytes each, all zero but for the body: the four and the two bytes at 2048.
const SPLIT: &str = "(i32.store8 (i32.const 1032) (i32.const 2)) (i32.store (i32.const 1036) (i32.const 1100))
    (i32.store (i32.const 1040) (i32.const 2)) (i32.store (i32.const 1132) (i32.const 2048))
    (i32.store (i32.const 1136) (i32.const 4)) (i32.store (i32.const 1196) (i32.const 2048))
    (i32.store (i32.const 1200) (i32.const 2)) (i32.const 1024)";

/// Drops what has an id that ends in `1`: the id's address and length are the event's first two words.
const DROP_SECOND: &str = "(if (result i32) (i32.eq (i32.const 49) (i32.load8_u
        (i32.sub (i32.add (i32.load (local.get $e)) (i32.load offset=4 (local.get $e))) (i32.const 1))))
    (then (i32.store8 (i32.const 1032) (i32.const 1)) (i32.const 1024)) (else (i32.const 512)))";

#[tokio::test]
async fn what_a_filter_keeps_goes_on_untouched() {
    let world = World::new();
    let report = world.run(&Guest::filter(KEEP)).await;
    assert_eq!(messages(&report)[0].message, Message::of(&event()));
    let stage = &report.stages[0];
    assert_eq!((stage.export, stage.result.as_str(), stage.messages), ("filter", "keep", 1));
    assert_eq!(stage.memory_bytes, 65_536);
    assert!(stage.fuel > 0 && stage.fuel < 10_000, "{}", stage.fuel);
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &world.registry).expect("encodes");
    assert!(
        text.contains(r#"sluicebox_plugin_calls_total{workspace="default",plugin="guest",export="filter",result="keep"} 1"#),
        "{text}"
    );
}

#[tokio::test]
async fn what_a_filter_drops_ends_with_its_reason() {
    let report = World::new().run(&Guest::filter(DROP)).await;
    assert!(matches!(&report.result, Ok(Ended::Dropped { reason }) if reason == "text"), "{report:?}");
    assert_eq!(report.stages[0].result, "drop");
}

#[tokio::test]
async fn a_guest_that_spins_runs_out_of_fuel() {
    let report = World::new().run_limited(&Guest::filter(SPIN), json!({ "time_ms": 5_000 })).await;
    let (kind, code, message) = fault(&report);
    assert_eq!((kind, code), (FaultKind::Fuel, "limit-fuel"));
    assert!(message.contains("plugins.guest.limits.fuel"), "{message}");
    assert_eq!(report.stages[0].result, "limit-fuel");
    assert!(report.stages[0].fuel >= 100_000_000);
}

#[tokio::test]
async fn a_guest_with_fuel_for_ever_runs_out_of_time() {
    let world = World::new();
    let report = world.run_limited(&Guest::filter(SPIN), json!({ "fuel": 1_000_000_000, "time_ms": 20 })).await;
    let (kind, code, message) = fault(&report);
    assert_eq!((kind, code), (FaultKind::Time, "limit-time"));
    assert!(message.contains("20 ms"), "{message}");
    assert!(report.stages[0].elapsed_us >= 20_000);
    assert_eq!(messages(&world.run(&Guest::filter(KEEP)).await).len(), 1, "the worker is free again");
}

#[tokio::test]
async fn a_guest_that_eats_memory_is_told_from_one_that_panics() {
    let grow = "(loop $again (drop (memory.grow (i32.const 16))) (br $again)) (unreachable)";
    let report = World::new().run_limited(&Guest::filter(grow), json!({ "memory_bytes": 4_194_304 })).await;
    let (kind, code, message) = fault(&report);
    assert_eq!((kind, code), (FaultKind::Memory, "limit-memory"));
    assert!(message.contains("the limit is 4 MiB (plugins.guest.limits.memory_bytes)"), "{message}");
    assert!(report.stages[0].memory_bytes <= 4_194_304);
}

#[tokio::test]
async fn a_panic_is_told_by_what_the_guest_said_last() {
    let world = World::new();
    assert_eq!(fault(&world.run(&Guest::filter("(unreachable)")).await).1, "trap");
    let panics = "(call $emit (i32.const 4) (i32.const 2048) (i32.const 4) (i32.const 0) (i32.const 0)) (unreachable)";
    let report = world.run(&Guest::filter(panics)).await;
    let (kind, code, message) = fault(&report);
    assert_eq!((kind, code), (FaultKind::Trapped, "panic"));
    assert!(message.ends_with("text"), "{message}");
    assert_eq!(report.stages[0].logs, ["error text"]);
    let overflows = "(call $deep) (unreachable)) (func $deep (call $deep) ";
    let report = world.run(&Guest::filter(overflows)).await;
    assert!(fault(&report).2.contains("stack"), "{report:?}");
}

#[tokio::test]
async fn a_plugins_own_errors_keep_their_code() {
    let reject = "(i32.store8 (i32.const 1024) (i32.const 1)) (i32.store (i32.const 1040) (i32.const 2048))
        (i32.store (i32.const 1044) (i32.const 4)) (i32.const 1024)";
    let world = World::new();
    let report = world.run(&Guest::filter(reject)).await;
    assert_eq!(fault(&report), (FaultKind::Rejected, "text", ""));
    let retry = "(i32.store8 (i32.const 1024) (i32.const 1)) (i32.store8 (i32.const 1032) (i32.const 1))
        (i32.store8 (i32.const 1056) (i32.const 1)) (i64.store (i32.const 1064) (i64.const 1500)) (i32.const 1024)";
    let report = world.run(&Guest::filter(retry)).await;
    assert_eq!(fault(&report).0, FaultKind::RetryAsked { after_ms: Some(1_500) });
}

#[tokio::test]
async fn each_piece_of_a_split_is_judged_for_itself() {
    let world = World::new();
    let split = world.plugin("split", &Guest::transform(SPLIT), json!({})).await;
    let odd = world.plugin("odd", &Guest::filter(DROP_SECOND), json!({})).await;
    let report = world.chain(&[split, odd]).await;
    let [piece] = messages(&report) else { panic!("one is left: {report:?}") };
    assert_eq!(piece.message.body.as_deref(), Some(&b"text"[..]));
    assert_eq!((piece.message.event_type.as_str(), &piece.batch_key), ("invoice.paid", &None));
    let results: Vec<&str> = report.stages.iter().map(|stage| stage.result.as_str()).collect();
    assert_eq!(results, ["emit", "keep", "drop"]);
    assert_eq!(report.stages[0].messages, 2);
}

#[tokio::test]
async fn what_a_transform_may_not_say_fails_the_run() {
    let world = World::new();
    let header = "(i32.store8 (i32.const 1032) (i32.const 2)) (i32.store (i32.const 1036) (i32.const 1100))
        (i32.store (i32.const 1040) (i32.const 1)) (i32.store (i32.const 1124) (i32.const 1300))
        (i32.store (i32.const 1128) (i32.const 1)) (i32.store (i32.const 1300) (i32.const 2048))
        (i32.store (i32.const 1304) (i32.const 4)) (i32.const 1024)";
    let report = world.run(&Guest { text: "host", ..Guest::transform(header) }).await;
    assert_eq!((fault(&report).0, fault(&report).1), (FaultKind::Rejected, "header-not-allowed"));
    assert_eq!(report.stages[0].result, "header-not-allowed");
    let report = world.run_limited(&Guest::transform(SPLIT), json!({ "messages_max": 1 })).await;
    assert_eq!(fault(&report).1, "limit-messages");
    let report = world.run_limited(&Guest::transform(SPLIT), json!({ "output_bytes": 100 })).await;
    assert_eq!((fault(&report).0, fault(&report).1), (FaultKind::Output, "limit-output"));
}

#[tokio::test]
async fn a_batch_plugin_is_asked_for_a_key_and_folds() {
    // key: ok(some("text")); fold: ok of one message, whose body is the text.
    let key = "(i32.store8 (i32.const 1032) (i32.const 1)) (i32.store (i32.const 1036) (i32.const 2048))
        (i32.store (i32.const 1040) (i32.const 4)) (i32.const 1024)";
    let fold = "(i32.store (i32.const 1032) (i32.const 1100)) (i32.store (i32.const 1036) (i32.const 1))
        (i32.store (i32.const 1132) (i32.const 2048)) (i32.store (i32.const 1136) (i32.const 4)) (i32.const 1024)";
    let guest = Guest { batch: Some((key, fold)), text: "text", ..Guest::default() };
    let world = World::new();
    let digest = world.plugin("digest", &guest, json!({})).await;
    let report = world.chain(&[Arc::clone(&digest)]).await;
    assert_eq!(messages(&report)[0].batch_key.as_deref(), Some("text"));
    assert_eq!(messages(&report)[0].message.body, None);
    let members = vec![(event(), Message::of(&event())), (event(), Message::of(&event()))];
    let id = BatchId::of(&Name::default_workspace(), &digest.name, "text", 1, 2);
    let opened_at = Timestamp(1_790_000_000_000);
    let fold =
        Fold { id, key: "text".into(), reason: FoldReason::Age, opened_at, attempt: 1, now: opened_at, state: None, members };
    let report = world.plugins.fold(digest, fold).await;
    assert_eq!(messages(&report)[0].message.body.as_deref(), Some(&b"text"[..]));
    assert_eq!(messages(&report)[0].message.event_type, "invoice.paid");
    assert_eq!(report.stages[0].export, "fold");
}

#[tokio::test]
async fn more_callers_than_the_queue_holds_wait_their_turn() {
    let world = World::new();
    let plugin = world.plugin("keep", &Guest::filter(KEEP), json!({})).await;
    let callers: Vec<_> = (0..20)
        .map(|_| {
            let (plugins, chain) = (Arc::clone(&world.plugins), Arc::from([Arc::clone(&plugin)]));
            tokio::spawn(async move {
                plugins.run(chain, Call { event: event(), attempt: 1, now: Timestamp(1_790_000_000_500), state: None }).await
            })
        })
        .collect();
    for caller in callers {
        assert_eq!(messages(&caller.await.expect("no panic")).len(), 1);
    }
}

#[tokio::test]
async fn a_chain_of_no_plugins_is_the_event_itself() {
    let report = World::new().chain(&[]).await;
    assert_eq!(messages(&report)[0].message, Message::of(&event()));
}
