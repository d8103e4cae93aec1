//! Budgets hold: at their edges, over the ends of windows, under threads, and against the record's fold.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use expect_test::expect;
use proptest::prelude::*;

use super::*;
use crate::amounts::{Amount, Amounts, Bound, Window};
use crate::audit::entry::Reserved;
use crate::error::Code;
use crate::id::{PrincipalId, TenantId};
use crate::policy::{self, Budget, Ceiling, Policy, Whose};

/// 2026-03-01 12:00:00.
const NOON: u64 = 1_772_366_400;

/// A clock that stands until it is set, in milliseconds.
#[derive(Clone)]
struct Hand(Arc<AtomicU64>);

impl Hand {
    fn at(seconds: u64) -> Self {
        Self(Arc::new(AtomicU64::new(seconds * 1_000)))
    }

    fn set(&self, milliseconds: u64) {
        self.0.store(milliseconds, Ordering::SeqCst);
    }

    fn pass(&self, milliseconds: u64) {
        self.0.fetch_add(milliseconds, Ordering::SeqCst);
    }

    fn clock(&self) -> Clock {
        let hand = Arc::clone(&self.0);
        Arc::new(move || UNIX_EPOCH + Duration::from_millis(hand.load(Ordering::SeqCst)))
    }
}

struct World {
    hand: Hand,
    meter: Meter,
    tenant: TenantId,
    ci: PrincipalId,
    bot: PrincipalId,
    policy: Policy,
}

impl World {
    fn new(policy: &str) -> Self {
        let hand = Hand::at(NOON);
        let meter = Meter::new(hand.clock(), &BTreeMap::new());
        let policy = Policy::parse(policy).unwrap();
        let tenant = "acme".parse().unwrap();
        Self { hand, meter, tenant, ci: PrincipalId::new(), bot: PrincipalId::new(), policy }
    }

    fn budgets(&self, name: &str, package: &str) -> Vec<Budget> {
        policy::budgets(&Ceiling::builtin(), &self.policy, Some(name), Some(&package.parse().unwrap()))
    }

    fn reserve(&self, name: &str, package: &str, fuel: u64) -> crate::Result<Reservation> {
        let principal = Some(if name == "ci" { self.ci } else { self.bot });
        let spender = Spender { principal, package: package.parse().unwrap() };
        self.meter.reserve(&self.tenant, spender, &self.budgets(name, package), fuel_of(fuel))
    }

    /// What is left of the tenant's first budget.
    fn left(&self) -> u64 {
        let budgets = self.budgets("nobody", "nothing");
        self.meter.standing(&self.tenant, &Scope::Tenant, &budgets[0]).left
    }
}

fn fuel_of(fuel: u64) -> Amounts {
    Amounts::of(|amount| match amount {
        Amount::Calls => 1,
        Amount::Fuel => fuel,
        _ => 0,
    })
}

#[test]
fn a_call_is_let_in_only_where_all_that_it_may_use_fits_and_gives_the_rest_back() {
    let world = World::new("[budget]\nfuel_per_day = 1_000");
    let first = world.reserve("ci", "notes", 600).unwrap();
    assert_eq!(world.left(), 400);
    let refused = world.reserve("ci", "notes", 401).unwrap_err();
    assert_eq!(refused.code(), Code::BudgetExceeded);
    let second = world.reserve("ci", "notes", 400).unwrap();
    assert_eq!(world.left(), 0);
    first.settle(&fuel_of(50));
    assert_eq!(world.left(), 550);
    drop(second);
    assert_eq!(world.left(), 950);
    world.reserve("bot", "notes", 950).unwrap().settle(&fuel_of(950));
    assert_eq!(world.left(), 0);
    assert!(world.reserve("bot", "notes", 1).is_err());
    // What takes nothing of it is let in.
    let _free = world.reserve("bot", "notes", 0).unwrap();
}

