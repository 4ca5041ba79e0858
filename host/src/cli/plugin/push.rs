//! `sluicebox plugin push`: uploads a component as a plugin of a host.

use std::path::PathBuf;

use anyhow::Context;
use http::Method;

use crate::{
    api::Applied,
    cli::{
        Hub,
        apply::{component, tell},
        client::Client,
    },
    event::Name,
};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// The plugin's name.
    name: Name,
    /// The .wasm file.
    file: PathBuf,
    #[command(flatten)]
    hub: Hub,
}

pub(super) async fn run(Arguments { name, file, hub }: Arguments) -> anyhow::Result<()> {
    let component = component(&file)?;
    let applied: Applied = Client::new(&hub)?
        .upload(Method::PUT, &format!("/v1/plugins/{name}"), component)
        .await
        .with_context(|| format!("{} was refused", file.display()))?;
    tell(&applied, hub.json)
}
