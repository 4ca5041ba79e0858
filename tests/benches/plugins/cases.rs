//! The guests that are called, and what with.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::json;
use sluicebox::event::{Event, EventId, Name, Timestamp};
use sluicebox_tests::guests::{self, Language};

/// One row: a guest, a body, and the same work natively where it can be done so.
pub(crate) struct Case {
    /// In names of figures.
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) component: Bytes,
    pub(crate) event: Arc<Event>,
    pub(crate) native: Option<fn(&Event)>,
    /// How many calls a round has: slow guests get fewer.
    pub(crate) calls: usize,
}

/// All rows.
pub(crate) fn all() -> Vec<Case> {
    let (empty, json) = (Bytes::from(guests::component("bench-empty")), Bytes::from(guests::component("bench-json")));
    let fast = Bytes::from(guests::fast_component("bench-json"));
    let (kib, kib16) = (event(1 << 10), event(16 << 10));
    let rust = |id, name, component: &Bytes, event: &Arc<Event>, native| Case {
        id,
        name,
        component: component.clone(),
        event: Arc::clone(event),
        native: Some(native),
        calls: 2_000,
    };
    let mut cases = vec![
        rust("rust_1k_empty", "Rust, empty, 1 KiB", &empty, &kib, native_empty),
        rust("rust_1k", "Rust, JSON, 1 KiB", &json, &kib, native_json),
        rust("rust_1k_opt_level_3", "Rust, JSON, 1 KiB, opt-level 3", &fast, &kib, native_json),
        rust("rust_16k", "Rust, JSON, 16 KiB", &json, &kib16, native_json),
    ];
    let slow = |(id, name), component: &Bytes, event: &Arc<Event>, calls| Case {
        id,
        name,
        component: component.clone(),
        event: Arc::clone(event),
        native: Some(native_json),
        calls,
    };
    for (language, of_kib, of_kib16, calls) in [
        (Language::JavaScript, ("javascript_1k", "JavaScript, JSON, 1 KiB"), ("javascript_16k", "JavaScript, JSON, 16 KiB"), 200),
        (Language::Python, ("python_1k", "Python, JSON, 1 KiB"), ("python_16k", "Python, JSON, 16 KiB"), 50),
    ] {
        if language.file("bench").is_file() {
            let component = Bytes::from(language.component("bench"));
            cases.extend([slow(of_kib, &component, &kib, calls), slow(of_kib16, &component, &kib16, calls)]);
        } else {
            println!("left out: {language:?}, whose tools were not to be had");
        }
    }
    cases
}

fn native_empty(event: &Event) {
    std::hint::black_box(bench_empty::bench_empty(shown(event)).expect("an outcome"));
}

fn native_json(event: &Event) {
    std::hint::black_box(bench_json::bench_json(shown(event)).expect("an outcome"));
}

/// As a guest is shown it: its own copy of the body.
fn shown(event: &Event) -> sluicebox_sdk::Event {
    sluicebox_sdk::Event::new(event.source.as_str(), &event.event_type).with_body(&*event.body)
}

/// An order with as many lines as fit.
fn event(bytes: usize) -> Arc<Event> {
    let line = |index: usize| json!({ "sku": format!("SKU-{index:05}"), "quantity": index % 7 + 1, "price": 19.99, "gift": index.is_multiple_of(2), "note": null });
    let order = |lines: usize| {
        let lines: Vec<_> = (0..lines).map(line).collect();
        json!({ "id": "ord_1042", "customer": { "id": "cus_77", "email": "jo@example.com", "name": "Jo Müller" }, "lines": lines })
    };
    let fits = (0..).take_while(|lines| order(*lines).to_string().len() <= bytes).last().expect("at least an empty order");
    let received_at = Timestamp(1_790_000_000_000);
    Arc::new(Event {
        workspace: Name::default_workspace(),
        id: EventId::new(received_at, [7; 10]),
        source: "shop".parse().expect("a name"),
        event_type: "order.paid".into(),
        subject: None,
        received_at,
        time: None,
        external_id: None,
        content_type: Some("application/json".into()),
        headers: Vec::new(),
        body: order(fits).to_string().into(),
        attributes: Vec::new(),
    })
}
