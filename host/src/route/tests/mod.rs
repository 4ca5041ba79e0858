//! The language as its users know it, operator by operator, and what hostile patterns and events cannot do.

mod index;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{pattern::*, *};
use crate::event::{Event, Header, Invalid};

/// An event of source `shop` and type `order.paid` with this body.
fn event(body: &[u8]) -> Event {
    let header = |name: &str, value: &str| Header { name: name.into(), value: value.into() };
    Event { headers: vec![header("x-tag", "red"), header("x-tag", "blue")], ..Event::bare("order.paid", body.to_owned()) }
}

fn parse(pattern: &Value) -> Pattern {
    Pattern::parse(pattern).unwrap_or_else(|invalid| panic!("{pattern}: {invalid}"))
}

fn invalid(pattern: &Value) -> Invalid {
    Pattern::parse(pattern).err().unwrap_or_else(|| panic!("{pattern} is taken for good"))
}

fn matches(pattern: &Value, event: &Event) -> bool {
    Index::new(vec![parse(pattern)]).matches(event) == [0]
}

/// Whether `data = { v = values }` matches the body `{ "v": value }`.
fn value_matches(values: &Value, value: &Value) -> bool {
    matches(&json!({ "data": { "v": values } }), &event(json!({ "v": value }).to_string().as_bytes()))
}

fn body_matches(data: &Value, body: &Value) -> bool {
    matches(&json!({ "data": data }), &event(body.to_string().as_bytes()))
}

