//! The command line. It speaks to a host as any client does, by the API; what it does by itself is read files, resolve references and make
//! components of core modules, so that the server never has to. `plugin` tries plugins in an engine of its own.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong usage (clap's); `compile`, which only the host uses, has its own.

mod apply;
mod client;
mod compile;
mod config;
mod dead;
mod descriptors;
mod destinations;
mod explain;
mod listen;
mod observed;
mod openapi;
mod plugin;
mod pull;
mod reload;
mod replay;
mod retry;
mod rotate_secret;
mod serve;
mod service_manager;
mod settings;
mod show;
mod stop;
mod taken_up;
mod trigger;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

use crate::event::Name;

/// A webhook router that its users extend with WebAssembly.
#[derive(Debug, Parser)]
#[command(name = "sluicebox", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    program: Program,
}

#[derive(Debug, Subcommand)]
enum Program {
    /// Compile the component on standard input to native code on standard output; the host starts this for itself.
    #[command(hide = true)]
    Compile(compile::Arguments),
    #[command(flatten)]
    Command(Box<Command>),
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a host.
    Serve(Box<serve::Arguments>),
    /// The settings of a host: the file, what is wrong with one, what is in force.
    #[command(subcommand)]
    Config(config::Command),
    /// Apply a hub file: all of it or, where anything is wrong, nothing.
    Apply(apply::Arguments),
    /// List events, or show one with what became of it.
    Events(show::EventArguments),
    /// Relay a source's events, as they come in, to a server on this machine.
    Listen(listen::Arguments),
    /// Send a source an event of its provider, signed as the provider signs it.
    Trigger(Box<trigger::Arguments>),
    /// Tell why a rule matches an event, or not: condition by condition, with what was seen.
    Explain(explain::Arguments),
    /// List deliveries, or show one with its attempts.
    Deliveries(show::DeliveryArguments),
    /// Fetch messages of a destination of kind "pull".
    Pull(pull::Arguments),
    /// List runs: what rules and their plugins did.
    Runs(show::RunArguments),
    /// List batches: what collects before it goes out.
    Batches(show::BatchArguments),
    /// List dead letters: what was given up, and why.
    Dead(dead::Arguments),
    /// Try deliveries, runs and batches again: by id, or the dead letters that filters find.
    Retry(retry::Arguments),
    /// Send events again: what became of them as it was, or through the rules of today.
    Replay(replay::Arguments),
    /// Give a destination a new signing secret; the old one signs too for a while.
    RotateSecret(rotate_secret::Arguments),
    /// See how destinations do, and let one go on.
    #[command(subcommand)]
    Destinations(destinations::Command),
    /// Work with plugins.
    #[command(subcommand)]
    Plugin(plugin::Command),
    /// Print the OpenAPI document of the API; needs no host.
    Openapi,
}

/// Which host to speak to, and how to answer.
#[derive(Args, Clone, Debug)]
struct Hub {
    /// The host's address.
    #[arg(long, env = "SLUICEBOX_URL", default_value = "http://127.0.0.1:8484", global = true)]
    url: String,
    /// The admin key; read from the data folder's admin.key otherwise.
    #[arg(long, env = "SLUICEBOX_KEY", hide_env_values = true, global = true)]
    key: Option<String>,
    /// The data folder of a host on this machine, for its admin.key.
    #[arg(long, env = "SLUICEBOX_DATA", default_value = "sluicebox-data", global = true)]
    data: PathBuf,
    /// The workspace to speak of; the key's own otherwise, `default` for the admin key.
    #[arg(long, env = "SLUICEBOX_WORKSPACE", global = true)]
    workspace: Option<Name>,
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    match Arguments::parse().program {
        Program::Compile(arguments) => compile::run(&arguments),
        Program::Command(command) => on_runtime(*command),
    }
}

fn on_runtime(command: Command) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let done = runtime.map_err(anyhow::Error::from).and_then(|runtime| {
        let done = runtime.block_on(run(command));
        // Dropping it would wait for whatever blocks a thread: for a compiler, as long as that may take.
        runtime.shutdown_background();
        done
    });
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("sluicebox: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve(arguments) => serve::run(*arguments).await,
        Command::Config(command) => config::run(command),
        Command::Apply(arguments) => apply::run(arguments).await,
        Command::Events(arguments) => show::events(arguments).await,
        Command::Listen(arguments) => listen::run(arguments).await,
        Command::Trigger(arguments) => trigger::run(*arguments).await,
        Command::Explain(arguments) => explain::run(arguments).await,
        Command::Deliveries(arguments) => show::deliveries(arguments).await,
        Command::Pull(arguments) => pull::run(arguments).await,
        Command::Runs(arguments) => show::runs(arguments).await,
        Command::Batches(arguments) => show::batches(arguments).await,
        Command::Dead(arguments) => dead::run(arguments).await,
        Command::Retry(arguments) => retry::run(arguments).await,
        Command::Replay(arguments) => replay::run(arguments).await,
        Command::RotateSecret(arguments) => rotate_secret::run(arguments).await,
        Command::Destinations(command) => destinations::run(command).await,
        Command::Plugin(command) => return plugin::run(command).await,
        Command::Openapi => openapi::run(),
    }
    .map(|()| ExitCode::SUCCESS)
}
