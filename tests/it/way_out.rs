//! The way out on the wire: through no proxy that only the environment names, by one connection for as long as it lasts, and no more is kept of
//! an answer than its first bytes.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    extract::{ConnectInfo, State},
    response::IntoResponse,
};
use http::StatusCode;
use serde_json::json;
use sluicebox_tests::{
    Host, HostProcess, Receiver, eventually,
    lanes::Silent,
    tls::{Authority, TlsReceiver},
};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};

use crate::story::{OPEN_SOURCE, destination};

/// Both cases, since programs differ in which they read.
const PROXIES: [&str; 6] = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"];
/// What would be reached without them.
const EXCEPTIONS: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// How much of an answer is kept.
const KEPT_BYTES: usize = 16_384;

#[tokio::test(flavor = "multi_thread")]
async fn proxies_that_only_the_environment_names_are_not_used() {
    let (folder, authority, proxy) = (TempDir::new().expect("a folder"), Authority::new(), Silent::start().await);
    let (plain, tls) = (Receiver::start().await, TlsReceiver::start(&authority, &["http/1.1"], None).await);
    let url = proxy.url();
    let named = PROXIES.iter().map(|name| (*name, url.as_str())).chain(EXCEPTIONS.iter().map(|name| (*name, "")));
    let environment: Vec<(&str, &str)> = named.collect();
    let host = HostProcess::try_start(&folder.path().join("data"), &[], &environment).await.expect("a host");
    let to_plain = destination("plain", &format!("{}/plain", plain.url()));
    let to_tls = destination("tls", &format!("{}/tls", tls.url()));
    let trusted = format!("tls = {{ ca_certificates = {} }}\n", json!(authority.certificate()));
    let rule = "[rules.all]\ndestinations = [\"plain\", \"tls\"]\n";
    host.apply(&format!("{OPEN_SOURCE}{to_plain}{to_tls}{trusted}{rule}")).await;
    host.post("open", &[], "{}").await;
    plain.wait_for("/plain", 1).await;
    eventually("the request over TLS", async || (!tls.received().is_empty()).then_some(())).await;
    // Connections are accepted in their order: when our own is counted, all before it are.
    let _ours = TcpStream::connect(url.trim_start_matches("http://")).await.expect("it listens");
    eventually("our own connection", async || (proxy.connections() > 0).then_some(())).await;
    assert_eq!(proxy.connections(), 1, "the proxy was connected to");
    host.stop().await;
}

/// Who sent each request.
type Peers = Arc<Mutex<Vec<SocketAddr>>>;

/// Answers all with 200 and a body, and gives its address and who sent what.
async fn remembering_peers() -> (String, Peers) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    let peers = Peers::default();
    let receive = async |State(peers): State<Peers>, ConnectInfo(peer): ConnectInfo<SocketAddr>| {
        peers.lock().expect("no panic").push(peer);
        "taken"
    };
    let router = Router::new().fallback(receive).with_state(Arc::clone(&peers));
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await.expect("serving") });
    (url, peers)
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_in_a_row_share_one_connection() {
    const DELIVERIES: usize = 50;
    let (host, (url, peers)) = (Host::start().await, remembering_peers().await);
    let out = format!("{}concurrency = 1\n", destination("out", &url));
    host.apply(&format!("{OPEN_SOURCE}{out}[rules.all]\ndestinations = [\"out\"]\n")).await;
    for number in 0..DELIVERIES {
        host.post("open", &[], number.to_string()).await;
    }
    let all = async || Some(peers.lock().expect("no panic").clone()).filter(|peers| peers.len() >= DELIVERIES);
    let peers: BTreeSet<SocketAddr> = eventually("all deliveries", all).await.into_iter().collect();
    assert_eq!(peers.len(), 1, "connections: {peers:?}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_answer_status_headers_and_the_first_bytes_are_kept() {
    let answer: String = ('a'..='z').cycle().take(20 << 10).collect();
    let kept = answer[..KEPT_BYTES].to_owned();
    let receiver = Receiver::answering(move |_| {
        (StatusCode::INTERNAL_SERVER_ERROR, [("x-reason", "too long to tell")], answer.clone()).into_response()
    })
    .await;
    let host = Host::start().await;
    let out = destination("out", &format!("{}/out", receiver.url())).replace("retry = {", "retry = { attempts_max = 1,");
    host.apply(&format!("{OPEN_SOURCE}{out}[rules.all]\ndestinations = [\"out\"]\n")).await;
    host.post("open", &[], "{}").await;
    let delivery = host.delivery_in_state("all", "dead").await;
    let attempt = &delivery["attempt_records"][0];
    assert_eq!(attempt["status"], 500);
    let headers = attempt["response_headers"].as_array().expect("headers");
    assert!(headers.contains(&json!(["x-reason", "too long to tell"])), "{headers:?}");
    let body = attempt["response_body"]["text"].as_str().expect("text");
    assert_eq!(body.len(), KEPT_BYTES);
    assert!(body == kept, "other bytes than the first ones");
    host.stop().await;
}
