//! What is refused before it is ever called, and in which words.

use std::time::Duration;

use super::{guest::KEEP, *};

fn wat(text: &str) -> Bytes {
    wat::parse_str(text).expect("the test's own text").into()
}

async fn refused(bytes: impl Into<Bytes>) -> LoadError {
    World::new().plugins.load("redact.wasm", bytes.into()).await.expect_err("is no plugin")
}

#[tokio::test]
async fn what_is_no_component_is_refused_in_our_words() {
    let empty = refused(Bytes::new()).await;
    assert_eq!(empty.code, "P001");
    assert!(empty.to_string().starts_with("error[P001]: redact.wasm is empty\n  build a plugin"), "{empty}");
    assert_eq!(refused("#!/bin/sh").await.code, "P001");
    let module = refused(wat("(module)")).await;
    assert!(module.message.contains("is a core module, not a component"), "{module}");
    let whole = Guest::filter(KEEP).component();
    assert_eq!(refused(whole.slice(..whole.len() / 2)).await.code, "P003");
    let threads = refused(wat("(component (core module (memory 1 1 shared)))")).await;
    assert!(["P003", "P009"].contains(&threads.code), "{threads}");
}

#[tokio::test]
async fn a_component_that_exports_none_of_ours_is_told_what_it_exports() {
    let lifecycle = r#"(component
        (type $problem0 (record (field "path" string) (field "message" string)))
        (export $problem "problem" (type $problem0))
        (core module $m (memory (export "memory") 1)
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64))
            (func (export "validate-config") (param i32 i32) (result i32) (i32.const 0)))
        (core instance $m (instantiate $m))
        (func $validate (param "config" string) (result (result (error (list $problem)))) (canon lift (core func $m "validate-config")
            (memory $m "memory") (realloc (func $m "realloc"))))
        (instance $i (export "validate-config" (func $validate)))
        (export "sluicebox:plugin/lifecycle@0.1.0" (instance $i)))"#;
    let other = refused(wat(lifecycle)).await;
    assert_eq!(other.code, "P002");
    assert!(other.message.contains("sluicebox:plugin/lifecycle@0.1.0      did you forget"), "{other}");
}

