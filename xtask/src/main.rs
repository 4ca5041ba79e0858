//! `cargo xtask demo`, `test`, `bench`, `soak`, `dist` and their like: build what is needed, install what is missing, and hand over.

mod bench;
mod bounded;
mod dist;
mod guests;
mod languages;
mod licences;
mod official;

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context, bail, ensure};

const USAGE: &str = "\
cargo xtask demo [--once]    a hub on this machine: real payloads in, plugins, signed deliveries out
cargo xtask test [FILTER]    every test of the project
cargo xtask bench            path, latency, route, plugins and journal, as ratios within one run: ten minutes, and no test
cargo xtask bench --full     the same, and backlog and growth: half an hour more, gone on with where it was ended
cargo xtask bench NAME       one of them:
                 path        the whole way of an event, beside the least code that could do it
                 latency     from an event's first byte in to its first byte out, beside a sync of the disk
                 route       finding the rules of an event, with 10 to 100,000 of them
                 plugins     what plugins cost, in each language
                 journal     how many events share a sync
                 backlog     a million events for a destination that was down
                 growth      an event's cost against rules, destinations, deliveries that wait, plugins and the body's size
                 delivery    what destinations that hang or refuse cost the others
                 connections what 10,000 slow or silent connections cost those who send, and how soon they are closed
                 pending     ten million deliveries that wait: memory, restart, and what new events feel of them; needs 10 GB of disk
cargo xtask bench docs       the figures of the last runs into docs/benchmarks.md
cargo xtask dist             what is handed to others: static binary, archive, Debian package, sums, in target/dist
cargo xtask guests           plugins and guests in every language: target/wasm32-unknown-unknown/guest, target/javascript, target/python
cargo xtask soak plugins [--count N] [--seed N] [--from INDEX]
                             fuzzed plugins against a host, 100,000 of them unless told otherwise
cargo xtask soak crash [--cycles N] [--seed N] [--from CYCLE]
                             a host under load that is killed again and again, for 10,000 cycles unless told otherwise
cargo xtask soak power [--images N] [--seed N]
                             power cuts of a host, 10,000 of them unless told otherwise
cargo xtask soak power --faults [--every N] [--seed N]
                             a disk that fails at every write and sync of a host in turn, or at every Nth
cargo xtask soak verify [--count N] [--seed N]
                             signed requests of every scheme that are changed at random, a million for each unless told otherwise
cargo xtask soak patterns [--count N] [--seed N]
                             patterns and events, judged by the host and by a slow matcher, 1,000,000 pairs unless told otherwise
cargo xtask soak fuzz [TARGET] [--seconds N] [--count N] [--seed N] [--from INDEX]
                             inputs that are nearly right for the readers of patterns, events, signatures and hub files, for 10 minutes each
cargo xtask target           only what guests are compiled with";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["demo"] => demo(&[]),
        ["demo", "--once"] => demo(&["--once"]),
        ["dist"] => dist::make(),
        ["guests"] => guests(),
        ["soak", arguments @ ..] => soak(arguments),
        ["target"] => guests::install_target(),
        ["test"] => test(None),
        ["test", filter] => test(Some(filter)),
        ["bench", arguments @ ..] => bench::bench(arguments),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn demo(arguments: &[&str]) -> anyhow::Result<()> {
    guests::install_target()?;
    step("building the demo's plugins");
    guests::build(&guests::PLUGINS)?;
    step("building the hub (the first time this takes some minutes: it contains a WebAssembly compiler)");
    run(cargo().args(["build", "--workspace", "--bins"]))?;
    run(Command::new(debug_folder().join("demo")).args(arguments).env("SLUICEBOX_GUESTS", guests::folder()))
}

fn soak(arguments: &[&str]) -> anyhow::Result<()> {
    guests::install_target()?;
    step("building plugins, and guests that misbehave");
    guests::build(&guests::PLUGINS)?;
    guests::build(&guests::TEST_GUESTS)?;
    step("building the hub (the first time this takes some minutes: it contains a WebAssembly compiler)");
    // With libraries: one is preloaded into hosts.
    run(cargo().args(["build", "--workspace", "--bins", "--lib"]))?;
    let mut soak = Command::new(debug_folder().join("soak"));
    run(soak.args(arguments).env("SLUICEBOX_GUESTS", guests::folder()).env("SLUICEBOX_BIN", debug_folder().join("sluicebox")))
}

fn test(filter: Option<&str>) -> anyhow::Result<()> {
    build_guests()?;
    let suites = official::install();
    step("building the hub and its tests (the first time this takes some minutes: it contains a WebAssembly compiler)");
    run(cargo().args(["build", "--workspace", "--all-targets"]))?;
    languages::build(languages::TESTED, &suites, &debug_folder().join("sluicebox"))?;
    let mut tests = cargo();
    tests.args(["test", "--workspace", "--no-fail-fast"]).envs(suites.environment());
    tests.env("SLUICEBOX_GUESTS", guests::folder()).env("SLUICEBOX_BIN", debug_folder().join("sluicebox"));
    if let Some(cargo_deb) = suites.folder(official::DEBIAN) {
        tests.env("SLUICEBOX_DEB", dist::package_for_tests(cargo_deb, &debug_folder().join("sluicebox"))?);
    }
    tests.arg("--").args(filter).args(suites.left_out().flat_map(|suite| ["--skip", suite.prefix]));
    run(&mut tests)?;
    for suite in suites.left_out() {
        step(&format!("not run: {} ({})", suite.what, suite.mend));
    }
    ensure!(suites.left_out().next().is_none() || env::var_os("CI").is_none(), "with CI set, every suite has to run");
    Ok(())
}

/// What tests call that is written in Rust.
fn build_guests() -> anyhow::Result<()> {
    guests::install_target()?;
    step("building plugins, and guests that misbehave");
    guests::build(&guests::PLUGINS)?;
    guests::build(&guests::TEST_GUESTS)?;
    guests::build_plainly(guests::README_GUEST)
}

fn guests() -> anyhow::Result<()> {
    build_guests()?;
    guests::build(&guests::BENCH_GUESTS)?;
    guests::build_for_speed("bench-json")?;
    let suites = official::install();
    step("building the hub, whose tools build the others");
    run(cargo().args(["build", "--package", "sluicebox", "--bins"]))?;
    let sluicebox = debug_folder().join("sluicebox");
    languages::build(languages::TESTED, &suites, &sluicebox)?;
    languages::build(languages::MEASURED, &suites, &sluicebox)
}

/// Tells a person what happens next.
fn step(what: &str) {
    println!("\n== {what}");
}

fn cargo() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // Told, because a configuration file may say otherwise, and what is built is looked for there.
    cargo.current_dir(root()).env("CARGO_TARGET_DIR", target_folder());
    cargo
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let program = command.get_program().display().to_string();
    let status = command.status().with_context(|| format!("`{program}` could not be started"))?;
    if !status.success() {
        bail!("`{program}` ended with {status}; its own words are above");
    }
    Ok(())
}

/// The project's folder.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// Where cargo builds to.
fn target_folder() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |folder| root().join(folder))
}

fn debug_folder() -> PathBuf {
    target_folder().join("debug")
}
