//! `sluicebox plugin versions`, `activate`, `rollback` and `canary`: which versions a host has of a plugin, and which it runs.

use anyhow::{Context, bail};
use serde_json::{Value, json};

use crate::{
    api::{Activate, Applied, Canary, VersionTold},
    cli::{Hub, apply, client::Client, table::table},
    event::Name,
    plugin::{Pin, Reference},
};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// The plugin's name.
    name: Name,
    #[command(flatten)]
    hub: Hub,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct VersionArguments {
    /// NAME@sha256:DIGITS, at least 12 of them.
    version: Reference,
    #[command(flatten)]
    hub: Hub,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct CanaryArguments {
    /// NAME@sha256:DIGITS, at least 12 of them; with --stop the name is enough.
    version: Reference,
    /// The version's share of the events, 1 to 99.
    #[arg(long, required_unless_present = "stop")]
    percent: Option<u8>,
    /// Give the active version all events again.
    #[arg(long, conflicts_with = "percent")]
    stop: bool,
    #[command(flatten)]
    hub: Hub,
}

pub(super) async fn list(Arguments { name, hub }: Arguments) -> anyhow::Result<()> {
    let items = Client::new(&hub)?.get_all(&format!("/v1/plugins/{name}/versions")).await?;
    let versions: Vec<VersionTold> = items.into_iter().map(serde_json::from_value).collect::<Result<_, _>>()?;
    tell(&versions, hub.json)
}

pub(super) async fn activate(VersionArguments { version, hub }: VersionArguments) -> anyhow::Result<()> {
    let (name, pin) = pinned(version)?;
    let activate = Activate { digest: pin.to_string() };
    let applied: Applied = Client::new(&hub)?.post(&format!("/v1/plugins/{name}/activate"), &activate).await?;
    apply::tell(&applied, hub.json)
}

pub(super) async fn roll_back(Arguments { name, hub }: Arguments) -> anyhow::Result<()> {
    let applied: Applied = Client::new(&hub)?.post(&format!("/v1/plugins/{name}/rollback"), &Value::Null).await?;
    apply::tell(&applied, hub.json)
}

pub(super) async fn canary(CanaryArguments { version, percent, hub, .. }: CanaryArguments) -> anyhow::Result<()> {
    let client = Client::new(&hub)?;
    let applied: Applied = match percent {
        Some(percent) => {
            let (name, pin) = pinned(version)?;
            client.put(&format!("/v1/plugins/{name}/canary"), &Canary { digest: pin.to_string(), percent }).await?
        }
        None => client.delete(&format!("/v1/plugins/{}/canary", version.name)).await?,
    };
    apply::tell(&applied, hub.json)
}

/// A reference that says which version.
pub(super) fn pinned(reference: Reference) -> anyhow::Result<(Name, Pin)> {
    let Reference { name, pin } = reference;
    match pin {
        Some(pin) => Ok((name, pin)),
        None => bail!("which version of {name}? As in {name}@sha256:0123456789ab; `sluicebox plugin versions {name}` lists them"),
    }
}

/// Prints versions.
pub(super) fn tell(versions: &[VersionTold], json: bool) -> anyhow::Result<()> {
    if json {
        let text = serde_json::to_string_pretty(versions).context("the versions cannot be printed")?;
        outln!("{text}");
        return Ok(());
    }
    let rows: Vec<Value> = versions.iter().map(row).collect();
    out!("{}", table(&["digest", "state", "uploaded_at", "exports", "marks"], &rows));
    Ok(())
}

fn row(version: &VersionTold) -> Value {
    let marks = [(version.active, "active"), (version.active_before, "active before")];
    let canary = version.canary_percent.map(|percent| format!("canary of {percent} %"));
    let marks: Vec<String> = marks.into_iter().filter(|(is, _)| *is).map(|(_, mark)| mark.to_owned()).chain(canary).collect();
    json!({
        "digest": version.digest,
        "state": version.state,
        "uploaded_at": version.uploaded_at,
        "exports": version.exports.join(","),
        "marks": marks.join(", "),
    })
}
