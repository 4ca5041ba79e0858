//! The command line. It speaks to a host as any client does, by the API; what it does by itself is read files, resolve references and make
//! components of core modules, so that the server never has to. `plugin` tries plugins in an engine of its own.
//!
//! How commands end is in `exit`, for all but `compile`, which only the host uses and which has codes of its own.

#![deny(clippy::print_stderr, clippy::print_stdout, reason = "commands print by `out`, which outlives a closed pipe")]

#[macro_use]
mod out;

mod apply;
mod ask;
mod audit;
mod backup;
mod client;
mod compile;
mod completions;
mod config;
mod core_dumps;
mod dead;
mod descriptors;
mod destinations;
mod diff;
mod difference;
mod doctor;
mod documents;
mod exit;
mod explain;
mod export;
mod health;
mod hub_file;
mod keys;
mod listen;
mod main_key;
mod messages;
mod observed;
mod openapi;
mod payload;
mod place;
mod plugin;
mod profiles;
mod progress;
mod publish;
mod pull;
mod rekey;
mod reload;
mod replay;
mod retry;
mod revisions;
mod rotate_secret;
mod schema;
mod serve;
mod service_manager;
mod settings;
mod show;
mod sign;
mod stop;
mod table;
mod taken_up;
mod terminal;
mod trigger;
mod verify;
mod workspaces;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

use crate::event::Name;
use exit::Exit;

/// A webhook router that its users extend with WebAssembly.
#[derive(Debug, Parser)]
#[command(name = "sluicebox", version, max_term_width = 100, after_help = exit::help())]
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
    /// Tell what applying a hub file would change, field by field; exit code 3 where anything would.
    Diff(diff::Arguments),
    /// Print what there is as a hub file.
    Export(export::Arguments),
    /// List revisions, show one, tell what differs between two.
    #[command(subcommand)]
    Revisions(revisions::Command),
    /// Make everything what it was in an earlier revision.
    Rollback(revisions::RollbackArguments),
    /// Tell what was changed by the API since the last hub file.
    Drift(revisions::DriftArguments),
    /// Print the JSON Schema of the hub file, for editors.
    Schema(schema::Arguments),
    /// List sources, destinations, plugins or rules, or show one.
    Get(documents::GetArguments),
    /// Make or replace one source, destination, plugin or rule.
    Put(documents::PutArguments),
    /// Delete one source, destination, plugin or rule.
    Delete(documents::DeleteArguments),
    /// List events, or show one with what became of it.
    Events(show::EventArguments),
    /// Relay a source's events, as they come in, to a server on this machine.
    Listen(listen::Arguments),
    /// Store an event of your own, by the API's key.
    Publish(publish::Arguments),
    /// Send a source an event of its provider, signed as the provider signs it.
    Trigger(Box<trigger::Arguments>),
    /// Tell why a rule matches an event, or not: condition by condition, with what was seen.
    Explain(explain::Arguments),
    /// List deliveries, or show one with its attempts.
    Deliveries(show::DeliveryArguments),
    /// Fetch messages of a destination of kind "pull".
    Pull(pull::Arguments),
    /// Say what became of messages that were fetched.
    #[command(subcommand)]
    Messages(messages::Command),
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
    /// Put the secrets of a host under another main key, and seal them anew.
    Rekey(rekey::Arguments),
    /// Seal all secrets of a host anew, under a new data key.
    Reseal(rekey::ResealArguments),
    /// See how destinations do, and let one go on.
    #[command(subcommand)]
    Destinations(destinations::Command),
    /// Show who changed what, when, and from where.
    Audit(Box<audit::Arguments>),
    /// Write everything that a host keeps into one archive, while it runs.
    Backup(backup::Arguments),
    /// Make a data folder of a backup.
    Restore(backup::RestoreArguments),
    /// Look at a host and its data folder, and tell what is wrong and what mends it.
    Doctor(doctor::Arguments),
    /// Work with plugins.
    #[command(subcommand)]
    Plugin(plugin::Command),
    /// Make API keys, list, change, rotate and revoke them.
    #[command(subcommand)]
    Keys(keys::Command),
    /// Make workspaces, list, change and delete them.
    #[command(subcommand)]
    Workspaces(workspaces::Command),
    /// Print the OpenAPI document of the API; needs no host.
    Openapi,
    /// Tell whether a request at hand is its source's, and if not, which step failed. No host is asked.
    Verify(verify::Arguments),
    /// Sign a request at hand as its provider would. No host is asked, and nothing is sent.
    Sign(sign::Arguments),
    /// Ask whether a host takes events in.
    Health(health::Arguments),
    /// Make any call of the API.
    Api(ask::Arguments),
    /// Print what a shell reads to complete command lines.
    Completions(completions::Arguments),
}

