//! Recorded calls by the thousand, decided again and tried under other policies, against a reckoning of their own.

mod access;
mod suggestions;
mod trials;
mod world;

use std::time::{Duration, SystemTime};

use semver::Version;

use self::world::{Chance, Wish, World, decision, policy, tool, wishes};
use super::*;
use crate::audit::entry::{CallDecided, CallEnded, CallRefused, CapabilityDenied, Event, Mac, Outcome};
use crate::audit::{Audit, Entry, Settings};
use crate::error::{Code, Result};
use crate::id::{CallId, Digest, PrincipalId, ToolName};
use crate::policy::{Allowed, Decision, Policy};
use crate::snapshot::Caller;
use crate::uses::CapabilityUse;

const ALL: Bounds = Bounds { entries_max: u64::MAX, time_max: Duration::from_secs(3_600) };

fn ever() -> Span {
    Span { since: SystemTime::UNIX_EPOCH, until: SystemTime::now() + Duration::from_secs(60) }
}

/// A call as it was made.
#[derive(Debug, Clone)]
struct Made {
    call: CallId,
    tool: ToolName,
    version: Version,
    wishes: Vec<Wish>,
    uses: Vec<CapabilityUse>,
    decided: Decided,
}

/// Makes a call, and its entries as the router writes them.
fn make(world: &World, chance: &mut Chance) -> (Made, Vec<Event>) {
    let (policy, ceiling) = (chance.below(world.policies.len()), chance.below(world.ceilings.len()));
    let caller = world.caller(policy, ceiling);
    let ((tool, version), call, wishes) = (tool(chance), CallId::new(), wishes(chance));
    let decided = decision(&caller, &tool, &version);
    let mut made = Made {
        call,
        tool: tool.clone(),
        version: version.clone(),
        wishes,
        uses: vec![],
        decided: (*decided).clone().into(),
    };
    let allowed = match &*decided {
        Decision::Allowed(allowed) => allowed,
        Decision::Denied(denied) => {
            let why = (denied.reason.clone(), denied.rule.clone());
            return (made, vec![refused_entry(&caller, call, (&tool, &version), why).into()]);
        }
    };
    made.uses = made.wishes.iter().filter_map(|wish| wish.granted(&allowed.grants)).collect();
    made.uses.sort_unstable();
    made.uses.dedup();
    let begun = decided_entry(&caller, call, (&tool, &version), allowed);
    (made.clone(), vec![begun.into(), ended(call, made.uses).into()])
}

/// The entry of a call that was refused, where no access rules were asked.
fn refused_entry(
    caller: &Caller,
    call: CallId,
    (tool, version): (&ToolName, &Version),
    (reason, rule): (String, String),
) -> CallRefused {
    CallRefused {
        access: None,
        call: Some(call),
        ceiling: Some(caller.platform.ceiling.digest()),
        code: Code::Denied,
        count: 1,
        decisions: vec![],
        labels: Vec::new(),
        parent: None,
        policy: Some(caller.tenant.policy.digest()),
        reason,
        route: None,
        rule: Some(rule),
        session: None,
        tool: Some(tool.clone()),
        version: Some(version.clone()),
    }
}

/// The entry of a call that was let in, where no access rules were asked.
fn decided_entry(
    caller: &Caller,
    call: CallId,
    (tool, version): (&ToolName, &Version),
    allowed: &Allowed,
) -> CallDecided {
    CallDecided {
        access: None,
        approval: None,
        arguments: Mac::from_bytes([7; 32]),
        arguments_bytes: 2,
        call,
        ceiling: caller.platform.ceiling.digest(),
        component: Digest::of(b"component"),
        engine: "engine".to_owned(),
        frozen_time: None,
        labels: Vec::new(),
        limits: (&*allowed.limits).into(),
        parent: None,
        policy: caller.tenant.policy.digest(),
        reserved: None,
        risk: None,
        route: None,
        root: None,
        rule: allowed.rule.clone(),
        session: None,
        tool: tool.clone(),
        version: version.clone(),
    }
}

