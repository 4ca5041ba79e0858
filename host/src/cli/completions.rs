//! `sluicebox completions SHELL`: what a shell reads to complete command lines.

use clap::{CommandFactory as _, ValueEnum};
use clap_complete::aot;

use super::{Arguments as Line, out};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The shell.
    shell: Shell,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

pub(super) fn run(arguments: &Arguments) {
    let shell = match arguments.shell {
        Shell::Bash => aot::Shell::Bash,
        Shell::Zsh => aot::Shell::Zsh,
        Shell::Fish => aot::Shell::Fish,
    };
    let mut script = Vec::new();
    aot::generate(shell, &mut Line::command(), "sluicebox", &mut script);
    out::bytes(&script);
}
