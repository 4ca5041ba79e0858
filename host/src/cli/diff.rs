//! `sluicebox diff FILE...`: tells what `apply` would change, and changes nothing; components are not even uploaded.

use super::{
    Hub, difference,
    exit::Exit,
    hub_file::{Files, HubFiles},
};
use crate::api::PlanTold;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    files: Files,
    #[command(flatten)]
    hub: Hub,
}

pub(super) async fn run(Arguments { files, hub }: Arguments) -> anyhow::Result<Exit> {
    let mut read = HubFiles::read(&files)?;
    let client = read.client(&hub)?;
    let plan = read.plan(&client, None, false).await?;
    if read.are_wrong() {
        // What entries that are wrong would change is nothing to go by.
        read.refuse(&plan)?;
    }
    if hub.json {
        outln!("{}", serde_json::to_string_pretty(&plan)?);
    } else {
        tell(&plan);
    }
    read.refuse(&plan)?;
    read.warn(&plan);
    Ok(if plan.changes.is_empty() { Exit::Done } else { Exit::Differs })
}

fn tell(plan: &PlanTold) {
    out!("{}", difference::told(&plan.changes));
    for missing in &plan.missing_components {
        let (plugin, digest) = (&missing.plugin, &missing.digest);
        outln!(
            "plugin {plugin}: {digest} is not uploaded yet; apply does that where the plugin has a `path`, and checks then what hangs on it"
        );
    }
    match plan.changes.len() {
        0 => outln!("nothing to change, revision {}", plan.revision),
        1 => outln!("1 change to revision {}", plan.revision),
        changes => outln!("{changes} changes to revision {}", plan.revision),
    }
}
