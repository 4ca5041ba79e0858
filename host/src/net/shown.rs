//! The certificate that a host shows, whoever issued it and whether it is good or not: to be looked at, and for nothing else.

use std::{
    io,
    net::{TcpStream, ToSocketAddrs as _},
    sync::Arc,
    time::Duration,
};

use http::{Uri, uri::Scheme};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use super::{
    certificate::not_after,
    target::{Host, target},
};

/// For the connection, and for each read and write of the handshake.
const STEP_TIMEOUT: Duration = Duration::from_secs(5);

/// When the certificate ends that is shown at a URL, in seconds since 1970; `None` where it is not `https`. Blocking. A handshake is made
/// and nothing is sent over it, so that it does not matter whether the certificate is one to trust.
///
/// # Errors
/// Where nobody answers, or not by TLS.
pub fn shown_certificate_ends(url: &Uri) -> io::Result<Option<i64>> {
    if url.scheme() != Some(&Scheme::HTTPS) {
        return Ok(None);
    }
    let target = target(url).map_err(io::Error::other)?;
    let (name, host) = match target.host {
        Host::Address(address) => (ServerName::from(address), address.to_string()),
        Host::Name(name) => (ServerName::try_from(name).map_err(io::Error::other)?.to_owned(), name.to_owned()),
    };
    let mut stream = connected(&host, target.port)?;
    let mut connection = ClientConnection::new(Arc::new(config()), name).map_err(io::Error::other)?;
    while connection.is_handshaking() {
        connection.complete_io(&mut stream)?;
    }
    Ok(connection.peer_certificates().and_then(|chain| not_after(chain.first()?)))
}

/// To the first of its addresses that answers.
fn connected(host: &str, port: u16) -> io::Result<TcpStream> {
    let mut failed = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, STEP_TIMEOUT) {
            Ok(stream) => {
                stream.set_read_timeout(Some(STEP_TIMEOUT))?;
                stream.set_write_timeout(Some(STEP_TIMEOUT))?;
                return Ok(stream);
            }
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn config() -> ClientConfig {
    let provider = Arc::new(aws_lc_rs::default_provider());
    ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("aws-lc has cipher suites for TLS 1.2 and 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Any(provider)))
        .with_no_client_auth()
}

/// Takes every certificate.
#[derive(Debug)]
struct Any(Arc<CryptoProvider>);

impl ServerCertVerifier for Any {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
