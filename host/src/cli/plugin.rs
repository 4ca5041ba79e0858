//! `sluicebox plugin ...`.

use std::path::PathBuf;

use anyhow::Context;
use http::Method;

use super::{
    Hub,
    apply::{component, tell},
    client::Client,
};
use crate::{api::Applied, event::Name};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Upload a component (or a core module of `cargo build`) as a plugin; rules that name it use it from the next event on.
    Push {
        /// The plugin's name.
        name: Name,
        /// The .wasm file.
        file: PathBuf,
        #[command(flatten)]
        hub: Hub,
    },
}

pub(super) async fn run(command: Command) -> anyhow::Result<()> {
    let Command::Push { name, file, hub } = command;
    let component = component(&file)?;
    let applied: Applied = Client::new(&hub)?
        .upload(Method::PUT, &format!("/v1/plugins/{name}"), component)
        .await
        .with_context(|| format!("{} was refused", file.display()))?;
    tell(&applied, hub.json)
}
