//! The README's plugin, word for word.

use sluicebox_sdk::prelude::*;

/// Tells the sales team of big orders.
#[transform]
fn big_orders(event: Event) -> Result<Outcome> {
    let order: Value = event.json()?;
    let euros = order["total_cents"].as_u64().unwrap_or(0) / 100;
    if euros < 100 {
        return drop("a small order");
    }
    emit(Message::json(&json!({ "text": format!("order {} over {euros} EUR", order["id"]) }))?)
}
