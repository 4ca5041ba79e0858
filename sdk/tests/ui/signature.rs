//! Functions whose form alone says that they do not fit.

use sluicebox_sdk::prelude::*;

#[transform]
fn takes_nothing() -> Result<Outcome> {
    keep()
}

#[transform]
fn takes_too_much(_: Event, _: Value, more: Value) -> Result<Outcome> {
    keep()
}

#[transform]
fn returns_nothing(_: Event) {}

#[filter]
async fn waits(_: Event) -> bool {
    true
}

#[filter]
fn takes_any<T>(_: Event, _: T) -> bool {
    true
}

#[batch]
fn takes_no_batch() -> Result<Message> {
    Ok(Message::text(""))
}

#[transform]
struct NoFunction;

fn main() {}
