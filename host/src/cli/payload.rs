//! What `verify` and `sign` have in common: a request in files, and the scheme that it is judged or signed by.

use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
};

use anyhow::{Context, anyhow, bail};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value};

use crate::{
    event::Timestamp,
    verify::{self, Sample, Spec},
};

/// Where the secret is looked for if nothing else is said.
const SECRET: &str = "SLUICEBOX_SECRET";

/// The request.
#[derive(Debug, clap::Args)]
pub(super) struct Payload {
    /// The file of the body, byte for byte; standard input without one, or by `-`.
    body: Option<PathBuf>,
    /// A header of the request, as in 'content-type: application/json'. May be given several times.
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// A file of headers, one a line; a first line without a colon (`POST / HTTP/1.1`) is passed over.
    #[arg(long, value_name = "FILE")]
    headers_file: Option<PathBuf>,
    /// The request's method.
    #[arg(long, default_value = "POST")]
    method: String,
    /// The URL that the sender calls: some schemes sign it.
    #[arg(long, default_value = "https://localhost/")]
    pub(super) url: String,
}

/// The scheme and its keys. Secrets come from variables and files: what stands on a command line is seen by all who list processes.
#[derive(Debug, clap::Args)]
pub(super) struct By {
    /// The scheme, as a source's `verify` names it; `sluicebox verify --list` lists them.
    #[arg(long, default_value = "standard-webhooks")]
    scheme: String,
    /// The file of the secret.
    #[arg(long, value_name = "FILE", conflicts_with = "secret_env")]
    secret_file: Option<PathBuf>,
    /// The variable with the secret; SLUICEBOX_SECRET where it is set and nothing else is said.
    #[arg(long, value_name = "NAME")]
    secret_env: Option<String>,
    /// The public key, where the sender signs with a private one (v1a: `whpk_...`).
    #[arg(long, value_name = "KEY")]
    public_key: Option<String>,
    /// A further field of the source's `verify`, as in header=x-signature. May be given several times.
    #[arg(long = "with", value_name = "FIELD=VALUE")]
    fields: Vec<String>,
}

impl Payload {
    /// Reads it.
    pub(super) fn read(&self) -> anyhow::Result<Sample> {
        let mut headers = HeaderMap::new();
        if let Some(file) = &self.headers_file {
            let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty()).enumerate();
            for (_, line) in lines.filter(|(at, line)| *at > 0 || line.contains(':')) {
                add(&mut headers, line).with_context(|| file.display().to_string())?;
            }
        }
        for line in &self.headers {
            add(&mut headers, line).context("--header")?;
        }
        let body = match self.body.as_deref().filter(|file| *file != Path::new("-")) {
            Some(file) => fs::read(file).with_context(|| format!("cannot read {}", file.display()))?,
            None => {
                let mut body = Vec::new();
                std::io::stdin().read_to_end(&mut body).context("standard input")?;
                body
            }
        };
        Ok(Sample { method: self.method.to_uppercase(), url: self.url.clone(), headers, body })
    }
}

fn add(headers: &mut HeaderMap, line: &str) -> anyhow::Result<()> {
    // The value is not repeated: it may be a credential.
    let (name, value) = line.split_once(':').context("a header is written as 'name: value'")?;
    let parsed = HeaderName::try_from(name.trim()).with_context(|| format!("`{name}` is no header's name"))?;
    headers.append(parsed, HeaderValue::from_str(value.trim()).with_context(|| format!("{name}: this is no header's value"))?);
    Ok(())
}

impl By {
    /// The scheme as a source would declare it.
    pub(super) fn spec(&self) -> anyhow::Result<Spec> {
        self.spec_in(|name| std::env::var(name).ok())
    }

    fn spec_in(&self, variable: impl Fn(&str) -> Option<String>) -> anyhow::Result<Spec> {
        if !verify::schemes().any(|known| known == self.scheme) {
            bail!("there is no scheme `{}`{}; `sluicebox verify --list` lists all", self.scheme, near(&self.scheme));
        }
        let mut fields = Map::from_iter([("scheme".to_owned(), Value::from(self.scheme.clone()))]);
        if let Some(key) = &self.public_key {
            fields.insert("public_key".to_owned(), key.clone().into());
        }
        if let Some(secret) = self.secret(variable)? {
            fields.insert("secret".to_owned(), secret.into());
        }
        for field in &self.fields {
            let (name, value) = field.split_once('=').with_context(|| format!("--with: `{field}` is not FIELD=VALUE"))?;
            let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
            fields.insert(name.to_owned(), value);
        }
        serde_json::from_value(fields.into()).context("--with")
    }

