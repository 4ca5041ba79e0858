//! `sluicebox keys`: API keys, which are for a workspace or, where their scope reaches further, for the host.

mod expires;

use anyhow::{bail, ensure};
use serde_json::{Value, json};

use super::{
    Hub,
    client::Client,
    out,
    table::{shown, table},
};
use crate::{
    api::{KeyChange, KeyShown, KeyTold, NewKey},
    config,
    event::Duration,
    hub::{Scope, named_key},
};
use expires::Expires;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List keys: what they may do, until when, and when they were used last.
    List(Arguments),
    /// Make a key. Its secret is printed this once, alone on standard output.
    Create(CreateArguments),
    /// Show one key.
    Show(OneArguments),
    /// Change a key: its name, its scopes, its end, or whether it lets anybody in.
    Set(SetArguments),
    /// Give a key a new secret, printed this once; the old one stays good for a while.
    Rotate(RotateArguments),
    /// End a key for good.
    Revoke(OneArguments),
}

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    hub: Hub,
}

#[derive(Debug, clap::Args)]
pub(super) struct OneArguments {
    /// The key's id: what stands between the two `_` of its text.
    id: String,
    #[command(flatten)]
    hub: Hub,
}

#[derive(Debug, clap::Args)]
pub(super) struct CreateArguments {
    /// What the key is for.
    name: String,
    /// More about it.
    #[arg(long, default_value = "")]
    description: String,
    /// What it may do: ingest, read, rules, plugins, replay, pull, admin; of the whole host metrics or operator. May be given several times.
    #[arg(long = "scope", value_name = "SCOPE", required = true)]
    scopes: Vec<Scope>,
    /// When it ends: after a time as in 90d, or at one as in 2027-01-31T12:00:00Z.
    #[arg(long, value_name = "TIME", default_value = "never")]
    expires: Expires,
    #[command(flatten)]
    hub: Hub,
}

#[derive(Debug, clap::Args)]
pub(super) struct SetArguments {
    /// The key's id.
    id: String,
    /// What it is for.
    #[arg(long)]
    name: Option<String>,
    /// More about it.
    #[arg(long)]
    description: Option<String>,
    /// What it may do, all of it anew. May be given several times.
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<Scope>,
    /// When it ends: after a time as in 90d, at one as in 2027-01-31T12:00:00Z, or `never`.
    #[arg(long, value_name = "TIME")]
    expires: Option<Expires>,
    /// Let nobody in by it until it is enabled.
    #[arg(long, conflicts_with = "enable")]
    disable: bool,
    /// Let it be used again.
    #[arg(long)]
    enable: bool,
    #[command(flatten)]
    hub: Hub,
}

#[derive(Debug, clap::Args)]
pub(super) struct RotateArguments {
    /// The key's id, or `admin` for the one in admin.key, which the host writes anew.
    id: String,
    /// How long the old secret stays good beside the new one; 24h unless told otherwise. That of `admin` ends at once.
    #[arg(long, value_name = "TIME")]
    overlap: Option<String>,
    #[command(flatten)]
    hub: Hub,
}

pub(super) async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::List(arguments) => list(arguments).await,
        Command::Create(arguments) => create(arguments).await,
        Command::Show(OneArguments { id, hub }) => {
            let key: Value = Client::new(&hub)?.get(&path(&id)?, &[]).await?;
            outln!("{}", serde_json::to_string_pretty(&key)?);
            Ok(())
        }
        Command::Set(arguments) => set(arguments).await,
        Command::Rotate(arguments) => rotate(arguments).await,
        Command::Revoke(OneArguments { id, hub }) => {
            let key: KeyTold = Client::new(&hub)?.delete(&path(&id)?).await?;
            tell(&key, hub.json, "was revoked")
        }
    }
}

