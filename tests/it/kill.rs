//! What would bring a host down that was less careful: bombs, broken components, and files of the cache that are not its own. Each
//! ends with its documented outcome, and events of other rules are delivered meanwhile.

use std::{fs, path::Path};

use sluicebox_tests::{Answer, Host, Receiver, guests};

use crate::story::{OPEN_SOURCE, destination};

/// A host with a rule for the type `good`, whose plugin behaves; it compiles in its own process, which would not survive a crash.
async fn start() -> (Host, Receiver) {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    apply(&host, &receiver, "").await;
    (host, receiver)
}

/// The rule for the type `good`, and what else there is to be.
async fn apply(host: &Host, receiver: &Receiver, more: &str) {
    let answer = try_apply(host, receiver, more).await;
    assert_eq!(answer.status, 200, "{}", answer.json);
}

async fn try_apply(host: &Host, receiver: &Receiver, more: &str) -> Answer {
    let digest = host.upload(guests::component("misbehave")).await.expect("a component");
    let good = format!(
        "[plugins.behave]\ndigest = \"{digest}\"\nconfig = {{ mode = \"upper\" }}\n\
         [rules.good]\nmatch.type = [\"good\"]\nplugins = [\"behave\"]\ndestinations = [\"out\"]\n"
    );
    host.try_apply(&format!("{OPEN_SOURCE}{}{good}{more}", destination("out", &format!("{}/out", receiver.url())))).await
}

/// A good event goes through; `before` have.
async fn flows(host: &Host, receiver: &Receiver, before: usize) {
    host.post("open", &[("x-type", "good")], "good").await;
    assert_eq!(receiver.wait_for("/out", before + 1).await[before].body, "GOOD");
}

/// A component that is called and does this: events of others flow, and its own is a dead letter with this code.
async fn ends_as(component: &str, code: &str, words: &str) {
    let (host, receiver) = start().await;
    let component = wat::parse_str(component).expect("the test's own text");
    let digest = host.upload(component).await.expect("a plugin");
    let bad = format!(
        "[plugins.bad]\ndigest = \"{digest}\"\n\
         [rules.bad]\nmatch.type = [\"bad\"]\nplugins = [\"bad\"]\ndestinations = [\"out\"]\n"
    );
    apply(&host, &receiver, &bad).await;
    let id = host.post("open", &[("x-type", "bad")], "{}").await;
    flows(&host, &receiver, 0).await;
    let run = host.run_in_state(&id, "bad", "dead").await;
    assert_eq!(run["failure"]["code"], code, "{}", run["failure"]);
    assert!(run["failure"]["message"].as_str().is_some_and(|text| text.contains(words)), "{}", run["failure"]);
    flows(&host, &receiver, 1).await;
    host.stop().await;
}

/// What the upload of a component that the host does not take is answered with.
async fn refused(host: &Host, component: Vec<u8>) -> String {
    let answer = host.upload(component).await.expect_err("refused");
    detail(&answer).to_owned()
}

/// A refusal's text, which has a code and no control characters but the end of its first line.
fn detail(answer: &Answer) -> &str {
    let detail = answer.json["detail"].as_str().expect("a text");
    assert_eq!(answer.status, 422, "{detail}");
    assert!(detail.starts_with("error[P0") && detail.lines().count() == 2, "{detail:?}");
    assert!(!detail.contains(|c: char| c.is_control() && c != '\n'), "{detail:?}");
    detail
}

/// Where a filter needs no module beside its own.
const NO_MODULE: &str = "(core module $n) (core instance $m (instantiate $n))";

/// A filter in text that does `body`, a core function from the event's address to the result's; `$m` of `modules` is what it may import from.
fn filter(modules: &str, imports: &str, body: &str) -> String {
    format!(
        r#"(component
        (type $header0 (record (field "name" string) (field "value" string)))
        (export $header "header" (type $header0))
        (type $attribute0 (record (field "key" string) (field "value" string)))
        (export $attribute "attribute" (type $attribute0))
        (type $event0 (record (field "id" string) (field "event-type" string) (field "source" string) (field "received-at" u64)
            (field "attempt" u32) (field "content-type" (option string)) (field "headers" (list $header)) (field "body" (list u8))
            (field "attributes" (list $attribute))))
        (export $event "event" (type $event0))
        (type $failure0 (record (field "code" string) (field "message" string)))
        (export $failure "failure" (type $failure0))
        (type $hint0 (record (field "failure" $failure) (field "after-ms" (option u64))))
        (export $hint "retry-hint" (type $hint0))
        (type $error0 (variant (case "reject" $failure) (case "retry" $hint)))
        (export $error "plugin-error" (type $error0))
        (type $verdict0 (variant (case "keep") (case "drop" string)))
        (export $verdict "verdict" (type $verdict0))
        {modules}
        (core module $main
            {imports}
            (memory (export "memory") 1)
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
            (func (export "filter") (param i32) (result i32) {body} (i32.const 512)))
        (core instance $main (instantiate $main (with "m" (instance $m))))
        (func $filter (param "e" $event) (result (result $verdict (error $error))) (canon lift (core func $main "filter")
            (memory $main "memory") (realloc (func $main "realloc")) string-encoding=utf8))
        (instance $i (export "filter" (func $filter)))
        (export "sluicebox:plugin/filter@0.1.0" (instance $i)))"#
    )
}

