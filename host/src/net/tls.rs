//! How TLS is spoken: TLS 1.2 and 1.3 by ring, trusting Mozilla's roots as compiled in, so that a machine without a certificate store
//! behaves like any other. Handed to each client; no process-wide provider is installed, since two hosts may share a process.

use std::{fmt, sync::Arc};

use hyper_rustls::ConfigBuilderExt as _;
use rustls::{
    ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier,
    client::WantsClientCert,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

/// The settings of a TLS client, without ALPN, which each client sets for itself.
pub(super) fn client_config() -> ClientConfig {
    builder().with_webpki_roots().with_no_client_auth()
}

fn builder() -> ConfigBuilder<ClientConfig, WantsVerifier> {
    ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("aws-lc has cipher suites for TLS 1.2 and 1.3")
}

/// TLS as one destination wants it: with a certificate of ours, or trusting other roots than the public ones. It cannot be printed.
#[derive(Clone)]
pub struct Tls(Arc<ClientConfig>);

/// A certificate of ours and its key, as PEM.
#[derive(Clone, Copy)]
pub struct Identity<'a> {
    /// Ours first, then those that lead to a root.
    pub certificates: &'a str,
    /// PKCS #8, PKCS #1 or SEC 1, not encrypted.
    pub key: &'a str,
}

/// What is wrong with the PEM given. It repeats none of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// Roots.
    #[error("this is no list of certificates in PEM (`-----BEGIN CERTIFICATE-----`)")]
    Roots,
    /// Our certificates.
    #[error("this is no certificate in PEM (`-----BEGIN CERTIFICATE-----`), followed by those that lead to its root")]
    Certificates,
    /// Our key.
    #[error("this is no private key in PEM (`-----BEGIN PRIVATE KEY-----`), or it is encrypted")]
    Key,
    /// The two do not belong together.
    #[error("the key is not that of the certificate")]
    Mismatch,
}

impl Tls {
    /// With `identity`, where the destination asks who we are; trusting `roots`, and them only, instead of the public ones.
    ///
    /// # Errors
    /// Where the PEM is none, or the key is another's.
    pub fn new(identity: Option<Identity<'_>>, roots: Option<&str>) -> Result<Self, TlsError> {
        let trusting = match roots {
            Some(pem) => builder().with_root_certificates(roots_of(pem)?),
            None => builder().with_webpki_roots(),
        };
        let config = match identity {
            Some(identity) => presenting(trusting, identity)?,
            None => trusting.with_no_client_auth(),
        };
        Ok(Self(Arc::new(config)))
    }

    pub(super) fn config(&self) -> ClientConfig {
        ClientConfig::clone(&self.0)
    }
}

fn presenting(
    trusting: ConfigBuilder<ClientConfig, WantsClientCert>,
    Identity { certificates, key }: Identity<'_>,
) -> Result<ClientConfig, TlsError> {
    let chain = certificates_of(certificates).ok_or(TlsError::Certificates)?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| TlsError::Key)?;
    trusting.with_client_auth_cert(chain, key).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => TlsError::Mismatch,
        rustls::Error::InvalidCertificate(_) => TlsError::Certificates,
        _ => TlsError::Key,
    })
}

fn roots_of(pem: &str) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates_of(pem).ok_or(TlsError::Roots)? {
        roots.add(certificate).map_err(|_| TlsError::Roots)?;
    }
    Ok(roots)
}

/// At least one.
fn certificates_of(pem: &str) -> Option<Vec<CertificateDer<'static>>> {
    let all: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>().ok()?;
    (!all.is_empty()).then_some(all)
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_pem_is_told_by_its_part() {
        let refused = |identity, roots| Tls::new(identity, roots).expect_err("it is refused");
        assert_eq!(refused(None, Some("")), TlsError::Roots);
        assert_eq!(refused(None, Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")), TlsError::Roots);
        assert_eq!(refused(Some(Identity { certificates: "x", key: "x" }), None), TlsError::Certificates);
        assert!(Tls::new(None, None).is_ok());
    }
}
