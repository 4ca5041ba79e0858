//! What an operator lets a plugin do beyond what all may: in the hub file, so that a new version of a plugin gains nothing by itself.
//! The only place of this part that sees a secret; no guest does.

use std::{collections::BTreeMap, fmt};

use hmac::{EagerHash, Hmac, KeyInit as _, Mac as _};
use schemars::JsonSchema;
use serde::Deserialize;
use sha2::{Sha256, Sha384, Sha512};
use subtle::ConstantTimeEq as _;

use super::limits::{SECRET_NAME_BYTES_MAX, SECRETS_MAX};
use crate::event::{Invalid, Name, Secret};

/// Where a plugin's `Spec` holds secrets: JSON pointers, `*` for each member of a map.
pub const SECRETS: &[&str] = &["/grants/secrets/*"];

/// Grants as the hub file declares them.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Grants")]
pub struct GrantsSpec {
    /// Secrets to compute with, each by the name that the plugin asks for.
    #[serde(default)]
    pub secrets: BTreeMap<String, Secret>,
    /// Whether it may remember anything from one event to the next.
    #[serde(default)]
    pub state: bool,
    /// Metrics of its own.
    #[serde(default)]
    pub metrics: bool,
}

/// The grants of one plugin.
#[derive(Default)]
pub(super) struct Grants {
    /// For the words in which a missing one is told.
    plugin: String,
    secrets: BTreeMap<String, Secret>,
    pub(super) state: bool,
}

impl Grants {
    /// Refines what the hub file declares.
    ///
    /// # Errors
    ///
    /// Too many secrets, or one without a name or a text.
    pub(super) fn refine(plugin: &Name, spec: &GrantsSpec) -> Result<Self, Invalid> {
        if spec.secrets.len() > SECRETS_MAX {
            return Err(Invalid::at("/grants/secrets", format!("at most {SECRETS_MAX} secrets may be granted")));
        }
        for (name, secret) in &spec.secrets {
            if name.is_empty() || name.len() > SECRET_NAME_BYTES_MAX {
                let message = format!("the name of a secret has 1 to {SECRET_NAME_BYTES_MAX} bytes");
                return Err(Invalid::at("/grants/secrets", message));
            }
            if secret.expose().is_empty() {
                let token = name.replace('~', "~0").replace('/', "~1");
                return Err(Invalid::at(format!("/grants/secrets/{token}"), "the secret is empty"));
            }
        }
        Ok(Self { plugin: plugin.to_string(), secrets: spec.secrets.clone(), state: spec.state })
    }

    /// Whether `mac` is that HMAC, told in a time that depends on its length alone.
    pub(super) fn verify_hmac(&self, algorithm: &str, secret: &str, data: &[u8], mac: &[u8]) -> Result<bool, String> {
        Ok(self.hmac(algorithm, secret, data)?.ct_eq(mac).into())
    }

    /// The HMAC of `data` with a granted secret; else a text that says what is missing.
    pub(super) fn hmac(&self, algorithm: &str, secret: &str, data: &[u8]) -> Result<Vec<u8>, String> {
        let Some(key) = self.secrets.get(secret) else {
            let name: String = secret.chars().take(SECRET_NAME_BYTES_MAX).collect();
            return Err(format!(
                "plugin `{}` is not granted this secret (plugins.{}.grants.secrets.{name})",
                self.plugin, self.plugin
            ));
        };
        let key = key.expose().as_bytes();
        match algorithm {
            "sha256" => Ok(mac::<Sha256>(key, data)),
            "sha384" => Ok(mac::<Sha384>(key, data)),
            "sha512" => Ok(mac::<Sha512>(key, data)),
            _ => Err("no such algorithm; there are sha256, sha384 and sha512".to_owned()),
        }
    }
}

impl fmt::Debug for Grants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grants").field("secrets", &self.secrets.keys()).finish_non_exhaustive()
    }
}

fn mac<D: EagerHash>(key: &[u8], data: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<D>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(data);
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn granted(secrets: &serde_json::Value) -> Result<Grants, Invalid> {
        let spec = serde_json::from_value(json!({ "secrets": secrets })).expect("a spec");
        Grants::refine(&"sign".parse().expect("a name"), &spec)
    }

    #[test]
    fn a_granted_secret_is_computed_with() {
        // RFC 4231, test case 2.
        let grants = granted(&json!({ "shop": "Jefe" })).expect("granted");
        let told = |algorithm| hex::encode(grants.hmac(algorithm, "shop", b"what do ya want for nothing?").expect("granted"));
        assert_eq!(told("sha256"), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        assert!(told("sha384").starts_with("af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47"));
        assert!(told("sha512").starts_with("164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd6"));
        assert!(!format!("{grants:?}").contains("Jefe"));
    }

    #[test]
    fn a_mac_is_compared_whole() {
        let grants = granted(&json!({ "shop": "Jefe" })).expect("granted");
        let mac = grants.hmac("sha256", "shop", b"x").expect("granted");
        assert_eq!(grants.verify_hmac("sha256", "shop", b"x", &mac), Ok(true));
        assert_eq!(grants.verify_hmac("sha256", "shop", b"x", &mac[..16]), Ok(false));
        assert_eq!(grants.verify_hmac("sha256", "shop", b"y", &mac), Ok(false));
        assert!(grants.verify_hmac("sha256", "bank", b"x", &mac).is_err());
    }

    #[test]
    fn what_is_not_granted_is_named() {
        let grants = granted(&json!({ "shop": "Jefe" })).expect("granted");
        let refused = grants.hmac("sha256", "bank", b"").expect_err("not granted");
        assert!(refused.contains("plugins.sign.grants.secrets.bank"), "{refused}");
        assert!(grants.hmac("md5", "shop", b"").expect_err("unknown").contains("sha256"));
    }

    #[test]
    fn a_grant_that_grants_nothing_is_refused_where_it_stands() {
        assert_eq!(granted(&json!({ "a/b": "" })).expect_err("empty").pointer, "/grants/secrets/a~1b");
        assert_eq!(granted(&json!({ "": "x" })).expect_err("nameless").pointer, "/grants/secrets");
        let many: serde_json::Map<_, _> = (0..17).map(|at| (at.to_string(), json!("x"))).collect();
        assert_eq!(granted(&many.into()).expect_err("too many").pointer, "/grants/secrets");
    }
}
