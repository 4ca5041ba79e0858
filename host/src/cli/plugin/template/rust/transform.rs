//! Tells of big orders, and drops small ones.

use sluicebox_sdk::prelude::*;

/// The plugin's `config` in the hub file.
#[derive(Deserialize, Config)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The least total of an order that is told of.
    pub min_cents: u64,
}

/// What is read of the event's body.
#[derive(Deserialize)]
struct Order {
    id: u64,
    total_cents: u64,
}

/// One message in the event's place, or none. A body that is no order is rejected by the `?`, with its line and column.
#[transform]
pub fn big_orders(event: Event, settings: Settings) -> Result<Outcome> {
    let order: Order = event.json()?;
    if order.total_cents < settings.min_cents {
        return drop("a small order");
    }
    let text = format!("order {} over {} EUR", order.id, order.total_cents / 100);
    emit(Message::json(&json!({ "text": text }))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluicebox_sdk::testing;

    #[test]
    fn the_fixtures_pass() {
        testing::fixtures("fixtures", big_orders);
    }

    fn run(body: &str) -> Result<Outcome> {
        big_orders(Event::new("shop", "order.paid").with_body(body), Settings { min_cents: 10_000 })
    }

    #[test]
    fn big_orders_are_told_of() {
        let told = emit(Message::json(&json!({ "text": "order 7 over 123 EUR" })).expect("JSON"));
        assert_eq!(run(r#"{"id": 7, "total_cents": 12300}"#), told);
    }

    #[test]
    fn small_orders_are_dropped() {
        assert_eq!(run(r#"{"id": 7, "total_cents": 9999}"#), drop("a small order"));
    }

    #[test]
    fn what_is_no_order_is_rejected() {
        assert_eq!(run("{}").expect_err("no order").code(), "invalid-json");
    }
}
