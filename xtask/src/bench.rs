//! `cargo xtask bench`: builds what is measured, once for all, and runs the benchmarks, which are targets of `tests`.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context, bail};

use crate::{cargo, guests, languages, official, run, step, target_folder};

/// Those of `cargo xtask bench`, within ten minutes.
const BOUNDED: [&str; 5] = ["path", "latency", "route", "plugins", "journal"];
/// Those that `--full` adds.
const LONG: [&str; 2] = ["backlog", "growth"];
/// What destinations, connections and deliveries that wait cost others.
const OTHERS: [&str; 3] = ["delivery", "connections", "pending"];

/// Runs what is asked for.
pub(crate) fn bench(arguments: &[&str]) -> anyhow::Result<()> {
    match arguments {
        [] => all(&BOUNDED),
        ["--full"] => all(&[&BOUNDED[..], &LONG].concat()),
        ["docs"] => {
            compile(&["latency"])?;
            report(&["docs"])
        }
        [name] if [&BOUNDED[..], &LONG, &OTHERS].concat().contains(name) => {
            let built = build(&[name])?;
            measure(name, &built)
        }
        _ => bail!(
            "there is no benchmark `{}`; there are {}, {} and {}; `--full` and `docs`",
            arguments.join(" "),
            BOUNDED.join(", "),
            LONG.join(", "),
            OTHERS.join(", ")
        ),
    }
}

fn all(names: &[&str]) -> anyhow::Result<()> {
    let built = build(names)?;
    for name in names {
        measure(name, &built)?;
    }
    report(&[&["summary"], names].concat())
}

fn measure(name: &str, built: &BTreeMap<String, PathBuf>) -> anyhow::Result<()> {
    step(&format!("measuring: {name}"));
    let bench = built.get(name).with_context(|| format!("cargo did not say where it built `{name}` to"))?;
    run(environment(&mut Command::new(bench)))
}

/// What is told of benchmarks that have run.
fn report(arguments: &[&str]) -> anyhow::Result<()> {
    run(environment(Command::new(target_folder().join("release/bench_report")).args(arguments)))
}

fn environment(command: &mut Command) -> &mut Command {
    command.env("CARGO_TARGET_DIR", target_folder()).env("SLUICEBOX_GUESTS", guests::folder());
    command.env("SLUICEBOX_BIN", target_folder().join("release/sluicebox"))
}

/// Builds all that these benchmarks need, and tells where each is.
fn build(names: &[&str]) -> anyhow::Result<BTreeMap<String, PathBuf>> {
    guests::install_target()?;
    step("building what is measured (the first time this takes some minutes: it contains a WebAssembly compiler)");
    guests::build(&guests::BENCH_GUESTS)?;
    let built = compile(names)?;
    if names.contains(&"plugins") {
        guests::build_for_speed("bench-json")?;
        languages::build(languages::MEASURED, &official::install(), &target_folder().join("release/sluicebox"))?;
    }
    Ok(built)
}

/// The host, what stands beside it and the benchmarks, in one call with at least one benchmark: what is selected decides with which features
/// dependencies are built, and so whether they are built once or twice.
fn compile(names: &[&str]) -> anyhow::Result<BTreeMap<String, PathBuf>> {
    let mut build = cargo();
    build.args(["build", "--release", "--workspace", "--message-format", "json-render-diagnostics"]);
    build.args(["--bin", "sluicebox", "--bin", "bench_peer", "--bin", "bench_report"]);
    build.args(names.iter().flat_map(|name| ["--bench", name])).stderr(Stdio::inherit());
    let output = build.output().context("`cargo` could not be started")?;
    if !output.status.success() {
        bail!("`cargo build` ended with {}; its own words are above", output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().filter_map(benchmark).collect())
}

/// Of what cargo tells line by line: a benchmark, and where it is.
fn benchmark(line: &str) -> Option<(String, PathBuf)> {
    let message: serde_json::Value = serde_json::from_str(line).ok()?;
    let target = &message["target"];
    let is_bench = message["reason"] == "compiler-artifact" && target["kind"][0] == "bench";
    is_bench.then(|| Some((target["name"].as_str()?.to_owned(), message["executable"].as_str()?.into())))?
}
