//! The source that an event is sent to: how it verifies, as the host shows it, and with what its sender signs, which the host shows nobody.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use serde_json::{Map, Value};

use crate::{
    event::Timestamp,
    verify::{Sample, Scheme, Spec},
};

/// With what an event is signed.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Keys {
    /// The source's secret. Where the hub file names it as ${NAME}, the variable NAME is looked at too.
    #[arg(long, env = "SLUICEBOX_TRIGGER_SECRET", hide_env_values = true)]
    secret: Option<String>,
    /// The file of the private key, for schemes with a public one (discord, sendgrid): PKCS #8 as PEM or base64, or `whsk_...`.
    #[arg(long = "private-key", value_name = "FILE")]
    private: Option<PathBuf>,
}

/// A source, ready to be signed for.
pub(super) struct Signer {
    scheme: Scheme,
    private: Option<String>,
}

/// What in a source's `verify` is the sender's, and is not shown.
const SECRETS: [&str; 2] = ["secret", "secrets"];
/// Not shown either. Only a handshake looks at it, so any other will do.
const VERIFY_TOKEN: &str = "verify_token";

impl Signer {
    /// For a source that verifies like this, as the host shows it.
    pub(super) fn new(verify: &Value, keys: &Keys) -> anyhow::Result<Self> {
        let shown = verify.as_object().context("the host's source is not understood; is it of this version?")?;
        let secret = keys.secret.clone().or_else(|| referenced(shown, |name| std::env::var(name).ok()));
        let private = keys.private.as_deref().map(read).transpose()?;
        let has_secret = SECRETS.iter().any(|field| shown.contains_key(*field));
        let mut spec: Map<String, Value> = shown.clone();
        spec.retain(|field, _| !SECRETS.contains(&field.as_str()));
        if let Some(secret) = secret.filter(|_| has_secret && private.is_none()) {
            spec.insert("secret".to_owned(), secret.into());
        }
        if let Some(token) = spec.get_mut(VERIFY_TOKEN) {
            *token = "any".into();
        }
        let spec: Spec = serde_json::from_value(spec.into()).context("the source's scheme is not one of this version")?;
        let scheme = spec.refine().map_err(|invalid| unsigned(&spec.scheme, &invalid.message))?;
        Ok(Self { scheme, private })
    }

    /// Signs an event as its provider would.
    pub(super) fn sign(&self, sample: &mut Sample, id: &str, now: Timestamp) -> anyhow::Result<()> {
        self.scheme.sign(sample, id, now, self.private.as_deref()).map_err(|error| anyhow!("it cannot be signed: {error}"))
    }
}

fn unsigned(scheme: &str, why: &str) -> anyhow::Error {
    anyhow!("the source verifies by `{scheme}`: {why} (--secret or SLUICEBOX_TRIGGER_SECRET; the host shows it nobody)")
}

/// The secret by the variable that the hub file names.
fn referenced(shown: &Map<String, Value>, variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    let secret = shown.get("secret").or_else(|| shown.get("secrets")?.get(0))?;
    let name = secret["ref"].as_str()?.strip_prefix("${")?.strip_suffix('}')?;
    variable(name)
}

fn read(file: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(file).with_context(|| format!("the private key {}", file.display()))?;
    if text.trim().is_empty() {
        bail!("the private key {} is empty", file.display());
    }
    Ok(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn signer(verify: &Value, secret: Option<&str>) -> Result<Signer, String> {
        let keys = Keys { secret: secret.map(str::to_owned), private: None };
        Signer::new(verify, &keys).map_err(|error| error.to_string())
    }

    #[test]
    fn what_the_host_does_not_show_has_to_be_told() {
        let shown = json!({ "scheme": "github", "secret": { "ref": "${NOT_SET_ANYWHERE}" } });
        assert!(signer(&shown, None).is_err_and(|error| error.contains("`github`") && error.contains("--secret")));
        assert!(signer(&shown, Some("geheim")).is_ok());
        assert!(signer(&json!({ "scheme": "none" }), None).is_ok());
        assert!(signer(&json!({ "scheme": "none" }), Some("of another source")).is_ok(), "it may stand in the environment");
        let meta = json!({ "scheme": "meta", "secret": { "set": true }, "verify_token": { "set": true } });
        assert!(signer(&meta, Some("geheim")).is_ok());
    }

    #[test]
    fn a_secret_is_found_by_the_variable_that_the_hub_file_names() {
        let variable = |name: &str| (name == "HOOK").then(|| "geheim".to_owned());
        let found = |verify: &Value| referenced(verify.as_object().expect("an object"), variable);
        assert_eq!(found(&json!({ "secret": { "ref": "${HOOK}" } })).as_deref(), Some("geheim"));
        assert_eq!(found(&json!({ "secrets": [{ "ref": "${HOOK}" }] })).as_deref(), Some("geheim"));
        assert_eq!(found(&json!({ "secret": { "ref": "${OTHER}" } })), None);
        assert_eq!(found(&json!({ "secret": { "set": true } })), None);
        assert_eq!(found(&json!({ "secret": { "ref": "file:HOOK" } })), None);
    }
}
