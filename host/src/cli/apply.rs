//! `sluicebox apply FILE...`: reads hub files, uploads the components that they name, and applies them as a whole.
//!
//! What is applied is what was checked: the host tells first what would change, and then does it only if nobody changed anything meanwhile.

use anyhow::bail;

use super::{
    Hub,
    hub_file::{Files, HubFiles},
    out,
};
use crate::{
    api::{Applied, PlanTold},
    event::Name,
};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    files: Files,
    /// Apply only if this revision is in force still, as told by `diff`.
    #[arg(long)]
    expect: Option<u64>,
    /// Say what this is about; it is kept with the revision.
    #[arg(long, short)]
    message: Option<String>,
    #[command(flatten)]
    hub: Hub,
}

pub(super) async fn run(Arguments { files, expect, message, hub }: Arguments) -> anyhow::Result<()> {
    let mut read = HubFiles::read(&files)?;
    let client = read.client(&hub)?;
    let plan = read.plan(&client, expect, true).await?;
    read.refuse(&plan)?;
    warn_of_drift(&plan);
    read.warn(&plan);
    let mut query = vec![("expect", plan.revision.to_string())];
    query.extend(message.map(|message| ("message", message)));
    let applied: Applied = read.post(&client, &query).await?;
    tell(&applied, hub.json)
}

/// What somebody changed by hand gives way to the file; they should know.
fn warn_of_drift(plan: &PlanTold) {
    for change in &plan.changes {
        if let Some(revision) = change.drifted_in {
            let (kind, name) = (change.kind.singular(), &change.name);
            errln!("warning: {kind} {name} was changed by the API in revision {revision}; the hub file takes its place again");
        }
    }
}

/// Prints what was done, and each secret that was made, this once.
///
/// # Errors
/// A secret was made, and nobody took it.
pub(super) fn tell(applied: &Applied, json: bool) -> anyhow::Result<()> {
    if json {
        outln!("{}", serde_json::to_string_pretty(applied)?);
        return secrets_were_taken(applied);
    }
    for change in &applied.changes {
        outln!("{change}");
    }
    for (destination, secret) in &applied.generated_secrets {
        outln!("secret of destination {destination}, shown this once: {secret}");
    }
    secrets_were_taken(applied)?;
    let nothing = if applied.changes.is_empty() { ", nothing to change" } else { "" };
    outln!("revision {}{nothing}", applied.revision);
    Ok(())
}

/// What is left unsaid where nobody reads is no mistake, but for what is never said again.
fn secrets_were_taken(applied: &Applied) -> anyhow::Result<()> {
    let destinations: Vec<&str> = applied.generated_secrets.keys().map(Name::as_str).collect();
    let Some(first) = destinations.first().filter(|_| !out::is_read()) else { return Ok(()) };
    let (revision, of) = (applied.revision, destinations.join(", "));
    bail!(
        "revision {revision} is applied, but nobody took the secret of {of}, which is shown this once: `sluicebox rotate-secret {first}` makes \
         another"
    )
}
