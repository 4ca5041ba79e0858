//! A second opinion on patterns: the crate `quamina` agrees on the part of the language that it knows.
//!
//! It matches bodies only, takes plain operands, and has no `$or`. Asked is what [`is_shared`] lets through. Beside that the two are known
//! to differ, and pairs of which this may be true are left out; each line has its cases in [`DIFFERENCES`]:
//!
//! | what | here | quamina |
//! |---|---|---|
//! | `exists` beside other conditions | one of the list that holds is enough | the others of the list do not count |
//! | `exists = false` in an array, with another field | speaks of the other field's element | speaks of all elements |
//! | an object in an array that a list of conditions is for | is no value | its fields count, if beside the array they were asked for |
//! | an empty name, a name with a dot | are names like others | are not found, the empty one above an array |
//! | a letter beyond ASCII whose other case is in ASCII, as the long s | is that letter | is another letter |
//! | integers beyond 2^53 | are exact | are doubles |
//! | `-0` | is 0 | is another number |
//! | `numeric` with an upper bound alone | holds for numbers | holds for texts and booleans, too |
//! | an IPv4 address in the form of IPv6 | is one of IPv6 | is none |

use quamina::Quamina;
use serde_json::{Map, Value, json};
use sluicebox::{
    event::Event,
    route::{Index, Pattern},
};
use sluicebox_tests::patterns::{self, Tally};

const PAIRS: u64 = 5_000;
/// Pairs with an operator, matching and not: fewer would say little.
const PAIRS_PER_OPERATOR_MIN: u64 = 10;
/// By name in a tally: what is asked.
const OPERATORS: usize = 17;

/// The largest of the integers that doubles tell apart.
const INTEGER_MAX: f64 = 9_007_199_254_740_991.0;

