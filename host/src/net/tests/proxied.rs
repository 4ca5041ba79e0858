//! Through a proxy.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    sync::mpsc,
};

use crate::net::{Bounds, Client, Options};

const BOUNDS: Bounds = Bounds { timeout_ms: 10_000, response_bytes_max: 100 };

/// A proxy that takes every tunnel and answers what comes through it itself, and what it was asked for: the head of each `CONNECT`.
async fn proxy() -> (String, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    let address = listener.local_addr().expect("it is bound");
    let (sender, heads) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = vec![0; 4096];
            let length = stream.read(&mut head).await.expect("a head");
            head.truncate(length);
            sender.send(String::from_utf8(head).expect("text")).expect("the test waits");
            stream.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").await.expect("it is read");
            stream.read_u8().await.expect("a request");
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.expect("it is read");
        }
    });
    (address.to_string(), heads)
}

async fn send(options: &Options, url: &str) -> Result<u16, String> {
    let request = http::Request::post(url).body(bytes::Bytes::from_static(b"{}")).expect("a request");
    let sent = Client::new(options).send(request, BOUNDS).await;
    sent.map(|response| response.status.as_u16()).map_err(|error| error.message)
}

#[tokio::test]
async fn a_proxy_is_asked_for_the_vetted_address() {
    let (address, mut heads) = proxy().await;
    let proxy = format!("http://me:word@{address}").parse().expect("a proxy");
    let options = Options { proxy: Some(proxy), ..Options::default() };
    assert_eq!(send(&options, "http://9.9.9.9/hooks").await, Ok(204));
    let head = heads.recv().await.expect("it was asked");
    assert!(head.starts_with("CONNECT 9.9.9.9:80 HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("Proxy-Authorization: Basic bWU6d29yZA=="), "{head}");
    let refused = send(&options, "http://10.0.0.1/").await.expect_err("it is private");
    assert!(refused.contains("private network"), "{refused}");
    assert!(heads.try_recv().is_err(), "the proxy was asked for a private address");
}

#[tokio::test]
async fn what_the_operator_opened_is_connected_to_without_the_proxy() {
    let (near, mut asked_near) = proxy().await;
    let nobody = "http://127.0.0.1:9".parse().expect("a proxy");
    let allow_networks = vec!["127.0.0.0/8".parse().expect("a network")];
    let options = Options { proxy: Some(nobody), allow_networks, ..Options::default() };
    // What answers there is no proxy for this request; it answers its first bytes with a 200.
    assert_eq!(send(&options, &format!("http://{near}/hooks")).await, Ok(200));
    assert!(asked_near.recv().await.expect("a request").starts_with("POST /hooks"));
}