#[test]
fn a_refusal_says_which_budget_whose_what_is_left_and_what_to_do() {
    let world = World::new(
        "[budget]\nfuel_per_day = 1_000\ncalls_per_second = 2\n[[budget.for]]\nprincipals = [\"ci\"]\ncalls_per_minute = 1\n",
    );
    let say = |error: &crate::Error| format!("{error:?}");
    expect![[r#"budget-exceeded: the tenant's budget fuel_per_day has 1,000 left of 1,000, and this call may use 2,000: no call with these limits fits: have limits.* lowered or budget.fuel_per_day raised (policy line 2: budget.fuel_per_day) {"left": Number(1000), "limit": String("fuel_per_day"), "maximum": Number(1000), "needed": Number(2000), "reserved": Number(0), "resets_at": String("2026-03-02T00:00:00.000Z"), "retry_after_ms": Number(43200000), "rule": String("policy line 2: budget.fuel_per_day"), "used": Number(0), "whose": String("tenant")}"#]]
        .assert_eq(&say(&world.reserve("bot", "notes", 2_000).unwrap_err()));
    let running = world.reserve("bot", "notes", 900).unwrap();
    expect![[r#"budget-exceeded: the tenant's budget fuel_per_day has 100 left of 1,000, and this call may use 200: wait for running calls to end, for which 900 is reserved, or until 2026-03-02T00:00:00.000Z; or have it raised (policy line 2: budget.fuel_per_day) {"left": Number(100), "limit": String("fuel_per_day"), "maximum": Number(1000), "needed": Number(200), "reserved": Number(900), "resets_at": String("2026-03-02T00:00:00.000Z"), "retry_after_ms": Number(1000), "rule": String("policy line 2: budget.fuel_per_day"), "used": Number(0), "whose": String("tenant")}"#]]
        .assert_eq(&say(&world.reserve("bot", "notes", 200).unwrap_err()));
    drop(running);
    world.reserve("ci", "notes", 1).unwrap().settle(&fuel_of(1));
    expect![[r#"budget-exceeded: the tenant's budget calls_per_second of 2 is used up: wait until 2026-03-01T12:00:00.500Z, or have it raised (policy line 3: budget.calls_per_second) {"left": Number(0), "limit": String("calls_per_second"), "maximum": Number(2), "needed": Number(1), "reserved": Number(0), "resets_at": String("2026-03-01T12:00:00.500Z"), "retry_after_ms": Number(500), "rule": String("policy line 3: budget.calls_per_second"), "used": Number(2), "whose": String("tenant")}"#]]
        .assert_eq(&say(&world.reserve("ci", "notes", 1).unwrap_err()));
    world.hand.pass(1_000);
    expect![[r#"budget-exceeded: this key's budget calls_per_minute has 0 left of 1, and this call may use 1: wait until 2026-03-01T12:01:00.000Z, or have it raised (policy line 6: budget.for[1].calls_per_minute) {"left": Number(0), "limit": String("calls_per_minute"), "maximum": Number(1), "needed": Number(1), "reserved": Number(0), "resets_at": String("2026-03-01T12:01:00.000Z"), "retry_after_ms": Number(59000), "rule": String("policy line 6: budget.for[1].calls_per_minute"), "used": Number(1), "whose": String("principal")}"#]]
        .assert_eq(&say(&world.reserve("ci", "notes", 1).unwrap_err()));
}

#[test]
fn a_window_that_is_over_is_forgotten_and_a_call_counts_where_it_was_let_in() {
    for (key, seconds) in [("calls_per_minute", 60), ("calls_per_hour", 3_600), ("calls_per_day", 86_400)] {
        let world = World::new(&format!("[budget]\n{key} = 2"));
        let begin = NOON / seconds * seconds;
        world.hand.set((begin + seconds) * 1_000 - 1);
        let over = world.reserve("ci", "notes", 1).unwrap();
        world.reserve("ci", "notes", 1).unwrap().settle(&fuel_of(1));
        assert!(world.reserve("ci", "notes", 1).is_err(), "{key}");
        world.hand.pass(1);
        assert_eq!(world.left(), 2, "{key}");
        over.settle(&fuel_of(1));
        assert_eq!(world.left(), 2, "{key}: it was let in before");
        world.reserve("ci", "notes", 1).unwrap().settle(&fuel_of(1));
        assert_eq!(world.left(), 1, "{key}");
    }
}

#[test]
fn setting_the_clock_back_gives_nobody_a_window_for_nothing() {
    let world = World::new("[budget]\ncalls_per_day = 2");
    world.reserve("ci", "notes", 1).unwrap().settle(&fuel_of(1));
    world.hand.set((NOON - 86_400) * 1_000);
    world.reserve("ci", "notes", 1).unwrap().settle(&fuel_of(1));
    assert!(world.reserve("ci", "notes", 1).is_err());
}

/// A rate is no window: it goes on by the clock as it is, with a second's worth at once and no more.
#[test]
fn setting_the_clock_back_keeps_nobody_from_calling_at_the_same_rate() {
    let world = World::new("[budget]\ncalls_per_second = 10");
    let come = || (0..50).filter(|_| world.reserve("ci", "notes", 1).is_ok()).count();
    assert_eq!(come(), 10);
    for back in [30, 86_400] {
        world.hand.set((NOON - back) * 1_000);
        assert_eq!(come(), 10, "{back}");
        world.hand.pass(100);
        assert_eq!(come(), 1, "{back}");
    }
    // One that saw the time just before the others and comes behind them finds it used up all the same.
    world.hand.set((NOON - 86_400) * 1_000);
    assert_eq!(come(), 0);
}

#[test]
fn each_key_and_each_package_has_its_own() {
    let rows = "[[budget.for]]\nprincipals = [\"*\"]\ncalls_per_day = 3\n\
                [[budget.for]]\ntools = [\"*\", \"catalogue/*\"]\ncalls_per_day = 4\n\
                [[budget.for]]\nprincipals = [\"ci\"]\ntools = [\"notes\"]\ncalls_per_day = 1\n";
    let world = World::new(rows);
    let call = |name: &str, package: &str| world.reserve(name, package, 1).map(|call| call.settle(&fuel_of(1)));
    let whose = |error: crate::Error| error.facts()["whose"].as_str().unwrap().to_owned();
    call("ci", "notes").unwrap();
    assert_eq!(whose(call("ci", "notes").unwrap_err()), "principal-and-tool");
    call("ci", "catalogue/text").unwrap();
    call("ci", "catalogue/text").unwrap();
    assert_eq!(whose(call("ci", "catalogue/text").unwrap_err()), "principal");
    call("bot", "catalogue/text").unwrap();
    call("bot", "catalogue/text").unwrap();
    assert_eq!(whose(call("bot", "catalogue/text").unwrap_err()), "tool");
    call("bot", "notes").unwrap();
}

#[test]
fn of_two_budgets_alike_the_lesser_is_in_force_and_another_policy_finds_the_same_use() {
    let mut world = World::new("[budget]\nfuel_per_day = 1_000");
    let ceiling = Ceiling::parse("[budget]\nfuel_per_day = 400\nfuel_per_hour = 9_000").unwrap();
    let budgets = policy::budgets(&ceiling, &world.policy, None, None);
    let told: Vec<_> = budgets.iter().map(|budget| (budget.bound.key(), budget.maximum, &*budget.rule)).collect();
    assert_eq!(
        told,
        [
            ("fuel_per_hour", 9_000, "ceiling line 3: budget.fuel_per_hour"),
            ("fuel_per_day", 400, "ceiling line 2: budget.fuel_per_day")
        ]
    );
    world.reserve("ci", "notes", 300).unwrap().settle(&fuel_of(300));
    world.policy = Policy::parse("[[budget.for]]\nprincipals = [\"ci\"]\nfuel_per_hour = 310").unwrap();
    assert!(world.reserve("ci", "notes", 11).is_err());
    let _room = world.reserve("ci", "notes", 10).unwrap();
}

#[test]
fn what_is_left_is_told_of_the_scarcest_of_money_else_tokens_else_fuel_else_calls() {
    let scarcest = |policy: &str| {
        let world = World::new(policy);
        world.reserve("ci", "notes", 250).unwrap().settle(&fuel_of(250));
        let budgets = world.budgets("ci", "notes");
        let standing = world.meter.scarcest(&world.tenant, &budgets, |whose| match whose {
            Whose::Principal => Scope::Principal(world.ci),
            _ => Scope::Tenant,
        });
        standing.map(|standing| (standing.left_ppm(), standing.limit))
    };
    let is = |policy: &str, left_ppm: u32, limit: &str| {
        assert_eq!(scarcest(policy), Some((left_ppm, limit.to_owned())), "{policy}");
    };
    assert_eq!(scarcest(""), None);
    is("[budget]\ncalls_per_day = 4", 750_000, "calls_per_day");
    is("[budget]\ncalls_per_day = 4\nfuel_per_day = 500", 500_000, "fuel_per_day");
    is(
        "[budget]\nfuel_per_day = 500\nfuel_per_hour = 1_000\n[[budget.for]]\nprincipals=[\"ci\"]\nfuel_per_day=1_000",
        500_000,
        "fuel_per_day",
    );
    is("[budget]\nfuel_per_day = 250", 0, "fuel_per_day");
    is("[budget]\nfuel_per_day = 500\nmodel_tokens_per_day = 1_000", 1_000_000, "model_tokens_per_day");
    is("[budget]\nmodel_tokens_per_day = 0\nmodel_cost_per_day = \"25 USD\"", 1_000_000, "model_cost_per_day");
    is("[budget]\nmodel_cost_per_day = \"0 USD\"", 0, "model_cost_per_day");
}

#[test]
fn a_rate_lets_a_seconds_worth_come_at_once_and_then_one_at_a_time() {
    let world = World::new("[budget]\ncalls_per_second = 10");
    let come = || (0..50).filter(|_| world.reserve("ci", "notes", 1).is_ok()).count();
    assert_eq!(come(), 10);
    world.hand.pass(100);
    assert_eq!(come(), 1);
    world.hand.pass(250);
    assert_eq!(come(), 2);
    world.hand.pass(5_000);
    assert_eq!(come(), 10);
}

#[test]
fn what_no_window_is_about_any_more_is_forgotten() {
    let world = World::new("");
    world.reserve("ci", "notes", 1).unwrap().settle(&fuel_of(1));
    let running = world.reserve("bot", "other", 1).unwrap();
    world.meter.prune();
    assert_eq!(world.meter.scopes(&world.tenant).len(), 7);
    world.hand.pass(2 * 86_400_000);
    world.meter.prune();
    assert_eq!(world.meter.accounts().len(), 1, "a call of it runs");
    drop(running);
    world.meter.prune();
    assert_eq!(world.meter.accounts().len(), 0);
}

/// Threads that reserve, settle and give up at random, many more than there is room for: no budget is exceeded at any
/// moment, and at the end all that is counted is what was used.
#[test]
fn no_budget_is_exceeded_whoever_comes_at_once() {
    const MAXIMUM: u64 = 1_000;
    let world = World::new(&format!(
        "[budget]\nfuel_per_day = {MAXIMUM}\n[[budget.for]]\nprincipals = [\"*\"]\nfuel_per_day = 600\n"
    ));
    let spent = AtomicU64::new(0);
    let look = || {
        let counted = world.meter.accounts();
        let now = UNIX_EPOCH + Duration::from_secs(NOON);
        for (scope, most) in
            [(Scope::Tenant, MAXIMUM), (Scope::Principal(world.ci), 600), (Scope::Principal(world.bot), 600)]
        {
            let Some(account) = counted.get(&world.tenant) else { continue };
            let (counted, _) = account.counted(&scope, Window::Day, now);
            let sum = counted.used[Amount::Fuel] + counted.reserved[Amount::Fuel];
            assert!(sum <= most, "{scope:?}: {counted:?}");
        }
    };
    std::thread::scope(|threads| {
        for thread in 0..8_u64 {
            let (world, spent, look) = (&world, &spent, &look);
            threads.spawn(move || {
                let mut dice = thread.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
                for _ in 0..2_000 {
                    dice ^= dice << 13;
                    dice ^= dice >> 7;
                    dice ^= dice << 17;
                    let name = if dice & 1 == 0 { "ci" } else { "bot" };
                    let Ok(call) = world.reserve(name, "notes", 1 + dice % 200) else { continue };
                    look();
                    if dice & 6 == 0 {
                        let used = (dice >> 8) % 3;
                        call.settle(&fuel_of(used.min(1 + dice % 200)));
                        spent.fetch_add(used.min(1 + dice % 200), Ordering::SeqCst);
                    }
                }
            });
        }
    });
    let left = world.left();
    assert_eq!(left, MAXIMUM - spent.load(Ordering::SeqCst));
    let account = &world.meter.accounts()[&world.tenant];
    let (counted, _) = account.counted(&Scope::Tenant, Window::Day, UNIX_EPOCH + Duration::from_secs(NOON));
    assert_eq!(counted.reserved, Amounts::NONE, "nothing stays behind");
}

/// What happens to one call.
#[derive(Debug, Clone)]
enum Step {
    Begin { ci: bool, need: u64 },
    End { which: prop::sample::Index, used: u64 },
    GiveUp { which: prop::sample::Index },
    Pass { seconds: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (any::<bool>(), 0..300_u64).prop_map(|(ci, need)| Step::Begin { ci, need }),
        3 => (any::<prop::sample::Index>(), 0..300_u64).prop_map(|(which, used)| Step::End { which, used }),
        1 => any::<prop::sample::Index>().prop_map(|which| Step::GiveUp { which }),
        1 => prop_oneof![1..70_u64, 3_000..4_000_u64, 80_000..90_000_u64].prop_map(|seconds| Step::Pass { seconds }),
    ]
}

proptest! {
    /// However calls come, end and are given up, and however time passes: the meter holds what a fold over what ended
    /// gives, in whatever order that comes, and no budget is ever exceeded.
    #[test]
    fn the_meter_is_the_fold_of_what_ended(steps in prop::collection::vec(step(), 1..120), turned in any::<bool>()) {
        let world = World::new("[budget]\nfuel_per_day = 2_000\nfuel_per_hour = 900\nfuel_per_minute = 500");
        let mut running = Vec::new();
        let mut ended: Vec<(Spender, SystemTime, Amounts)> = Vec::new();
        for step in steps {
            match step {
                Step::Begin { ci, need } => {
                    let name = if ci { "ci" } else { "bot" };
                    let package = if need % 2 == 0 { "notes" } else { "catalogue/text" };
                    if let Ok(call) = world.reserve(name, package, need) {
                        let principal = Some(if ci { world.ci } else { world.bot });
                        running.push((Spender { principal, package: package.parse().unwrap() }, call));
                    }
                }
                Step::End { which, used } if !running.is_empty() => {
                    let (spender, call) = running.swap_remove(which.index(running.len()));
                    let reserved = call.reserved();
                    let used = fuel_of(used.min(reserved.amounts[Amount::Fuel]));
                    call.settle(&used);
                    ended.push((spender, reserved.at, used));
                }
                Step::GiveUp { which } if !running.is_empty() => drop(running.swap_remove(which.index(running.len()))),
                Step::Pass { seconds } => world.hand.pass(seconds * 1_000),
                Step::End { .. } | Step::GiveUp { .. } => {}
            }
            for budget in world.budgets("ci", "notes") {
                let standing = world.meter.standing(&world.tenant, &Scope::Tenant, &budget);
                prop_assert!(standing.used + standing.reserved <= standing.maximum);
            }
        }
        drop(running);
        if turned {
            ended.reverse();
        }
        let mut fold = Account::default();
        for (spender, at, used) in &ended {
            fold.charge(spender, Hold::new(Reserved { amounts: Amounts::NONE, at: *at }).charges(used));
        }
        let again = Meter::new(world.hand.clock(), &BTreeMap::from([(world.tenant.clone(), fold)]));
        let spender = Spender { principal: Some(world.ci), package: "notes".parse().unwrap() };
        for whose in [Whose::Tenant, Whose::Principal, Whose::Tool, Whose::PrincipalAndTool] {
            for (amount, window) in Amount::ALL.iter().flat_map(|amount| Window::ALL.map(|window| (*amount, window))) {
                let bound = Bound::Per(amount, window);
                let budget = Budget { whose, bound, maximum: 10_000, rule: String::new() };
                let scope = spender.scope(whose).unwrap();
                let (here, there) =
                    [&world.meter, &again].map(|meter| meter.standing(&world.tenant, &scope, &budget)).into();
                prop_assert_eq!(here, there);
            }
        }
    }
}
