//! TLS as one destination wants it.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    event::{Invalid, Secret},
    net::{Identity, Tls, TlsError},
};

/// TLS as one destination wants it, in PEM. The texts are handled as secrets, so that `file:` and `${NAME}` stand for them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Tls")]
pub struct TlsSpec {
    /// What we show who we are by: our certificate, then those that lead to its root.
    pub client_certificate: Option<Secret>,
    /// Its key, not encrypted.
    pub client_key: Option<Secret>,
    /// The only roots that the destination's certificate may lead to, instead of the public ones.
    pub ca_certificates: Option<Secret>,
}

impl TlsSpec {
    pub(super) fn refine(&self, is_https: bool) -> Result<Tls, Invalid> {
        if !is_https {
            return Err(Invalid::at("/tls", "over `http://` there is no TLS: write `https://`, or remove this"));
        }
        let identity = match (&self.client_certificate, &self.client_key) {
            (Some(certificates), Some(key)) => Some(Identity { certificates: certificates.expose(), key: key.expose() }),
            (None, None) => None,
            (Some(_), None) => return Err(Invalid::at("/tls/client_key", "the certificate needs its key; name it too")),
            (None, Some(_)) => {
                return Err(Invalid::at("/tls/client_certificate", "the key needs its certificate; name it too"));
            }
        };
        let roots = self.ca_certificates.as_ref().map(Secret::expose);
        Tls::new(identity, roots).map_err(|error| Invalid::at(pointer(error), error.to_string()))
    }
}

fn pointer(error: TlsError) -> &'static str {
    match error {
        TlsError::Roots => "/tls/ca_certificates",
        TlsError::Certificates => "/tls/client_certificate",
        TlsError::Key | TlsError::Mismatch => "/tls/client_key",
    }
}