#[test]
fn each_operator_matches_what_it_says() {
    let table = [
        // Values of a field, events that they match, events that they do not.
        (json!(["opened", 5, true, null]), json!(["opened", 5, 5.0, true, null]), json!(["5", "Opened", "", 6, false, "null"])),
        (
            json!([{ "prefix": "refs/heads/" }]),
            json!(["refs/heads/main", "refs/heads/"]),
            json!(["refs/", "Refs/heads/x", 5, null]),
        ),
        (json!([{ "prefix": { "equals-ignore-case": "REFS/" } }]), json!(["refs/x", "Refs/"]), json!(["ref", "xrefs/", 1])),
        (json!([{ "suffix": ".com" }]), json!(["a.com", ".com"]), json!(["a.COM", "com", 5, null])),
        (json!([{ "suffix": { "equals-ignore-case": ".COM" } }]), json!(["a.com", "a.Com"]), json!(["com", "a.com.", 5])),
        (json!([{ "equals-ignore-case": "EC2Ä" }]), json!(["ec2ä", "EC2Ä"]), json!(["ec2", "ec2äx", 5])),
        (json!([{ "equals-ignore-case": "ΟΔΟΣ" }]), json!(["οδος", "οδοσ"]), json!(["οδο"])),
        (json!([{ "equals-ignore-case": "Maße" }]), json!(["MAßE", "maẞe"]), json!(["masse", "MASSE"])),
        (json!([{ "wildcard": "Simple*Service" }]), json!(["SimpleQueueService", "SimpleService"]), json!(["SimpleServices", 5])),
        (json!([{ "wildcard": r"a\*\\*" }]), json!([r"a*\", r"a*\b"]), json!([r"ab\", "a*"])),
        (json!([{ "anything-but": "x" }]), json!(["y", 5, null, true]), json!(["x"])),
        (json!([{ "anything-but": ["x", "y"] }]), json!(["z", 5]), json!(["x", "y"])),
        (json!([{ "anything-but": 5 }]), json!(["5", 6]), json!([5, 5.0])),
        (json!([{ "anything-but": [5, 6] }]), json!(["x", 7]), json!([5, 6])),
        (json!([{ "anything-but": { "prefix": "a" } }]), json!(["ba", 5]), json!(["a", "ab"])),
        (json!([{ "anything-but": { "prefix": ["a", "b"] } }]), json!(["c"]), json!(["ab", "ba"])),
        (json!([{ "anything-but": { "suffix": "a" } }]), json!(["ab"]), json!(["a", "ba"])),
        (json!([{ "anything-but": { "suffix": ["a", "b"] } }]), json!(["c"]), json!(["ab", "ba"])),
        (json!([{ "anything-but": { "equals-ignore-case": "X" } }]), json!(["y", "xx"]), json!(["x", "X"])),
        (json!([{ "anything-but": { "equals-ignore-case": ["X", "y"] } }]), json!(["z"]), json!(["x", "Y"])),
        (json!([{ "anything-but": { "wildcard": "a*c" } }]), json!(["ab"]), json!(["ac", "abc"])),
        (json!([{ "anything-but": { "wildcard": ["a*c", "*z"] } }]), json!(["ab"]), json!(["abc", "xyz"])),
        (json!([{ "numeric": [">", 0, "<=", 5] }]), json!([5, 5.0, 0.5, 1]), json!([0, 6, 5.1, "3", null, -1])),
        (json!([{ "numeric": ["<", 5, ">=", 1] }]), json!([1, 4]), json!([0, 5])),
        (json!([{ "numeric": ["=", 1.0] }]), json!([1]), json!([2, "1"])),
        (json!([{ "cidr": "10.0.0.0/24" }]), json!(["10.0.0.255"]), json!(["10.0.1.0", "10.0.0", "::1", 10, "10.0.0.0/24"])),
        (json!([{ "cidr": "2001:db8::/32" }]), json!(["2001:db8::1", "2001:DB8::"]), json!(["2001:db9::", "10.0.0.1"])),
        (json!([{ "exists": true }]), json!(["", 0, null, false]), json!([{ "a": 1 }, [], {}])),
        (json!([{ "exists": false }]), json!([{ "a": 1 }, [], {}, [{}]]), json!(["", 0, null, false, ["a"]])),
        (json!(["x", { "exists": false }]), json!(["x", {}]), json!(["y"])),
        (json!([{ "prefix": "a" }, { "suffix": "z" }, 7]), json!(["a", "z", 7]), json!(["za", 8])),
    ];
    for (values, good, bad) in table {
        for value in good.as_array().expect("list") {
            assert!(value_matches(&values, value), "{values} must match {value}");
        }
        for value in bad.as_array().expect("list") {
            assert!(!value_matches(&values, value), "{values} must not match {value}");
        }
    }
}

#[test]
fn a_missing_field_meets_only_exists_false() {
    for values in [json!([null]), json!([{ "anything-but": "x" }]), json!([{ "exists": true }]), json!([{ "wildcard": "*" }])] {
        assert!(!body_matches(&json!({ "v": values }), &json!({})), "{values}");
    }
    assert!(body_matches(&json!({ "v": [{ "exists": false }] }), &json!({})));
    assert!(body_matches(&json!({ "a": { "v": [{ "exists": false }] } }), &json!({ "a": 1 })));
}

#[test]
fn the_envelope_has_fields() {
    let event = event(b"");
    for good in [
        json!(null),
        json!({}),
        json!({ "source": ["shop"] }),
        json!({ "source": ["bank", "shop"], "type": [{ "prefix": "order." }] }),
        json!({ "subject": [{ "exists": false }] }),
        json!({ "headers": { "x-tag": ["blue"] } }),
        json!({ "headers": { "x-tag": ["red"], "x-other": [{ "exists": false }] } }),
        json!({ "$or": [{ "type": ["order.sent"] }, { "headers": { "x-tag": ["red"] } }] }),
        json!({ "headers": { "$or": [{ "x-none": ["a"] }, { "x-tag": ["red"] }] } }),
    ] {
        assert!(matches(&good, &event), "{good}");
    }
    for bad in [
        json!({ "source": ["bank"] }),
        json!({ "source": ["shop"], "type": ["order.sent"] }),
        json!({ "subject": [{ "exists": true }] }),
        json!({ "headers": { "x-tag": ["green"] } }),
        json!({ "headers": { "x-tag": [{ "exists": false }] } }),
    ] {
        assert!(!matches(&bad, &event), "{bad}");
    }
}

#[test]
fn an_empty_type_is_none() {
    let event = Event { event_type: String::new(), subject: Some("order 7".into()), ..event(b"") };
    assert!(matches(&json!({ "type": [{ "exists": false }], "subject": ["order 7"] }), &event));
    assert!(!matches(&json!({ "type": [""] }), &event));
}

#[test]
fn numbers_are_compared_by_value() {
    let equal = |pattern: &str, value: &str| {
        let pattern = format!(r#"{{ "data": {{ "v": [{pattern}] }} }}"#);
        matches(&serde_json::from_str(&pattern).expect("JSON"), &event(format!(r#"{{ "v": {value} }}"#).as_bytes()))
    };
    for (a, b) in [("1", "1.0"), ("1", "1e0"), ("0", "-0.0"), ("18446744073709551615", "18446744073709551615"), ("0.1", "0.10")] {
        assert!(equal(a, b) && equal(b, a), "{a} {b}");
    }
    for (a, b) in [
        ("9007199254740992", "9007199254740993"),
        ("9007199254740992.0", "9007199254740993"),
        ("18446744073709551615", "18446744073709551614"),
        ("-9223372036854775808", "-9223372036854775807"),
        ("0.1", "0.2"),
    ] {
        assert!(!equal(a, b) && !equal(b, a), "{a} {b}");
    }
    assert!(equal(r#"{ "numeric": [">", 9007199254740992] }"#, "9007199254740993"));
    assert!(!equal(r#"{ "numeric": [">", 9007199254740993] }"#, "9007199254740992.0"), "the double is 2^53");
    assert!(equal(r#"{ "numeric": [">", 18446744073709551615] }"#, "1e300"));
    assert!(equal(r#"{ "numeric": ["<", -9223372036854775808] }"#, "-1e300"));
    assert!(equal(r#"{ "numeric": [">", 1, "<", 2] }"#, "1.5"));
}

#[test]
fn an_array_matches_by_any_of_its_elements() {
    assert!(value_matches(&json!(["b"]), &json!(["a", "b"])));
    assert!(value_matches(&json!(["b"]), &json!([["a"], [["b"]]])), "nested arrays count as one");
    assert!(value_matches(&json!([{ "anything-but": "a" }]), &json!(["a", "b"])));
    assert!(!value_matches(&json!([{ "anything-but": "a" }]), &json!(["a", "a"])));
    assert!(!value_matches(&json!(["c"]), &json!(["a", "b", { "c": "c" }])));
    let both = json!({ "v": ["a"], "$or": [{ "v": ["b"] }, { "v": ["c"] }] });
    assert!(body_matches(&both, &json!({ "v": ["a", "b"] })));
    assert!(!body_matches(&both, &json!({ "v": ["a", "d"] })));
}

#[test]
fn fields_of_an_array_are_met_by_one_element() {
    let pattern = json!({ "items": { "sku": ["a"], "qty": [2] } });
    assert!(body_matches(&pattern, &json!({ "items": [{ "sku": "b" }, { "sku": "a", "qty": 2 }] })));
    assert!(!body_matches(&pattern, &json!({ "items": [{ "sku": "a", "qty": 1 }, { "sku": "b", "qty": 2 }] })));
    assert!(!body_matches(&pattern, &json!({ "items": [[{ "sku": "a" }], [{ "qty": 2 }]] })), "nested arrays count as one");
    assert!(body_matches(&pattern, &json!({ "items": { "sku": "a", "qty": 2 } })), "an object need not be in an array");

    let deeper = json!({ "orders": { "id": [1], "items": { "sku": ["a"], "qty": [2] } } });
    let item = |sku: &str, qty: i32| json!({ "sku": sku, "qty": qty });
    let order = |id: i32, items: [Value; 2]| json!({ "id": id, "items": items });
    let other = || order(2, [item("x", 2), item("a", 9)]);
    assert!(body_matches(&deeper, &json!({ "orders": [other(), order(1, [item("b", 1), item("a", 2)])] })));
    assert!(!body_matches(
        &deeper,
        &json!({ "orders": [order(2, [item("a", 2), item("b", 1)]), order(1, [item("a", 1), item("b", 2)])] })
    ));

    let two_arrays = json!({ "a": { "x": [1] }, "b": { "x": [2] } });
    assert!(body_matches(&two_arrays, &json!({ "a": [{ "x": 0 }, { "x": 1 }], "b": [{ "x": 2 }] })));
}

#[test]
fn an_or_cannot_take_its_field_from_another_element() {
    let pattern = json!({ "items": { "sku": ["a"] }, "$or": [{ "items": { "qty": [2] } }, { "urgent": [true] }] });
    assert!(body_matches(&pattern, &json!({ "items": [{ "sku": "a", "qty": 2 }] })));
    assert!(!body_matches(&pattern, &json!({ "items": [{ "sku": "a" }, { "qty": 2 }] })));
    assert!(body_matches(&pattern, &json!({ "items": [{ "sku": "a" }, { "qty": 2 }], "urgent": true })));
}

#[test]
fn absence_in_an_array_is_of_all_or_of_the_element_that_is_met() {
    let absent = json!([{ "exists": false }]);
    let lone = json!({ "items": { "sku": absent } });
    assert!(body_matches(&lone, &json!({ "items": [{ "qty": 1 }, {}] })));
    assert!(!body_matches(&lone, &json!({ "items": [{ "qty": 1 }, { "sku": "a" }] })), "there is a leaf items.sku");
    let beside = json!({ "items": { "sku": absent, "qty": [1] } });
    assert!(body_matches(&beside, &json!({ "items": [{ "qty": 1 }, { "sku": "a" }] })));
    assert!(!body_matches(&beside, &json!({ "items": [{ "qty": 1, "sku": "a" }, {}] })));
}

#[test]
fn or_stands_at_any_level() {
    let pattern =
        json!({ "$or": [{ "data": { "a": [1] } }, { "source": ["x"], "$or": [{ "type": ["y"] }, { "type": ["z"] }] }] });
    assert!(matches(&pattern, &event(b"{\"a\":1}")));
    assert!(!matches(&pattern, &event(b"{\"a\":2}")));
    let within = json!({ "a": { "$or": [{ "b": [1] }, { "c": [2], "$or": [{ "d": [3] }, { "e": [4] }] }] } });
    assert!(body_matches(&within, &json!({ "a": { "c": 2, "e": 4 } })));
    assert!(!body_matches(&within, &json!({ "a": { "c": 2, "e": 5 } })));
}

#[test]
fn a_body_without_json_has_no_data() {
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    for body in ["", "a=b", "{", "\u{feff}{}", deep.as_str()] {
        assert!(!matches(&json!({ "data": [{ "exists": true }] }), &event(body.as_bytes())), "{body}");
        assert!(matches(&json!({ "data": { "a": [{ "exists": false }] } }), &event(body.as_bytes())), "{body}");
    }
    assert!(!matches(&json!({ "data": { "a": ["b"] } }), &event(b"\xff{\"a\":\"b\"}")));
    assert!(matches(&json!({ "data": ["b"] }), &event(b"[\"a\", \"b\"]")), "the body may be a leaf itself");
    assert!(matches(&json!({ "data": { "a": [2] } }), &event(br#"{"a":1,"a":2}"#)), "of duplicate keys the last counts");
    assert!(!matches(&json!({ "data": { "a": [1] } }), &event(br#"{"a":1,"a":2}"#)));
    assert!(matches(&json!({ "data": { "\u{e4}": ["\u{e4}"] } }), &event(br#"{"\u00e4":"\u00e4"}"#)), "escapes are read");
}

#[test]
fn a_real_event_is_matched() {
    let body = include_bytes!("../../../../tests/fixtures/github/issues.opened.json");
    let good = json!({ "data": {
        "action": ["opened", { "prefix": "re" }],
        "issue": { "labels": { "name": ["bug"], "default": [true] }, "comments": [{ "numeric": [">=", 0] }] },
        "repository": { "private": [false], "full_name": [{ "wildcard": "*/Hello-World" }] },
    } });
    assert!(matches(&good, &event(body)));
    assert!(!matches(&json!({ "data": { "action": ["closed"] } }), &event(body)));
}

#[test]
fn the_index_gives_all_that_match_in_order() {
    let index = Index::new(
        [
            json!({ "type": ["order.paid", "order.sent"] }),
            json!({ "source": ["shop"] }),
            json!(null),
            json!({ "type": ["order.sent"] }),
            json!({ "source": ["bank"] }),
            json!({ "type": ["order.paid"], "source": ["bank"] }),
            json!({ "$or": [{ "type": ["order.paid"] }, { "source": ["shop"] }] }),
            json!({ "$or": [{ "type": ["order.paid"] }, { "type": ["order.paid", "x"] }] }),
            json!({ "data": { "a": [1] } }),
            json!({ "type": ["order.paid", { "prefix": "x" }] }),
        ]
        .iter()
        .map(parse)
        .collect(),
    );
    assert_eq!(index.matches(&event(b"{\"a\":1}")), [0, 1, 2, 6, 7, 8, 9]);
    let other = Event { source: "bank".parse().expect("a name"), event_type: "xy".into(), ..event(b"") };
    assert_eq!(index.matches(&other), [2, 4, 9]);
}

#[test]
fn a_bad_pattern_is_told_where_and_how_to_mend() {
    for (pattern, pointer, told) in [
        (json!(["a"]), "", "a table of fields"),
        (json!({ "tipe": ["a"] }), "/tipe", "the nearest is `type`"),
        (json!({ "data.action": ["a"] }), "/data.action", "the nearest is `data`"),
        (json!({ "type": "a" }), "/type", "are a list"),
        (json!({ "type": [] }), "/type", "an empty list"),
        (json!({ "type": { "a": ["b"] } }), "/type", "no fields of its own"),
        (json!({ "data": {} }), "/data", "the table is empty"),
        (json!({ "data": 5 }), "/data", "are a list"),
        (json!({ "headers": ["a"] }), "/headers", "this is a table"),
        (json!({ "headers": { "X-Tag": ["a"] } }), "/headers/X-Tag", "`x-tag`"),
        (json!({ "data": { "action": ["a", { "prefx": "b" }] } }), "/data/action/1", "the nearest is `prefix`"),
        (json!({ "data": { "a/b": { "c~d": ["a", ["b"]] } } }), "/data/a~1b/c~0d/1", "a list within a list"),
        (json!({ "type": [{}] }), "/type/0", "holds one operator"),
        (json!({ "type": [{ "prefix": "a", "suffix": "b" }] }), "/type/0", "holds one operator"),
        (json!({ "type": [{ "prefix": 5 }] }), "/type/0/prefix", "takes text"),
        (json!({ "type": [{ "prefix": { "wildcard": "a" } }] }), "/type/0/prefix", "equals-ignore-case"),
        (json!({ "type": [{ "suffix": { "equals-ignore-case": 5 } }] }), "/type/0/suffix/equals-ignore-case", "takes text"),
        (json!({ "type": [{ "wildcard": "a**b" }] }), "/type/0/wildcard", "write one"),
        (json!({ "type": [{ "wildcard": r"a\b" }] }), "/type/0/wildcard", "no escape"),
        (json!({ "type": [{ "anything-but": ["a", 5] }] }), "/type/0/anything-but", "not both"),
        (json!({ "type": [{ "anything-but": [null] }] }), "/type/0/anything-but", "nothing else"),
        (json!({ "type": [{ "anything-but": [] }] }), "/type/0/anything-but", "empty"),
        (json!({ "type": [{ "anything-but": { "numeric": [] } }] }), "/type/0/anything-but", "does not take `numeric`"),
        (json!({ "type": [{ "anything-but": { "prefx": "a" } }] }), "/type/0/anything-but", "the nearest is `prefix`"),
        (json!({ "type": [{ "anything-but": { "prefix": ["a", 5] } }] }), "/type/0/anything-but/prefix/1", "takes text"),
        (json!({ "type": [{ "numeric": 5 }] }), "/type/0/numeric", "one or two comparisons"),
        (json!({ "type": [{ "numeric": [">"] }] }), "/type/0/numeric", "one or two comparisons"),
        (json!({ "type": [{ "numeric": ["=>", 5] }] }), "/type/0/numeric/0", "a comparison is one of"),
        (json!({ "type": [{ "numeric": [">", "5"] }] }), "/type/0/numeric/1", "a number is missing"),
        (json!({ "type": [{ "numeric": [">", 5, ">", 6] }] }), "/type/0/numeric/2", "has a bound already"),
        (json!({ "type": [{ "numeric": ["=", 5, "<", 6] }] }), "/type/0/numeric/2", "has a bound already"),
        (json!({ "type": [{ "numeric": [">", 5, "<", 5] }] }), "/type/0/numeric", "no number lies"),
        (json!({ "type": [{ "numeric": [">=", 6, "<=", 5] }] }), "/type/0/numeric", "no number lies"),
        (json!({ "type": [{ "cidr": "10.0.0.1" }] }), "/type/0/cidr", "10.0.0.1/32"),
        (json!({ "type": [{ "exists": "yes" }] }), "/type/0/exists", "true or false"),
        (json!({ "$or": [{ "type": ["a"] }] }), "/$or", "two or more tables"),
        (json!({ "$or": [{ "type": ["a"] }, {}] }), "/$or/1", "the table is empty"),
        (json!({ "$or": [{ "type": ["a"] }, ["b"]] }), "/$or/1", "a table of fields"),
        (json!({ "data": { "$or": [{ "a": [1] }, { "b": 1 }] } }), "/data/$or/1/b", "are a list"),
    ] {
        let invalid = invalid(&pattern);
        assert_eq!(invalid.pointer, pointer, "{pattern}: {invalid}");
        assert!(invalid.message.contains(told), "{pattern}: {invalid}");
    }
}

#[test]
fn a_pattern_has_limits() {
    let nested = |depth: usize| (0..depth).fold(json!(["a"]), |inner, _| json!({ "a": inner }));
    assert!(Pattern::parse(&json!({ "data": nested(DEPTH_MAX - 1) })).is_ok());
    assert!(invalid(&json!({ "data": nested(DEPTH_MAX) })).message.contains("within each other"));

    let or = |branches: usize| Value::Array((0..branches).map(|n| json!({ "x": [n] })).collect());
    let ors = |count: usize| (1..count).fold(json!({ "$or": or(4) }), |inner, n| json!({ "$or": or(4), format!("f{n}"): inner }));
    assert_eq!(parse(&json!({ "data": ors(4) })).alternatives.len(), ALTERNATIVES_MAX);
    assert!(invalid(&json!({ "data": ors(5) })).message.contains("alternatives"));

    let fields: serde_json::Map<_, _> = (0..=CONDITIONS_MAX).map(|n| (n.to_string(), json!([1]))).collect();
    assert!(invalid(&json!({ "data": fields })).message.contains("conditions"));
    assert!(invalid(&json!({ "type": vec!["a"; VALUES_MAX + 1] })).message.contains("values"));
    assert!(invalid(&json!({ "type": vec![json!({ "wildcard": "a*" }); WILDCARDS_MAX + 1] })).message.contains("wildcards"));
    assert!(invalid(&json!({ "type": ["a".repeat(TEXT_BYTES_MAX + 1)] })).message.contains("bytes"));
    assert!(invalid(&json!({ "data": { "a".repeat(FIELD_BYTES_MAX + 1): [1] } })).message.contains("bytes"));
}

/// JSON of any form, rich in the words of the language.
fn any_json() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec![
        "source",
        "type",
        "subject",
        "headers",
        "data",
        "$or",
        "a",
        "b",
        "x-tag",
        "prefix",
        "suffix",
        "equals-ignore-case",
        "wildcard",
        "anything-but",
        "numeric",
        "cidr",
        "exists",
        "<",
        ">=",
        "a*b",
        "10.0.0.0/8",
        "\\",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((word.clone(), inner), 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())),
        ]
    })
}

/// A good pattern over the fields `a` and `b`, with exact numbers and `$or`; few of both, so that many match.
fn pattern_of_data() -> impl Strategy<Value = Value> {
    let values = prop::collection::vec(0..3_i32, 1..3).prop_map(Value::from);
    let fields = |inner: BoxedStrategy<Value>| prop::collection::btree_map(prop::sample::select(vec!["a", "b"]), inner, 1..3);
    let table = fields(values.boxed()).prop_map(|fields| json!(fields));
    table.prop_recursive(2, 8, 3, move |inner| {
        (fields(inner.clone().boxed()), prop::option::of(prop::collection::vec(inner, 2..3))).prop_map(|(fields, branches)| {
            let mut table = json!(fields);
            if let Some(branches) = branches {
                table["$or"] = Value::from(branches);
            }
            table
        })
    })
}

/// A body for such a pattern: where that has a table, mostly an array of objects, at times nested; where it has values, a number.
fn body_of(pattern: &Value) -> BoxedStrategy<Value> {
    let Value::Object(fields) = pattern else { return (0..3_i32).prop_map(Value::from).boxed() };
    let nothing = Just(json!({})).boxed();
    let object = shapes(fields).into_iter().fold(nothing, |bodies, (name, shape)| {
        let with = move |(mut body, value): (Value, Option<Value>)| {
            if let Some(value) = value {
                body[name.as_str()] = value;
            }
            body
        };
        (bodies, prop::option::weighted(0.9, array_of(body_of(&shape), shape.is_object()))).prop_map(with).boxed()
    });
    object.boxed()
}

/// What the fields of a table and of its `$or`s are like, later ones before earlier ones.
fn shapes(fields: &serde_json::Map<String, Value>) -> std::collections::BTreeMap<String, Value> {
    let mut shapes = std::collections::BTreeMap::new();
    for (name, inner) in fields {
        match (name.as_str(), inner) {
            ("$or", Value::Array(branches)) => {
                branches.iter().filter_map(Value::as_object).for_each(|branch| shapes.extend(self::shapes(branch)))
            }
            (name, inner) => drop(shapes.insert(name.to_owned(), inner.clone())),
        }
    }
    shapes
}

fn array_of(element: BoxedStrategy<Value>, of_objects: bool) -> BoxedStrategy<Value> {
    if !of_objects {
        return element;
    }
    let array = |element: BoxedStrategy<Value>| prop::collection::vec(element, 0..4).prop_map(Value::from);
    let nested = prop_oneof![4 => element.clone(), 1 => array(element.clone())].boxed();
    prop_oneof![1 => element, 4 => array(nested)].boxed()
}

/// All that a body says with one element chosen of each array; an empty one says nothing.
fn choices(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(elements) if elements.is_empty() => vec![json!({})],
        Value::Array(elements) => elements.iter().flat_map(choices).collect(),
        Value::Object(fields) => fields.iter().fold(vec![json!({})], |bodies, (name, value)| {
            let choices = choices(value);
            let with = |body: &Value, choice: &Value| {
                let mut body = body.clone();
                body[name] = choice.clone();
                body
            };
            bodies.iter().flat_map(|body| choices.iter().map(move |choice| with(body, choice))).collect()
        }),
        leaf => vec![leaf.clone()],
    }
}

/// The meaning of a pattern where there are no arrays: as its tables read.
fn reads(pattern: &Value, body: &Value) -> bool {
    match pattern {
        Value::Array(values) => values.contains(body),
        Value::Object(fields) => fields.iter().all(|(name, inner)| match name.as_str() {
            "$or" => inner.as_array().expect("list").iter().any(|branch| reads(branch, body)),
            name => body.get(name).is_some_and(|value| reads(inner, value)),
        }),
        _ => false,
    }
}

proptest! {
    #[test]
    fn nothing_makes_a_panic(pattern in any_json(), other in any_json(), body in any_json()) {
        let patterns = [pattern.clone(), json!({ "data": pattern }), json!({ "type": [pattern] }), json!({ "$or": [other.clone(), other] })];
        let index = Index::new(patterns.iter().filter_map(|pattern| Pattern::parse(pattern).ok()).collect());
        let _ = index.matches(&event(body.to_string().as_bytes()));
    }

    #[test]
    fn no_bytes_make_a_panic(body in prop::collection::vec(any::<u8>(), 0..64)) {
        matches(&json!({ "data": { "a": [{ "wildcard": "*a*" }] } }), &event(&body));
    }

    /// One element chosen of each array must make the pattern true as it reads: multiplied out or not, walked or tried.
    #[test]
    fn a_match_is_a_choice_of_one_element_of_each_array(
        (pattern, body) in pattern_of_data().prop_flat_map(|pattern| (Just(pattern.clone()), body_of(&pattern)))
    ) {
        let choices = choices(&body);
        prop_assume!(choices.len() <= 2_000);
        prop_assert_eq!(body_matches(&pattern, &body), choices.iter().any(|choice| reads(&pattern, choice)));
    }
}
