//! Policies and ceilings that are damaged, and rules over who may do what.

use std::collections::BTreeSet;

use super::hostile::{needs_all, read};
use super::*;
use crate::tests::fuzz::{Target, gist};

const WORDS: &[&str] = &[
    "[limits]\n",
    "[tools]\n",
    "[audit]\n",
    "[egress]\n",
    "[trust]\n",
    "[storage]\n",
    "[[grant]]\n",
    "tools = [\"*\"]\n",
    "allow = [",
    "deny = [",
    "kv = ",
    "files = ",
    "http = ",
    "host = ",
    "\"catalogue/*\"",
    "bucket = \"b\"",
    "volume = \"v\"",
    "mount = \"/m\"",
    "access = \"read-write\"",
    "\"read-only\"",
    "\"scratch\"",
    "methods = [\"*\"]",
    "paths = [\"/*\"]",
    "credential = \"c\"",
    "credential = { secret = \"c\", query = \"k\" }",
    "headers = { a = true }",
    "only_headers = []",
    "fuel = ",
    "deadline = \"5s\"",
    "memory_bytes = \"64MiB\"",
    "clock = \"real\"",
    "true",
    "false",
    "config = { a = \"b\" }",
    "require = true",
    "keys = [",
    "payloads = \"7d\"",
    "private_addresses = [\"10.0.0.0/8\"]",
    "{ ",
    " }",
    "[",
    "]",
    "\"\"\"",
    "'''",
    "#",
    "1979-05-27T07:32:00Z",
    "0x7f",
    "inf",
    "nan",
    "*.",
    "\\u0000",
];

/// What a bucket may hold under [`LOW_CEILING`].
const LOW_KV_BYTES_MAX: u64 = 512 << 10;

/// Read or refused; what is read decides within its ceiling, and is not another policy than itself.
#[test]
fn fuzz_policy_files() {
    let target = Target::new("policy", 20_000, WORDS);
    let needs = needs_all();
    target.run(|input| {
        let text = String::from_utf8_lossy(input);
        read(&text);
        let mut said = BTreeSet::new();
        let ceilings = [Ok(Ceiling::builtin()), Ceiling::parse(LOW_CEILING), Ceiling::parse(&text)];
        match Policy::parse(&text) {
            Ok(policy) => {
                assert!(diff_offline(&Ceiling::builtin(), &policy, &policy).is_empty(), "it differs from itself");
                for ceiling in ceilings.iter().flatten() {
                    for name in ["notes", "catalogue/files", "other"] {
                        let (package, limits) = (package(name), LimitsPatch::default());
                        let subject = Subject { package: &package, needs: &needs, limits: &limits };
                        within_the_ceiling(ceiling, &policy, &subject, &mut said);
                    }
                    said.extend(check(ceiling, &policy).iter().map(|warning| gist(&warning.message)));
                }
            }
            Err(error) => said.extend(error.problems.iter().map(|problem| gist(&problem.message))),
        }
        said.into_iter().take(3).collect::<Vec<_>>().join("; ")
    });
}

/// The tenant's file takes away from the ceiling, and adds nothing to it.
fn within_the_ceiling(ceiling: &Ceiling, policy: &Policy, subject: &Subject<'_>, said: &mut BTreeSet<String>) {
    let Decision::Allowed(allowed) = decide(ceiling, policy, subject) else {
        said.insert("denied".to_owned());
        return;
    };
    let (most, low) = (ceiling.limits(), Digest::of(LOW_CEILING.as_bytes()));
    assert!(allowed.limits.fuel <= most.fuel && allowed.limits.memory_bytes <= most.memory_bytes);
    assert!(allowed.limits.deadline <= most.deadline);
    for grant in &allowed.grants.kv {
        // What it gives of a kind is bounded there; what all buckets may hold together, the host counts.
        assert!(ceiling.digest() != low || grant.bytes_max <= LOW_KV_BYTES_MAX, "{grant:?}");
        said.insert(format!("kv {:?}", grant.access));
    }
    for grant in &allowed.grants.files {
        said.insert(format!("files {:?}", grant.access));
    }
    if let Some(grant) = &allowed.grants.http {
        // What no rule of the ceiling lets through, the grant does not either.
        for (scheme, host) in [("http", "unlisted.invalid"), ("https", "api.github.com"), ("https", "10.0.0.7")] {
            let asked = HttpTarget::read(scheme, host, "POST", "/a").unwrap();
            if let Ok(matched) = grant.decide(&asked) {
                said.insert(format!("{} by {}", gist(&matched.tenant.to_string()), gist(&matched.ceiling.to_string())));
            }
        }
    }
}
