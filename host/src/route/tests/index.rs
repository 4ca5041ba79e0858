//! The index against its patterns asked one by one, through all that becomes of an index, and what it costs as it grows.

use proptest::{prelude::*, sample::select};
use serde_json::{Map, Value, json};

use super::{event, parse};
use crate::{
    event::Event,
    route::{
        Change, Index, Pattern,
        compare::{Leaf, Number},
        matcher::Asked,
        places::{self, Places},
        seen::Seen,
    },
};

/// What the index must say of a pattern: each of its alternatives asked in full.
fn alone(pattern: &Pattern, event: &Event) -> bool {
    let mut places = Places::default();
    let asked: Vec<_> = pattern.alternatives.iter().map(|alternative| Asked::of(alternative, &mut places)).collect();
    let seen = Seen::of(event, &places);
    asked.iter().any(|asked| asked.is_met_by(&seen))
}

fn each_alone<'a>(patterns: impl IntoIterator<Item = &'a Pattern>, event: &Event) -> Vec<usize> {
    patterns.into_iter().enumerate().filter(|(_, pattern)| alone(pattern, event)).map(|(number, _)| number).collect()
}

const TEXTS: [&str; 9] = ["", "a", "ab", "abc", "AB", "b", "\u{c4}b", "10.0.0.1", "10.1.0.1"];

fn text() -> impl Strategy<Value = Value> {
    select(&TEXTS[..]).prop_map(Value::from)
}

fn number() -> impl Strategy<Value = Value> {
    select(vec![json!(0), json!(1), json!(1.5), json!(2), json!(-1)])
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![4 => text(), 3 => number(), 1 => any::<bool>().prop_map(Value::from), 1 => Just(Value::Null)]
}

fn wildcard() -> impl Strategy<Value = Value> {
    select(vec!["*", "a*", "*b", "*b*", "a*c", "ab", "*.0.*", "10.*.1"]).prop_map(Value::from)
}

fn text_operator() -> impl Strategy<Value = Value> {
    prop_oneof![
        text().prop_map(|text| json!({ "prefix": text })),
        text().prop_map(|text| json!({ "suffix": text })),
        text().prop_map(|text| json!({ "equals-ignore-case": text })),
        wildcard().prop_map(|text| json!({ "wildcard": text })),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let range = select(vec![
        json!([">", 0]),
        json!(["<", 1.5]),
        json!([">=", 0, "<=", 1]),
        json!([">", 0, "<", 2]),
        json!(["=", 1]),
        json!(["<=", -1]),
    ]);
    prop_oneof![
        4 => leaf(),
        3 => text_operator(),
        1 => text().prop_map(|text| json!({ "prefix": { "equals-ignore-case": text } })),
        1 => text().prop_map(|text| json!({ "suffix": { "equals-ignore-case": text } })),
        1 => range.prop_map(|range| json!({ "numeric": range })),
        1 => select(vec!["10.0.0.0/8", "10.0.0.0/16", "::/0"]).prop_map(|net| json!({ "cidr": net })),
        1 => any::<bool>().prop_map(|exists| json!({ "exists": exists })),
        1 => prop::collection::vec(text(), 1..3).prop_map(|texts| json!({ "anything-but": texts })),
        1 => number().prop_map(|number| json!({ "anything-but": number })),
        1 => text_operator().prop_map(|operator| json!({ "anything-but": operator })),
    ]
}

fn values() -> impl Strategy<Value = Value> {
    prop::collection::vec(value(), 1..3).prop_map(Value::from)
}

/// One of these fields, or several, and now and then an `$or` beside them.
fn table(names: &'static [&'static str], inner: BoxedStrategy<Value>) -> BoxedStrategy<Value> {
    let fields = move || prop::collection::btree_map(select(names), inner.clone(), 1..4).prop_map(|fields| json!(fields));
    let branches = prop::option::weighted(0.2, prop::collection::vec(fields(), 2..3));
    let with = |(mut fields, branches): (Value, Option<Vec<Value>>)| {
        if let Some(branches) = branches {
            fields["$or"] = Value::from(branches);
        }
        fields
    };
    (fields(), branches).prop_map(with).boxed()
}

fn pattern() -> impl Strategy<Value = Pattern> {
    let deep = table(&["d", "e"], values().boxed());
    let data = prop_oneof![3 => table(&["a", "b", "c"], values().boxed()), 2 => deep.clone().prop_map(|deep| json!({ "c": deep })),
        1 => (deep, values()).prop_map(|(deep, a)| json!({ "c": deep, "a": a }))];
    let envelope = prop_oneof![
        2 => Just(json!({})),
        1 => table(&["source", "type", "subject"], values().boxed()),
        1 => values().prop_map(|values| json!({ "headers": { "x-tag": values } })),
    ];
    (envelope, prop::option::weighted(0.9, data)).prop_map(|(mut pattern, data)| {
        if let Some(data) = data {
            pattern["data"] = data;
        }
        parse(&pattern)
    })
}

