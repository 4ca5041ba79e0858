//! The short run of `cargo xtask soak patterns`: the engine and the reference matcher agree.

mod page;
mod quamina;

use sluicebox_tests::patterns::{self, Plan};

/// Pairs that an operator has to have met, matching and not: fewer would say little.
const PAIRS_PER_OPERATOR_MIN: u64 = 100;

#[test]
fn fifty_thousand_pairs_are_judged_the_same_by_the_reference() {
    let tally = patterns::agree(Plan { count: 50_000, seed: patterns::SEED }).unwrap_or_else(|found| panic!("{found:#}"));
    assert!(tally.pairs >= 50_000);
    for (operator, (did, did_not)) in &tally.operators {
        assert!(did.min(did_not) >= &PAIRS_PER_OPERATOR_MIN, "{operator}: {tally}");
    }
    assert!(tally.operators.len() >= OPERATORS.len(), "{tally}");
    for operator in OPERATORS {
        assert!(tally.operators.contains_key(operator), "{operator}: {tally}");
    }
}

/// Everything that a pattern can say.
const OPERATORS: [&str; 31] = [
    "$or",
    "anything-but equals-ignore-case",
    "anything-but equals-ignore-case list",
    "anything-but list of number",
    "anything-but list of string",
    "anything-but number",
    "anything-but prefix",
    "anything-but prefix list",
    "anything-but string",
    "anything-but suffix",
    "anything-but suffix list",
    "anything-but wildcard",
    "anything-but wildcard list",
    "bool",
    "cidr",
    "equals-ignore-case",
    "exists false",
    "exists true",
    "null",
    "number",
    "numeric <",
    "numeric <=",
    "numeric =",
    "numeric >",
    "numeric >=",
    "prefix",
    "prefix equals-ignore-case",
    "string",
    "suffix",
    "suffix equals-ignore-case",
    "wildcard",
];
