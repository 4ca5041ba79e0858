//! `sluicebox workspaces`: the tenants of a host, and how much each may have.

use std::str::FromStr;

use serde_json::{Value, json};

use super::{Hub, client::Client, table::table};
use crate::{
    api::{NewWorkspace, WorkspaceDeleted, WorkspaceDocument, WorkspaceTold},
    event::Name,
    hub,
};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List workspaces, and how much they have.
    List(Arguments),
    /// Make a workspace.
    Create(ChangeArguments),
    /// Show one workspace with its quotas.
    Show(OneArguments),
    /// Change a workspace's description or quotas; what is not given stays as it is.
    Set(ChangeArguments),
    /// Delete a workspace, where it is empty.
    Delete(DeleteArguments),
}

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    hub: Hub,
}

#[derive(Debug, clap::Args)]
pub(super) struct OneArguments {
    /// The workspace's name.
    name: Name,
    #[command(flatten)]
    hub: Hub,
}

#[derive(Debug, clap::Args)]
pub(super) struct ChangeArguments {
    /// The workspace's name.
    name: Name,
    /// What it is for.
    #[arg(long)]
    description: Option<String>,
    #[command(flatten)]
    quotas: Quotas,
    #[command(flatten)]
    hub: Hub,
}

/// How much it may have; each a number or `none`.
#[derive(Debug, clap::Args)]
struct Quotas {
    /// Sources it may have, or `none` for no limit.
    #[arg(long, value_name = "COUNT")]
    sources_max: Option<Quota>,
    /// Destinations it may have, or `none`.
    #[arg(long, value_name = "COUNT")]
    destinations_max: Option<Quota>,
    /// Plugins it may have, or `none`.
    #[arg(long, value_name = "COUNT")]
    plugins_max: Option<Quota>,
    /// Rules it may have, or `none`.
    #[arg(long, value_name = "COUNT")]
    rules_max: Option<Quota>,
    /// Components of plugins that may be kept for it, or `none`.
    #[arg(long, value_name = "COUNT")]
    components_max: Option<Quota>,
    /// API keys it may have, or `none`.
    #[arg(long, value_name = "COUNT")]
    keys_max: Option<Quota>,
    /// Events in a second that it may take in, 1 to 10000, or `none`.
    #[arg(long, value_name = "EVENTS")]
    events_per_second_max: Option<Quota>,
}

/// A quota as people write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Quota(Option<u32>);

impl FromStr for Quota {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self(None));
        }
        text.parse().map(|max| Self(Some(max))).map_err(|_| "write a whole number, or `none` for no limit".to_owned())
    }
}

impl Quotas {
    /// These, where they are given, in the place of those.
    fn onto(&self, mut quotas: hub::Quotas) -> hub::Quotas {
        let given = [
            (self.sources_max, &mut quotas.sources_max),
            (self.destinations_max, &mut quotas.destinations_max),
            (self.plugins_max, &mut quotas.plugins_max),
            (self.rules_max, &mut quotas.rules_max),
            (self.components_max, &mut quotas.components_max),
            (self.keys_max, &mut quotas.keys_max),
            (self.events_per_second_max, &mut quotas.events_per_second_max),
        ];
        for (given, quota) in given {
            if let Some(Quota(max)) = given {
                *quota = max;
            }
        }
        quotas
    }
}

#[derive(Debug, clap::Args)]
pub(super) struct DeleteArguments {
    /// The workspace's name.
    name: Name,
    /// Delete its sources, destinations, plugins, rules and keys with it.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    hub: Hub,
}

pub(super) async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::List(arguments) => list(arguments).await,
        Command::Create(arguments) => create(arguments).await,
        Command::Show(OneArguments { name, hub }) => {
            let workspace: Value = Client::new(&hub)?.get(&path(&name), &[]).await?;
            outln!("{}", serde_json::to_string_pretty(&workspace)?);
            Ok(())
        }
        Command::Set(arguments) => set(arguments).await,
        Command::Delete(arguments) => delete(arguments).await,
    }
}

fn path(name: &Name) -> String {
    format!("/v1/workspaces/{name}")
}

async fn list(Arguments { hub }: Arguments) -> anyhow::Result<()> {
    let items = Client::new(&hub)?.get_all("/v1/workspaces").await?;
    if hub.json {
        outln!("{}", serde_json::to_string_pretty(&json!({ "items": items }))?);
        return Ok(());
    }
    let rows: Vec<Value> = items.iter().map(row).collect();
    out!("{}", table(&["name", "sources", "destinations", "plugins", "rules", "keys", "description"], &rows));
    Ok(())
}

/// A workspace as a line of the table: how much it has, of how much it may have.
fn row(item: &Value) -> Value {
    let mut row = json!({ "name": item["name"], "description": item["description"] });
    for what in ["sources", "destinations", "plugins", "rules", "keys"] {
        let max = &item["quotas"][format!("{what}_max")];
        row[what] = if max.is_null() { item["has"][what].clone() } else { format!("{}/{max}", item["has"][what]).into() };
    }
    row
}

async fn create(ChangeArguments { name, description, quotas, hub }: ChangeArguments) -> anyhow::Result<()> {
    let (description, quotas) = (description.unwrap_or_default(), quotas.onto(hub::Quotas::default()));
    let new = NewWorkspace { name, description, quotas };
    let made: WorkspaceTold = Client::new(&hub)?.post("/v1/workspaces", &new).await?;
    tell(&made, hub.json, "was made")
}

async fn set(ChangeArguments { name, description, quotas, hub }: ChangeArguments) -> anyhow::Result<()> {
    let client = Client::new(&hub)?;
    let standing: WorkspaceTold = client.get(&path(&name), &[]).await?;
    let description = description.unwrap_or(standing.description);
    let document = WorkspaceDocument { description, quotas: quotas.onto(standing.quotas) };
    let changed: WorkspaceTold = client.put(&path(&name), &document).await?;
    tell(&changed, hub.json, "was changed")
}

async fn delete(DeleteArguments { name, force, hub }: DeleteArguments) -> anyhow::Result<()> {
    let deleted: WorkspaceDeleted = Client::new(&hub)?.delete(&format!("{}?force={force}", path(&name))).await?;
    if hub.json {
        outln!("{}", serde_json::to_string_pretty(&deleted)?);
        return Ok(());
    }
    deleted.changes.iter().for_each(|change| outln!("{change}"));
    outln!("workspace {name} was deleted");
    Ok(())
}

fn tell(workspace: &WorkspaceTold, json: bool, what: &str) -> anyhow::Result<()> {
    if json {
        outln!("{}", serde_json::to_string_pretty(workspace)?);
    } else {
        outln!("workspace {} {what}", workspace.name);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_a_number_or_none() {
        assert_eq!((Quota::from_str("none"), Quota::from_str("7")), (Ok(Quota(None)), Ok(Quota(Some(7)))));
        assert!(Quota::from_str("-1").is_err() && Quota::from_str("").is_err());
    }

    #[test]
    fn what_is_not_given_stays() {
        let standing = hub::Quotas { rules_max: Some(1), keys_max: Some(2), ..hub::Quotas::default() };
        let given = Quotas {
            sources_max: None,
            destinations_max: None,
            plugins_max: None,
            rules_max: Some(Quota(None)),
            components_max: None,
            keys_max: None,
            events_per_second_max: Some(Quota(Some(5))),
        };
        let expected = hub::Quotas { keys_max: Some(2), events_per_second_max: Some(5), ..hub::Quotas::default() };
        assert_eq!(given.onto(standing), expected);
    }
}
