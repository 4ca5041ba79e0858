use super::*;
use crate::event::Header;

fn event(body: &str) -> Event {
    Event {
        content_type: Some("text/plain".into()),
        headers: vec![Header { name: "x-shop-region".into(), value: "eu".into() }],
        ..Event::bare("order.paid", body.to_owned())
    }
}

fn explained(pattern: &Value, body: &str) -> Explanation {
    explain(pattern, &event(body)).unwrap_or_else(|invalid| panic!("{pattern}: {invalid}"))
}

/// What is told of the one condition of a pattern.
fn told(pattern: &Value, body: &str) -> (bool, Vec<Value>, Option<String>) {
    match &explained(pattern, body).conditions[..] {
        [Condition::Field { holds, seen, hint, .. }] => (*holds, seen.values.clone(), hint.clone()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_condition_is_told_with_what_was_seen() {
    let pattern = json!({ "type": ["order.paid"], "data": { "total": [{ "numeric": [">", 100] }] } });
    let told = explained(&pattern, r#"{"total": 99}"#);
    assert!(!told.matches);
    let [Condition::Field { field, holds: false, wanted, seen, hint: None }, second] = &told.conditions[..] else {
        panic!("{told:?}")
    };
    assert!(matches!(second, Condition::Field { field, holds: true, .. } if field == "type"), "{second:?}");
    assert_eq!((field.as_str(), wanted, &seen.values), ("data.total", &json!([{ "numeric": [">", 100] }]), &vec![json!(99)]));
    assert!(explained(&pattern, r#"{"total": 101}"#).matches);
}

#[test]
fn a_path_that_almost_exists_is_named() {
    let body = r#"{"order": {"customerId": 7, "items": [{"sku": "a"}]}, "sender": {"login": "x"}}"#;
    for (path, hint) in [
        (json!({ "data": { "order": { "customer_id": [7] } } }), "did you mean `data.order.customerId`?"),
        (json!({ "data": { "order": { "custmerId": [7] } } }), "did you mean `data.order.customerId`?"),
        (json!({ "data": { "oder": { "customerId": [7] } } }), "did you mean `data.order.customerId`?"),
        (json!({ "data": { "order": { "items": { "sku_": ["a"] } } } }), "did you mean `data.order.items.sku`?"),
        (json!({ "data": { "login": ["x"] } }), "there is none; one of this name is at `data.sender.login`"),
        (json!({ "data": { "order": ["x"] } }), "there is an object at `data.order`: name one of its fields"),
        (json!({ "headers": { "x-shop-regoin": ["eu"] } }), "did you mean `headers.x-shop-region`?"),
    ] {
        assert_eq!(told(&path, body), (false, Vec::new(), Some(hint.to_owned())), "{path}");
    }
    assert_eq!(told(&json!({ "data": { "zzz": [1] } }), body), (false, Vec::new(), None));
}

#[test]
fn a_value_that_almost_fits_is_told() {
    for (wanted, seen, hint) in [
        (json!("Opened"), json!("opened"), "only the case differs"),
        (json!("opened"), json!("opened "), "only the space"),
        (json!("5"), json!(5), "remove the quotes"),
        (json!(5), json!("5"), "put it in quotes"),
        (json!(true), json!("true"), "put it in quotes"),
        (json!({ "numeric": ["<", 9] }), json!("5"), "for numbers only"),
    ] {
        let (holds, _, told) = told(&json!({ "data": { "v": [wanted] } }), &json!({ "v": seen }).to_string());
        assert!(!holds && told.as_deref().is_some_and(|told| told.contains(hint)), "{wanted} {seen}: {told:?}");
    }
}

#[test]
fn a_body_without_fields_is_told() {
    let pattern = json!({ "data": { "a": [1] } });
    assert_eq!(
        told(&pattern, "a=1").2.as_deref(),
        Some("the body is no JSON (its content type is text/plain), so it has no fields")
    );
    assert_eq!(told(&pattern, "").2.as_deref(), Some("the event has no body"));
}

/// Each holds of some element, and the rule does not match: nothing else would tell why.
#[test]
fn conditions_that_hold_of_different_elements_are_told_so() {
    let pattern = json!({ "data": { "items": { "sku": ["a"], "qty": [2] } } });
    let told = explained(&pattern, r#"{"items": [{"sku": "a", "qty": 1}, {"sku": "b", "qty": 2}]}"#);
    assert!(!told.matches);
    let [first, second, Condition::Together { within }] = &told.conditions[..] else { panic!("{told:?}") };
    assert!(first.holds() && second.holds());
    assert_eq!(within, "data.items");
    assert!(explained(&pattern, r#"{"items": [{"sku": "a", "qty": 2}]}"#).matches);
    let across = json!({ "data": { "items": { "sku": ["a"] }, "$or": [{ "items": { "qty": [2] } }, { "x": [1] }] } });
    let told = explained(&across, r#"{"items": [{"sku": "a", "qty": 1}, {"sku": "b", "qty": 2}]}"#);
    assert!(matches!(told.conditions.last(), Some(Condition::Together { within }) if within == "data"), "{told:?}");
}

#[test]
fn a_branch_whose_conditions_hold_of_different_elements_is_told_so() {
    let pattern = json!({ "data": { "items": { "$or": [{ "sku": ["a"], "qty": [2] }, { "sku": ["c"] }] } } });
    let told = explained(&pattern, r#"{"items": [{"sku": "a", "qty": 1}, {"sku": "b", "qty": 2}]}"#);
    let [Condition::Or { branches, .. }] = &told.conditions[..] else { panic!("{told:?}") };
    assert!(matches!(branches[0].last(), Some(Condition::Together { within }) if within == "data.items"), "{branches:?}");
    assert!(matches!(branches[1][..], [Condition::Field { holds: false, .. }]), "{branches:?}");
}

#[test]
fn each_branch_of_an_or_is_told() {
    let pattern = json!({ "$or": [{ "type": ["a"] }, { "source": ["shop"], "data": { "n": [1] } }] });
    let told = explained(&pattern, r#"{"n": 2}"#);
    let [Condition::Or { within, holds: false, branches }] = &told.conditions[..] else { panic!("{told:?}") };
    let held: Vec<Vec<bool>> = branches.iter().map(|branch| branch.iter().map(Condition::holds).collect()).collect();
    assert_eq!((within.as_str(), held), ("", vec![vec![false], vec![false, true]]));
}

#[test]
fn what_matches_everything_has_no_conditions() {
    for pattern in [json!(null), json!({})] {
        assert_eq!(explained(&pattern, "x"), Explanation { matches: true, conditions: Vec::new() });
    }
    assert_eq!(explain(&json!({ "typ": ["a"] }), &event("")).expect_err("no pattern").pointer, "/typ");
}

#[test]
fn much_is_told_in_part() {
    let body = json!({ "v": (0..100).map(|n| "x".repeat(n * 10)).collect::<Vec<_>>() }).to_string();
    let told = explained(&json!({ "data": { "v": ["y"] } }), &body);
    let [Condition::Field { seen, .. }] = &told.conditions[..] else { panic!("{told:?}") };
    assert_eq!((seen.values.len(), seen.more), (16, 84));
    let long = explained(&json!({ "data": { "v": ["y"] } }), &json!({ "v": "ä".repeat(1_000) }).to_string());
    let [Condition::Field { seen, .. }] = &long.conditions[..] else { panic!("{long:?}") };
    assert_eq!(seen.values[0].as_str().expect("text").chars().count(), 257);
}