/// Fields, a body, and whether they match here; quamina says the opposite.
const DIFFERENCES: [(&str, &str, bool); 14] = [
    (r#"{"a":["x",{"exists":true}]}"#, r#"{"a":"y"}"#, true),
    (r#"{"a":["x",{"exists":false}]}"#, r#"{"b":"y"}"#, true),
    (r#"{"a":{"b":[{"exists":false}],"c":[1]}}"#, r#"{"a":[{"b":1},{"c":1}]}"#, true),
    (r#"{"a":[null]}"#, r#"{"a":[{"a":null}]}"#, false),
    (r#"{"a":["x"]}"#, r#"{"a":[{"a":1},"x"]}"#, true),
    (r#"{"a.b":["x"]}"#, r#"{"a.b":"x"}"#, true),
    (r#"{"":{"a":["x"]}}"#, r#"{"":[{"a":"x"}]}"#, true),
    (r#"{"a":[{"equals-ignore-case":"s"}]}"#, r#"{"a":"\u017f"}"#, true),
    (r#"{"a":[{"equals-ignore-case":"i"}]}"#, r#"{"a":"\u0131"}"#, true),
    (r#"{"a":[9007199254740993]}"#, r#"{"a":9007199254740992}"#, false),
    (r#"{"a":[0]}"#, r#"{"a":-0.0}"#, true),
    (r#"{"a":[{"numeric":["<=",1]}]}"#, r#"{"a":"i"}"#, false),
    (r#"{"a":[{"numeric":["<",1]}]}"#, r#"{"a":true}"#, false),
    (r#"{"a":[{"cidr":"::ffff:0:0/96"}]}"#, r#"{"a":"::ffff:10.0.0.5"}"#, true),
];

#[test]
fn quamina_agrees_on_what_it_shares() {
    let mut tally = Tally::default();
    let mut index = 0;
    while tally.pairs < PAIRS {
        let (pattern, event) = patterns::pair(patterns::SEED, index);
        index += 1;
        let Ok(body) = serde_json::from_slice::<Value>(&event.body) else { continue };
        let Some(fields) = pattern["data"].as_object().and_then(shared_fields) else { continue };
        if !body.is_object() || !is_read_alike(&fields, &body) {
            continue;
        }
        let fields = json!(fields);
        let matched = ours(&fields, &body);
        assert_eq!(theirs(&fields, &body), matched, "pair {}: {fields} {body}", index - 1);
        tally.count(&json!({ "data": fields }), matched);
    }
    assert!((PAIRS / 5..=PAIRS / 5 * 4).contains(&tally.matched), "{tally}");
    for (operator, (did, did_not)) in &tally.operators {
        assert!(did.min(did_not) >= &PAIRS_PER_OPERATOR_MIN, "{operator}: {tally}");
    }
    assert_eq!(tally.operators.len(), OPERATORS, "{tally}");
}

#[test]
fn quamina_is_known_to_differ() {
    for (fields, body, matched) in DIFFERENCES {
        let [fields, body] = [fields, body].map(|text| serde_json::from_str::<Value>(text).expect(text));
        assert_eq!((ours(&fields, &body), theirs(&fields, &body)), (matched, !matched), "{fields} {body}");
    }
}

fn ours(fields: &Value, body: &Value) -> bool {
    let pattern = Pattern::parse(&json!({ "data": fields })).unwrap_or_else(|invalid| panic!("{fields}: {invalid}"));
    // As quamina gets it: without duplicate keys.
    let event = Event { body: body.to_string().into(), ..patterns::pair(0, 0).1 };
    !Index::new(vec![pattern]).matches(&event).is_empty()
}

fn theirs(fields: &Value, body: &Value) -> bool {
    let mut quamina = Quamina::new();
    quamina.add_pattern((), &fields.to_string()).unwrap_or_else(|error| panic!("{fields}: {error}"));
    quamina.has_matches(body.to_string().as_bytes()).unwrap_or_else(|error| panic!("{body}: {error}"))
}

/// The pattern without what quamina does not know, if anything is left.
fn shared_fields(table: &Map<String, Value>) -> Option<Map<String, Value>> {
    let mut shared = Map::new();
    for (key, value) in table {
        let kept = match value {
            _ if key == "$or" || key.is_empty() || key.contains('.') => None,
            Value::Object(below) => shared_fields(below).map(Value::Object),
            Value::Array(conditions) => {
                let conditions: Vec<&Value> = conditions.iter().filter(|condition| is_shared(condition)).collect();
                let has_exists = conditions.iter().any(|condition| condition.get("exists").is_some());
                (conditions.len() == 1 || (!has_exists && !conditions.is_empty())).then(|| json!(conditions))
            }
            _ => None,
        };
        shared.extend(kept.map(|kept| (key.clone(), kept)));
    }
    (!shared.is_empty()).then_some(shared)
}

fn is_shared(condition: &Value) -> bool {
    let Some((name, operand)) = condition.as_object().and_then(|operator| operator.iter().next()) else {
        return is_told_apart(condition);
    };
    match (name.as_str(), operand) {
        ("exists", Value::Bool(wanted)) => *wanted,
        ("prefix" | "suffix" | "wildcard", operand) => operand.is_string(),
        ("equals-ignore-case", Value::String(text)) => !text.contains(['i', 'I', 'k', 'K', 's', 'S']) && text.is_ascii(),
        ("cidr", Value::String(network)) => !network.contains(':'),
        ("numeric", Value::Array(bounds)) if bounds[0] == "<" || bounds[0] == "<=" => false,
        ("anything-but" | "numeric", Value::Array(list)) => list.iter().all(is_told_apart),
        ("anything-but", plain) => !plain.is_object() && is_told_apart(plain),
        _ => false,
    }
}

fn is_told_apart(scalar: &Value) -> bool {
    scalar.as_f64().is_none_or(|number| number != 0.0 && number.abs() <= INTEGER_MAX)
}

/// Whether no array in the body that a list of conditions is for has an object in it with a name that is asked for beside.
fn is_read_alike(table: &Map<String, Value>, body: &Value) -> bool {
    match body {
        Value::Array(items) => items.iter().all(|item| is_read_alike(table, item)),
        Value::Object(fields) => table.iter().all(|(key, asked)| match (asked, fields.get(key)) {
            (Value::Object(below), Some(value)) => is_read_alike(below, value),
            (_, Some(Value::Array(items))) => !items.iter().any(|item| has_a_name_of(item, table)),
            _ => true,
        }),
        _ => true,
    }
}

fn has_a_name_of(item: &Value, table: &Map<String, Value>) -> bool {
    match item {
        Value::Array(items) => items.iter().any(|item| has_a_name_of(item, table)),
        Value::Object(fields) => fields.keys().any(|name| table.contains_key(name)),
        _ => false,
    }
}
