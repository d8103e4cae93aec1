//! Which calls wait, and which earlier answers may stand in.

use std::time::Duration;

use super::*;
use crate::routed::Level;

fn asked(ceiling: &str, policy: &str, package: &str, risk: Level) -> Vec<String> {
    let (ceiling, policy) = (Ceiling::parse(ceiling).unwrap(), Policy::parse(policy).unwrap());
    approval(&ceiling, &policy, &package.parse().unwrap(), risk)
}

#[test]
fn a_call_waits_from_a_risk_on_or_by_its_package() {
    const POLICY: &str =
        "[approval]\nfrom_risk = \"medium\"\ntools = [\"mail\"]\nexcept = [\"catalogue/*\", \"mail\"]\n";
    let asked = |package, risk| asked("", POLICY, package, risk);
    assert_eq!(asked("notes", Level::Low), [""; 0]);
    assert_eq!(asked("notes", Level::Medium), ["policy line 2: approval.from_risk = \"medium\""]);
    assert_eq!(asked("notes", Level::High), ["policy line 2: approval.from_risk = \"medium\""]);
    assert_eq!(asked("catalogue/notes", Level::High), [""; 0]);
    // What is named waits, whatever its risk, and whatever is excepted.
    assert_eq!(asked("mail", Level::Low), ["policy line 3: approval.tools \"mail\""]);
    assert_eq!(self::asked("", "", "mail", Level::High), [""; 0]);
    // Of two files both ask, and neither takes away what the other says.
    let both = self::asked("[approval]\nfrom_risk = \"high\"", "[approval]\ntools = [\"*\"]", "mail", Level::High);
    assert_eq!(both, ["ceiling line 2: approval.from_risk = \"high\"", "policy line 2: approval.tools \"*\""]);
    let ceiling = self::asked("[approval]\ntools = [\"mail\"]", "[approval]\nexcept = [\"*\"]", "mail", Level::Low);
    assert_eq!(ceiling, ["ceiling line 2: approval.tools \"mail\""]);
}

#[test]
fn the_shorter_time_holds() {
    let time = |ceiling: &str, policy: &str| {
        approval_time(&Ceiling::parse(ceiling).unwrap(), &Policy::parse(policy).unwrap()).as_secs()
    };
    assert_eq!(time("", ""), 3_600);
    assert_eq!(time("", "[approval]\ntime = \"2h\""), 7_200);
    assert_eq!(time("[approval]\ntime = \"1m\"", "[approval]\ntime = \"2h\""), 60);
    assert_eq!(time("[approval]\ntime = \"2h\"", ""), 7_200);
}

#[test]
fn answers_are_kept_of_what_is_named_and_within_the_ceiling() {
    let kept = |ceiling: &str, policy: &str, package: &str| {
        caching(&Ceiling::parse(ceiling).unwrap(), &Policy::parse(policy).unwrap(), &package.parse().unwrap())
    };
    let of = |time, bytes_max| Some(Caching { time: Duration::from_secs(time), bytes_max });
    assert_eq!(kept("", "", "text"), None);
    assert_eq!(kept("", "[cache]\ntime = \"1m\"", "text"), None);
    assert_eq!(kept("", "[cache]\ntools = [\"text\"]", "text"), of(600, 1 << 20));
    assert_eq!(kept("", "[cache]\ntools = [\"text\"]", "catalogue/text"), None);
    let policy = "[cache]\ntools = [\"*\"]\ntime = \"1h\"\nbytes_max = \"1GiB\"";
    assert_eq!(kept("", policy, "text"), of(3_600, 16 << 20));
    assert_eq!(kept("[cache]\ntime = \"5s\"\nbytes_max = 7", policy, "text"), of(5, 7));
}

#[test]
fn mistakes_are_told_and_what_does_nothing_is_warned_of() {
    let problems = |text: &str| Policy::parse(text).unwrap_err().to_string();
    for (text, told) in [
        ("[approval]\nrisk = \"high\"", "\"risk\" is called \"from_risk\""),
        ("[approval]\nfrom_risk = \"huge\"", "\"huge\" is none of \"low\", \"medium\", \"high\""),
        ("[approval]\ntime = \"30d\"", "approval.time: it is more than 7days"),
        ("[approval]\ntime = \"1ms\"", "approval.time: it is less than 1s"),
        ("[approval]\ntools = [\"No\"]", "approval.tools[1]"),
        ("[cache]\nttl = \"1m\"", "\"ttl\" is called \"time\""),
        ("[cache]\ntime = \"2days\"", "cache.time: it is more than 1day"),
        ("from_risk = \"high\"", "it belongs in [approval]"),
        ("approvals = 1", "\"approvals\" is called \"approval\""),
    ] {
        let problems = problems(text);
        assert!(problems.contains(told), "{text}\n{problems}");
    }
    let warnings = |ceiling: &str, text: &str| {
        let found = check(&Ceiling::parse(ceiling).unwrap(), &Policy::parse(text).unwrap());
        found.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(
        warnings("", "[approval]\nexcept = [\"notes\"]"),
        ["line 1: approval.except: without from_risk no call waits for its risk"]
    );
    assert_eq!(
        warnings("[approval]\ntime = \"1m\"", "[approval]\ntime = \"1h\"\ntools = [\"a\"]"),
        ["line 2: approval.time: 1h is cut to the ceiling's 1m"]
    );
    assert_eq!(warnings("", "[cache]\ntime = \"1m\""), ["line 2: cache: it names no tools, so no answer is kept"]);
    assert_eq!(
        warnings("", "[cache]\ntools = [\"a\"]\nbytes_max = \"1GiB\""),
        ["line 3: cache.bytes_max: 1 GiB is cut to the ceiling's 16 MiB"]
    );
}

#[test]
fn what_changes_is_told() {
    let effects = |before: &str, after: &str| {
        diff(&Ceiling::builtin(), &Policy::parse(before).unwrap(), &Policy::parse(after).unwrap(), []).to_string()
    };
    let asks = "[approval]\nfrom_risk = \"high\"\nexcept = [\"a\"]\ntools = [\"b\"]";
    assert_eq!(
        effects("", asks),
        "every call changes: calls from risk high on wait for approval, but of a\n\
         every call changes: calls of b wait for approval"
    );
    assert_eq!(
        effects(asks, "[approval]\ntools = [\"b\"]"),
        "every call changes: no more: calls from risk high on wait for approval, but of a"
    );
    assert_eq!(effects(asks, asks), "nothing changes");
}
