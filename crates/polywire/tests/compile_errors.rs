//! Wrong use of the macros is told at compile time, where it stands, with what would work.
//!
//! The texts are those of the pinned compiler. After a deliberate change, `TRYBUILD=overwrite` writes them; read them
//! before they are committed.

#[test]
fn wrong_use_is_explained() {
    trybuild::TestCases::new().compile_fail("tests/compile/*.rs");
}
