//! TLS on the way in: TLS 1.2 and 1.3, with certificates that are read again when their files change.
//!
//! Certificates are renewed every few weeks, and a host that has to be started again for it will be forgotten. A new file that is no good
//! changes nothing: what was shown is shown on, and the log and a metric tell.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwap;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};
use rustls::{
    ServerConfig,
    client::verify_server_name,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
    server::{ClientHello, ParsedCertificate, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::{CertificateFiles, Options};
use crate::net::not_after;

/// Why certificates cannot be shown. It repeats nothing of a key.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{file}: {error}")]
    File {
        /// The file.
        file: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It holds no certificates.
    #[error("{0}: this is no certificate in PEM (`-----BEGIN CERTIFICATE-----`), followed by those that lead to its root")]
    Certificate(PathBuf),
    /// It holds no key.
    #[error("{0}: this is no private key in PEM (`-----BEGIN PRIVATE KEY-----`), or it is encrypted")]
    Key(PathBuf),
    /// The two do not belong together.
    #[error("{0}: the key is not that of the certificate in {1}")]
    Mismatch(PathBuf, PathBuf),
}

/// TLS with the certificates of today.
#[derive(Clone)]
pub(super) struct Tls {
    acceptor: TlsAcceptor,
    certificates: Arc<Certificates>,
    poll: Duration,
    reloads: Family<Labels, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    outcome: &'static str,
}

/// The file of a certificate: as many as the settings name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct File {
    file: String,
}

impl Tls {
    /// `None` where the settings name no certificate.
    pub(super) fn open(options: &Options, registry: &mut Registry) -> Result<Option<Self>, TlsError> {
        if options.tls.is_empty() {
            return Ok(None);
        }
        let reloads = Family::default();
        let told = "Changed files of certificates, by whether they could be used";
        registry.register("sluicebox_ingest_tls_reloads", told, Family::clone(&reloads));
        // From the beginning on, so that the first is seen as one more than none.
        ["reloaded", "failed"].into_iter().for_each(|outcome| drop(reloads.get_or_create(&Labels { outcome })));
        let provider = Arc::new(aws_lc_rs::default_provider());
        let certificates = Arc::new(Certificates {
            shown: ArcSwap::from_pointee(read_all(&options.tls, &provider)?),
            files: options.tls.clone(),
            provider: Arc::clone(&provider),
            ends: Family::default(),
        });
        let told = "When each certificate that is shown ends, in seconds since 1970";
        registry.register("sluicebox_ingest_tls_certificate_ends_timestamp_seconds", told, Family::clone(&certificates.ends));
        certificates.tell_ends();
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("aws-lc has cipher suites for TLS 1.2 and 1.3")
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&certificates) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Ok(Some(Self { acceptor, certificates, poll: Duration::from_millis(options.tls_poll_ms.max(1)), reloads }))
    }

    /// The handshake.
    pub(super) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S) -> io::Result<TlsStream<S>> {
        self.acceptor.accept(stream).await
    }

    /// Reads the files again whenever they change; without end.
    pub(super) async fn keep_reloading(&self) {
        let mut seen = self.certificates.stamps();
        loop {
            tokio::time::sleep(self.poll).await;
            let now = self.certificates.stamps();
            if now == seen {
                continue;
            }
            seen = now;
            let outcome = match self.certificates.reload() {
                Ok(()) => {
                    tracing::info!("certificates were read again");
                    "reloaded"
                }
                Err(error) => {
                    tracing::warn!(%error, "changed files of certificates are no good; those from before are shown on");
                    "failed"
                }
            };
            self.reloads.get_or_create(&Labels { outcome }).inc();
        }
    }
}

/// The certificates that are shown, and where they come from.
#[derive(Debug)]
struct Certificates {
    shown: ArcSwap<Vec<Arc<CertifiedKey>>>,
    files: Vec<CertificateFiles>,
    provider: Arc<CryptoProvider>,
    ends: Family<File, Gauge>,
}

/// A change of its file changes at least one of these. `None`: it cannot be read now.
type Stamp = Option<(SystemTime, u64)>;

impl Certificates {
    fn reload(&self) -> Result<(), TlsError> {
        self.shown.store(Arc::new(read_all(&self.files, &self.provider)?));
        self.tell_ends();
        Ok(())
    }

    fn tell_ends(&self) {
        for (files, shown) in self.files.iter().zip(self.shown.load().iter()) {
            if let Some(ends) = shown.cert.first().and_then(|certificate| not_after(certificate)) {
                self.ends.get_or_create(&File { file: files.certificate.display().to_string() }).set(ends);
            }
        }
    }

    fn stamps(&self) -> Vec<Stamp> {
        let stamp = |file: &PathBuf| {
            let about = fs::metadata(file).ok()?;
            Some((about.modified().ok()?, about.len()))
        };
        self.files.iter().flat_map(|files| [&files.certificate, &files.key]).map(stamp).collect()
    }
}

impl ResolvesServerCert for Certificates {
    /// The first certificate for the name that the client asks for, or the first of all.
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let shown = self.shown.load();
        let name = hello.server_name().and_then(|name| ServerName::try_from(name).ok());
        let of_name = |key: &&Arc<CertifiedKey>| name.as_ref().is_some_and(|name| is_for(key, name));
        shown.iter().find(of_name).or_else(|| shown.first()).cloned()
    }
}

fn is_for(key: &CertifiedKey, name: &ServerName<'_>) -> bool {
    let certificate = key.end_entity_cert().and_then(ParsedCertificate::try_from);
    certificate.is_ok_and(|certificate| verify_server_name(&certificate, name).is_ok())
}

fn read_all(files: &[CertificateFiles], provider: &CryptoProvider) -> Result<Vec<Arc<CertifiedKey>>, TlsError> {
    files.iter().map(|files| read(files, provider).map(Arc::new)).collect()
}

fn read(files: &CertificateFiles, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let CertificateFiles { certificate, key } = files;
    let chain: Option<Vec<CertificateDer<'static>>> =
        CertificateDer::pem_slice_iter(&bytes(certificate)?).collect::<Result<_, _>>().ok();
    let chain = chain.filter(|chain| !chain.is_empty()).ok_or_else(|| TlsError::Certificate(certificate.clone()))?;
    let read = PrivateKeyDer::from_pem_slice(&bytes(key)?).map_err(|_| TlsError::Key(key.clone()))?;
    CertifiedKey::from_der(chain, read, provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => TlsError::Mismatch(key.clone(), certificate.clone()),
        rustls::Error::InvalidCertificate(_) => TlsError::Certificate(certificate.clone()),
        _ => TlsError::Key(key.clone()),
    })
}

fn bytes(file: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(file).map_err(|error| TlsError::File { file: file.to_owned(), error })
}
