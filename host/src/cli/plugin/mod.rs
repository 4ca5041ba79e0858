//! `sluicebox plugin ...`: what an author of plugins works with. `push` and what follows it speak to a host, all others
//! work without one.

mod bench;
mod build;
mod dev;
mod diff;
mod fixture;
mod inspect;
mod kind;
mod language;
mod memory;
mod new;
mod push;
mod repeat;
mod replay;
mod run;
mod store;
mod test;
mod told;
mod trial;
mod versions;

use std::process::ExitCode;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Begin a plugin: a folder with one that works, its tests and its fixtures.
    New(new::Arguments),
    /// Build the plugin of a folder: FOLDER/NAME.wasm, a component.
    Build(build::Arguments),
    /// Tell what a .wasm file is, offers and asks for. Nothing of it is executed.
    Inspect(inspect::Arguments),
    /// Run one event through a plugin on this machine, as a host would; or an event of a host once more there, by its id.
    Run(run::Arguments),
    /// Run the fixtures of a plugin on this machine.
    Test(test::Arguments),
    /// Measure what a call of a plugin costs on this machine: time, fuel and memory.
    Bench(bench::Arguments),
    /// Build and test at each change of the sources, and run the last real events of a host through each build.
    Dev(dev::Arguments),
    /// Print the digest that a hub file pins.
    Digest(inspect::DigestArguments),
    /// Upload a component (or a core module of `cargo build`) as a version of a plugin, and wait until it is compiled.
    Push(push::Arguments),
    /// Upload a component for documents to name by its digest, and print that.
    Store(store::Arguments),
    /// Let a plugin go on whose breaker has tripped.
    Enable(store::EnableArguments),
    /// List the versions of a plugin.
    Versions(versions::Arguments),
    /// Make a version the active one; rules that name the plugin use it from the next event on.
    Activate(versions::VersionArguments),
    /// Give a version a share of the events beside the active one.
    Canary(versions::CanaryArguments),
    /// Compare a version with the active one on the host's last events; nothing is stored. Exit code 3 where they differ.
    Diff(diff::Arguments),
    /// Make the version active that was before this one.
    Rollback(versions::Arguments),
}

pub(super) async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Diff(arguments) => return Ok(diff::run(arguments).await?.into()),
        Command::Run(arguments) => return run::run(arguments).await,
        Command::New(arguments) => new::run(&arguments),
        Command::Build(arguments) => build::run(&arguments),
        Command::Inspect(arguments) => inspect::run(&arguments),
        Command::Test(arguments) => test::run(arguments).await,
        Command::Bench(arguments) => bench::run(arguments).await,
        Command::Dev(arguments) => dev::run(arguments).await,
        Command::Digest(arguments) => inspect::digest(&arguments),
        Command::Push(arguments) => push::run(arguments).await,
        Command::Store(arguments) => store::run(arguments).await,
        Command::Enable(arguments) => store::enable(arguments).await,
        Command::Versions(arguments) => versions::list(arguments).await,
        Command::Activate(arguments) => versions::activate(arguments).await,
        Command::Canary(arguments) => versions::canary(arguments).await,
        Command::Rollback(arguments) => versions::roll_back(arguments).await,
    }
    .map(|()| ExitCode::SUCCESS)
}