async fn list(Arguments { hub }: Arguments) -> anyhow::Result<()> {
    let items = Client::new(&hub)?.get_all("/v1/keys").await?;
    if hub.json {
        outln!("{}", serde_json::to_string_pretty(&json!({ "items": items }))?);
        return Ok(());
    }
    let rows: Vec<Value> = items.iter().map(row).collect();
    out!("{}", table(&["id", "workspace", "name", "scopes", "state", "expires_at", "last_used_at"], &rows));
    Ok(())
}

/// A key as a line of the table.
fn row(key: &Value) -> Value {
    let mut row = key.clone();
    let scopes: Vec<&str> = key["scopes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    row["scopes"] = scopes.join(",").into();
    row
}

async fn create(arguments: CreateArguments) -> anyhow::Result<()> {
    let CreateArguments { name, description, scopes, expires, hub } = arguments;
    let expires_at = expires.at(config::system_clock()());
    let new = NewKey { name, description, scopes: scopes.into_iter().collect(), expires_at };
    let made: KeyShown = Client::new(&hub)?.post("/v1/keys", &new).await?;
    tell_secret(&made, hub.json)
}

async fn set(arguments: SetArguments) -> anyhow::Result<()> {
    let SetArguments { id, name, description, scopes, expires, disable, enable, hub } = arguments;
    let now = config::system_clock()();
    let change = KeyChange {
        name,
        description,
        scopes: (!scopes.is_empty()).then(|| scopes.into_iter().collect()),
        expires_at: expires.map(|expires| expires.at(now)),
        disabled: (disable || enable).then_some(disable),
    };
    let key: KeyTold = Client::new(&hub)?.patch(&path(&id)?, &change).await?;
    tell(&key, hub.json, "was changed")
}

async fn rotate(RotateArguments { id, overlap, hub }: RotateArguments) -> anyhow::Result<()> {
    let overlap = match overlap {
        // Read here only so that what is wrong with it is told before anything is sent.
        Some(text) => format!("?overlap={}ms", text.parse::<Duration>()?.ms),
        None => String::new(),
    };
    let made: KeyShown = Client::new(&hub)?.post(&format!("{}/rotate{overlap}", path(&id)?), &Value::Null).await?;
    tell_secret(&made, hub.json)
}

/// What stands in a path has to be a name, so that nothing else is asked for.
fn path(id: &str) -> anyhow::Result<String> {
    let id = named_key(id);
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        bail!("`{}` is no key's id: that is 12 hexadecimal digits, as `sluicebox keys list` shows them", shown(id));
    }
    Ok(format!("/v1/keys/{id}"))
}

fn tell(key: &KeyTold, json: bool, what: &str) -> anyhow::Result<()> {
    if json {
        outln!("{}", serde_json::to_string_pretty(key)?);
    } else {
        outln!("key {} ({}) {what}", key.id, shown(&key.name));
    }
    Ok(())
}

/// The secret alone on standard output, so that it can be piped to where it is kept.
fn tell_secret(made: &KeyShown, json: bool) -> anyhow::Result<()> {
    if json {
        outln!("{}", serde_json::to_string_pretty(made)?);
        return Ok(());
    }
    match &made.key {
        Some(key) => errln!("key {} ({}); its secret, shown this once:", key.id, shown(&key.name)),
        None => errln!("admin.key was written anew, and the old key is not good any more; the new one, shown this once:"),
    }
    outln!("{}", made.secret);
    ensure!(out::is_read(), "nobody took the secret, and it is shown this once: `sluicebox keys rotate` makes another");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_no_other_path() {
        assert_eq!(path("0123456789ab").expect("an id"), "/v1/keys/0123456789ab");
        assert_eq!(path("admin").expect("an id"), "/v1/keys/admin");
        assert_eq!(path(&format!("slk_0123456789ab_{}", "c".repeat(72))).expect("a whole key"), "/v1/keys/0123456789ab");
        for bad in ["", "a/b", "..", "a b", "a?b", "slk_c"] {
            assert!(path(bad).is_err(), "{bad}");
        }
    }
}
