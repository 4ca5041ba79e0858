//! Functions whose types do not fit, which only the compiler can tell.

use sluicebox_sdk::prelude::*;

#[transform]
fn returns_a_text(event: Event) -> Result<String> {
    Ok(event.text()?.to_owned())
}

#[transform]
fn takes_a_batch(_: Batch) -> Result<Outcome> {
    keep()
}

#[filter]
fn answers_with_a_number(_: Event) -> u8 {
    1
}

#[batch(key = number)]
fn folds(batch: Batch) -> Result<Message> {
    Ok(Message::text(batch.key()))
}

fn number(_: &Event) -> u64 {
    7
}

fn main() {}
