//! One event on its way to a source, and what the host said.

use anyhow::{Context, bail};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde_json::Value;

use super::{catalogue::Fixture, fresh::Fresh, set::set};
use crate::{net, verify::Sample};

/// What the user changes of an event.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Changes {
    /// Change a field of the body before it is signed, as in data.object.amount=500. May be given several times.
    #[arg(long, value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// Set a header, as in 'x-trace: 7'. May be given several times.
    #[arg(long, value_name = "NAME: VALUE")]
    header: Vec<String>,
}

/// The events that a request became, or what else the host answered.
pub(super) enum Answer {
    Stored(Vec<String>),
    Told { status: u16, body: String },
}

/// The request, unsigned. `url` is the source's as the receiver will see it.
pub(super) fn sample(
    fixture: Fixture,
    fresh: &mut Fresh<impl FnMut() -> anyhow::Result<u64>>,
    changes: &Changes,
    url: String,
) -> anyhow::Result<Sample> {
    let mut headers = HeaderMap::new();
    for (name, value) in fixture.headers() {
        put(&mut headers, name, &fresh.fill(value)?)?;
    }
    for change in &changes.header {
        let pair = change.split_once(':');
        let (name, value) = pair.with_context(|| format!("--header: `{change}` has no `:`; write 'name: value'"))?;
        put(&mut headers, name.trim(), value.trim())?;
    }
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let body = set(&fresh.fill(fixture.body())?, content_type, &changes.set)?;
    Ok(Sample { method: "POST".to_owned(), url, headers, body: body.into_bytes() })
}

fn put(headers: &mut HeaderMap, name: &str, value: &str) -> anyhow::Result<()> {
    let name = HeaderName::try_from(name).with_context(|| format!("`{name}` is no header's name"))?;
    headers.insert(name, HeaderValue::from_str(value).with_context(|| format!("`{value}` is no header's value"))?);
    Ok(())
}

/// Posts a signed request to the source at `address`. What signing added to the query goes along.
pub(super) async fn post(sample: Sample, address: &str) -> anyhow::Result<Answer> {
    let query = sample.url.split_once('?').map(|(_, query)| format!("?{query}")).unwrap_or_default();
    let http = net::side_client().context("no HTTP client")?;
    let sent = http.post(format!("{address}{query}")).headers(sample.headers).body(sample.body).send().await;
    let response = sent.with_context(|| format!("there was no answer from {address}"))?;
    let status = response.status();
    let body = response.text().await.context("the answer could not be read")?;
    let json: Value = serde_json::from_str(&body).unwrap_or_default();
    if !status.is_success() {
        let detail = json["detail"].as_str().unwrap_or(&body);
        let hint =
            if status.as_u16() == 401 { ": is the secret the source's? The host's log tells which step failed" } else { "" };
        bail!("refused with {status}: {detail}{hint}");
    }
    let stored = json["events"].as_array().map_or_else(|| vec![&json], |events| events.iter().collect());
    let ids: Vec<String> = stored.iter().filter_map(|event| event["id"].as_str().map(str::to_owned)).collect();
    Ok(if ids.is_empty() { Answer::Told { status: status.as_u16(), body } } else { Answer::Stored(ids) })
}
