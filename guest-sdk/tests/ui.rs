//! What the compiler says to an author whose tool is not one. `TRYBUILD=overwrite` blesses a change that is meant.

#[test]
fn every_form_that_is_allowed_compiles_and_works() {
    trybuild::TestCases::new().pass("tests/ui/pass/*.rs");
}

/// In the compiler's words, which change from version to version.
#[rustversion::attr(not(stable(1.95)), ignore = "compares with what rustc 1.95 says")]
#[test]
fn what_is_wrong_is_said_where_it_is_written() {
    trybuild::TestCases::new().compile_fail("tests/ui/fail/*.rs");
}
