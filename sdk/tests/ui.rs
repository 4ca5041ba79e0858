//! What an author reads whose function or settings are not as the macros expect them: the text, and the token under it.
//!
//! `TRYBUILD=overwrite cargo test -p sluicebox-sdk --test ui` writes the texts anew.

#[test]
fn mistakes_are_told_where_they_are() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
