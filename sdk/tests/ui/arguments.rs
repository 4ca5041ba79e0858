//! Attributes with arguments that they do not take.

use sluicebox_sdk::prelude::*;

#[filter(strict)]
fn strict(_: Event) -> bool {
    true
}

#[batch(by = "customer")]
fn by_another_name(batch: Batch) -> Result<Message> {
    Ok(Message::text(batch.key()))
}

#[batch(key = "items[*].id")]
fn by_many_keys(batch: Batch) -> Result<Message> {
    Ok(Message::text(batch.key()))
}

#[batch(key = 7)]
fn by_a_number(batch: Batch) -> Result<Message> {
    Ok(Message::text(batch.key()))
}

fn main() {}
