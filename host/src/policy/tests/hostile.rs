//! Texts that nobody means well with: read or refused, never a panic, and by their length.

use proptest::prelude::*;

use super::*;

/// Reads `text` as everything that it could be, and uses what comes of it.
pub(super) fn read(text: &str) {
    let own = [Policy::parse(text), Policy::from_json(text)];
    let ceilings = [Ok(Ceiling::builtin()), Ceiling::parse(text)];
    let needs = needs_all();
    for policy in own.iter().flatten() {
        for ceiling in ceilings.iter().flatten() {
            for name in ["a", "catalogue/files"] {
                let subject = Subject { package: &package(name), needs: &needs, limits: &LimitsPatch::default() };
                let explanation = explain(ceiling, policy, &subject, Some(&Use::Config {}));
                let allowed = matches!(decide(ceiling, policy, &subject), Decision::Allowed(_));
                assert_eq!(allowed, explanation.allowed);
            }
            assert!(check(ceiling, policy).len() <= 100);
        }
    }
    for error in own.iter().filter_map(|read| read.as_ref().err()) {
        assert!((1..=101).contains(&error.problems.len()));
        assert!(error.problems.iter().all(|problem| problem.message.len() < 2_000 && problem.key.len() < 1_000));
    }
}

/// Nothing is required, and everything would be made use of.
pub(super) fn needs_all() -> Needs {
    Needs { required: Default::default(), optional: GrantKind::ALL.into_iter().collect() }
}

#[test]
fn nesting_is_bounded() {
    for (open, close) in [("[", "]"), ("{a=", "}"), ("{\"a\":", "}"), ("[{a=", "}]")] {
        for depth in [50, 200, 50_000] {
            read(&format!("{}1{}", open.repeat(depth), close.repeat(depth)));
            read(&format!("a = {}1{}", open.repeat(depth), close.repeat(depth)));
            read(&format!("a = {}", open.repeat(depth)));
        }
    }
    read(&format!("{}a = 1", "a.".repeat(100_000)));
    read(&format!("[{}a]\nb = 1", "a.".repeat(100_000)));
    read(&"[[a]]\n".repeat(40_000));
    read(&"[[grant]]\n[grant.config]\n".repeat(9_000));
}

#[test]
fn large_texts_are_read_by_their_length() {
    let keys: String = (0..20_000).map(|n| format!("k{n}=1\n")).collect();
    read(&keys);
    read(&format!("[limits]\n{keys}"));
    let packages: String = (0..100).map(|n| format!("\"p{n}\",")).collect();
    let volumes: String = (0..50).map(|n| format!("{{volume=\"v{n}\"}},")).collect();
    read(&format!("[[grant]]\ntools=[{packages}]\nfiles=[{volumes}]\n").repeat(100));
    let paths: String = (0..100).map(|n| format!("\"/{n}\",")).collect();
    read(&format!("[[grant]]\ntools=[\"*\"]\nhttp=[{{host=\"*\",paths=[{paths}]}}]\n").repeat(300));
    read(&format!("a = \"{}\"", "\\n".repeat(120_000)));
    read(&format!("a = {}", "9".repeat(200_000)));
    read(&format!("[limits]\nfuel = \"{}\"\ndeadline = \"{}\"", "9".repeat(100_000), "1s ".repeat(40_000)));
}

#[test]
fn names_that_are_none_do_not_come_back_whole() {
    let long = "x".repeat(100_000);
    read(&format!("[tools]\nallow = [\"{long}\"]"));
    read(&format!("[[grant]]\ntools = [\"a\"]\nkv = [{{ bucket = \"{long}\" }}]\nlog = \"{long}\""));
    read(&format!(
        "[[grant]]\ntools = [\"a\"]\nhttp = [{{ host = \"{long}\" }}, {{ host = \"a\", paths = [\"{long}\"] }}]"
    ));
    read(&format!("[egress]\nprivate_addresses = [\"{long}\"]\n[grant]\nconfig.{long} = 1"));
    read(&format!("[[grant]]\ntools = [\"a\"]\nconfig = {{ {long} = 1 }}"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_text(text in "\\PC{0,200}") {
        read(&text);
    }

    #[test]
    fn any_bytes_that_are_text(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        read(&String::from_utf8_lossy(&bytes));
    }

    /// A policy with a piece cut out, doubled, or put elsewhere.
    #[test]
    fn a_mangled_policy(example in prop::sample::select(&[EXAMPLE, LOW_CEILING][..]), from: prop::sample::Index, length in 1..40usize, to: prop::sample::Index) {
        let from = from.index(example.len());
        let until = (from + length).min(example.len());
        let to = to.index(example.len());
        let piece = &example[from..until];
        read(&[&example[..from], &example[until..]].concat());
        read(&[&example[..to], piece, &example[to..]].concat());
    }

    /// Uses come from callers.
    #[test]
    fn any_use(method in "\\PC{0,8}", url in "(https?://)?\\PC{0,40}", path in "/?\\PC{0,20}") {
        let needs = needs_all();
        let limits = LimitsPatch::default();
        let subject = Subject { package: &package("notes"), needs: &needs, limits: &limits };
        for asked in [
            Use::Http { method, url: url.clone() },
            Use::Kv { bucket: path.clone(), access: Access::ReadWrite },
            Use::Files { volume: Some(path.clone()), path: Some(url), access: Access::ReadOnly },
            Use::Files { volume: None, path: Some(path), access: Access::ReadOnly },
        ] {
            let answer = explain(&Ceiling::builtin(), &policy(EXAMPLE), &subject, Some(&asked)).asked.unwrap();
            // Lines that are said to help are lines of a policy.
            if let Some(text) = answer.remedy.as_ref().and_then(|remedy| remedy.strip_prefix("add to the policy:\n")) {
                prop_assert!(Policy::parse(text).is_ok(), "{}", text);
            }
        }
    }
}
