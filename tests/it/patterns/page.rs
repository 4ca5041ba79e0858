//! What docs/patterns.md says is so: its tables are read from the page, and asked of the reader of hub files and the index.

use serde_json::{Map, Value, json};
use sluicebox::{
    event::{Event, EventId, Header, Name, Timestamp},
    hub::{Kind, file},
    route::{Index, Pattern},
};

use crate::documents::{blocks, page};

const PAGE: &str = "docs/patterns.md";

/// A row of a table: its cells without the quotes of code.
fn rows(section: &str) -> Vec<Vec<String>> {
    let page = page(PAGE);
    let (_, rest) = page.split_once(&format!("\n## {section}\n")).expect(section);
    let section = rest.split("\n## ").next().expect("the first of the parts");
    let lines = section.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    lines.skip(1).map(|line| line.split(" | ").map(|cell| cell.trim_matches('`').to_owned()).collect()).collect()
}

/// The pattern of a rule with this line, or of this rule in JSON.
fn pattern(rule: &str) -> Pattern {
    let document = serde_json::from_str::<Value>(rule).unwrap_or_else(|_| {
        let around = [
            "[sources.shop]\nverify = { scheme = \"none\" }\n[destinations.d]\nurl = \"https://example.com\"\n[rules.r]\n",
            rule,
        ];
        let hub = file::read(&format!("{}\ndestinations = [\"d\"]\n", around.concat()), "hub.toml");
        let hub = hub.unwrap_or_else(|errors| panic!("{rule}: {errors:?}"));
        hub.entries[&(Kind::Rule, "r".parse().expect("a name"))].clone()
    });
    Pattern::parse(&document["match"]).unwrap_or_else(|invalid| panic!("{rule}: {invalid}"))
}

fn event(body: &str) -> Event {
    Event {
        workspace: Name::default_workspace(),
        id: EventId::from_bytes([0; 16]),
        source: "shop".parse().expect("a name"),
        event_type: String::new(),
        subject: None,
        received_at: Timestamp(0),
        time: None,
        external_id: None,
        content_type: None,
        headers: Vec::new(),
        body: body.to_owned().into(),
        attributes: Vec::new(),
    }
}

/// The event of which the page tells this much.
fn told_event(told: &str) -> Event {
    let told: Value = serde_json::from_str(told).expect(told);
    let mut event = event(&told.get("data").map(Value::to_string).unwrap_or_default());
    if let Some(source) = told["source"].as_str() {
        event.source = source.parse().expect("a name");
    }
    event.event_type = told["type"].as_str().unwrap_or_default().to_owned();
    event.subject = told["subject"].as_str().map(str::to_owned);
    for (name, values) in told["headers"].as_object().into_iter().flatten() {
        let header = |value: &Value| Header { name: name.clone(), value: value.as_str().expect("a text").to_owned() };
        event.headers.extend(values.as_array().expect("values").iter().map(header));
    }
    event
}

fn check(rows: &[Vec<String>], event: fn(&str) -> Event) {
    for row in rows {
        let [.., rule, does, does_not] = &row[..] else { panic!("{row:?}") };
        let index = Index::new(vec![pattern(rule)]);
        assert_eq!(index.matches(&event(does)), [0], "{rule} does not match {does}");
        assert!(index.matches(&event(does_not)).is_empty(), "{rule} matches {does_not}");
    }
}

#[test]
fn every_example_of_the_page_is_true() {
    let (envelope, operators, meaning) = (rows("The envelope"), rows("Operators"), rows("What values mean"));
    assert!(envelope.len() == 5 && operators.len() >= 25 && meaning.len() >= 13, "the page has its tables");
    check(&envelope, told_event);
    check(&operators, event);
    check(&meaning, event);
    for hub in blocks(&page(PAGE), "toml") {
        let hub = file::read(&hub, PAGE).unwrap_or_else(|errors| panic!("{errors:?}"));
        assert!(hub.entries.len() > 2);
    }
}

/// At each limit a pattern is taken, one further it is refused.
#[test]
fn the_limits_of_the_page_are_those() {
    let rows = rows("Limits");
    assert_eq!(rows.len(), LIMITS.len(), "each has a row");
    for (row, (name, made)) in rows.iter().zip(LIMITS) {
        assert!(row[0].starts_with(name), "{row:?} is of {name}");
        let limit: usize = row[1].replace(',', "").parse().expect("a number");
        assert!(Pattern::parse(&made(limit)).is_ok(), "{name} {limit}");
        assert!(Pattern::parse(&made(limit + 1)).is_err(), "{name} {limit} and one more");
    }
}

/// A pattern that has so much of what is limited.
type OfSize = fn(usize) -> Value;

/// By the limits' names: patterns that use so much of them.
const LIMITS: [(&str, OfSize); 7] = [
    ("tables", |count| json!({ "data": (2..count).fold(json!({ "a": [1] }), |inner, _| json!({ "a": inner })) })),
    ("values", |count| json!({ "type": (0..count).collect::<Vec<_>>() })),
    ("wildcards", |count| json!({ "type": vec![json!({ "wildcard": "a*" }); count] })),
    ("bytes of a text", |count| json!({ "type": ["a".repeat(count)] })),
    ("bytes of a field", |count| json!({ "data": { "a".repeat(count): [1] } })),
    ("alternatives", |count| json!({ "$or": vec![json!({ "type": ["a"] }); count] })),
    ("conditions", |count| json!({ "data": (0..count).map(|n| (n.to_string(), json!([1]))).collect::<Map<_, _>>() })),
];
