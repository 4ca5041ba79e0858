//! Who is told by balancers and proxies to have sent something, and who is believed.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::*;

/// The balancer's address here.
const BALANCER: &str = "127.0.0.8";

fn behind_a_balancer(config: &mut Config) {
    config.ingest.proxy_protocol_from = vec!["127.0.0.8/32".parse().expect("a network")];
    config.ingest.connections_per_address_max = 1;
}

const HEALTH: &str = "GET /healthz HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n";

/// Of version 2, from 192.0.2.7.
fn second_version() -> Vec<u8> {
    let addresses = [192, 0, 2, 7, 198, 51, 100, 1, 0x12, 0x67, 0x01, 0xbb];
    [b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".as_slice(), &addresses, HEALTH.as_bytes()].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_balancer_tells_whom_a_connection_is_from() {
    // The harness's own connections are held, too.
    let host = Host::start_with(|config| {
        behind_a_balancer(config);
        config.ingest.trusted_proxies = vec!["127.0.0.1/32".parse().expect("a network")];
    })
    .await;
    assert!(told(&host, BALANCER, &second_version()).await.starts_with("HTTP/1.1 200"));
    let first = |address: &str| format!("PROXY TCP4 {address} 198.51.100.1 4711 443\r\n");
    let mut held = connect_from(&host, BALANCER).await;
    held.write_all(format!("{}GET /healthz HTTP/1.1\r\nhost: h\r\n\r\n", first("192.0.2.9")).as_bytes())
        .await
        .expect("it is taken");
    assert!(held.read(&mut [0; 64]).await.expect("an answer") > 0);

    // It holds one as 192.0.2.9, and that is all that this address may.
    assert_eq!(told(&host, BALANCER, format!("{}{HEALTH}", first("192.0.2.9")).as_bytes()).await, "");
    counted(&host, "per-address", 1).await;
    let other = told(&host, BALANCER, format!("{}{HEALTH}", first("192.0.2.8")).as_bytes()).await;
    assert!(other.starts_with("HTTP/1.1 200"), "{other}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_balancer_has_to_tell_and_nobody_else_may() {
    let host = Host::start_with(|config| {
        behind_a_balancer(config);
        config.ingest.connections_per_address_max = 100;
        config.ingest.first_byte_timeout_ms = 500;
    })
    .await;
    assert_eq!(told(&host, BALANCER, HEALTH.as_bytes()).await, "");
    counted(&host, "proxy-protocol", 1).await;
    // A header that never ends has the time of a first byte.
    assert_eq!(told(&host, BALANCER, b"PROXY TCP4 192.").await, "");
    counted(&host, "first-byte-timeout", 1).await;
    let stranger = format!("PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n{HEALTH}");
    let told = told(&host, "127.0.0.7", stranger.as_bytes()).await;
    assert!(!told.starts_with("HTTP/1.1 200"), "{told}");
    host.stop().await;
}

/// A request that Square has signed with this URL.
fn signed(url: &str, headers: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(b"it is a secret").expect("any length");
    mac.update(url.as_bytes());
    mac.update(b"{}");
    let signature = BASE64_STANDARD.encode(mac.finalize().into_bytes());
    format!(
        "POST /in/square HTTP/1.1\r\nhost: inside\r\nconnection: close\r\ncontent-length: 2\r\n{headers}\
         x-square-hmacsha256-signature: {signature}\r\n\r\n{{}}"
    )
    .into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_proxy_tells_the_url_that_was_called() {
    let host = Host::start_with(|config| config.ingest.trusted_proxies = vec!["127.0.0.8/32".parse().expect("a network")]).await;
    host.apply("[sources.square]\nverify = { scheme = \"square\", secret = \"it is a secret\" }\n").await;
    let forwarded = "x-forwarded-for: 192.0.2.7\r\nx-forwarded-proto: https\r\nx-forwarded-host: hooks.example.com\r\n";
    let outside = signed("https://hooks.example.com/in/square", forwarded);
    assert!(told(&host, BALANCER, &outside).await.starts_with("HTTP/1.1 202"));
    assert!(told(&host, "127.0.0.7", &outside).await.starts_with("HTTP/1.1 401"), "anybody could say so");
    let inside = signed("http://inside/in/square", "");
    assert!(told(&host, "127.0.0.7", &inside).await.starts_with("HTTP/1.1 202"));
    host.stop().await;
}
