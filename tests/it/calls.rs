//! What holds for calls of the API whatever they ask: writes that are sent twice, conditions, pages, and how many calls there may be.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use sluicebox::event::Timestamp;
use sluicebox_tests::{Host, PATIENCE};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

fn open() -> Value {
    json!({ "verify": { "scheme": "none" } })
}

fn keyed(host: &Host, method: Method, path: &str) -> RequestBuilder {
    host.request(method, path).bearer_auth(host.key())
}

async fn answered(request: RequestBuilder) -> Response {
    request.send().await.expect("an answer")
}

fn header(response: &Response, name: &str) -> String {
    response.headers().get(name).map(|value| value.to_str().expect("ASCII").to_owned()).unwrap_or_default()
}

async fn problem(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let problem: Value = response.json().await.expect("a problem");
    (status, problem["type"].as_str().unwrap_or_default().rsplit(':').next().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_write_with_a_key_is_done_once_and_answered_again() {
    let time = Arc::new(AtomicU64::new(1_800_000_000_000));
    let clock = Arc::clone(&time);
    let host = Host::start_with(|config| {
        config.clock = Arc::new(move || Timestamp(clock.load(Ordering::Relaxed)));
    })
    .await;
    let put = |name: &str, key: &str, body: &Value| {
        keyed(&host, Method::PUT, &format!("/v1/destinations/{name}")).header("idempotency-key", key).json(body)
    };
    let body = json!({ "url": "https://example.com/hook" });
    let first = answered(put("out", "\"k-1\"", &body)).await;
    assert_eq!((first.status().as_u16(), header(&first, "idempotency-replayed")), (200, String::new()));
    let first: Value = first.json().await.expect("JSON");
    let secret = first["generated_secrets"]["out"].as_str().expect("a secret that was made").to_owned();

    // The answer was lost: the secret that was shown once is told again. Quoted or not, it is the same key.
    let again = answered(put("out", "k-1", &body)).await;
    assert_eq!((again.status().as_u16(), header(&again, "idempotency-replayed")), (200, "true".to_owned()));
    assert_eq!(again.json::<Value>().await.expect("JSON"), first);

    // Another call is refused, whatever is different; another workspace has keys of its own.
    let other = json!({ "url": "https://example.com/other" });
    let reused = (422, "idempotency-key-reused".to_owned());
    assert_eq!(problem(answered(put("out", "k-1", &other)).await).await, reused);
    assert_eq!(problem(answered(put("other", "k-1", &body)).await).await, reused);
    let delete = keyed(&host, Method::DELETE, "/v1/destinations/out").header("idempotency-key", "k-1");
    assert_eq!(problem(answered(delete).await).await, reused);
    let bad = (400, "bad-parameter".to_owned());
    assert_eq!(problem(answered(put("out", "", &body)).await).await, bad);
    assert_eq!(problem(answered(put("out", &"k".repeat(256), &body)).await).await, bad);

    // A refusal is an answer too: it stays what it was although the call would be done by now.
    let rule = json!({ "destinations": ["late"] });
    let put_rule = || keyed(&host, Method::PUT, "/v1/rules/all").header("idempotency-key", "k-2").json(&rule);
    assert_eq!(problem(answered(put_rule()).await).await, (422, "invalid-document".to_owned()));
    assert_eq!(host.put("/v1/destinations/late", &body).await.status, 200);
    assert_eq!(problem(answered(put_rule()).await).await, (422, "invalid-document".to_owned()));

    // A day later it is another call.
    time.fetch_add(24 * 60 * 60 * 1000, Ordering::Relaxed);
    let later = answered(put("out", "k-1", &body)).await;
    assert_eq!((later.status().as_u16(), header(&later, "idempotency-replayed")), (200, String::new()));
    let later: Value = later.json().await.expect("JSON");
    assert_eq!((&later["changes"], &later["generated_secrets"]), (&json!([]), &json!({})), "it was so already");

    // What was answered stands nowhere on disk.
    assert!(!holds(host.data(), secret.as_bytes()), "a secret in clear is in the data folder");
    host.stop().await;
}

fn holds(folder: &std::path::Path, wanted: &[u8]) -> bool {
    std::fs::read_dir(folder).expect("a folder").any(|entry| {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            return holds(&path, wanted);
        }
        std::fs::read(&path).is_ok_and(|bytes| bytes.windows(wanted.len()).any(|window| window == wanted))
    })
}

/// What is compared with the first call is read to no more than the call takes without a key.
#[tokio::test]
async fn a_body_with_a_key_is_read_no_further_than_the_call_takes_it() {
    const TAKEN_BYTES: usize = 2 << 20;
    let host = Host::start().await;
    let address = host.url().strip_prefix("http://").expect("an address").to_owned();
    let mut stream = TcpStream::connect(address).await.expect("connected");
    let head = format!(
        "POST /v1/keys HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {}\r\nidempotency-key: k\r\ncontent-type: application/json\r\n\
         transfer-encoding: chunked\r\n\r\n{:x}\r\n",
        host.key(),
        TAKEN_BYTES + 1
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    // The chunk is whole, and the body has no end.
    stream.write_all(&vec![b' '; TAKEN_BYTES + 1]).await.expect("sent");
    stream.write_all(b"\r\n").await.expect("sent");
    let mut answer = Vec::new();
    let read = async {
        while !String::from_utf8_lossy(&answer).contains("2097152") {
            assert_ne!(stream.read_buf(&mut answer).await.expect("an answer"), 0, "{}", String::from_utf8_lossy(&answer));
        }
    };
    timeout(PATIENCE, read).await.expect("an answer before the end of the body");
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("problem:bad-body"), "{answer}");
    host.stop().await;
}

#[tokio::test]
async fn a_document_is_changed_only_while_it_is_as_it_was_seen() {
    let host = Host::start().await;
    let path = "/v1/sources/shop";
    let put = |name: &str, value: &str, body: &Value| keyed(&host, Method::PUT, path).header(name, value).json(body);
    let failed = (412, "precondition-failed".to_owned());

    assert_eq!(problem(answered(put("if-match", "*", &open())).await).await, failed, "there is none");
    let made = answered(put("if-none-match", "*", &open())).await;
    assert_eq!(made.status().as_u16(), 200);
    let tag = header(&made, "etag");
    assert_eq!(problem(answered(put("if-none-match", "*", &open())).await).await, failed, "it is there");
    assert_eq!(header(&answered(keyed(&host, Method::GET, path)).await, "etag"), tag);

    // Two have seen it; the second to change it is told so.
    let changed = json!({ "verify": { "scheme": "none" }, "type": { "header": "x-type" } });
    let first = answered(put("if-match", &tag, &changed)).await;
    assert_eq!(first.status().as_u16(), 200);
    let newer = header(&first, "etag");
    assert_ne!(newer, tag);
    assert_eq!(problem(answered(put("if-match", &tag, &open())).await).await, failed);
    assert_eq!(host.get(path).await.json["type"]["header"], "x-type");

    // Only a secret is different, which is never shown: the tag tells it all the same.
    let hmac = |secret: &str| json!({ "verify": { "scheme": "github", "secret": secret } });
    let one = header(&answered(put("if-match", &newer, &hmac("one-secret-of-some-length"))).await, "etag");
    let two = header(&answered(put("if-match", &format!("\"x\", {one}"), &hmac("two-secret-of-some-length"))).await, "etag");
    assert!(!one.is_empty() && !two.is_empty() && one != two, "{one} {two}");

    let delete = |tag: &str| keyed(&host, Method::DELETE, path).header("if-match", tag);
    assert_eq!(problem(answered(delete(&one)).await).await, failed);
    assert_eq!(problem(answered(delete("one")).await).await, (400, "bad-parameter".to_owned()));

    assert_eq!(answered(delete(&two)).await.status().as_u16(), 200);
    host.stop().await;
}

#[tokio::test]
async fn a_hub_file_is_applied_only_to_the_revision_that_was_seen() {
    let host = Host::start().await;
    let apply = |tag: &str, name: &str| {
        let file = json!({ "sources": { name: open() } });
        answered(keyed(&host, Method::POST, "/v1/apply").header("if-match", tag).json(&file))
    };
    let first = answered(keyed(&host, Method::POST, "/v1/apply").json(&json!({ "sources": { "a": open() } }))).await;
    let tag = header(&first, "etag");
    let second = apply(&tag, "b").await;
    assert_eq!(second.status().as_u16(), 200);
    assert_ne!(header(&second, "etag"), tag);
    assert_eq!(problem(apply(&tag, "c").await).await, (412, "revision-changed".to_owned()));
    assert_eq!(host.get("/v1/sources/c").await.status, 404);
    let doubly =
        keyed(&host, Method::POST, "/v1/apply?expect=2").header("if-match", &tag).json(&json!({ "sources": { "c": open() } }));
    let (status, kind) = problem(answered(doubly).await).await;
    assert_eq!((status, &*kind), (400, "bad-parameter"), "the query says 2 and the header 1");
    assert_eq!(problem(apply("\"x\"", "c").await).await, (400, "bad-parameter".to_owned()));
    host.stop().await;
}

#[tokio::test]
async fn a_tag_is_the_same_after_a_restart() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let host = Host::start_at(folder.path().join("data"), |_| {}).await;
    assert_eq!(host.put("/v1/sources/shop", &open()).await.status, 200);
    let tag = async |host: &Host| header(&answered(keyed(host, Method::GET, "/v1/sources/shop")).await, "etag");
    let before = tag(&host).await;
    host.stop().await;
    let host = Host::start_at(folder.path().join("data"), |_| {}).await;
    assert_eq!(tag(&host).await, before);
    host.stop().await;
}

