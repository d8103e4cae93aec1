//! What is folded is what the meter held, whatever came between.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use proptest::prelude::*;

use super::super::budget::{Meter, Reservation};
use super::*;
use crate::amounts::{Bound, Window};
use crate::audit::tests::samples;
use crate::id::PrincipalId;
use crate::policy::{self, Budget, Ceiling, Policy, Whose};

#[test]
fn what_a_host_kept_before_there_were_budgets_is_read() {
    let call = CallId::new();
    let json = format!(r#"{{"rows":[],"open":{{"{call}":"notes.add"}}}}"#);
    let ledger = Ledger::load(3, &json).unwrap();
    assert_eq!(ledger.folded.open[&call].tool.to_string(), "notes.add");
    let (position, kept) = ledger.kept().unwrap();
    assert_eq!(Ledger::load(position, &kept).unwrap(), ledger);
}

/// A call that runs.
struct Running {
    call: CallId,
    /// Which of those that run made it.
    parent: Option<CallId>,
    reservation: Reservation,
    /// What it was given of fuel, and what of that it has neither used nor given on.
    part: u64,
    left: u64,
    /// What those below it used.
    below: u64,
}

/// A host, and what its record comes to.
struct World {
    now: Arc<AtomicU64>,
    meter: Meter,
    tenant: TenantId,
    principal: PrincipalId,
    policy: Policy,
    running: Vec<Running>,
    folded: Folded,
}

#[derive(Debug, Clone)]
enum Step {
    Begin {
        package: &'static str,
        fuel: u64,
    },
    Below {
        which: prop::sample::Index,
        package: &'static str,
        part: u64,
    },
    End {
        which: prop::sample::Index,
        used: u64,
    },
    Pass {
        seconds: u64,
    },
    /// What is folded is kept and read again.
    Keep,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let package = || prop::sample::select(vec!["lead", "team", "catalogue/text"]);
    let which = any::<prop::sample::Index>;
    let step = prop_oneof![
        3 => (package(), 0..400_u64).prop_map(|(package, fuel)| Step::Begin { package, fuel }),
        6 => (which(), package(), 0..200_u64).prop_map(|(which, package, part)| Step::Below { which, package, part }),
        5 => (which(), 0..200_u64).prop_map(|(which, used)| Step::End { which, used }),
        1 => prop_oneof![1..70_u64, 3_000..4_000_u64, 80_000..90_000_u64].prop_map(|seconds| Step::Pass { seconds }),
        1 => Just(Step::Keep),
    ];
    prop::collection::vec(step, 1..100)
}

const POLICY: &str = "[budget]\nfuel_per_day = 1_500\nfuel_per_minute = 900\nchild_calls_per_hour = 20\n\
    [[budget.for]]\nprincipals = [\"ci\"]\nfuel_per_hour = 1_200\n\
    [[budget.for]]\ntools = [\"*\", \"catalogue/*\"]\nfuel_per_day = 700\nchild_calls_per_minute = 7\n";

impl World {
    fn new() -> Self {
        // Today, so that nothing is pruned.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let now = Arc::new(AtomicU64::new(now));
        let clock = Arc::clone(&now);
        let clock = Arc::new(move || UNIX_EPOCH + Duration::from_secs(clock.load(Ordering::Relaxed)));
        let (meter, tenant) = (Meter::new(clock, &BTreeMap::new()), "acme".parse().unwrap());
        let policy = Policy::parse(POLICY).unwrap();
        Self {
            now,
            meter,
            tenant,
            principal: PrincipalId::new(),
            policy,
            running: Vec::new(),
            folded: Folded::default(),
        }
    }

    fn spender(&self, package: &str) -> Spender {
        Spender { principal: Some(self.principal), package: package.parse().unwrap() }
    }

    fn budgets(&self, package: &str) -> Vec<Budget> {
        policy::budgets(&Ceiling::builtin(), &self.policy, Some("ci"), Some(&package.parse().unwrap()))
    }

    fn record(&mut self, event: Event) {
        let (time, principal) = (UNIX_EPOCH + Duration::from_secs(self.now.load(Ordering::Relaxed)), self.principal);
        self.folded.take_in(&Entry { event, index: 0, principal: Some(principal), tenant: self.tenant.clone(), time });
    }

    fn begin(&mut self, package: &'static str, fuel: u64, parent: Option<usize>) -> Result<()> {
        let is_child = parent.is_some();
        let needs = Amounts::of(|amount| match amount {
            Amount::Calls => u64::from(!is_child),
            Amount::ChildCalls => u64::from(is_child),
            Amount::Fuel => fuel,
            _ => 0,
        });
        let line = parent.map(|nth| self.running[nth].reservation.line());
        let (spender, budgets) = (self.spender(package), self.budgets(package));
        let reservation = self.meter.reserve_below(&self.tenant, spender, &budgets, needs, line.as_ref())?;
        let call = CallId::new();
        let parent = parent.map(|nth| {
            self.running[nth].left -= fuel;
            self.running[nth].call
        });
        let Event::CallDecided(decided) = samples::decided(call) else { unreachable!() };
        let (reserved, tool) = (Some(reservation.reserved()), format!("{package}.work").parse().unwrap());
        self.record(CallDecided { parent, reserved, session: None, tool, ..decided }.into());
        self.running.push(Running { call, parent, reservation, part: fuel, left: fuel, below: 0 });
        Ok(())
    }

    /// Ends a call; nothing where one below it runs.
    fn end(&mut self, nth: usize, used: u64) {
        let call = self.running[nth].call;
        if self.running.iter().any(|other| other.parent == Some(call)) {
            return;
        }
        let Running { parent, reservation, part, left, below, .. } = self.running.remove(nth);
        let fuel = used.min(left);
        if let Some(above) = self.running.iter_mut().find(|other| Some(other.call) == parent) {
            above.left += part - fuel - below;
            above.below += fuel + below;
        }
        let Event::CallEnded(ended) = samples::ended(call) else { unreachable!() };
        let ended = CallEnded { fuel, ..ended };
        reservation.settle(&super::used(&ended, parent.is_some()));
        self.record(ended.into());
    }

    fn interrupt(&mut self, turned: bool) {
        let mut calls: Vec<CallId> = self.running.drain(..).map(|running| running.call).collect();
        if turned {
            calls.reverse();
        }
        for call in calls {
            let Event::CallEnded(ended) = samples::ended(call) else { unreachable!() };
            let outcome = Outcome::Failed(Code::Interrupted);
            self.record(CallEnded { fuel: 0, outcome, ..ended }.into());
        }
    }

    /// Use by each counter, amount and window: what is counted, and what is kept.
    fn all(&self, meter: &Meter) -> Vec<(Whose, &'static str, Bound, u64, u64)> {
        let mut all = Vec::new();
        for package in ["lead", "team", "catalogue/text"] {
            let spender = self.spender(package);
            let bounds = Amount::ALL.iter().flat_map(|amount| Window::ALL.map(|window| Bound::Per(*amount, window)));
            for (bound, whose) in bounds.flat_map(|bound| Whose::ALL.map(|whose| (bound, whose))) {
                let budget = Budget { whose, bound, maximum: u64::MAX, rule: String::new() };
                let standing = meter.standing(&self.tenant, &spender.scope(whose).unwrap(), &budget);
                all.push((whose, package, bound, standing.used, standing.reserved));
            }
        }
        all
    }

    fn fuel_of_tenant(&self) -> (u64, u64) {
        let bound = Bound::Per(Amount::Fuel, Window::Day);
        let all = self.all(&self.meter);
        let found = all.iter().find(|(whose, _, of, ..)| *whose == Whose::Tenant && *of == bound).unwrap();
        (found.3, found.4)
    }
}

proptest! {
    /// However calls are made below others, end, and are cut off by a crash: no budget is exceeded, fuel is kept once, and
    /// what the record comes to is what was counted and kept.
    #[test]
    fn calls_below_calls_are_counted_once(steps in steps(), turned in any::<bool>()) {
        let mut world = World::new();
        let mut passed = false;
        for step in steps {
            match step {
                Step::Begin { package, fuel } => drop(world.begin(package, fuel, None)),
                Step::Below { which, package, part } if !world.running.is_empty() => {
                    let nth = which.index(world.running.len());
                    let before = world.fuel_of_tenant();
                    let part = part.min(world.running[nth].left);
                    drop(world.begin(package, part, Some(nth)));
                    prop_assert_eq!(world.fuel_of_tenant(), before, "of its fuel nothing is new to the tenant");
                }
                Step::End { which, used } if !world.running.is_empty() => {
                    let nth = which.index(world.running.len());
                    let (used_before, kept_before) = world.fuel_of_tenant();
                    world.end(nth, used);
                    let (used_after, kept_after) = world.fuel_of_tenant();
                    prop_assert!(used_after + kept_after <= used_before + kept_before);
                }
                Step::Pass { seconds } => {
                    passed = true;
                    world.now.fetch_add(seconds, Ordering::Relaxed);
                }
                Step::Keep => {
                    let json = serde_json::to_string(&world.folded).unwrap();
                    world.folded = serde_json::from_str(&json).unwrap();
                }
                Step::Below { .. } | Step::End { .. } => {}
            }
            for package in ["lead", "team", "catalogue/text"] {
                let (spender, budgets) = (world.spender(package), world.budgets(package));
                for standing in world.meter.standings(&world.tenant, &spender, &budgets) {
                    prop_assert!(standing.used + standing.reserved <= standing.maximum, "{standing:?}");
                }
            }
        }
        if !passed {
            let roots = world.running.iter().filter(|running| running.parent.is_none());
            let kept: u64 = roots.map(|root| root.part - root.below).sum();
            let live: u64 = world.running.iter().filter(|running| running.parent.is_some()).map(|running| running.below).sum();
            prop_assert_eq!(world.fuel_of_tenant().1 + live, kept);
        }
        let before = world.all(&world.meter);
        world.interrupt(turned);
        let (tenant, now) = (world.tenant.clone(), Arc::clone(&world.now));
        let clock = Arc::new(move || UNIX_EPOCH + Duration::from_secs(now.load(Ordering::Relaxed)));
        let again = Meter::new(clock, &world.folded.accounts);
        prop_assert!(world.folded.open.is_empty(), "{tenant}");
        for (here, there) in before.into_iter().zip(world.all(&again)) {
            prop_assert_eq!((here.3 + here.4, 0), (there.3, there.4), "{:?}", here);
        }
    }
}