/// Grows two memories in turn, to 40 MiB each where the limit of both is 64.
const GROW_BOTH: &str = r#"(local $n i32)
    (loop $again
        (drop (call $grow)) (drop (memory.grow 0 (i32.const 16)))
        (local.set $n (i32.add (local.get $n) (i32.const 1)))
        (br_if $again (i32.lt_u (local.get $n) (i32.const 40))))"#;

#[tokio::test(flavor = "multi_thread")]
async fn memory_is_counted_over_all_instances() {
    let grow = r#"(core module $grows (memory 1) (func (export "grow") (result i32) (memory.grow (i32.const 16))))
        (core instance $m (instantiate $grows))"#;
    let component = filter(grow, r#"(import "m" "grow" (func $grow (result i32)))"#, GROW_BOTH);
    ends_as(&component, "limit-memory", "plugins.bad.limits.memory_bytes").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_is_counted_over_all_memories_of_an_instance() {
    let grow = "(memory 1) (func $grow (result i32) (memory.grow 1 (i32.const 16)))";
    let component = filter(NO_MODULE, grow, GROW_BOTH);
    ends_as(&component, "limit-memory", "plugins.bad.limits.memory_bytes").await;
}

/// Nor are many small ones a way around the limit, in one module or in as many.
#[tokio::test(flavor = "multi_thread")]
async fn many_memories_are_refused_at_upload() {
    let (host, receiver) = start().await;
    let many = format!("(component (core module $m {}) (core instance (instantiate $m)))", "(memory 1)".repeat(20));
    let told = refused(&host, wat::parse_str(many).expect("a component")).await;
    assert!(told.starts_with("error[P009]") && told.contains("memor"), "{told}");
    let several: String = (0..20).map(|_| "(core instance (instantiate $m))").collect();
    let several = format!("(component (core module $m (memory 1)) {several})");
    let told = refused(&host, wat::parse_str(several).expect("a component")).await;
    assert!(told.starts_with("error[P009]") && told.contains("memor"), "{told}");
    flows(&host, &receiver, 0).await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_of_another_track_is_refused_by_name() {
    let (host, receiver) = start().await;
    let import = r#"(component (import "sluicebox:plugin/log@0.2.0" (instance)))"#;
    let told = refused(&host, wat::parse_str(import).expect("a component")).await;
    assert!(told.starts_with("error[P005]") && told.contains("sluicebox:plugin/log@0.2.0"), "{told}");
    let export = filter(NO_MODULE, "", "").replace("filter@0.1.0", "filter@0.2.0");
    let told = refused(&host, wat::parse_str(export).expect("a component")).await;
    assert!(told.starts_with("error[P002]") && told.contains("sluicebox:plugin/filter@0.2.0"), "{told}");
    flows(&host, &receiver, 0).await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_is_cut_off_is_refused_wherever_it_is() {
    let (host, receiver) = start().await;
    let whole = guests::component("only-humans");
    for part in 0..20 {
        let length = whole.len() * part / 20;
        let told = refused(&host, whole[..length].to_vec()).await;
        let code = if length < 8 { "error[P001]" } else { "error[P003]" };
        assert!(told.starts_with(code), "{length} bytes: {told}");
    }
    let told = refused(&host, whole[..whole.len() - 1].to_vec()).await;
    assert!(told.starts_with("error[P003]"), "{told}");
    flows(&host, &receiver, 0).await;
    host.stop().await;
}

/// Components with one bit flipped.
const FLIPS: usize = 200;
/// Components that are called at once.
const CALLED_AT_ONCE: usize = 50;

#[tokio::test(flavor = "multi_thread")]
async fn a_component_with_a_flipped_bit_is_refused_or_does_no_harm() {
    let (host, receiver) = start().await;
    let whole = wat::parse_str(filter(NO_MODULE, "", "")).expect("a component");
    let whole = [guests::component("only-humans"), whole];
    let mut taken = Vec::new();
    for flip in 0..FLIPS {
        let mut component = whole[flip % 2].clone();
        // Spread evenly, a different bit each time; the same in each run of the test.
        let at = component.len() * flip / FLIPS;
        component[at] ^= 1 << (flip / 2 % 8);
        match host.upload(component).await {
            Ok(digest) => taken.push(digest),
            Err(answer) => drop(detail(&answer).to_owned()),
        }
    }
    assert!(!taken.is_empty() && taken.len() < FLIPS, "{} were taken", taken.len());
    for (batch, taken) in taken.chunks(CALLED_AT_ONCE).enumerate() {
        let mut taken: Vec<(usize, &String)> = taken.iter().enumerate().collect();
        let rule = |(n, digest): &(usize, &String)| {
            format!(
                "[plugins.f{n}]\ndigest = \"{digest}\"\n\
                 [rules.f{n}]\nmatch.type = [\"odd\"]\nplugins = [\"f{n}\"]\ndestinations = [\"odd\"]\n"
            )
        };
        let odd = destination("odd", &format!("{}/odd", receiver.url()));
        // Some fail when they check their settings: they are refused by name, and the others are applied without them.
        let rules = |taken: &[(usize, &String)]| odd.clone() + &taken.iter().map(rule).collect::<String>();
        let refused = try_apply(&host, &receiver, &rules(&taken)).await;
        if refused.status == 422 {
            let problems = refused.json["problems"].as_array().expect("problems").clone();
            taken.retain(|(n, _)| !problems.iter().any(|problem| problem["name"] == format!("f{n}")));
            apply(&host, &receiver, &rules(&taken)).await;
        }
        let id = host.post("open", &[("x-type", "odd")], "{\"sender\":{\"type\":\"Bot\"}}").await;
        flows(&host, &receiver, batch).await;
        for (n, _) in taken {
            sluicebox_tests::eventually(&format!("end of f{n}"), async || {
                let event = host.event(&id).await;
                let run = event["runs"].as_array()?.iter().find(|run| run["rule"] == format!("f{n}"))?.clone();
                ["planned", "dropped", "dead"].iter().any(|state| run["state"] == *state).then_some(())
            })
            .await;
        }
    }
    host.stop().await;
}

/// Starts a host on this data whose only rule has the plugin `only-humans`, and sends an event through it.
async fn compiled_with(data: &Path, foreign: impl FnOnce(&Path)) -> (u64, u64) {
    let receiver = Receiver::start().await;
    foreign(&data.join("compiled"));
    let host = Host::start_at(data.to_owned(), |_| {}).await;
    apply(&host, &receiver, "").await;
    flows(&host, &receiver, 0).await;
    let (compiled, found) = ("sluicebox_plugin_compilations_total", "sluicebox_plugin_cache_hits_total");
    let counted = (host.metric(compiled).await, host.metric(found).await);
    host.stop().await;
    counted
}

/// The only artefact of a folder.
fn artefact(compiled: &Path) -> std::path::PathBuf {
    let files = fs::read_dir(compiled).expect("a folder").map(|file| file.expect("a file").path());
    let files: Vec<_> = files.collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_artefact_that_is_damaged_or_anothers_is_compiled_anew() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let (ours, theirs) = (folder.path().join("ours"), folder.path().join("theirs"));
    assert_eq!(compiled_with(&ours, |_| {}).await, (1, 0));
    assert_eq!(compiled_with(&ours, |_| {}).await, (0, 1), "what is sound is found");
    let flip = |compiled: &Path| {
        let file = artefact(compiled);
        let mut bytes = fs::read(&file).expect("an artefact");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&file, bytes).expect("damaged");
    };
    assert_eq!(compiled_with(&ours, flip).await, (1, 0), "damaged");
    // The same component under the key of another data folder, which could be anything.
    assert_eq!(compiled_with(&theirs, |_| {}).await, (1, 0));
    let foreign = |compiled: &Path| {
        fs::copy(artefact(&theirs.join("compiled")), artefact(compiled)).expect("copied");
    };
    assert_eq!(compiled_with(&ours, foreign).await, (1, 0), "another's");
    assert_eq!(compiled_with(&ours, |_| {}).await, (0, 1), "and mended each time");
}
