//! `sluicebox trigger`: sends an event of a provider to a source, signed as the provider signs it, so that rules and receivers can be tried
//! without the provider. It comes in as any event does, and goes its way.

mod catalogue;
mod fresh;
mod pair;
mod send;
mod set;
mod source;

use anyhow::Context;
use http::HeaderMap;
use serde_json::{Value, json};

use self::{
    catalogue::FIXTURES,
    fresh::Fresh,
    pair::Algorithm,
    send::{Answer, Changes},
    source::{Keys, Signer},
};
use super::{
    Hub,
    client::{Client, segment},
    table::{shown, table},
};
use crate::config::system_clock;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The source.
    #[arg(required_unless_present_any = ["list", "make_key"])]
    source: Option<String>,
    /// The event, as `--list` names it; else the first of the source's scheme.
    event: Option<String>,
    #[command(flatten)]
    keys: Keys,
    #[command(flatten)]
    changes: Changes,
    /// The URL that the host is called by, where `serve --public-url` says one: some schemes sign it.
    #[arg(long, env = "SLUICEBOX_PUBLIC_URL", value_name = "URL")]
    public_url: Option<String>,
    /// List the events that there are.
    #[arg(long)]
    list: bool,
    /// Make a pair of keys for a source of a scheme with a public key.
    #[arg(long, value_name = "ALGORITHM")]
    make_key: Option<Algorithm>,
    #[command(flatten)]
    hub: Hub,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    if arguments.list {
        return list(arguments.hub.json);
    }
    if let Some(algorithm) = arguments.make_key {
        return pair::tell(algorithm, arguments.hub.json);
    }
    let source = arguments.source.context("name a source")?;
    let client = Client::new(&arguments.hub)?;
    let answer = client.open(&format!("/v1/sources/{}", segment(&source)), &[], HeaderMap::new()).await?;
    // Whichever that is: told by a flag or a profile, or the key's own.
    let workspace = answer.headers().get("sluicebox-workspace").and_then(|name| name.to_str().ok()).map(str::to_owned);
    let document: Value = answer.json().await.context("the host's source is not understood; is it of this version?")?;
    let verify = &document["verify"];
    let scheme = verify["scheme"].as_str().context("the host's source is not understood; is it of this version?")?;
    let fixture = catalogue::choose(scheme, arguments.event.as_deref())?;
    let signer = Signer::new(verify, &arguments.keys)?;

    let now = system_clock()();
    let mut fresh = Fresh::new(now, || getrandom::u64().context("the system gives no random numbers"));
    let base = client.url();
    let public = arguments.public_url.as_deref().map_or(base, |url| url.trim_end_matches('/'));
    let path = match workspace.as_deref() {
        None | Some("default") => format!("/in/{source}"),
        Some(workspace) => format!("/w/{workspace}/in/{source}"),
    };
    let mut sample = send::sample(fixture, &mut fresh, &arguments.changes, format!("{public}{path}"))?;
    signer.sign(&mut sample, &fresh.fill("msg_{{alnum 27}}")?, now)?;
    match send::post(sample, &format!("{base}{path}")).await? {
        Answer::Stored(ids) => tell(&client, fixture.name, &ids, arguments.hub.json).await,
        Answer::Told { status, body } => {
            outln!("{status} {}", shown(&body));
            Ok(())
        }
    }
}

/// The events as the host has them: what it took for their types and subjects is what rules will see.
async fn tell(client: &Client, sent: &str, ids: &[String], as_json: bool) -> anyhow::Result<()> {
    let mut stored = Vec::new();
    for id in ids {
        let mut event: Value = client.get(&format!("/v1/events/{id}"), &[]).await?;
        event["sent"] = sent.into();
        stored.push(event);
    }
    if as_json {
        let fields = ["id", "sent", "source", "type", "subject", "external_id", "received_at"];
        let told = |event: &Value| fields.iter().map(|field| ((*field).to_owned(), event[*field].clone())).collect::<Value>();
        outln!("{}", serde_json::to_string_pretty(&json!({ "events": stored.iter().map(told).collect::<Value>() }))?);
    } else {
        out!("{}", table(&["id", "sent", "type", "subject"], &stored));
    }
    Ok(())
}

fn list(as_json: bool) -> anyhow::Result<()> {
    let items: Vec<Value> =
        FIXTURES.iter().map(|one| json!({ "event": one.name, "scheme": one.scheme(), "about": one.about() })).collect();
    if as_json {
        outln!("{}", serde_json::to_string_pretty(&items)?);
    } else {
        out!("{}", table(&["event", "about"], &items));
    }
    Ok(())
}
