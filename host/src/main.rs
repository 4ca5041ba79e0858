//! The `sluicebox` binary.
fn main() {}
