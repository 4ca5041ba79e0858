//! What an author writes, and what the attributes make of it: held together natively, through the traits that a guest exports.

use sluicebox_sdk::prelude::*;
use sluicebox_sdk::{export, testing};

/// Each shape that a plugin's function may have.
mod shapes {
    use super::*;

    #[filter]
    fn plain(event: Event) -> bool {
        event.source() == "github"
    }

    #[filter]
    fn with_verdict(_: Event, _: Value) -> Verdict {
        Verdict::Keep
    }

    #[filter]
    fn fallible(event: Event) -> Result<bool> {
        Ok(event.text()?.is_empty())
    }

    #[transform]
    fn changes(event: Event, (): ()) -> Result<Outcome> {
        emit_all([Message::bytes(event.into_body()), Message::text("more").with_route("crm")])
    }

    #[verify]
    fn verifies(request: Request, _: Value) -> Result<Decision> {
        if request.method() == "GET" { answer(Response::text("hello")) } else { accept_with([("tenant", "7")]) }
    }

    #[batch]
    fn all_in_one(batch: Batch) -> Result<Vec<Message>> {
        Ok(batch.into_iter().map(|event| Message::bytes(event.into_body())).collect())
    }

    #[batch(key = "customer.id")]
    fn by_path(batch: Batch, _: Value) -> Result<Message> {
        Ok(Message::text(batch.key()))
    }

    #[batch(key = shapes_key)]
    fn by_function(batch: Batch) -> Result<Message> {
        Ok(Message::text(batch.key()))
    }

    fn shapes_key(event: &Event) -> Option<String> {
        event.attribute("subject").map(str::to_owned)
    }

    #[test]
    fn the_functions_are_left_as_they_are() {
        let event = Event::new("github", "push").with_body("body").with_attribute("subject", "x");
        assert!(plain(event.clone()));
        assert_eq!(with_verdict(event.clone(), json!(1)), Verdict::Keep);
        assert_eq!(fallible(event.clone()), Ok(false));
        assert!(matches!(changes(event.clone(), ()), Ok(Outcome::Emit(messages)) if messages.len() == 2));
        assert_eq!(verifies(Request::get("u"), Value::Null), answer(Response::text("hello")));
        assert_eq!(verifies(Request::post("u", ""), Value::Null), accept_with([("tenant", "7")]));
        let batch = Batch::new("x", [event]);
        assert_eq!(all_in_one(batch.clone()), Ok(vec![Message::bytes("body")]));
        assert_eq!(by_path(batch.clone(), Value::Null), by_function(batch));
    }
}

#[test]
fn a_filter_may_answer_in_four_ways() {
    use export::IntoVerdict;
    assert_eq!(true.into_verdict(), keep());
    assert_eq!(false.into_verdict(), drop("filtered out"));
    assert_eq!(Ok(false).into_verdict(), drop("filtered out"));
    assert_eq!(Verdict::Keep.into_verdict(), keep());
    assert_eq!(drop::<Verdict>("mine").into_verdict(), drop("mine"));
    assert_eq!(reject::<bool>("bad", "text").into_verdict(), reject("bad", "text"));
}

#[test]
fn a_key_is_a_text_a_number_or_a_truth_value() {
    let key = |body: &str| export::key_at(&Event::new("shop", "").with_body(body), "customer.id");
    assert_eq!(key(r#"{"customer": {"id": "c-1"}}"#).as_deref(), Some("c-1"));
    assert_eq!(key(r#"{"customer": {"id": 18446744073709551615}}"#).as_deref(), Some("18446744073709551615"));
    assert_eq!(key(r#"{"customer": {"id": true}}"#).as_deref(), Some("true"));
    for alone in [r#"{"customer": {"id": null}}"#, r#"{"customer": {"id": {}}}"#, r#"{"customer": 1}"#, "no JSON", ""] {
        assert_eq!(key(alone), None, "{alone}");
    }
}

#[test]
fn lines_are_seen_by_the_test_that_logged_them() {
    log::warn!("{} of {}", 1, 2);
    log::emit(log::Level::Debug, "with facts", &[("field", "email")]);
    let lines = testing::take_log();
    assert_eq!((lines[0].level, lines[0].message.as_str()), (log::Level::Warn, "1 of 2"));
    assert_eq!(lines[1].fields, [("field".to_owned(), "email".to_owned())]);
    assert!(testing::take_log().is_empty());
}