fn body() -> impl Strategy<Value = Value> {
    let leaves =
        || prop_oneof![3 => leaf(), 1 => prop::collection::vec(leaf(), 0..3).prop_map(Value::from), 1 => Just(json!({}))];
    let object = |names: &'static [&'static str]| {
        let fields = prop::collection::btree_map(select(names), leaves(), 0..4);
        fields.prop_map(|fields| json!(fields))
    };
    let inner = object(&["d", "e"]);
    let inner = prop_oneof![inner.clone(), prop::collection::vec(inner, 0..3).prop_map(Value::from)];
    (object(&["a", "b", "c", "f"]), prop::option::weighted(0.6, inner)).prop_map(|(mut body, inner)| {
        if let Some(inner) = inner {
            body["c"] = inner;
        }
        body
    })
}

fn any_event() -> impl Strategy<Value = Event> {
    let some_text = || prop::option::of(select(&TEXTS[..]).prop_map(str::to_owned));
    (prop::option::weighted(0.9, body()), some_text(), some_text(), 0..3_usize).prop_map(
        |(body, event_type, subject, headers)| {
            let mut event = event(body.map_or_else(|| "a=b".to_owned(), |body| body.to_string()).as_bytes());
            event.headers.truncate(headers);
            event.headers.iter_mut().for_each(|header| header.value = "ab".to_owned());
            event.event_type = event_type.unwrap_or_default();
            Event { subject, ..event }
        },
    )
}

/// What happens to an index: patterns of the pool come, change and go at these places (of a thousand), and segments are joined now or later.
#[derive(Clone, Debug)]
enum Step {
    Insert(usize, usize),
    Replace(usize, usize),
    Remove(usize),
    Begin,
    Adopt,
}

fn step() -> impl Strategy<Value = Step> {
    let place = 0..1_000_usize;
    prop_oneof![
        4 => (place.clone(), 0..POOL).prop_map(|(at, pattern)| Step::Insert(at, pattern)),
        2 => (place.clone(), 0..POOL).prop_map(|(at, pattern)| Step::Replace(at, pattern)),
        2 => place.prop_map(Step::Remove),
        1 => Just(Step::Begin),
        1 => Just(Step::Adopt),
    ]
}