#[tokio::test]
async fn listings_come_in_pages() {
    let host = Host::start().await;
    let names = ["a-1", "a-2", "b-1", "b-2", "b-3"];
    let sources: serde_json::Map<String, Value> = names.iter().map(|name| ((*name).to_owned(), open())).collect();
    assert_eq!(host.send("/v1/apply", &json!({ "sources": sources })).await.status, 200);
    let page = async |query: &str| {
        let page = host.get(&format!("/v1/sources?{query}")).await.json;
        let items = page["items"].as_array().expect("items");
        (items.iter().map(|item| item["name"].as_str().expect("a name").to_owned()).collect::<Vec<_>>(), page["next"].clone())
    };
    assert_eq!(page("").await, (names.map(str::to_owned).to_vec(), Value::Null));
    let (first, next) = page("limit=2&prefix=b").await;
    assert_eq!((first, &next), (vec!["b-1".to_owned(), "b-2".to_owned()], &json!("b-2")));
    assert_eq!(
        page(&format!("limit=2&prefix=b&after={}", next.as_str().expect("a cursor"))).await,
        (vec!["b-3".to_owned()], Value::Null)
    );

    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(host.post("a-1", &[], n.to_string()).await);
    }
    ids.reverse();
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = host.get(&format!("/v1/events?limit=2{after}")).await.json;
        seen.extend(page["items"].as_array().expect("items").iter().map(|event| event["id"].as_str().expect("an id").to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(seen, ids, "newest first, each once");
    for path in
        ["sources?limit=0", "sources?limit=501", "sources?before=a", "events?after=x", "runs?limit=0", "dead-letters?after=x"]
    {
        assert_eq!(host.get(&format!("/v1/{path}")).await.status, 400, "{path}");
    }
    host.stop().await;
}

#[tokio::test]
async fn a_key_may_make_so_many_calls_and_an_address_so_many_wrong_ones() {
    let time = Arc::new(AtomicU64::new(1_800_000_000_000));
    let clock = Arc::clone(&time);
    let host = Host::start_with(|config| {
        config.clock = Arc::new(move || Timestamp(clock.load(Ordering::Relaxed)));
        (config.api.calls_per_second_max, config.api.calls_burst_max) = (2, 4);
        (config.api.wrong_keys_per_second_max, config.api.wrong_keys_burst_max) = (1, 3);
    })
    .await;
    let get = || answered(keyed(&host, Method::GET, "/v1/sources"));
    for left in ["\"key\";r=3;t=1", "\"key\";r=2;t=1", "\"key\";r=1;t=2", "\"key\";r=0;t=2"] {
        let answer = get().await;
        assert_eq!((answer.status().as_u16(), header(&answer, "ratelimit")), (200, left.to_owned()));
        assert_eq!(header(&answer, "ratelimit-policy"), "\"key\";q=4;w=2");
    }
    let refused = get().await;
    assert_eq!((header(&refused, "retry-after"), header(&refused, "ratelimit")), ("1".to_owned(), "\"key\";r=0;t=1".to_owned()));
    assert_eq!(problem(refused).await, (429, "too-many-calls".to_owned()));
    // What sends events is not counted among them.
    let published = host.send("/v1/events", &json!({ "source": "shop", "data": 1 })).await;
    assert_eq!(published.status, 404, "{}", published.json);
    time.fetch_add(500, Ordering::Relaxed);
    assert_eq!(get().await.status().as_u16(), 200, "one in half a second");

    let wrong = || answered(host.request(Method::GET, "/v1/sources").bearer_auth("slk_wrong"));
    for _ in 0..3 {
        assert_eq!(problem(wrong().await).await, (401, "no-key".to_owned()));
    }
    assert_eq!(problem(wrong().await).await, (429, "too-many-wrong-keys".to_owned()));
    let none = answered(host.request(Method::GET, "/v1/sources")).await;
    assert_eq!(none.status().as_u16(), 401, "no key is no wrong one");
    time.fetch_add(500, Ordering::Relaxed);
    assert_eq!(get().await.status().as_u16(), 200, "who has a good key is not locked out by others");
    time.fetch_add(10_000, Ordering::Relaxed);
    let metrics = answered(keyed(&host, Method::GET, "/metrics")).await.text().await.expect("a text");
    for line in
        ["sluicebox_api_calls_refused_total{reason=\"calls\"} 1", "sluicebox_api_calls_refused_total{reason=\"wrong-keys\"} 1"]
    {
        assert!(metrics.contains(line), "{line}");
    }
    host.stop().await;
}
