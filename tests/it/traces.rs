//! Traces: one from the sender's span to the request that a destination gets, through a plugin and over a restart; and what a host does
//! without them.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::response::IntoResponse;
use http::StatusCode;
use sluicebox::{config::Config, observe::Sampler};
use sluicebox_tests::{
    Host, Receiver,
    collector::{Collector, Span},
    eventually, guests,
};
use standardwebhooks::Webhook;
use tempfile::TempDir;

use crate::story::{OPEN_SOURCE, SECRET, destination};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SENDER: &str = "00f067aa0ba902b7";

fn sent(flags: &str) -> String {
    format!("00-{TRACE}-{SENDER}-{flags}")
}

/// Tells this collector, soon.
fn traced(collector: &Collector) -> impl FnOnce(&mut Config) + use<> {
    let endpoint = Some(collector.url().to_owned());
    |config| {
        config.trace.endpoint = endpoint;
        config.trace.flush_ms = 20;
    }
}

/// The spans of one trace in a row: each is the parent of the next.
fn is_chain(spans: &[&Span]) {
    for pair in spans.windows(2) {
        assert_eq!(pair[1].parent, pair[0].id, "{pair:#?}");
    }
    for span in spans {
        assert_eq!((span.trace.as_str(), span.service.as_str()), (spans[0].trace.as_str(), "sluicebox"), "{span:#?}");
        assert!(span.started <= span.ended, "{span:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_goes_from_the_sender_through_a_plugin_and_a_restart_to_the_destination() {
    let (collector, folder) = (Collector::start().await, TempDir::new().expect("a folder"));
    let down = Arc::new(AtomicBool::new(true));
    let is_down = Arc::clone(&down);
    let receiver = Receiver::answering(move |_| match is_down.load(Ordering::SeqCst) {
        true => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        false => StatusCode::NO_CONTENT.into_response(),
    })
    .await;
    let data = folder.path().join("data");
    let host = Host::start_at(data.clone(), traced(&collector)).await;
    let digest = host.upload(guests::component("redact")).await.expect("a component");
    let out = destination("out", &format!("{}/out", receiver.url()));
    let plugin = format!("[plugins.redact]\ndigest = \"{digest}\"\nconfig = {{ fields = [\"card\"] }}\n");
    host.apply(&format!("{OPEN_SOURCE}{plugin}{out}[rules.all]\nplugins = [\"redact\"]\ndestinations = [\"out\"]\n")).await;
    let headers = [("traceparent", &*sent("01")), ("tracestate", "vendor=abc"), ("content-type", "application/json")];
    let event = host.post("open", &headers, r#"{"card": "4111", "n": 1}"#).await;
    receiver.wait_for("/out", 1).await;
    host.stop().await;

    down.store(false, Ordering::SeqCst);
    let host = Host::start_at(data, traced(&collector)).await;
    host.delivery_in_state("all", "delivered").await;
    let requests = receiver.received("/out");
    let last = requests.last().expect("it came");
    host.stop().await;

    let one = |name: &str| {
        let found: Vec<Span> = collector.spans().into_iter().filter(|span| span.name == name).collect();
        let [span] = &found[..] else { panic!("`{name}`: {found:#?}") };
        span.clone()
    };
    let (receive, route, run, plan) = (one("receive open"), one("route"), one("run all"), one("plan out"));
    let call = one("transform redact");
    assert_eq!((receive.trace.as_str(), receive.parent.as_str(), receive.kind), (TRACE, SENDER, 2));
    assert_eq!(receive.facts["sluicebox.event.id"], event);
    is_chain(&[&receive, &route, &run, &plan]);
    is_chain(&[&run, &call]);
    assert_eq!(call.facts["sluicebox.plugin.result"], "emit");
    assert!(run.started <= call.started && call.ended <= run.ended, "{run:#?} {call:#?}");
    let attempts: Vec<Span> = collector.spans().into_iter().filter(|span| span.name == "deliver out").collect();
    assert_eq!(attempts.len(), requests.len(), "each attempt has a span of its own");
    for (attempt, request) in attempts.iter().zip(&requests) {
        is_chain(&[&plan, attempt]);
        assert_eq!((request.header("traceparent"), attempt.kind), (&*format!("00-{TRACE}-{}-01", attempt.id), 3));
        assert_eq!((request.header("tracestate"), attempt.state.as_str()), ("vendor=abc", "vendor=abc"));
    }
    let (first, second) = (&attempts[0], attempts.last().expect("there are two"));
    assert_ne!(first.id, second.id);
    assert!(
        first.failed && first.facts["error.type"] == "status-503" && first.facts["sluicebox.attempt.class"] == "5xx",
        "{first:#?}"
    );
    assert!(!second.failed && second.facts["http.response.status_code"] == "204", "{second:#?}");
    Webhook::new(SECRET).expect("a secret").verify(&last.body, &last.headers).expect("the header breaks no signature");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_has_a_trace_that_links_to_those_of_its_members() {
    let (collector, receiver) = (Collector::start().await, Receiver::start().await);
    let host = Host::start_with(traced(&collector)).await;
    let out = destination("out", &format!("{}/out", receiver.url()));
    host.apply(&format!(
        "{OPEN_SOURCE}{out}[rules.both]\nbatch = {{ max_events = 2, max_age = \"1h\" }}\ndestinations = [\"out\"]\n"
    ))
    .await;
    let json = ("content-type", "application/json");
    let first = host.post("open", &[json, ("traceparent", &sent("01"))], "1").await;
    let second = host.post("open", &[json], "2").await;
    let request = receiver.wait_for("/out", 1).await.remove(0);

    let receives = collector.named("receive open", 2).await;
    let of = |event: &str| receives.iter().find(|span| span.facts["sluicebox.event.id"] == event).expect("a span").clone();
    let (first, second) = (of(&first), of(&second));
    assert_eq!(first.trace, TRACE);
    assert_eq!(second.facts["sluicebox.event.id"], format!("evt_{}", second.trace), "it has a trace of its own, by its id");
    assert_eq!(second.parent, "");
    let fold = collector.named("fold both", 1).await.remove(0);
    assert_eq!(fold.links, [(first.trace, first.id), (second.trace, second.id)]);
    let (plan, attempt) = (collector.named("plan out", 1).await.remove(0), collector.named("deliver out", 1).await.remove(0));
    is_chain(&[&fold, &plan, &attempt]);
    assert_eq!(request.header("traceparent"), format!("00-{}-{}-01", fold.trace, attempt.id));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_hub_passes_on_to_itself_stays_in_the_trace() {
    let (collector, receiver) = (Collector::start().await, Receiver::start().await);
    let host = Host::start_with(traced(&collector)).await;
    let out = destination("out", &format!("{}/out", receiver.url()));
    let second = "[sources.second]\nverify = { scheme = \"none\" }\n[destinations.again]\nkind = \"hub\"\nsource = \"second\"\n";
    let rules = "[rules.onward]\nmatch.source = [\"open\"]\ndestinations = [\"again\"]\n\
                 [rules.second]\nmatch.source = [\"second\"]\ndestinations = [\"out\"]\n";
    host.apply(&format!("{OPEN_SOURCE}{second}{out}{rules}")).await;
    host.post("open", &[("traceparent", &sent("01"))], "x").await;
    receiver.wait_for("/out", 1).await;
    let (again, receive) =
        (collector.named("deliver again", 1).await.remove(0), collector.named("receive second", 1).await.remove(0));
    is_chain(&[&again, &receive]);
    assert_eq!(collector.named("deliver out", 1).await[0].trace, TRACE);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_own_services_publish_is_of_the_calls_trace() {
    let (collector, host_of) = (Collector::start().await, Host::start_with);
    let host = host_of(traced(&collector)).await;
    host.apply(OPEN_SOURCE).await;
    let call = host.request(reqwest::Method::POST, "/v1/events").bearer_auth(host.key()).header("traceparent", sent("01"));
    let own = sent("01").replace("4bf9", "5bf9");
    let events =
        serde_json::json!([{ "source": "open", "data": 1 }, { "source": "open", "data": 2, "headers": { "traceparent": own } }]);
    assert_eq!(call.json(&events).send().await.expect("an answer").status(), 202);
    let traces: Vec<String> = collector.named("receive open", 2).await.into_iter().map(|span| span.trace).collect();
    assert_eq!(traces, [TRACE.to_owned(), TRACE.replace("4bf9", "5bf9")]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sender_decides_whether_its_trace_is_recorded_and_the_operator_whether_destinations_are_told() {
    let (collector, receiver) = (Collector::start().await, Receiver::start().await);
    let out = destination("out", &format!("{}/out", receiver.url()));
    let hub = format!("{OPEN_SOURCE}{out}[rules.all]\ndestinations = [\"out\"]\n");
    let host = Host::start_with(traced(&collector)).await;
    host.apply(&hub).await;
    host.post("open", &[("traceparent", &sent("00"))], "not recorded").await;
    let told = receiver.wait_for("/out", 1).await.remove(0);
    let header = told.header("traceparent");
    assert!(header.starts_with(&format!("00-{TRACE}-")) && header.ends_with("-00") && !header.contains(SENDER), "{header}");
    host.post("open", &[("traceparent", &sent("01"))], "recorded").await;
    collector.named("deliver out", 1).await;
    assert_eq!(collector.spans().iter().filter(|span| span.name == "receive open").count(), 1);
    host.stop().await;

    let on = traced(&collector);
    let host = Host::start_with(|config| {
        on(config);
        config.trace.propagate = false;
        config.trace.sampler = Sampler::AlwaysOff;
    })
    .await;
    host.apply(&hub).await;
    host.post("open", &[("traceparent", &sent("01"))], "kept to itself").await;
    let told = receiver.wait_for("/out", 3).await.remove(2);
    assert_eq!((told.header("traceparent"), &told.body[..]), ("", &b"kept to itself"[..]));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_collector_deliveries_tell_nothing_and_one_that_is_gone_is_in_nobodys_way() {
    let receiver = Receiver::start().await;
    let out = destination("out", &format!("{}/out", receiver.url()));
    let hub = format!("{OPEN_SOURCE}{out}[rules.all]\ndestinations = [\"out\"]\n");
    let host = Host::start().await;
    host.apply(&hub).await;
    host.post("open", &[("traceparent", &sent("01"))], "off").await;
    assert_eq!(receiver.wait_for("/out", 1).await[0].header("traceparent"), "");
    assert!(!host.metrics().await.contains("sluicebox_trace_spans"));
    host.stop().await;

    let gone = Collector::start().await;
    let to_nobody = traced(&gone);
    drop(gone);
    let host = Host::start_with(|config| {
        to_nobody(config);
        config.trace.export_timeout_ms = 500;
    })
    .await;
    host.apply(&hub).await;
    host.post("open", &[], "on").await;
    receiver.wait_for("/out", 2).await;
    eventually("spans that were lost", async || {
        host.metrics().await.contains("sluicebox_trace_spans_total{outcome=\"failed\"} 0").then_some(()).xor(Some(()))
    })
    .await;
    host.stop().await;
}
