//! What access rules take in memory, counted by the allocator: alone in its process, so that nothing else is counted.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::alloc::System;
use std::fmt::Write as _;

use cofferdam::access::{self, Action, Moment, Question, Resource, Rules, Side, Who};
use cofferdam::id::{PrincipalId, TenantId, ToolName};
use cofferdam::identity::Scope;
use cofferdam::policy::{Claims, Grants, Risk};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Rules of one tenant.
const RULES: usize = 10;
/// Tenants that have such rules.
const TENANTS: usize = 40;
/// What a tenant takes at most, once its rules are compiled, in bytes; a tenant without rules is among it.
const TENANT_BYTES_MAX: usize = 96_000;
/// What one without compiled rules takes of that at most.
const IDLE_BYTES_MAX: usize = 16_000;

/// Rules as ten people would write them, with names of the tenant's own.
fn text(tenant: usize) -> String {
    let mut text = String::new();
    for rule in 0..RULES {
        writeln!(
            text,
            "@id(\"rule-{rule}\")\nforbid (principal in Scope::\"agent\", action == Action::\"call\", resource in Package::\"own-{tenant}-{rule}\")\n  \
             when {{ context.hour > {rule} && resource.risk == \"high\" }}\n  \
             unless {{ principal.name like \"admin-*\" || resource.read_only }};"
        )
        .unwrap();
    }
    text
}

#[test]
fn compiled_rules_of_a_tenant_fit_their_room() {
    let (tenant, tool): (TenantId, ToolName) = ("acme".parse().unwrap(), "catalogue/text.count".parse().unwrap());
    let (version, id) = (semver::Version::new(1, 0, 0), PrincipalId::new());
    let scopes = Scope::ALL.into_iter().collect();
    let risk = Risk::of(&Default::default(), &Grants::none(), Claims::default());
    let platform = Rules::none(Side::Platform);
    let ask = |rules: &Rules| {
        let who = Who { id, name: "agent", tenant: &tenant, scopes };
        let resource = Resource::Tool { name: &tool, version: &version, risk };
        let question = Question { who, action: Action::Call, resource, moment: Moment { hour: 12, weekday: 3 } };
        assert!(matches!(access::decide(&platform, rules, &question), access::Verdict::Allowed(_)));
    };
    // What is made once for all of them: the schema, and what scopes give.
    ask(&Rules::parse(Side::Tenant, &text(TENANTS)).unwrap());

    let texts: Vec<String> = (0..TENANTS).map(text).collect();
    let region = Region::new(ALLOCATOR);
    let kept: Vec<Rules> = texts.iter().map(|text| Rules::kept(Side::Tenant, text)).collect();
    let held = |region: &Region<'_, System>| {
        let change = region.change();
        (change.bytes_allocated - change.bytes_deallocated) / TENANTS
    };
    let idle = held(&region);
    for rules in &kept {
        ask(rules);
    }
    let compiled = held(&region);
    println!("{RULES} rules take {idle} bytes of a tenant's memory as they are kept, {compiled} once they were asked");
    assert!(idle < 2 * texts[0].len() + 1_000, "{idle}");
    assert!(compiled <= TENANT_BYTES_MAX - IDLE_BYTES_MAX, "{compiled}");
    // Asked again, they grow no further.
    for rules in &kept {
        ask(rules);
    }
    assert!(held(&region) <= compiled + 1_000);
    drop(kept);
}
