//! TLS on the way in.

use std::{fs, path::Path, process::Command, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use sluicebox::ingest::CertificateFiles;
use sluicebox_tests::{
    process,
    tls::{Authority, Certified},
};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::*;

/// A host that speaks TLS only, so that the harness's client is none for it.
struct TlsHost {
    address: SocketAddr,
    authority: Authority,
    folder: TempDir,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<anyhow::Result<()>>,
}

impl TlsHost {
    /// Shows a certificate for each of these names.
    async fn start(names: &[&str]) -> Self {
        Self::start_with(names, Authority::certify).await
    }

    async fn start_with(names: &[&str], certify: fn(&Authority, &str) -> Certified) -> Self {
        let (authority, folder) = (Authority::new(), TempDir::new().expect("a folder"));
        let mut config = Config::at(folder.path().join("data"));
        config.ingest.tls = names.iter().map(|name| write(&certify(&authority, name), folder.path(), name)).collect();
        config.ingest.tls_poll_ms = 20;
        config.ingest.first_byte_timeout_ms = 1_000;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel();
        let ended = tokio::spawn(sluicebox::run(config, listener, async move { drop(stopped.await) }));
        Self { address, authority, folder, stop, ended }
    }

    /// A handshake that asks for this name.
    async fn connect(&self, name: &str, protocol: &str) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.authority.certificate().as_bytes()).expect("PEM")).expect("a root");
        let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("TLS")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        TlsConnector::from(Arc::new(config)).connect(name, TcpStream::connect(self.address).await?).await
    }

    /// Asks over TLS, with the admin key.
    async fn get(&self, name: &str, path: &str) -> String {
        let key = eventually("an admin key", async || fs::read_to_string(self.folder.path().join("data/admin.key")).ok()).await;
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: h\r\nconnection: close\r\nauthorization: Bearer {}\r\n\r\n", key.trim());
        let mut stream = self.connect(name, "http/1.1").await.expect("a handshake");
        stream.write_all(request.as_bytes()).await.expect("it is taken");
        let mut told = Vec::new();
        timeout(PATIENCE, stream.read_to_end(&mut told)).await.expect("still open").expect("an end in order");
        String::from_utf8_lossy(&told).into_owned()
    }

    /// Waits until the page of metrics has this line.
    async fn counted(&self, name: &str, line: &str) {
        eventually(line, async || self.get(name, "/metrics").await.lines().any(|found| found == line).then_some(())).await;
    }

    async fn stop(self) {
        drop(self.stop);
        self.ended.await.expect("no panic").expect("an end in order");
    }
}

/// A certificate and its key, in files of this name.
fn write(certified: &Certified, folder: &Path, file: &str) -> CertificateFiles {
    let (certificate, key) = (folder.join(format!("{file}.pem")), folder.join(format!("{file}.key")));
    fs::write(&certificate, &certified.certificate).expect("a file");
    fs::write(&key, &certified.key).expect("a file");
    CertificateFiles { certificate, key }
}

/// The certificate that was shown.
fn shown(stream: &TlsStream<TcpStream>) -> Vec<u8> {
    stream.get_ref().1.peer_certificates().expect("a certificate")[0].to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_come_over_tls_by_both_versions_of_http() {
    let host = TlsHost::start(&["hooks.example.com"]).await;
    assert!(host.get("hooks.example.com", "/healthz").await.starts_with("HTTP/1.1 200"));
    let stream = host.connect("hooks.example.com", "h2").await.expect("a handshake");
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_speak_tls_is_closed_and_who_says_nothing_too() {
    let host = TlsHost::start(&["hooks.example.com"]).await;
    for (bytes, reason) in [(b"GET / HTTP/1.1\r\n\r\n".as_slice(), "tls"), (b"\x16\x03\x01", "first-byte-timeout")] {
        let mut stream = TcpStream::connect(host.address).await.expect("a connection");
        stream.write_all(bytes).await.expect("it is taken");
        assert!(!closed(&mut stream).await.starts_with(b"HTTP"));
        host.counted("hooks.example.com", &format!("sluicebox_ingest_connections_closed_total{{reason=\"{reason}\"}} 1")).await;
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_certificate_is_that_of_the_name_that_is_asked_for() {
    let host = TlsHost::start(&["hooks.example.com", "hooks.example.org"]).await;
    for name in ["hooks.example.org", "hooks.example.com"] {
        assert!(host.get(name, "/healthz").await.starts_with("HTTP/1.1 200"), "{name}");
    }
    let refused = host.connect("hooks.example.net", "h2").await.expect_err("the first is shown, and not for this name");
    assert!(refused.to_string().contains("not valid for name"), "{refused}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_certificate_is_shown_and_one_that_is_no_good_is_not() {
    const NAME: &str = "hooks.example.com";
    let host = TlsHost::start(&[NAME]).await;
    let first = shown(&host.connect(NAME, "h2").await.expect("a handshake"));

    fs::write(host.folder.path().join("hooks.example.com.pem"), "no certificate at all").expect("a file");
    host.counted(NAME, "sluicebox_ingest_tls_reloads_total{outcome=\"failed\"} 1").await;
    assert_eq!(shown(&host.connect(NAME, "h2").await.expect("a handshake")), first, "it is shown on");

    write(&host.authority.certify(NAME), host.folder.path(), NAME);
    eventually("another certificate", async || {
        let now = shown(&host.connect(NAME, "h2").await.expect("a handshake"));
        (now != first).then_some(())
    })
    .await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_does_not_start_with_a_certificate_that_is_no_good() {
    let (authority, folder) = (Authority::new(), TempDir::new().expect("a folder"));
    let [one, two] = ["one", "two"].map(|file| write(&authority.certify("hooks.example.com"), folder.path(), file));
    let files = CertificateFiles { key: two.key, ..one };
    let mut config = Config::at(folder.path().join("data"));
    config.ingest.tls = vec![files];
    let refused = format!("{:#}", sluicebox::Host::open(config).await.err().expect("refused"));
    assert!(refused.contains("two.key: the key is not that of the certificate in") && refused.contains("one.pem"), "{refused}");
}

/// What `doctor` says of a host's certificates. It cannot ask this host anything, since nobody trusts the test's own authority.
fn doctor(host: &TlsHost) -> Vec<String> {
    let mut command = Command::new(process::binary());
    command.args(["doctor", "--json", "--host-only", "--url", &format!("https://{}", host.address)]);
    let output = command.output().expect("an end");
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let codes = told["findings"].as_array().expect("findings").iter().map(|finding| finding["code"].as_str().expect("a code"));
    codes.map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_certificate_is_told_by_metrics_and_doctor() {
    const NAME: &str = "hooks.example.com";
    let host = TlsHost::start(&[NAME]).await;
    let file = host.folder.path().join(format!("{NAME}.pem"));
    // The first of January 4096, which rcgen gives where nobody says otherwise.
    let line = format!("sluicebox_ingest_tls_certificate_ends_timestamp_seconds{{file=\"{}\"}} 67090118400", file.display());
    host.counted(NAME, &line).await;
    assert_eq!(doctor(&host), ["unreachable"]);
    host.stop().await;

    let host = TlsHost::start_with(&[NAME], Authority::certify_of_the_past).await;
    eventually("a handshake", async || TcpStream::connect(host.address).await.ok()).await;
    assert_eq!(doctor(&host), ["certificate-ended", "unreachable"]);
    host.stop().await;
}
