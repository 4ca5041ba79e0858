//! `sluicebox api METHOD PATH`: any call of the API, with the address and the key that the other commands would use.

use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};
use http::Method;

use super::{Hub, client::Client, out};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// GET, POST, PUT, DELETE or another.
    #[arg(value_parser = method)]
    method: Method,
    /// The path, with a query where it has one, as in '/v1/events?limit=1'.
    path: String,
    /// The file of the body; standard input by `-`.
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
    /// Of the body.
    #[arg(long, default_value = "application/json")]
    content_type: String,
    #[command(flatten)]
    hub: Hub,
}

/// The host's answer goes to standard output as it is, JSON or not.
pub(super) async fn run(Arguments { method, path, body, content_type, hub }: Arguments) -> anyhow::Result<()> {
    ensure!(path.starts_with('/'), "a path begins with `/`, as in /v1/events");
    let body = match body.as_deref() {
        None => Vec::new(),
        Some(file) if file == Path::new("-") => {
            let mut body = Vec::new();
            io::stdin().read_to_end(&mut body).context("standard input")?;
            body
        }
        Some(file) => fs::read(file).with_context(|| format!("cannot read {}", file.display()))?,
    };
    let answer = Client::new(&hub)?.call(method, &path, &content_type, body).await?;
    out::bytes(&answer);
    // A prompt begins on a line of its own.
    if !answer.is_empty() && !answer.ends_with(b"\n") {
        outln!();
    }
    Ok(())
}

fn method(text: &str) -> Result<Method, String> {
    text.to_uppercase().parse().map_err(|_| "write a method as in GET".to_owned())
}
