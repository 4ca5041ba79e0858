//! What messages look like where they arrive: addresses and headers from the event, formats, compression.

use std::io::Read as _;

use sluicebox_tests::{Host, Receiver};
use standardwebhooks::Webhook;

use crate::story::{OPEN_SOURCE, SECRET, destination};

fn to(url: &str, settings: &str) -> String {
    format!("{OPEN_SOURCE}{}{settings}\n[rules.all]\ndestinations = [\"out\"]\n", destination("out", url))
}

#[tokio::test(flavor = "multi_thread")]
async fn address_and_headers_are_taken_from_the_event() {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    let settings = "method = \"PUT\"\nheaders = { x-order = \"{data.order.id} of {source}\" }";
    host.apply(&to(&format!("{}/orders/{{data.order.id}}?type={{type}}", receiver.url()), settings)).await;
    host.post("open", &[("x-type", "a&b=c")], "{\"order\":{\"id\":\"../7\"}}").await;
    let received = receiver.wait_for("/orders/..%2F7?type=a%26b%3Dc", 1).await.remove(0);
    assert_eq!((received.method.as_str(), received.header("x-order")), ("PUT", "../7 of open"));

    host.post("open", &[("x-type", "x")], "{\"order\":{}}").await;
    let delivery = host.delivery_in_state("all", "dead").await;
    assert_eq!(delivery["failure"]["code"], "template-missing");
    assert!(
        delivery["failure"]["message"].as_str().is_some_and(|told| told.contains("{data.order.id}")),
        "{}",
        delivery["failure"]
    );
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compressed_form_is_signed_as_the_receiver_reads_it() {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    host.apply(&to(&format!("{}/out", receiver.url()), "format = \"form\"\ncompression = \"gzip\"")).await;
    host.post("open", &[], "{\"n\":1,\"name\":\"a b\"}").await;
    let received = receiver.wait_for("/out", 1).await.remove(0);
    assert_eq!(received.header("content-type"), "application/x-www-form-urlencoded");
    assert_eq!(received.header("content-encoding"), "gzip");
    let mut form = String::new();
    flate2::read::GzDecoder::new(&received.body[..]).read_to_string(&mut form).expect("gzip");
    assert_eq!(form, "n=1&name=a+b");
    Webhook::new(SECRET).expect("a secret").verify(form.as_bytes(), &received.headers).expect("signed before it was compressed");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_method_without_a_body_is_signed_over_none() {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    host.apply(&to(&format!("{}/orders/{{data.id}}", receiver.url()), "method = \"DELETE\"")).await;
    host.post("open", &[("content-type", "application/json")], "{\"id\":7}").await;
    let received = receiver.wait_for("/orders/7", 1).await.remove(0);
    assert_eq!((received.method.as_str(), received.body.len(), received.header("content-type")), ("DELETE", 0, ""));
    Webhook::new(SECRET).expect("a secret").verify(b"", &received.headers).expect("signed");
    host.stop().await;
}
