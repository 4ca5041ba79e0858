//! What is refused before its body is read, and that refusing is cheap and is heard.

use super::*;

fn post(path: &str, headers: &str) -> Vec<u8> {
    format!("POST {path} HTTP/1.1\r\nhost: h\r\n{headers}\r\n").into_bytes()
}

/// The last word of a problem's type.
fn problem(told: &str) -> &str {
    let from = told.find("urn:sluicebox:problem:").unwrap_or_else(|| panic!("no problem: {told}"));
    told[from..].split('"').next().and_then(|urn| urn.rsplit(':').next()).expect("a type")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_takes_as_many_as_its_rate_says() {
    let host = Host::start().await;
    host.apply("[sources.open]\nverify = { scheme = \"none\" }\nrate = { per_minute = 2 }\n").await;
    host.post("open", &[], "1").await;
    host.post("open", &[], "2").await;
    let request = host.request(Method::POST, "/in/open").body("3");
    let refused = request.send().await.expect("an answer");
    let secs: u64 = refused.headers()["retry-after"].to_str().expect("text").parse().expect("seconds");
    assert_eq!(refused.status(), 429);
    assert!((1..=30).contains(&secs), "{secs}");
    assert!(refused.text().await.expect("a problem").contains("urn:sluicebox:problem:rate"));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_takes_as_many_at_once_as_it_says() {
    let host = Host::start().await;
    host.apply("[sources.open]\nverify = { scheme = \"none\" }\nconcurrency = 1\n").await;
    let mut slow = begun(&host, &post("/in/open", "connection: close\r\ncontent-length: 2\r\n")).await;
    let held = async || (host.metric("sluicebox_ingest_body_bytes_in_flight").await > 0).then_some(());
    eventually("a body under way", held).await;
    let refused = host.try_post("open", &[], "{}").await.expect("an answer");
    assert_eq!((refused.status, refused.json["type"].as_str()), (429, Some("urn:sluicebox:problem:too-many-at-once")));
    slow.write_all(b"{}").await.expect("it is taken");
    assert!(closed(&mut slow).await.starts_with(b"HTTP/1.1 202"));
    host.post("open", &[], "{}").await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_has_a_limit_on_headers() {
    let host = Host::start().await;
    host.apply("[sources.open]\nverify = { scheme = \"none\" }\nmax_header_bytes = 600\n").await;
    host.post("open", &[("x-small", &"x".repeat(100))], "{}").await;
    let refused = host.try_post("open", &[("x-large", &"x".repeat(600))], "{}").await.expect("an answer");
    assert_eq!((refused.status, refused.json["type"].as_str()), (431, Some("urn:sluicebox:problem:headers-too-large")));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_beyond_the_doors_limit_end_the_connection() {
    let host = Host::start_with(|config| config.ingest.header_bytes_max = 8 * 1024).await;
    let large = post("/in/open", &format!("x-large: {}\r\n", "x".repeat(20_000)));
    let mut stream = connect(&host).await;
    // Not all of it need be taken.
    drop(stream.write_all(&large).await);
    closed(&mut stream).await;
    counted(&host, "headers-too-large", 1).await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_is_behind_has_senders_come_again() {
    let host = Host::start_with(|config| config.ingest.append_backlog_max = 0).await;
    host.apply(OPEN_SOURCE).await;
    let told = told(&host, "127.0.0.1", &post("/in/open", "connection: close\r\ncontent-length: 1000000\r\n")).await;
    assert!(told.starts_with("HTTP/1.1 503") && told.contains("retry-after: 5\r\n"), "{told}");
    assert_eq!(problem(&told), "busy");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_takes_too_long_is_answered_for() {
    let host = Host::start_with(|config| config.ingest.request_timeout_ms = 100).await;
    host.apply(OPEN_SOURCE).await;
    let told = told(&host, "127.0.0.1", &post("/in/open", "content-length: 2\r\n")).await;
    assert!(told.starts_with("HTTP/1.1 503"), "{told}");
    assert_eq!(problem(&told), "request-too-slow");
    host.stop().await;
}

/// The sender goes on with its body all the while; the answer must not be lost to a reset.
#[tokio::test(flavor = "multi_thread")]
async fn an_early_refusal_is_heard_by_who_is_still_sending() {
    let host = Host::start().await;
    host.apply(OPEN_SOURCE).await;
    for _ in 0..20 {
        let mut stream = begun(&host, &post("/in/open", "content-length: 100000000\r\n")).await;
        stream.write_all(&[b'x'; 100_000]).await.expect("it is taken");
        let told = String::from_utf8_lossy(&closed(&mut stream).await).into_owned();
        assert_eq!(problem(&told), "body-too-large");
    }
    assert_eq!(host.metric("sluicebox_ingest_body_bytes_in_flight").await, 0);
    host.stop().await;
}
