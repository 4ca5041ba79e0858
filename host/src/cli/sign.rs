//! `sluicebox sign`: signs a request at hand as its provider would, by the same rows that verify. No host is asked, and nothing is sent.

use std::{fs, path::PathBuf};

use anyhow::{Context, anyhow};
use serde_json::{Map, Value, json};

use super::payload::{By, Payload, moment, unusable};
use crate::{
    config::system_clock,
    event::Timestamp,
    sign,
    verify::{Sample, Spec},
};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    payload: Payload,
    #[command(flatten)]
    by: By,
    /// The file of the private key, for schemes with a public one: `whsk_...` (v1a), or PKCS #8 as PEM or base64.
    #[arg(long, value_name = "FILE")]
    private_key: Option<PathBuf>,
    /// The message's id; a new one otherwise.
    #[arg(long)]
    id: Option<String>,
    /// The time of signing: seconds since 1970, or as in 2026-01-31T12:00:00Z; now otherwise.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<Timestamp>,
    /// Print a `curl` command that sends it to --url; it reads the body from standard input, byte for byte.
    #[arg(long, conflicts_with = "json")]
    curl: bool,
    /// Print JSON: url, headers and body.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let private = arguments.private_key.as_ref().map(|file| {
        let text = fs::read_to_string(file).with_context(|| format!("the private key {}", file.display()))?;
        Ok::<_, anyhow::Error>(text.trim().to_owned())
    });
    let private = private.transpose()?;
    let spec = with_public_half(arguments.by.spec()?, private.as_deref());
    let scheme = spec.refine().map_err(|invalid| unusable(&spec, &invalid))?;
    let mut sample = arguments.payload.read()?;
    let id = arguments.id.clone().map_or_else(new_id, Ok)?;
    let now = arguments.at.unwrap_or_else(|| system_clock()());
    let before = sample.clone();
    scheme.sign(&mut sample, &id, now, private.as_deref()).map_err(|error| anyhow!("it cannot be signed: {error}"))?;
    out!("{}", told(arguments, &before, &sample)?);
    Ok(())
}

/// A private key of Standard Webhooks tells its public half, which a source has to have.
fn with_public_half(mut spec: Spec, private: Option<&str>) -> Spec {
    if let (None, Some(private)) = (&spec.public_key, private) {
        spec.public_key = sign::Key::parse(private).ok().and_then(|key| key.public());
    }
    spec
}

fn new_id() -> anyhow::Result<String> {
    let random = (getrandom::u64(), getrandom::u64());
    let (Ok(high), Ok(low)) = random else { anyhow::bail!("the system gives no random numbers") };
    Ok(format!("msg_{high:016x}{low:016x}"))
}

/// What signing has put into the request, or all of it.
fn told(arguments: &Arguments, before: &Sample, signed: &Sample) -> anyhow::Result<String> {
    if arguments.json {
        let headers =
            signed.headers.iter().map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into()));
        let told = json!({
            "method": signed.method,
            "url": signed.url,
            "headers": headers.collect::<Map<String, Value>>(),
            "body": String::from_utf8_lossy(&signed.body),
        });
        return Ok(serde_json::to_string_pretty(&told)? + "\n");
    }
    if arguments.curl {
        return Ok(curl(signed, signed.body != before.body));
    }
    let mut lines: Vec<String> = signed
        .headers
        .iter()
        .filter(|(name, value)| before.headers.get(*name) != Some(value))
        .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
        .collect();
    if signed.url != before.url {
        lines.push(format!("# to {}", signed.url));
    }
    if signed.body != before.body {
        lines.push(String::new());
        lines.push(String::from_utf8_lossy(&signed.body).into_owned());
    }
    Ok(lines.join("\n") + "\n")
}

/// For a POSIX shell.
fn curl(signed: &Sample, body_changed: bool) -> String {
    let mut line = format!("curl --request {} {}", signed.method, quoted(&signed.url));
    for (name, value) in &signed.headers {
        line += &format!(" --header {}", quoted(&format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()))));
    }
    // Where signing changed the body, it stands in the command.
    let body = if body_changed { quoted(&String::from_utf8_lossy(&signed.body)) } else { "@-".to_owned() };
    let flag = if body_changed { "--data-raw" } else { "--data-binary" };
    format!("{line} {flag} {body}\n")
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    #[test]
    fn a_shell_reads_what_is_quoted_as_it_is() {
        let mut headers = HeaderMap::new();
        headers.insert("x-sig", http::HeaderValue::from_static("it's; $(rm)"));
        let sample = Sample { method: "POST".into(), url: "https://a/?b=c&d".into(), headers, body: b"{}".to_vec() };
        let line = "curl --request POST 'https://a/?b=c&d' --header 'x-sig: it'\\''s; $(rm)'";
        assert_eq!(curl(&sample, false), format!("{line} --data-binary @-\n"));
        assert_eq!(curl(&sample, true), format!("{line} --data-raw '{{}}'\n"));
    }

    #[test]
    fn a_private_key_tells_its_public_half() {
        let private = sign::Key::text_of(sign::Version::V1a, &[7; 32]);
        let spec = with_public_half(Spec { scheme: "standard-webhooks".into(), ..Spec::default() }, Some(&private));
        assert!(spec.public_key.is_some_and(|key| key.starts_with("whpk_")));
        let spec = with_public_half(Spec::default(), Some("PKCS #8"));
        assert!(spec.public_key.is_none());
    }
}
