//! Settings that `Config` cannot describe.

use sluicebox_sdk::prelude::*;

#[derive(Deserialize, Config)]
struct Misspelt {
    #[config(minimum = 1)]
    least: u64,
}

#[derive(Deserialize, Config)]
struct NoNumber {
    #[config(min = "1")]
    least: u64,
}

#[derive(Deserialize, Config)]
struct Flat {
    #[serde(flatten)]
    rest: Value,
}

#[derive(Deserialize, Config)]
struct ReadOtherwise {
    #[serde(deserialize_with = "read")]
    level: u64,
}

#[derive(Deserialize, Config)]
enum Shape {
    Circle { radius: f64 },
}

#[derive(Deserialize, Config)]
struct Of<T> {
    value: T,
}

fn main() {}
