//! What most plugins do, and no more: reads a JSON body, changes one value, writes it. The guests in JavaScript and Python beside it do
//! the same.

use sluicebox_sdk::prelude::*;

/// Marks the order as seen.
#[transform]
pub fn bench_json(event: Event) -> Result<Outcome> {
    let mut order: Value = event.json()?;
    order["seen"] = json!(true);
    emit(Message::json(&order)?)
}
