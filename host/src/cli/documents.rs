//! `sluicebox get`, `put` and `delete`: single sources, destinations, plugins and rules, as the hub file has them.

use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::ValueEnum;
use serde_json::{Map, Value, json};

use super::{Hub, apply, client::Client, table::table};
use crate::{api::Applied, event::Name};

/// What a hub consists of.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// Ways in.
    #[value(alias = "source")]
    Sources,
    /// Ways out.
    #[value(alias = "destination")]
    Destinations,
    /// WebAssembly components with their settings.
    #[value(alias = "plugin")]
    Plugins,
    /// What goes where.
    #[value(alias = "rule")]
    Rules,
}

impl Kind {
    fn path(self) -> &'static str {
        match self {
            Self::Sources => "/v1/sources",
            Self::Destinations => "/v1/destinations",
            Self::Plugins => "/v1/plugins",
            Self::Rules => "/v1/rules",
        }
    }

    /// What of a document is told beside its name where many are listed.
    fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Sources => &["name", "scheme"],
            Self::Destinations => &["name", "kind", "url"],
            Self::Plugins => &["name", "digest"],
            Self::Rules => &["name", "plugins", "destinations"],
        }
    }
}

#[derive(Debug, clap::Args)]
pub(super) struct GetArguments {
    /// Of which kind.
    kind: Kind,
    /// Show this one, as JSON; all are listed otherwise.
    name: Option<Name>,
    #[command(flatten)]
    hub: Hub,
}

#[derive(Debug, clap::Args)]
pub(super) struct PutArguments {
    /// Of which kind.
    kind: Kind,
    /// Its name.
    name: Name,
    /// The file with its document, the whole of it: TOML as below its heading in a hub file where it ends in .toml, else JSON. Standard input
    /// is JSON.
    #[arg(default_value = "-")]
    file: PathBuf,
    #[command(flatten)]
    hub: Hub,
}

#[derive(Debug, clap::Args)]
pub(super) struct DeleteArguments {
    /// Of which kind.
    kind: Kind,
    /// Its name.
    name: Name,
    #[command(flatten)]
    hub: Hub,
}

pub(super) async fn get(GetArguments { kind, name, hub }: GetArguments) -> anyhow::Result<()> {
    let client = Client::new(&hub)?;
    if let Some(name) = name {
        let document: Value = client.get(&format!("{}/{name}", kind.path()), &[]).await?;
        outln!("{}", serde_json::to_string_pretty(&document)?);
        return Ok(());
    }
    let items = client.get_all(kind.path()).await?;
    if hub.json {
        outln!("{}", serde_json::to_string_pretty(&json!({ "items": items }))?);
        return Ok(());
    }
    let rows: Vec<Value> = items.iter().map(|item| row(kind, item)).collect();
    out!("{}", table(kind.columns(), &rows));
    Ok(())
}

/// An item of a listing, flat.
fn row(kind: Kind, item: &Value) -> Value {
    let document = &item["document"];
    let cell = |column: &str| match column {
        "name" => item["name"].clone(),
        "scheme" => document["verify"]["scheme"].clone(),
        _ => match &document[column] {
            Value::Array(words) => words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ").into(),
            other => other.clone(),
        },
    };
    kind.columns().iter().map(|column| ((*column).to_owned(), cell(column))).collect::<Map<_, _>>().into()
}

pub(super) async fn put(PutArguments { kind, name, file, hub }: PutArguments) -> anyhow::Result<()> {
    let document = read(&file)?;
    let applied: Applied = Client::new(&hub)?.put(&format!("{}/{name}", kind.path()), &document).await?;
    for warning in &applied.warnings {
        errln!("warning: {} {}: {}", warning.kind.singular(), warning.name, warning.message);
    }
    apply::tell(&applied, hub.json)
}

pub(super) async fn delete(DeleteArguments { kind, name, hub }: DeleteArguments) -> anyhow::Result<()> {
    let applied: Applied = Client::new(&hub)?.delete(&format!("{}/{name}", kind.path())).await?;
    apply::tell(&applied, hub.json)
}

fn read(file: &Path) -> anyhow::Result<Value> {
    let mut text = String::new();
    if file == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).context("standard input")?;
    } else {
        text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    }
    if file.extension().is_some_and(|extension| extension == "toml") {
        return toml::from_str(&text).with_context(|| file.display().to_string());
    }
    serde_json::from_str(&text).with_context(|| format!("{}: this is no JSON", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_tells_what_matters_of_each_kind() {
        let rule = json!({ "name": "all", "document": { "plugins": ["a", "b"], "destinations": ["crm"], "match": {} } });
        assert_eq!(row(Kind::Rules, &rule), json!({ "name": "all", "plugins": "a, b", "destinations": "crm" }));
        let source = json!({ "name": "shop", "document": { "verify": { "scheme": "github" } } });
        assert_eq!(row(Kind::Sources, &source), json!({ "name": "shop", "scheme": "github" }));
    }
}
