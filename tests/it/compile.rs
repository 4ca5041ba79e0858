//! Components are compiled by a process of their own, once: the next start of the host finds them on disk.

use std::{
    io::Write,
    process::{Command, Output, Stdio},
};

use sluicebox_tests::{Api, Host, HostProcess, Receiver, guests, process::binary};
use tempfile::TempDir;

use crate::story::{OPEN_SOURCE, destination};

/// How often the compiler was asked, and how often it did not have to be.
async fn compiled_and_found(api: &Api) -> (u64, u64) {
    (api.metric("sluicebox_plugin_compilations_total").await, api.metric("sluicebox_plugin_cache_hits_total").await)
}

/// A rule that has `only-humans` on the way to `/out`.
async fn apply(api: &Api, receiver: &Receiver) {
    let digest = api.upload(guests::component("only-humans")).await.expect("a component");
    let out = destination("out", &format!("{}/out", receiver.url()));
    let rule = "[rules.all]\nplugins = [\"humans\"]\ndestinations = [\"out\"]\n";
    api.apply(&format!("{OPEN_SOURCE}[plugins.humans]\ndigest = \"{digest}\"\n{out}{rule}")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_compiles_a_plugin_once_in_its_life() {
    let (folder, receiver) = (TempDir::new().expect("a folder"), Receiver::start().await);
    let data = folder.path().join("data");
    let host = HostProcess::start(&data).await;
    apply(&host, &receiver).await;
    assert_eq!(compiled_and_found(&host).await, (1, 0));
    host.post("open", &[], "{\"number\":1}").await;
    receiver.wait_for("/out", 1).await;
    host.kill();

    let host = HostProcess::start(&data).await;
    assert_eq!(compiled_and_found(&host).await, (0, 1));
    host.post("open", &[], "{\"number\":2}").await;
    receiver.wait_for("/out", 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_needs_too_much_is_refused_and_events_flow() {
    let host = Host::start_with(|config| {
        config.plugin.compiler = Some(binary());
        config.plugin.compile.memory_bytes = 4 << 20;
    });
    let (host, receiver) = (host.await, Receiver::start().await);
    let out = destination("out", &format!("{}/out", receiver.url()));
    host.apply(&format!("{OPEN_SOURCE}{out}[rules.all]\ndestinations = [\"out\"]\n")).await;

    let refused = host.upload(guests::component("redact")).await.expect_err("4 MiB are not enough");
    let told = refused.json.to_string();
    assert!(told.contains("P012") && told.contains("cannot be compiled within 4 MiB of memory"), "{told}");
    assert!(told.contains("--compile-memory-bytes"), "{told}");
    host.post("open", &[], "{}").await;
    receiver.wait_for("/out", 1).await;
    host.stop().await;
}

/// A valid component of one function whose many variables meet in many places, which takes the compiler many seconds.
pub(crate) fn laborious() -> Vec<u8> {
    let step = |n: usize| {
        let (a, b) = (n % 250, (n * 7 + 3) % 250);
        format!(
            "(if (i32.and (local.get {a}) (i32.const 64)) (then (local.set {b} (i32.load (i32.add (local.get {a}) (local.get {b}))))))"
        )
    };
    let steps: String = (0..60_000).map(step).collect();
    let locals = "i32 ".repeat(250);
    let module = format!("(core module (memory 1) (func (export \"f\") (param i32) (local {locals}) {steps}))");
    wat::parse_str(format!("(component {module})")).expect("a component")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_takes_too_long_is_refused() {
    let host = Host::start_with(|config| {
        config.plugin.compiler = Some(binary());
        config.plugin.compile.cpu_seconds = 1;
        // It would eat that too, and sooner on a faster machine.
        config.plugin.compile.memory_bytes = 64 << 30;
    });
    let host = host.await;
    let told = host.upload(laborious()).await.expect_err("a second is not enough").json.to_string();
    assert!(told.contains("P012") && told.contains("cannot be compiled within 1 s of processor time"), "{told}");
    host.stop().await;
}

/// What `sluicebox compile` makes of this, started as the host starts it.
fn compile(component: &[u8]) -> Output {
    let mut command = Command::new(binary());
    command.args(["compile", "--memory-bytes", "1073741824", "--cpu-seconds", "60"]);
    command.env_clear().env("MIMALLOC_ARENA_EAGER_COMMIT", "0");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a process");
    child.stdin.take().expect("a pipe").write_all(component).expect("it listens");
    child.wait_with_output().expect("its end")
}

#[test]
fn the_compiler_tells_the_components_fault_from_its_own() {
    let made = compile(&guests::component("only-humans"));
    assert!(made.status.success() && !made.stdout.is_empty() && made.stderr.is_empty(), "{made:?}");
    let refused = compile(b"\0asm");
    assert_eq!(refused.status.code(), Some(65));
    assert!(refused.stdout.is_empty());
    assert_eq!(String::from_utf8_lossy(&refused.stderr).lines().count(), 1, "one line");
}
