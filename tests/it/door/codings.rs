//! Compressed bodies: taken where a source takes them, verified and stored as what they stand for, and no bombs.

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};
use sluicebox_tests::{Answer, Receiver, github};

use super::*;

const SECRET: &str = "it is a secret";

const HUB: &str = r#"
[sources.github]
verify = { scheme = "github", secret = "it is a secret" }
content_encodings = ["gzip", "br", "zstd"]

[sources.plain]
verify = { scheme = "none" }

[sources.one]
verify = { scheme = "none" }
content_encodings = ["zstd", "gzip"]

[sources.large]
verify = { scheme = "none" }
max_body_bytes = 16777216
content_encodings = ["gzip", "br", "zstd"]
"#;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn br(bytes: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::new();
    let params = brotli::enc::BrotliEncoderParams { quality: 5, ..Default::default() };
    brotli::BrotliCompress(&mut &*bytes, &mut encoded, &params).expect("memory");
    encoded
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).expect("memory")
}

type Encode = fn(&[u8]) -> Vec<u8>;

const CODINGS: [(&str, Encode); 3] = [("gzip", gzip), ("br", br), ("zstd", zstd)];

async fn post(host: &Host, source: &str, coding: &str, body: Vec<u8>) -> Answer {
    host.try_post(source, &[("content-encoding", coding)], body).await.expect("an answer")
}

fn refused(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.json["type"].as_str().unwrap_or_default().trim_start_matches("urn:sluicebox:problem:"))
}

/// The signature is over the bytes before compression, as senders make it.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_verified_and_delivered_is_the_decoded_body() {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    let rule = "[rules.all]\nmatch = {}\ndestinations = [\"sink\"]\n";
    host.apply(&format!("{HUB}[destinations.sink]\nurl = \"{}/sink\"\n{rule}", receiver.url())).await;
    let payload = &github::payloads()[0];
    let signed = github::headers(payload, SECRET);
    for (coding, encode) in CODINGS {
        let mut headers: Vec<(&str, &str)> = signed.iter().map(|(name, value)| (*name, value.as_str())).collect();
        headers.push(("content-encoding", coding));
        let id = host.post("github", &headers, encode(&payload.body)).await;
        let event = host.event(&id).await;
        assert!(!event.to_string().contains("content-encoding"), "{event}");
    }
    for received in receiver.wait_for("/sink", CODINGS.len()).await {
        assert_eq!(received.body, payload.body);
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coding_that_the_source_does_not_take_is_refused() {
    let host = Host::start().await;
    host.apply(HUB).await;
    for (source, coding, taken) in [
        ("plain", "gzip", "identity"),
        ("one", "br", "zstd, gzip"),
        ("one", "gzip, gzip", "zstd, gzip"),
        ("one", "deflate", "zstd, gzip"),
    ] {
        let request = host.request(Method::POST, &format!("/in/{source}")).header("content-encoding", coding);
        let answer = request.body(gzip(b"{}")).send().await.expect("an answer");
        assert_eq!(
            (answer.status().as_u16(), answer.headers()["accept-encoding"].as_bytes()),
            (415, taken.as_bytes()),
            "{coding}"
        );
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bombs_do_not_go_off() {
    let host = Host::start().await;
    host.apply(HUB).await;
    let (beyond, within) = (vec![0; 20 << 20], vec![0; 8 << 20]);
    for (coding, encode) in CODINGS {
        let bomb = encode(&beyond);
        assert!(bomb.len() < 64 * 1024, "{coding}: {}", bomb.len());
        assert_eq!(refused(&post(&host, "large", coding, bomb).await), (413, "body-ratio"), "{coding}");
        assert_eq!(refused(&post(&host, "large", coding, encode(&within)).await), (413, "body-ratio"), "{coding}");
        // Of the size that the source takes, whatever the ratio.
        assert_eq!(refused(&post(&host, "github", coding, encode(&noise(3 << 20))).await).0, 413, "{coding}");
    }
    assert_eq!(host.metric("sluicebox_ingest_body_bytes_in_flight").await, 0);
    host.stop().await;
}

/// Bytes that compress to about half.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8 & 0x0f
    };
    (0..bytes).map(|_| next()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_of_its_coding_or_cut_off_is_refused() {
    let host = Host::start().await;
    host.apply(HUB).await;
    for (coding, encode) in CODINGS {
        let whole = encode(&noise(10_000));
        let broken = [whole[..whole.len() / 2].to_vec(), [whole.as_slice(), b"and more"].concat(), b"no such thing".to_vec()];
        for body in broken {
            assert_eq!(refused(&post(&host, "large", coding, body).await), (400, "body-not-decodable"), "{coding}");
        }
        assert_eq!(post(&host, "large", coding, whole).await.status, 202, "{coding}");
    }
    host.stop().await;
}