/// Patterns that a history is made of; each stands in the index many times.
const POOL: usize = 12;

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]
    #[test]
    fn it_finds_what_asking_each_pattern_finds(
        patterns in prop::collection::vec(pattern(), 1..60),
        events in prop::collection::vec(any_event(), 1..8),
    ) {
        let index = Index::new(patterns.clone());
        for event in &events {
            prop_assert_eq!(index.matches(event), each_alone(&patterns, event), "{:?}", String::from_utf8_lossy(&event.body));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Many alternatives under one key, so that there are levels within levels.
    #[test]
    fn it_does_so_where_patterns_share_their_conditions(
        shared in table(&["a", "b"], values().boxed()),
        patterns in prop::collection::vec((table(&["c", "f"], values().boxed()), any::<bool>()), 150..200),
        events in prop::collection::vec(any_event(), 1..8),
    ) {
        let patterns: Vec<_> = patterns.iter().map(|(own, also)| {
            let mut data: Map<String, Value> = own.as_object().expect("a table").clone();
            if *also {
                data.extend(shared.as_object().expect("a table").clone());
            }
            parse(&json!({ "type": ["ab"], "data": data }))
        }).collect();
        let index = Index::new(patterns.clone());
        for mut event in events {
            event.event_type = "ab".to_owned();
            prop_assert_eq!(index.matches(&event), each_alone(&patterns, &event));
        }
    }

    #[test]
    fn it_does_so_through_all_that_becomes_of_it(
        pool in prop::collection::vec(pattern(), POOL),
        begun in prop::collection::vec(0..POOL, 0..700),
        steps in prop::collection::vec(prop::collection::vec(step(), 1..40), 1..12),
        events in prop::collection::vec(any_event(), 3),
    ) {
        let mut model = begun;
        let mut index = Index::new(model.iter().map(|&pattern| pool[pattern].clone()).collect());
        let mut begun = None;
        for steps in steps {
            let mut changes = Vec::new();
            let mut ats = std::collections::BTreeMap::new();
            for step in &steps {
                match *step {
                    Step::Insert(at, _) | Step::Replace(at, _) | Step::Remove(at) => drop(ats.insert(at * model.len() / 1_000, step)),
                    Step::Begin => begun = index.compaction().map(crate::route::Compaction::run).or(begun),
                    Step::Adopt => index = begun.take().and_then(|compacted| index.adopt(&compacted)).unwrap_or(index),
                }
            }
            for (&at, step) in ats.iter().rev() {
                match **step {
                    Step::Insert(_, pattern) => {
                        changes.push(Change::Insert(at, pool[pattern].clone()));
                        model.insert(at, pattern);
                    }
                    Step::Replace(_, pattern) if at < model.len() => {
                        changes.push(Change::Replace(at, pool[pattern].clone()));
                        model[at] = pattern;
                    }
                    Step::Remove(_) if at < model.len() => {
                        changes.push(Change::Remove(at));
                        model.remove(at);
                    }
                    _ => {}
                }
            }
            changes.reverse();
            index = index.with(changes);
            prop_assert_eq!(index.len(), model.len());
            for event in &events {
                let meets: Vec<_> = pool.iter().map(|pattern| alone(pattern, event)).collect();
                let expected: Vec<_> = (0..model.len()).filter(|&number| meets[model[number]]).collect();
                prop_assert_eq!(index.matches(event), expected);
            }
        }
    }
}

/// Of `count` rules of mixed operators that all name the same type, ten match the event.
fn mixed(count: usize) -> Index {
    let own = |n: usize| match n % 10 {
        0 => json!({ "action": [format!("action-{n}")] }),
        1 => json!({ "ref": [{ "prefix": format!("refs/{n}/") }] }),
        2 => json!({ "file": [{ "suffix": format!("-{n}.rs") }] }),
        3 => json!({ "user": [{ "equals-ignore-case": format!("USER-{n}") }] }),
        4 => json!({ "title": [{ "wildcard": format!("*fix*<{n}>*now*") }] }),
        5 => json!({ "size": [{ "numeric": [">=", n * 10, "<", n * 10 + 5] }] }),
        6 => json!({ "ip": [{ "cidr": format!("10.{}.{}.0/24", n / 10 / 256 % 256, n / 10 % 256) }] }),
        7 => json!({ "id": [n], "state": [{ "anything-but": ["closed", "gone"] }] }),
        8 => json!({ "items": { "sku": [format!("sku-{n}")], "note": [{ "exists": true }] } }),
        _ => json!({ "kind": [{ "exists": true }], "code": [n, n + 1_000_000] }),
    };
    Index::new((0..count).map(|n| parse(&json!({ "type": ["order.paid"], "data": own(n) }))).collect())
}

fn of_all_kinds() -> Event {
    let items = json!([{ "sku": "sku-8" }, { "sku": "sku-8", "note": "x" }, { "sku": "none" }]);
    let body = json!({
        "action": "action-0", "ref": "refs/1/heads/x", "file": "src/main-2.rs", "user": "User-3", "title": "please fix <4> right now", "size": 52,
        "ip": "10.0.0.77", "id": 7, "state": "open", "items": items, "kind": "k", "code": 9, "more": { "unread": [1, 2, 3] },
    });
    event(body.to_string().as_bytes())
}

#[test]
fn rules_that_do_not_match_are_not_asked() {
    let event = of_all_kinds();
    let few = mixed(10).find(&event);
    let many = mixed(10_000).find(&event);
    assert_eq!(few.matching, (0..10).collect::<Vec<_>>());
    assert_eq!((many.matching, many.work.candidates), (few.matching, few.work.candidates));
    assert!(few.work.candidates == 10 && many.work.wildcard_tries <= 10, "{:?}", many.work);
}

#[test]
fn a_pair_of_common_values_is_found_as_a_pair() {
    let pattern = |n: usize| parse(&json!({ "data": { "a": [n / 100], "b": [n % 100], "c": [{ "exists": true }] } }));
    let index = Index::new((0..10_000).map(pattern).collect());
    let found = index.find(&event(br#"{ "a": 17, "b": 29, "c": null }"#));
    assert_eq!((found.matching, found.work.candidates), (vec![1_729], 1));
}

#[test]
fn what_all_patterns_exclude_is_asked_once() {
    let pattern = |n: usize| parse(&json!({ "type": [{ "anything-but": ["order.paid"] }], "data": { "n": [n % 10] } }));
    let index = Index::new((0..10_000).map(pattern).collect());
    let found = index.find(&event(br#"{ "n": 5 }"#));
    assert_eq!((found.matching.len(), found.work.candidates), (0, 0));
}

#[test]
fn wildcards_are_tried_once_each_at_most() {
    let pattern = |n: usize| parse(&json!({ "data": { "a": [{ "wildcard": format!("a*{}*a*a", n % 2) }] } }));
    let index = Index::new((0..1_000).map(pattern).collect());
    let work = index.find(&event(format!("{{ \"a\": \"{}\" }}", "a0".repeat(5_000)).as_bytes())).work;
    assert!(work.wildcard_tries <= 2, "{work:?}: there are two that differ");
}

#[test]
fn the_segments_of_an_index_stay_few() {
    let pattern = |n: usize| parse(&json!({ "data": { format!("f{}", n % 7): [n] } }));
    let mut index = Index::new((0..1_000).map(pattern).collect());
    for n in 1_000..2_500 {
        index = index.with(vec![Change::Insert(n, pattern(n))]);
        while let Some(compaction) = index.compaction() {
            index = index.adopt(&compaction.run()).expect("it is of this index");
        }
    }
    assert!(index.parts() <= 5, "{}", index.parts());
    let found = index.find(&event(br#"{ "f3": 2110 }"#));
    assert_eq!((found.matching, found.work.candidates), (vec![2_110], 1));
}

#[test]
fn another_index_is_not_adopted() {
    let patterns = || (0..600).map(|n| parse(&json!({ "data": { "a": [n] } }))).collect::<Vec<_>>();
    let hollow = |index: Index| index.with((100..600).map(Change::Remove).collect());
    let compacted = hollow(Index::new(patterns())).compaction().expect("most of it is gone").run();
    assert!(hollow(Index::new(patterns())).adopt(&compacted).is_none());
}

#[test]
fn only_named_places_are_kept() {
    let mut places = Places::default();
    let pattern = parse(&json!({ "data": { "a": { "b": [1] }, "c": ["x"] } }));
    pattern.alternatives.iter().for_each(|alternative| drop(Asked::of(alternative, &mut places)));
    let event = event(br#"{ "z": [1, { "a": 2 }], "a": [{ "b": 1, "y": 5 }, 7], "c": { "d": 1 } }"#);
    let Seen::Object(fields) = Seen::of(&event, &places) else { panic!("an event is an object") };
    let (a, c) = (places.below(places::DATA, "a").expect("named"), places.below(places::DATA, "c").expect("named"));
    let b = places.below(a, "b").expect("named");
    let one = Seen::Leaf(Leaf::Number(Number::Whole(1)));
    let mut expected = vec![(a, Seen::Array(vec![Seen::Object(vec![(b, one)]), Seen::Unasked])), (c, Seen::Object(Vec::new()))];
    expected.sort_by_key(|(place, _)| *place);
    assert_eq!(Seen::field(&fields, places::DATA), Some(&Seen::Object(expected)));
}

/// What a body is to one rule must not hang on what other rules name.
#[test]
fn a_body_is_json_or_not_whatever_is_named() {
    let deep = |levels: usize| format!(r#"{{ "skipped": {}1{} }}"#, "[".repeat(levels), "]".repeat(levels));
    let bodies = [
        (r#"{ "skipped": 1e999 }"#.as_bytes().to_vec(), false),
        (br#"{ "skipped": "\ud800" }"#.to_vec(), false),
        (br#"{ "skipped": "\ud83d\ude00" }"#.to_vec(), true),
        (b"{ \"skipped\": \"\xff\" }".to_vec(), false),
        (b"{ \"skipped\": \"\n\" }".to_vec(), false),
        (deep(126).into_bytes(), true),
        (deep(127).into_bytes(), false),
        (b"{ \"skipped\": 1 } x".to_vec(), false),
        (b"{ \"skipped\": 1, }".to_vec(), false),
        (b"{ 1: 1 }".to_vec(), false),
    ];
    for (body, is_json) in bodies {
        assert_eq!(serde_json::from_slice::<Value>(&body).is_ok(), is_json, "{}", String::from_utf8_lossy(&body));
        for pattern in [json!({ "data": { "other": [1] } }), json!({ "data": { "skipped": ["x"] } }), json!({ "data": ["x"] })] {
            let mut places = Places::default();
            parse(&pattern).alternatives.iter().for_each(|alternative| drop(Asked::of(alternative, &mut places)));
            let event = event(&body);
            let Seen::Object(fields) = Seen::of(&event, &places) else { panic!("an event is an object") };
            assert_eq!(Seen::field(&fields, places::DATA).is_some(), is_json, "{pattern} {}", String::from_utf8_lossy(&body));
        }
    }
}
