//! Access rules that are damaged.

use std::collections::BTreeSet;

use super::*;
use crate::tests::fuzz::{Target, gist};

const WORDS: &[&str] = &[
    "permit (",
    "forbid (",
    "principal",
    "action",
    "resource",
    "context",
    " when { ",
    " unless { ",
    " }",
    ");",
    "true",
    "false",
    "principal in Scope::\"operator\"",
    "principal == Key::\"x\"",
    "action == Action::\"call\"",
    "action in [Action::\"call\"]",
    "resource is Tool",
    "principal.name",
    "resource.package",
    "resource.origin",
    "resource.risk",
    "context.hour",
    "context.weekday",
    " has ",
    " like \"a*\"",
    " && ",
    " || ",
    " == ",
    " in ",
    " if ",
    " then ",
    " else ",
    "!",
    "-",
    "+ 9223372036854775807",
    "[",
    "]",
    ".contains(",
    "@id(\"a\")",
    "@",
    "// ",
    "ip(\"1.2.3.4\")",
    "decimal(\"1.0\")",
    "{a: 1}",
    "?principal",
    "\\u{0}",
    "\"",
    "Action::\"",
    "Scope::\"agent\"",
    "(",
    ")",
];

/// Read or refused, and nothing that is read gives a key what its scopes do not.
#[test]
fn fuzz_access_rules() {
    let target = Target::new("access", 4_000, WORDS);
    let (all, none) = (Stage::new(), Stage::with([]));
    target.run(|input| {
        let text = String::from_utf8_lossy(input);
        let mut said = BTreeSet::new();
        for side in [Side::Platform, Side::Tenant] {
            match Rules::parse(side, &text) {
                Ok(rules) => {
                    let other = Rules::none(if side == Side::Platform { Side::Tenant } else { Side::Platform });
                    let (platform, tenant) = if side == Side::Platform { (&rules, &other) } else { (&other, &rules) };
                    for action in Action::ALL {
                        assert!(matches!(none.ask(platform, tenant, *action), Verdict::Denied(_)), "{action:?}");
                        said.insert(match all.ask(platform, tenant, *action) {
                            Verdict::Allowed(_) => "allowed".to_owned(),
                            Verdict::Denied(denied) => gist(&denied.reason),
                        });
                    }
                    said.extend(check(&rules).iter().map(|warning| gist(&warning.message)));
                }
                Err(error) => {
                    assert!((1..=101).contains(&error.problems.len()));
                    assert!(error.problems.iter().all(|problem| problem.message.len() < 5_000));
                    said.extend(error.problems.iter().map(|problem| gist(&problem.message)));
                }
            }
        }
        said.into_iter().take(3).collect::<Vec<_>>().join("; ")
    });
}
