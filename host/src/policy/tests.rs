//! Policies as people write them, and what is decided by them.

mod approvals;
mod budgets;
mod check;
mod decide;
mod diff;
mod egress;
mod explain;
mod flow;
mod fuzz;
mod hostile;
mod layers;
mod problems;
mod risk;
mod routes;

use super::*;
use crate::id::PackageRef;

/// A tenant's policy that says something of everything.
const EXAMPLE: &str = r#"[tools]
allow = ["*", "catalogue/*"]
deny = ["catalogue/shell"]

[limits]
fuel = 2_000_000_000
memory_bytes = "64MiB"
deadline = "2s"

[[grant]]
tools = ["notes", "catalogue/files"]
kv = [{ bucket = "notes", access = "read-write", bytes_max = "1MiB", keys_max = 1_000 }]
files = [{ volume = "workspace", mount = "/work", access = "read-only" }]
http = [{ host = "api.github.com", methods = ["GET"], paths = ["/repos/*"] }]
clock = "coarse"
random = "secure"
log = "info"
config = { greeting = "hello" }

[audit]
payloads = "7d"
record = true
"#;

/// A ceiling that cuts something of everything.
const LOW_CEILING: &str = r#"[tools]
deny = ["catalogue/shell"]

[limits]
deadline = "1s"

[[grant]]
tools = ["*", "catalogue/files"]
kv = { access = "read-only", bytes_max = "512KiB" }
files = true
http = [{ host = "*.github.com", methods = ["*"] }, { scheme = "http", host = "10.0.0.7", port = 8080 }]
clock = "frozen"
random = true
log = "warn"

[egress]
private_addresses = ["10.0.0.7/32"]

[storage]
buckets_bytes_max = "2GiB"

[audit]
payloads = "2d"
record = false
"#;

fn policy(text: &str) -> Policy {
    Policy::parse(text).unwrap()
}

fn ceiling(text: &str) -> Ceiling {
    Ceiling::parse(text).unwrap()
}

fn package(text: &str) -> PackageRef {
    text.parse().unwrap()
}

/// Kinds, by their names.
fn kinds(text: &str) -> std::collections::BTreeSet<GrantKind> {
    let kind = |word| GrantKind::ALL.into_iter().find(|kind| kind.as_str() == word).unwrap();
    text.split_whitespace().map(kind).collect()
}

/// Needs, by the names of kinds.
fn needs(required: &str, optional: &str) -> Needs {
    Needs { required: kinds(required), optional: kinds(optional) }
}

/// The decision on `package`, which requires and may use the kinds named.
fn decided(ceiling: &Ceiling, policy: &Policy, package: &str, required: &str, optional: &str) -> Decision {
    let needs = needs(required, optional);
    let limits = LimitsPatch::default();
    decide(ceiling, policy, &Subject { package: &self::package(package), needs: &needs, limits: &limits })
}

fn allowed(decision: Decision) -> Allowed {
    match decision {
        Decision::Allowed(allowed) => allowed,
        Decision::Denied(denied) => panic!("{denied:?}"),
    }
}

fn denied(decision: Decision) -> Denied {
    match decision {
        Decision::Allowed(allowed) => panic!("{allowed:?}"),
        Decision::Denied(denied) => denied,
    }
}
