//! `sluicebox compile`: what the host starts to compile a component, so that it can be killed for what that costs. Without a runtime:
//! its threads would count against the limits.

use std::{
    io::{stdin, stdout},
    process::ExitCode,
};

use crate::plugin;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Memory that this process may use.
    #[arg(long)]
    memory_bytes: u64,
    /// Time that it may use of all processors together.
    #[arg(long)]
    cpu_seconds: u64,
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    match plugin::compile_limited(arguments.memory_bytes, arguments.cpu_seconds, stdin().lock(), stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One line, which the host puts into its own words.
            errln!("{}", error.to_string().replace('\n', " "));
            ExitCode::from(error.exit_code())
        }
    }
}
