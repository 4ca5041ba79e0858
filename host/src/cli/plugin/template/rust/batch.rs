//! Folds the orders of a customer into one message.

use sluicebox_sdk::prelude::*;

/// The plugin's `config` in the hub file.
#[derive(Deserialize, Config)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What the sum is told in.
    pub currency: String,
}

/// What is read of each event's body.
#[derive(Deserialize)]
struct Order {
    id: u64,
    total_cents: u64,
}

/// One message for the batch. Which batch an event joins says the value at `key` in its body.
#[batch(key = "customer")]
pub fn orders(batch: Batch, settings: Settings) -> Result<Message> {
    let orders = batch.iter().map(Event::json).collect::<Result<Vec<Order>>>()?;
    let ids: Vec<u64> = orders.iter().map(|order| order.id).collect();
    let cents: u64 = orders.iter().map(|order| order.total_cents).sum();
    let total = format!("{}.{:02} {}", cents / 100, cents % 100, settings.currency);
    Ok(Message::json(&json!({ "customer": batch.key(), "orders": ids, "total": total }))?.with_type("orders.summed"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluicebox_sdk::testing;

    #[test]
    fn the_fixtures_pass() {
        testing::fixtures("fixtures", orders);
    }

    #[test]
    fn orders_are_summed() {
        let order = |body: &str| Event::new("shop", "order.paid").with_body(body);
        let batch = Batch::new(
            "ada",
            [
                order(r#"{"customer": "ada", "id": 1, "total_cents": 250}"#),
                order(r#"{"customer": "ada", "id": 2, "total_cents": 1000}"#),
            ],
        );
        let message = orders(batch, Settings { currency: "EUR".to_owned() }).expect("a message");
        let body: Value = Event::new("", "").with_body(message.body()).json().expect("JSON");
        assert_eq!(body, json!({ "customer": "ada", "orders": [1, 2], "total": "12.50 EUR" }));
    }
}