fn ended(call: CallId, uses: Vec<CapabilityUse>) -> CallEnded {
    CallEnded {
        duration_us: 1_200_000,
        fuel: 120_000_000,
        memory_bytes: 1 << 20,
        uses: Some(uses),
        ..CallEnded::of(call, Outcome::Ok)
    }
}

fn worlds(seed: u64, policies: usize) -> (World, Chance) {
    let mut chance = Chance::new(seed);
    let texts = (0..policies).map(|_| policy(&mut chance)).collect();
    (World::new(texts), chance)
}

/// Makes calls and records them in a journal, by a few hundred principals and between calls of another tenant.
fn recorded(dir: &std::path::Path, world: &World, chance: &mut Chance, count: usize) -> (Audit, Vec<Made>) {
    let (audit, _) = Audit::open(dir, Settings::default()).unwrap();
    let principals: Vec<PrincipalId> = (0..300).map(|_| PrincipalId::new()).collect();
    let (acme, other) = ("acme".parse().unwrap(), "globex".parse().unwrap());
    let mut all = Vec::new();
    for nth in 0..count {
        let (made, events) = make(world, chance);
        let principal = *chance.of(&principals);
        let tenant = if nth % 50 == 49 { &other } else { &acme };
        for event in &events {
            append(&audit, tenant, principal, event);
        }
        if *tenant == acme {
            all.push(made);
        }
    }
    let last = audit.append(
        &acme,
        None,
        &CapabilityDenied {
            action: "x".into(),
            call: CallId::new(),
            capability: "kv".into(),
            nearest: None,
            rule: "x".into(),
        }
        .into(),
    );
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(audit.durable(last.unwrap())).unwrap();
    (audit, all)
}

/// Waits where the next segment is not there yet.
fn append(audit: &Audit, tenant: &crate::id::TenantId, principal: PrincipalId, event: &Event) {
    while let Err(error) = audit.append(tenant, Some(principal), event) {
        assert!(error.message().contains("no room"), "{error:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn entries(audit: &Audit) -> impl Iterator<Item = Result<Entry>> {
    crate::audit::read(audit, &"acme".parse().unwrap(), 0).unwrap()
}

/// Texts as a host keeps them.
fn kept(world: &World) -> impl FnMut(Kept, &Digest) -> Result<Option<String>> + use<> {
    let texts = world.texts();
    move |_, digest| Ok(texts.get(digest).cloned())
}

fn tried(caller: &Caller, text: &str, entries: impl Iterator<Item = Result<Entry>>, world: &World) -> Trial {
    let policy = Policy::parse(text).unwrap();
    let most = (usize::MAX, usize::MAX);
    try_policy(caller, &policy, entries, (ever(), ALL), most, &world.keys, &mut kept(world)).unwrap().0
}

/// Whether what is used now is at least what was used then.
fn covers(now: &CapabilityUse, then: &CapabilityUse) -> bool {
    match (now, then) {
        (CapabilityUse::Clock { shows: now }, CapabilityUse::Clock { shows: then }) => now >= then,
        (
            CapabilityUse::Http { host, method, port, scheme, .. },
            CapabilityUse::Http {
                host: other_host, method: other_method, port: other_port, scheme: other_scheme, ..
            },
        ) => (host, method, port, scheme) == (other_host, other_method, other_port, other_scheme),
        _ => now == then,
    }
}

/// Entries without a journal.
fn spelt(events: Vec<Event>) -> impl Iterator<Item = Result<Entry>> {
    let begun = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
    events.into_iter().zip(0..).map(move |(event, index)| {
        let time = begun + Duration::from_secs(index);
        Ok(Entry { event, index, principal: None, tenant: "acme".parse().unwrap(), time })
    })
}