/// Which host to speak to, and how to answer.
#[derive(Args, Clone, Debug)]
struct Hub {
    /// The host's address; that of the profile, or else http://127.0.0.1:8484.
    #[arg(long, env = "SLUICEBOX_URL", global = true)]
    url: Option<String>,
    /// The key; by that of the profile, or the data folder's admin.key otherwise.
    #[arg(long, env = "SLUICEBOX_KEY", hide_env_values = true, global = true)]
    key: Option<String>,
    /// The data folder of a host on this machine, for its admin.key; sluicebox-data where nothing else says where the key is.
    #[arg(long, env = "SLUICEBOX_DATA", global = true)]
    data: Option<PathBuf>,
    /// A host by its name in ~/.config/sluicebox/config.toml; the file's default otherwise.
    #[arg(long, env = "SLUICEBOX_PROFILE", value_name = "NAME", global = true)]
    profile: Option<String>,
    /// The workspace to speak of; that of the profile, or else the key's own, `default` for the admin key.
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
        Program::Command(command) => out::ended(on_runtime(*command)),
    }
}

fn on_runtime(mut command: Command) -> ExitCode {
    if let Command::Serve(arguments) = &mut command {
        arguments.take_environment();
    }
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
            errln!("sluicebox: {error:#}");
            Exit::Failed.into()
        }
    }
}

async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve(arguments) => serve::run(*arguments).await,
        Command::Config(command) => config::run(command),
        Command::Apply(arguments) => apply::run(arguments).await,
        Command::Diff(arguments) => return diff::run(arguments).await.map(ExitCode::from),
        Command::Export(arguments) => export::run(arguments).await,
        Command::Revisions(command) => revisions::run(command).await,
        Command::Rollback(arguments) => revisions::roll_back(arguments).await,
        Command::Drift(arguments) => revisions::drift(arguments).await,
        Command::Schema(schema::Arguments {}) => schema::run(),
        Command::Get(arguments) => documents::get(arguments).await,
        Command::Put(arguments) => documents::put(arguments).await,
        Command::Delete(arguments) => documents::delete(arguments).await,
        Command::Events(arguments) => show::events(arguments).await,
        Command::Listen(arguments) => listen::run(arguments).await,
        Command::Publish(arguments) => publish::run(arguments).await,
        Command::Trigger(arguments) => trigger::run(*arguments).await,
        Command::Explain(arguments) => explain::run(arguments).await,
        Command::Deliveries(arguments) => show::deliveries(arguments).await,
        Command::Pull(arguments) => pull::run(arguments).await,
        Command::Messages(command) => messages::run(command).await,
        Command::Runs(arguments) => show::runs(arguments).await,
        Command::Batches(arguments) => show::batches(arguments).await,
        Command::Dead(arguments) => dead::run(arguments).await,
        Command::Retry(arguments) => retry::run(arguments).await,
        Command::Replay(arguments) => replay::run(arguments).await,
        Command::RotateSecret(arguments) => rotate_secret::run(arguments).await,
        Command::Rekey(arguments) => rekey::rekey(arguments).await,
        Command::Reseal(arguments) => rekey::reseal(arguments).await,
        Command::Destinations(command) => destinations::run(command).await,
        Command::Audit(arguments) => audit::run(*arguments).await,
        Command::Backup(arguments) => backup::run(arguments).await,
        Command::Restore(arguments) => backup::restore(arguments),
        Command::Doctor(arguments) => return doctor::run(arguments).await.map(ExitCode::from),
        Command::Plugin(command) => return plugin::run(command).await,
        Command::Keys(command) => keys::run(command).await,
        Command::Workspaces(command) => workspaces::run(command).await,
        Command::Openapi => openapi::run(),
        Command::Verify(arguments) => return verify::run(&arguments).map(ExitCode::from),
        Command::Sign(arguments) => sign::run(&arguments),
        Command::Health(arguments) => return health::run(arguments).await.map(ExitCode::from),
        Command::Api(arguments) => ask::run(arguments).await,
        Command::Completions(arguments) => {
            completions::run(&arguments);
            Ok(())
        }
    }
    .map(|()| Exit::Done.into())
}