#[tokio::test]
async fn an_export_of_the_wrong_type_is_found_without_a_call() {
    let wrong = wat(r#"(component
        (core module $m (func (export "filter") (param i32) (result i32) (i32.const 0)))
        (core instance $m (instantiate $m))
        (func $filter (param "e" u32) (result u32) (canon lift (core func $m "filter")))
        (instance $i (export "filter" (func $filter)))
        (export "sluicebox:plugin/filter@0.1.0" (instance $i)))"#);
    let wrong = refused(wrong).await;
    assert_eq!(wrong.code, "P004");
    assert!(wrong.message.contains("sluicebox:plugin/filter@0.1.0 has the wrong type"), "{wrong}");
    let missing = refused(wat(r#"(component (instance $i) (export "sluicebox:plugin/batch@0.1.0" (instance $i)))"#)).await;
    assert_eq!(missing.code, "P004");
}

#[tokio::test]
async fn what_the_host_does_not_offer_cannot_be_imported() {
    for (import, mend) in [
        ("wasi:filesystem/types@0.2.6", "stubs WASI"),
        ("sluicebox:plugin/teleport@0.1.0", "newer server"),
        ("sluicebox:plugin/log@0.2.0", "track 0.1"),
        ("acme:clock/now@1.0.0", "nothing else"),
    ] {
        let error = refused(wat(&format!("(component (import \"{import}\" (instance)))"))).await;
        assert_eq!(error.code, "P005", "{import}");
        assert!(error.message.contains(import) && error.message.contains(mend), "{error}");
    }
}

#[tokio::test]
async fn a_start_is_under_limits_too() {
    let spinning = Guest { text: "\") (start $spin) (func $spin (loop (br 0))) (data (i32.const 0) \"", ..Guest::filter(KEEP) };
    assert_eq!(refused(spinning.component()).await.code, "P010");
    let large = Guest { text: "\") (memory 4097) (data (i32.const 0) \"", ..Guest::filter(KEEP) };
    let large = refused(large.component()).await;
    assert_eq!(large.code, "P006", "{large}");
}

#[tokio::test]
async fn binding_refuses_what_is_not_there_and_what_is_over_a_ceiling() {
    let world = World::new();
    let (digest, exports) = world.plugins.load("a.wasm", Guest::filter(KEEP).component()).await.expect("loads");
    assert_eq!(exports, Exports { filter: true, ..Exports::default() });
    let bind = |spec: serde_json::Value| {
        let spec: Spec = serde_json::from_value(spec).expect("a spec");
        world.plugins.bind(&Name::default_workspace(), "a".parse().expect("a name"), &spec).map_err(|invalid| invalid.pointer)
    };
    let digest = digest.to_string();
    assert!(bind(json!({ "digest": digest })).is_ok());
    assert_eq!(bind(json!({ "digest": "sha256:12" })).expect_err("no digest"), "/digest");
    assert_eq!(bind(json!({ "digest": Digest::of(b"other").to_string() })).expect_err("not loaded"), "/digest");
    let over = json!({ "digest": digest, "limits": { "fuel": 1_000_000_001 } });
    assert_eq!(bind(over).expect_err("over the ceiling"), "/limits/fuel");
    let small = json!({ "digest": digest, "limits": { "memory_bytes": 65_535 } });
    assert_eq!(bind(small).expect_err("it starts with a page"), "/limits/memory_bytes");
    assert!(serde_json::from_value::<Spec>(json!({ "digest": digest, "limits": { "feul": 1 } })).is_err());
}

#[tokio::test]
async fn what_is_bound_outlives_its_place_in_the_catalogue() {
    let world = World::new();
    let plugin = world.plugin("a", &Guest::filter(KEEP), json!({})).await;
    world.plugins.unload_except(&HashSet::new());
    assert!(!world.plugins.is_loaded(&plugin.digest));
    assert_eq!(messages(&world.chain(&[plugin]).await).len(), 1);
}

#[tokio::test]
async fn a_compilation_is_kept_though_nobody_waits_for_it() {
    let world = World::new();
    let slow = Guest::filter(KEEP).component();
    tokio::select! {
        biased;
        loaded = world.plugins.load("slow.wasm", slow.clone()) => panic!("at once: {loaded:?}"),
        () = std::future::ready(()) => {}
    }
    let loaded = async {
        while !world.plugins.is_loaded(&Digest::of(&slow)) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), loaded).await.expect("loaded although nobody waits");
}

#[tokio::test]
async fn a_panic_of_the_compiler_is_told_of_the_component() {
    let panicked = tokio::task::spawn_blocking(|| panic!("as a compiler might")).await.expect_err("panics");
    let told = load_error::compiler_stopped("odd.wasm", &panicked);
    assert_eq!(told.code, "P009");
    assert!(told.message.starts_with("odd.wasm cannot be compiled"), "{told}");
}

#[test]
fn only_a_module_that_names_its_interfaces_becomes_a_component() {
    let component = Guest::filter(KEEP).component();
    assert_eq!(componentize(&component).expect("is one already"), component);
    let code = |text: &str| componentize(&wat(text)).expect_err("no plugin").code;
    assert_eq!(code("(module)"), "P001");
    assert_eq!(code(r#"(module (import "wasi_snapshot_preview1" "fd_write" (func)))"#), "P005");
    assert_eq!(componentize(b"PK").expect_err("no plugin").code, "P001");
}

#[tokio::test]
async fn of_what_cannot_be_loaded_only_what_stays_so_is_the_plugins_fault() {
    let plugin = World::new().plugin("p", &Guest::filter(KEEP), json!({})).await;
    let reported = |error: LoadError| {
        let report = late::NotReady { plugin: Arc::clone(&plugin), error }.report("filter");
        (report.stages.len(), fault(&report).0)
    };
    assert_eq!(reported(load_error::compiler("p", &"killed")), (0, FaultKind::Host));
    assert_eq!(reported(load_error::malformed("p", &"cut off")), (1, FaultKind::Trapped));
}