    fn secret(&self, variable: impl Fn(&str) -> Option<String>) -> anyhow::Result<Option<String>> {
        match (&self.secret_file, &self.secret_env) {
            (Some(file), _) => {
                let text = fs::read_to_string(file).with_context(|| format!("the secret file {}", file.display()))?;
                // An editor's line end is none of the secret.
                Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
            }
            (None, Some(name)) => variable(name).map(Some).with_context(|| format!("the variable {name} is not set")),
            (None, None) => Ok(variable(SECRET).filter(|_| self.public_key.is_none() && self.scheme != "none")),
        }
    }
}

/// What a scheme still lacks, with where it is given here.
pub(super) fn unusable(spec: &Spec, invalid: &crate::event::Invalid) -> anyhow::Error {
    anyhow!("`{}`: {} (--secret-file, --secret-env or {SECRET}; --public-key; --with)", spec.scheme, invalid.message)
}

fn near(scheme: &str) -> String {
    let nearness = |known: &str| strsim::jaro_winkler(known, scheme);
    let near = verify::schemes().max_by(|a, b| nearness(a).total_cmp(&nearness(b)));
    near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}

/// A time: seconds since the Unix epoch, or as in 2026-01-31T12:00:00Z.
pub(super) fn moment(text: &str) -> Result<Timestamp, String> {
    let wrong = || "write seconds since 1970, or a time as in 2026-01-31T12:00:00Z".to_owned();
    if let Ok(secs) = text.parse::<u64>() {
        return secs.checked_mul(1000).map(Timestamp).ok_or_else(wrong);
    }
    let parsed: jiff::Timestamp = text.parse().map_err(|_| wrong())?;
    u64::try_from(parsed.as_millisecond()).map(Timestamp).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(scheme: &str) -> By {
        By { scheme: scheme.to_owned(), secret_file: None, secret_env: None, public_key: None, fields: Vec::new() }
    }

    #[test]
    fn the_secret_is_in_a_variable_or_a_file() {
        let variable = |name: &str| (name == SECRET).then(|| "geheim".to_owned());
        let secret = |by: &By| by.spec_in(variable).map(|spec| spec.secret.map(|secret| secret.expose().to_owned()));
        assert_eq!(secret(&by("github")).expect("a spec").as_deref(), Some("geheim"));
        assert_eq!(secret(&by("none")).expect("a spec"), None);
        let elsewhere = By { secret_env: Some("OTHER".to_owned()), ..by("github") };
        assert!(secret(&elsewhere).expect_err("it is not set").to_string().contains("OTHER"));
        let public = By { public_key: Some("whpk_x".to_owned()), ..by("standard-webhooks") };
        assert_eq!(secret(&public).expect("a spec"), None);
    }

    #[test]
    fn fields_are_those_of_a_source() {
        let with = |field: &str| {
            By { fields: vec![field.to_owned()], ..by("hmac") }.spec_in(|_| None).map_err(|error| format!("{error:#}"))
        };
        assert_eq!(with("header=x-sig").expect("a spec").header.as_deref(), Some("x-sig"));
        assert_eq!(with("tolerance=10m").expect("a spec").tolerance.map(|length| length.ms), Some(600_000));
        assert!(with("heeder=x").expect_err("unknown").contains("heeder"));
        assert!(with("header").expect_err("no value").contains("FIELD=VALUE"));
        assert!(by("githib").spec_in(|_| None).expect_err("unknown").to_string().contains("did you mean `github`"));
    }

    #[test]
    fn times_are_seconds_or_dates() {
        assert_eq!(moment("1790000000"), Ok(Timestamp(1_790_000_000_000)));
        assert_eq!(moment("2026-09-21T14:13:20Z"), Ok(Timestamp(1_790_000_000_000)));
        assert!(moment("tomorrow").is_err() && moment("18446744073709551615").is_err());
    }
}
