//! Risk follows from what is imported and granted, and no claim of a tool's makes it less.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::layers::{PACKAGES, is_within, rules};
use super::*;

fn risk(imports: &str, granted: &str) -> Risk {
    let policy = policy(&format!("[[grant]]\ntools = [\"notes\"]\n{granted}"));
    let grants =
        allowed(decided(&Ceiling::builtin(), &policy, "notes", "", "http kv files clock random log config")).grants;
    Risk::of(&kinds(imports), &grants, Claims::default())
}

#[test]
fn risk_is_what_imports_and_grants_together_let_a_call_do() {
    let asks = "http = [{ host = \"api.example.com\", methods = [\"GET\"] }]";
    let sends = "http = [{ host = \"api.example.com\", methods = [\"POST\"] }]";
    let reads = "kv = [{ bucket = \"notes\", access = \"read-only\" }]";
    let writes = "kv = [{ bucket = \"notes\", access = \"read-write\" }]";
    let told = |imports: &str, granted: &str| {
        let Risk { level, read_only, open_world, deterministic, .. } = risk(imports, granted);
        (level, read_only, open_world, deterministic)
    };
    use RiskLevel::{High, Low, Medium};
    assert_eq!(told("", ""), (Low, true, false, true));
    // What is granted and not imported cannot be used, and the other way round.
    assert_eq!(told("", &format!("{sends}\n{writes}")), (Low, true, false, true));
    assert_eq!(told("http kv files clock random", ""), (Low, true, false, true));
    assert_eq!(told("kv", reads), (Low, true, false, false));
    assert_eq!(told("kv", writes), (Medium, false, false, false));
    assert_eq!(told("http", asks), (Medium, true, true, false));
    assert_eq!(told("http", sends), (High, false, true, false));
    assert_eq!(told("http kv", &format!("{asks}\n{writes}")), (High, false, true, false));
    assert_eq!(told("log config", "log = \"info\"\nconfig = { a = \"b\" }"), (Low, true, false, true));
    assert_eq!(told("clock", "clock = \"coarse\""), (Low, true, false, false));
    assert_eq!(told("random", "random = \"secure\""), (Low, true, false, false));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// A tool's own word only raises its risk.
    #[test]
    fn hostile_no_claim_makes_a_risk_less_and_no_grant_does(
        low in rules(),
        high in rules(),
        imports: u16,
        package_nth in 0..3usize,
    ) {
        let imports: BTreeSet<GrantKind> =
            GrantKind::ALL.into_iter().enumerate().filter(|(nth, _)| imports & (1 << nth) != 0).map(|(_, kind)| kind).collect();
        let grants = |text: &str| {
            match decided(&Ceiling::builtin(), &policy(text), PACKAGES[package_nth], "", "http kv files clock random log config") {
                Decision::Allowed(allowed) => (*allowed.grants).clone(),
                Decision::Denied(_) => Grants::none(),
            }
        };
        let (less, more) = (grants(&low.text(false)), grants(&high.text(false)));
        let worse = |one: &Risk, other: &Risk| {
            one.level >= other.level
                && one.read_only <= other.read_only
                && one.destructive >= other.destructive
                && one.idempotent <= other.idempotent
                && one.open_world >= other.open_world
                && one.deterministic <= other.deterministic
        };
        for grants in [&less, &more] {
            let honest = Risk::of(&imports, grants, Claims::default());
            let claimed = Risk::of(&imports, grants, Claims { destructive: true });
            prop_assert!(worse(&claimed, &honest), "{claimed:?} and {honest:?}");
        }
        if is_within(&less, &more) {
            let (less, more) = (Risk::of(&imports, &less, Claims::default()), Risk::of(&imports, &more, Claims::default()));
            prop_assert!(worse(&more, &less), "{more:?} and {less:?}");
        }
    }
}
