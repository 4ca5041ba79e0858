//! Events from requests: where their facts come from, bodies that become JSON, methods, addresses, and what is answered.

use reqwest::Method;
use serde_json::{Value, json};
use sluicebox_tests::{Answer, Host, PATIENCE, Receiver};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::story::{OPEN_SOURCE, destination};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const XML: (&str, &str) = ("content-type", "text/xml; charset=utf-8");

/// A source that verifies nothing, with these settings.
fn source(name: &str, settings: &str) -> String {
    format!("[sources.{name}]\nverify = {{ scheme = \"none\" }}\n{settings}\n")
}

/// A request to a path below the host's address, of which an event comes.
async fn sent(host: &Host, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Value {
    let answer = asked(host, method, path, headers, body).await;
    assert_eq!(answer.status, 202, "{}", answer.json);
    host.event(answer.json["id"].as_str().expect("an id")).await
}

async fn asked(host: &Host, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut request = host.request(method, path).body(body.to_owned());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.expect("an answer");
    Answer { status: answer.status().as_u16(), json: answer.json().await.unwrap_or_default() }
}

async fn stored(host: &Host) -> usize {
    host.get("/v1/events").await.json["items"].as_array().expect("events").len()
}

#[tokio::test(flavor = "multi_thread")]
async fn facts_come_from_where_the_source_says() {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    let shop = source(
        "shop",
        "type = [{ header = \"x-event\" }, { query = \"event\" }, { value = \"other\" }]\nsubject = { json = \"order.id\" }\n\
         id = { query = \"delivery\" }\ntime = [{ json = \"paid_at\" }, { header = \"date\" }]",
    );
    let crm = destination("crm", &format!("{}/crm", receiver.url()));
    let rule = "[rules.paid]\nmatch = { type = [\"order.paid\"], subject = [\"7\"] }\ndestinations = [\"crm\"]\n";
    host.apply(&format!("{shop}{crm}format = \"cloudevents-structured\"\n{rule}")).await;
    let body = r#"{"order":{"id":7},"paid_at":"2026-01-02T04:04:05.250+01:00"}"#;
    let event = sent(&host, Method::POST, "/in/shop?event=order.paid&delivery=d-1", &[], body).await;
    let facts = |event: &Value| json!([event["type"], event["subject"], event["external_id"], event["time"]]);
    assert_eq!(facts(&event), json!(["order.paid", "7", "d-1", "2026-01-02T03:04:05.25Z"]));
    let listed = host.get("/v1/events?external_id=d-1").await.json;
    assert_eq!(facts(&listed["items"][0]), facts(&event));
    let cloud_event: Value = serde_json::from_slice(&receiver.wait_for("/crm", 1).await[0].body).expect("JSON");
    assert_eq!((&cloud_event["type"], &cloud_event["time"]), (&json!("order.paid"), &json!("2026-01-02T03:04:05.25Z")));

    // What is not there is sought in the next place, and then absent.
    let date = ("date", "Fri, 02 Jan 2026 03:04:05 GMT");
    let event = sent(&host, Method::POST, "/in/shop?delivery=", &[("x-event", "order.sent"), date], "no json").await;
    assert_eq!(facts(&event), json!(["order.sent", null, null, "2026-01-02T03:04:05Z"]));
    let event = sent(&host, Method::POST, "/in/shop", &[("date", "today")], "{\"paid_at\":null}").await;
    assert_eq!(facts(&event), json!(["other", null, null, null]));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_providers_facts_need_not_be_said() {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    let source = "[sources.hooks]\nverify = { scheme = \"gitlab\", secret = \"geheim\" }\n";
    let crm = destination("crm", &format!("{}/crm", receiver.url()));
    host.apply(&format!("{source}{crm}[rules.push]\nmatch = {{ type = [\"Push Hook\"] }}\ndestinations = [\"crm\"]\n")).await;
    let headers = [("x-gitlab-token", "geheim"), ("x-gitlab-event", "Push Hook"), ("idempotency-key", "k-1")];
    let body = r#"{"project":{"path_with_namespace":"mike/diaspora"}}"#;
    let event = sent(&host, Method::POST, "/in/hooks", &headers, body).await;
    let facts = json!([event["type"], event["subject"], event["external_id"]]);
    assert_eq!(facts, json!(["Push Hook", "mike/diaspora", "k-1"]));
    assert_eq!(receiver.wait_for("/crm", 1).await[0].body, body);
    host.stop().await;
}

/// What a source decodes is what its rules match and its destinations are sent.
#[tokio::test(flavor = "multi_thread")]
async fn forms_and_xml_become_json_where_the_source_says_so() {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    let sources = [
        source("form", "decode = \"form\""),
        source("xml", "decode = \"xml\""),
        source("payload", "decode = { form_field = \"payload\" }\ntype = { json = \"type\" }"),
        source("plain", ""),
    ];
    let rules = "[rules.paid]\nmatch = { data = { order = { \"@id\" = [\"7\"] } } }\ndestinations = [\"crm\"]\n\
                 [rules.sent]\nmatch = { data = { status = [\"sent\"] } }\ndestinations = [\"crm\"]\n\
                 [rules.clicked]\nmatch = { type = [\"clicked\"] }\ndestinations = [\"crm\"]\n\
                 [rules.plain]\nmatch = { source = [\"plain\"] }\ndestinations = [\"plain\"]\n";
    let destinations = ["crm", "plain"].map(|name| destination(name, &format!("{}/{name}", receiver.url()))).concat();
    host.apply(&format!("{}{rules}{destinations}", sources.concat())).await;

    let order = "<!-- 1 -->\n<order id=\"7\"><item>a</item><item>b</item></order>";
    let event = sent(&host, Method::POST, "/in/xml", &[XML], order).await;
    assert_eq!(event["content_type"], "application/json");
    assert!(event["headers"].as_array().expect("headers").contains(&json!(["content-type", XML.1])), "as it came: {event}");
    sent(&host, Method::POST, "/in/form", &[FORM], "to=a%40b&status=sent&to=c").await;
    sent(&host, Method::POST, "/in/payload", &[FORM], "x=1&payload=%7B%22type%22%3A%22clicked%22%2C%22n%22%3A1.10%7D").await;
    let received = receiver.wait_for("/crm", 3).await;
    let mut bodies: Vec<_> = received.iter().map(|one| String::from_utf8_lossy(&one.body).into_owned()).collect();
    bodies.sort();
    let expected = [
        r##"{"order":{"@id":"7","item":["a","b"]}}"##,
        r#"{"status":"sent","to":["a@b","c"]}"#,
        r#"{"type":"clicked","n":1.10}"#,
    ];
    assert_eq!(bodies, expected);
    assert!(received.iter().all(|one| one.header("content-type") == "application/json"), "{received:?}");

    // What is of another type, or of a source that says nothing, passes as it came.
    for (source, header, body) in [("form", XML, "<a/>"), ("xml", FORM, "a=1"), ("plain", XML, order), ("plain", FORM, "a=1&b")] {
        let event = sent(&host, Method::POST, &format!("/in/{source}"), &[header], body).await;
        assert_eq!((&event["content_type"], &event["body"]["text"]), (&json!(header.1), &json!(body)), "{source}");
    }
    let mut untouched: Vec<_> = receiver.wait_for("/plain", 2).await.into_iter().map(|one| one.body).collect();
    untouched.sort();
    assert_eq!(untouched, [order, "a=1&b"]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_cannot_be_decoded_is_refused_and_told_why() {
    let host = Host::start().await;
    let sources = [source("form", "decode = \"form\""), source("xml", "decode = \"xml\"\nmax_body_bytes = 3_000_000")];
    host.apply(&format!("{}{}", sources.concat(), source("payload", "decode = { form_field = \"payload\" }"))).await;
    let laughs: String = (1..30).map(|n| format!("<!ENTITY l{n} \"&l{m};&l{m};\">", m = n - 1)).collect();
    let laughs = format!("<!DOCTYPE a [<!ENTITY l0 \"ha\">{laughs}]>\n<a>&l29;</a>");
    let fetched = "<!DOCTYPE a [<!ENTITY f SYSTEM \"file:///etc/passwd\">]><a>&f;</a>";
    let attributes: String = (0..200_000).map(|n| format!("a{n}=\"\" ")).collect();
    let refused = [
        ("form", FORM, "a=1&b=%ff", "the form's field 2, `b`, is not UTF-8"),
        ("payload", FORM, "a=1", "the form has no field `payload`"),
        ("payload", FORM, "payload=%7B", "the form's field `payload` holds no JSON (line 1, column 1)"),
        ("xml", XML, "<a>\n<b></a>", "line 2 of the XML: "),
        ("xml", XML, &laughs, "line 2 of the XML: the entity &l29; is not one of XML's five"),
        ("xml", XML, fetched, "the entity &f; is not one of XML's five"),
        ("xml", XML, &"<a>".repeat(900_000), "nested more than 64 deep"),
        ("xml", XML, &format!("<a {attributes}/>"), "more than 1000 attributes"),
        ("xml", XML, &format!("<a>{}</a>", "<b/>".repeat(200_000)), "more than 100000 elements and attributes"),
    ];
    for (source, header, body, told) in &refused {
        let answer = asked(&host, Method::POST, &format!("/in/{source}"), &[*header], body).await;
        assert_eq!((answer.status, &answer.json["type"]), (400, &json!("urn:sluicebox:problem:body-undecodable")), "{told}");
        assert!(answer.json["detail"].as_str().is_some_and(|detail| detail.contains(told)), "{told}: {}", answer.json);
    }
    assert_eq!(stored(&host).await, 0);
    assert!(host.metrics().await.contains("source=\"payload\",outcome=\"body-undecodable\"} 2"), "{}", host.metrics().await);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_come_by_the_methods_that_a_source_takes() {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    let items = source(
        "items",
        "methods = [\"PUT\", \"PATCH\", \"DELETE\", \"GET\"]\ntype = { header = \"sluicebox-method\" }\nsubject = { query = \"item\" }",
    );
    let crm = destination("crm", &format!("{}/crm", receiver.url()));
    let rule = "[rules.gone]\nmatch = { headers = { sluicebox-method = [\"DELETE\"] } }\ndestinations = [\"crm\"]\n";
    host.apply(&format!("{OPEN_SOURCE}{items}{crm}{rule}")).await;
    let forged = [("sluicebox-method", "DELETE")];
    for (method, body) in [(Method::PUT, "{}"), (Method::PATCH, "patch"), (Method::GET, ""), (Method::DELETE, "")] {
        let event = sent(&host, method.clone(), "/in/items?item=7", &forged, body).await;
        assert_eq!((&event["type"], &event["subject"]), (&json!(method.as_str()), &json!("7")), "{method}");
        assert_eq!(event["body"]["text"], body, "{method}");
    }
    assert_eq!(receiver.wait_for("/crm", 1).await.len(), 1);
    let event = sent(&host, Method::POST, "/in/open", &forged, "").await;
    assert!(!event["headers"].to_string().contains("sluicebox-method"), "{event}");
    for (method, path, allowed) in [
        (Method::POST, "/in/items", "GET,PUT,PATCH,DELETE"),
        (Method::HEAD, "/in/items", "GET,PUT,PATCH,DELETE"),
        (Method::OPTIONS, "/in/items", "GET,PUT,PATCH,DELETE"),
        (Method::PUT, "/in/open", "POST"),
    ] {
        let answer = host.request(method.clone(), path).send().await.expect("an answer");
        let told = answer.headers().get("allow").map(|value| value.to_str().expect("text"));
        assert_eq!((answer.status().as_u16(), told), (405, Some(allowed)), "{method} {path}");
    }
    assert_eq!(stored(&host).await, 5);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_takes_requests_from_its_networks_only() {
    let host = Host::start().await;
    let (near, far) = ("allow_from = [\"::1\", \"127.0.0.0/8\"]", "allow_from = [\"192.0.2.0/24\", \"2001:db8::/32\"]");
    host.apply(&[source("near", near), source("far", far)].concat()).await;
    sent(&host, Method::POST, "/in/near", &[], "{}").await;
    // Not a byte of the body was sent, and none is waited for.
    let mut stream = TcpStream::connect(host.url().trim_start_matches("http://")).await.expect("a connection");
    let head = b"POST /in/far HTTP/1.1\r\nhost: h\r\ncontent-length: 9\r\nconnection: close\r\n\r\n";
    stream.write_all(head).await.expect("it is taken");
    let mut told = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut told)).await.expect("in time").expect("an answer");
    let told = String::from_utf8(told).expect("text");
    assert!(told.starts_with("HTTP/1.1 403"), "{told}");
    assert!(told.contains("urn:sluicebox:problem:address-not-allowed"), "{told}");
    assert_eq!(stored(&host).await, 1);
    assert!(host.metrics().await.contains("source=\"far\",outcome=\"address-not-allowed\"} 1"));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_answers_as_its_provider_demands() {
    let host = Host::start().await;
    let twiml = "answer = { status = 200, headers = { content-type = \"text/xml\", x-hub = \"1\" }, body = \"<Response/>\" }\n\
                 idempotency = { key = { header = \"x-key\" } }";
    host.apply(&[source("twilio", twiml), source("quiet", "answer = { status = 204 }")].concat()).await;
    for _ in ["first", "repeat"] {
        let answer = host.request(Method::POST, "/in/twilio").header("x-key", "1").body("a=1").send().await.expect("an answer");
        let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().expect("text").to_owned());
        assert_eq!((header("content-type").as_deref(), header("x-hub").as_deref()), (Some("text/xml"), Some("1")));
        assert_eq!(header("x-content-type-options").as_deref(), Some("nosniff"));
        assert_eq!((answer.status().as_u16(), answer.text().await.expect("a body").as_str()), (200, "<Response/>"));
    }
    let quiet = host.request(Method::POST, "/in/quiet").send().await.expect("an answer");
    assert_eq!((quiet.status().as_u16(), quiet.text().await.expect("a body").as_str()), (204, ""));
    assert_eq!(stored(&host).await, 2, "each is on disk, the repeat once");
    // What is refused is refused in the same words as elsewhere.
    let refused = asked(&host, Method::POST, "/in/twilio", &[("content-encoding", "gzip")], "x").await;
    assert_eq!((refused.status, &refused.json["title"]), (415, &json!("content encoding")));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_source_cannot_mean_is_pointed_at() {
    let host = Host::start().await;
    for (settings, told) in [
        ("type = { heder = \"x\" }", "/type/heder: unknown key `heder`, did you mean `header`?"),
        ("type = [{ json = \"a\" }, { jsn = \"b\" }]", "/type/1/jsn: unknown key `jsn`, did you mean `json`?"),
        ("time = { value = \"2026-01-01T00:00:00Z\" }", "/time: all events would have the same time"),
        ("type = { header = \"authorization\" }", "/type/header: the header `authorization` holds a credential"),
        ("decode = \"yaml\"", "/decode: `yaml` is nothing that is decoded; write \"form\""),
        ("decode = { form_feld = \"a\" }", "/decode/form_feld: unknown key `form_feld`, did you mean `form_field`?"),
        ("methods = [\"POST\", \"HEAD\"]", "/methods/1: `HEAD` is no method that events come by"),
        ("allow_from = [\"192.0.2.0/33\"]", "/allow_from/0: `192.0.2.0/33` is no network"),
        ("answer = { status = 404 }", "/answer/status: 404 is no status from 200 to 299"),
        ("answer = { headers = { date = \"now\" } }", "/answer/headers/date: the header `date` is the host's own"),
    ] {
        let answer = host.try_apply(&source("shop", settings)).await;
        assert_eq!(answer.status, 422, "{settings}: {}", answer.json);
        let (at, message) = told.split_once(": ").expect("a place");
        let problem = &answer.json["problems"][0];
        assert_eq!((&problem["name"], &problem["pointer"]), (&json!("shop"), &json!(at)), "{}", answer.json);
        assert!(problem["message"].as_str().is_some_and(|text| text.starts_with(message)), "{settings}: {}", answer.json);
    }
    host.stop().await;
}
