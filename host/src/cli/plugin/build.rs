//! `sluicebox plugin build`: a component of the folder's plugin, whatever it is written in.

use std::path::PathBuf;

use super::{
    inspect,
    language::{Language, PROFILE},
};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// The plugin's folder.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// The profile that cargo builds with, of a plugin in Rust.
    #[arg(long, default_value = PROFILE)]
    profile: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let built = Language::build(&arguments.folder, &arguments.profile)?;
    inspect::tell(&built, arguments.json)
}
