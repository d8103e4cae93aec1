//! Policies and access rules are checked offline, together or alone.

use expect_test::expect;

use super::*;

fn written(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn a_policy_is_checked_under_its_ceiling() {
    let folder = tempfile::tempdir().unwrap();
    let policy = written(folder.path(), "policy.toml", "[limits]\nfuel = 5_000_000\n");
    let ceiling = written(folder.path(), "ceiling.toml", "[limits]\nfuel = 1_000_000\n");
    assert!(check_offline(Some(&policy), None).unwrap().warnings.is_empty());
    let text = shown(&check_offline(Some(&policy), Some(&ceiling)).unwrap());
    assert!(text.contains("warning:") && text.contains("limits.fuel"), "{text}");
    let wrong = written(folder.path(), "wrong.toml", "[limits]\nfeul = 1\n");
    let failure = check_offline(Some(&wrong), None).unwrap_err();
    assert_eq!(failure.exit(), Exit::Invalid);
    let said = failure.said().unwrap();
    assert!(said.facts["file"].as_str().unwrap().ends_with("wrong.toml") && said.detail.contains("fuel"));
}

#[test]
fn access_rules_are_checked_beside_a_policy_or_alone() {
    let folder = tempfile::tempdir().unwrap();
    let policy = written(folder.path(), "policy.toml", "");
    let rules = "forbid (principal, action == Action::\"call\", resource) when { resource.risk == \"high\" };";
    let good = written(folder.path(), "access.cedar", rules);
    let both = ToCheck::sort(Some(policy.clone()), Some(good.clone()), None).unwrap().check(None).unwrap();
    assert!(both.policy.is_some() && both.access.is_some());
    let text: String = anstream::adapter::strip_str(&both.shown()).collect();
    assert!(text.contains("the policy is valid") && text.contains("the access rules are valid"), "{text}");
    let json = serde_json::to_value(&both).unwrap();
    assert!(json["digest"].is_string() && json["access"]["digest"].is_string(), "{json}");
    // By its ending, and without a host.
    let alone = ToCheck::sort(Some(good.clone()), None, None).unwrap().check(None).unwrap();
    assert!(alone.policy.is_none() && alone.access.is_some());
    ToCheck::sort(Some(good.clone()), Some(good), None).unwrap_err();
    // Against the schema: there is no such attribute.
    let wrong = written(folder.path(), "wrong.cedar", &rules.replace("risk", "rsk"));
    let failure = ToCheck::sort(Some(policy), Some(wrong), None).unwrap().check(None).unwrap_err();
    assert_eq!(failure.exit(), Exit::Invalid);
    assert!(failure.said().unwrap().detail.contains("rsk"), "{:?}", failure.said());
}

#[test]
fn what_is_valid_is_said_so() {
    let digest = crate::id::Digest::of(b"x");
    let text = shown(&wire::PolicyChecked { digest, warnings: Vec::new(), tools: Vec::new(), tools_left_out: 0 });
    let text: String = anstream::adapter::strip_str(&text).collect();
    let cut = shown(&wire::PolicyChecked { digest, warnings: Vec::new(), tools: Vec::new(), tools_left_out: 3 });
    assert!(cut.contains("no time for 3 further packages"), "{cut}");
    expect![[r#"
        ✓ the policy is valid sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881
    "#]]
    .assert_eq(&text);
}
