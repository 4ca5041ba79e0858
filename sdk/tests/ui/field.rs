//! A field whose type has no form that `Config` knows.

use sluicebox_sdk::prelude::*;

#[derive(Deserialize, Config)]
struct Settings {
    limit: Limit,
}

#[derive(Deserialize)]
struct Limit {
    most: u8,
}

fn main() {}
