//! Breakers, with a clock that the tests turn, and from many threads at once.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn settings() -> BreakerSettings {
    BreakerSettings {
        failure_rate_ppm: 500_000,
        slow_rate_ppm: 800_000,
        slow: SECOND,
        calls_min: 4,
        window: 10 * SECOND,
        open: 5 * SECOND,
    }
}

fn key(tool: &str) -> BreakerKey {
    let choice = ChoiceKey { tool: tool.parse().unwrap(), without: BTreeSet::new() };
    BreakerKey { route: "r".parse().unwrap(), choice }
}

struct Stand {
    breakers: Breakers,
    tenant: TenantId,
    now: Instant,
}

impl Stand {
    fn new() -> Self {
        Self { breakers: Breakers::default(), tenant: "acme".parse().unwrap(), now: Instant::now() }
    }

    fn health(&self) -> Health {
        self.breakers.health(&self.tenant, &key("a"), self.now)
    }

    fn begin(&self) -> Option<Trial> {
        self.breakers.begin(&self.tenant, &key("a"), (settings(), false), self.now).ok()
    }

    fn begin_few(&self, settings: BreakerSettings) -> Result<Trial, Health> {
        self.breakers.begin(&self.tenant, &key("a"), (settings, true), self.now)
    }

    fn ran(&self, failed: bool, took: Duration) {
        self.begin().unwrap().end(failed, took, self.now);
    }

    fn open(&self) {
        (0..4).for_each(|_| self.ran(true, Duration::ZERO));
        assert_eq!(self.health(), Health::Open);
    }
}

#[test]
fn it_opens_at_the_rate_and_not_before_there_are_calls_enough() {
    let stand = Stand::new();
    (0..3).for_each(|_| stand.ran(true, Duration::ZERO));
    assert_eq!(stand.health(), Health::Closed);
    stand.ran(false, Duration::ZERO);
    assert_eq!(stand.health(), Health::Open, "three of four");
    assert!(stand.begin().is_none());

    let stand = Stand::new();
    for nth in 0..100 {
        stand.ran(nth % 5 >= 3, Duration::ZERO);
    }
    assert_eq!(stand.health(), Health::Closed, "two of five");
    let stand = Stand::new();
    (0..4).for_each(|nth| stand.ran(nth % 2 == 1, Duration::ZERO));
    assert_eq!(stand.health(), Health::Open, "half, exactly");
}

#[test]
fn slow_calls_open_it_too() {
    let stand = Stand::new();
    (0..100).for_each(|_| stand.ran(false, SECOND - Duration::from_nanos(1)));
    assert_eq!(stand.health(), Health::Closed);
    let stand = Stand::new();
    (0..4).for_each(|_| stand.ran(false, SECOND));
    assert_eq!(stand.health(), Health::Open);
}

/// However many come at once, and whatever ended well before: as many fail as open it.
#[test]
fn where_few_are_let_through_no_more_fail_than_it_takes_to_open() {
    for (rate, well) in [(500_000, 0), (500_000, 1), (500_000, 3), (500_000, 10), (250_000, 10), (900_000, 2)] {
        let (stand, settings) = (Stand::new(), BreakerSettings { failure_rate_ppm: rate, ..settings() });
        for _ in 0..well {
            stand.begin_few(settings).unwrap().end(false, Duration::ZERO, stand.now);
        }
        let (mut failed, mut under_way) = (0, Vec::new());
        loop {
            let said = loop {
                match stand.begin_few(settings) {
                    Ok(trial) => under_way.push(trial),
                    Err(said) => break said,
                }
            };
            if said == Health::Open {
                break;
            }
            assert_eq!(said, Health::Unproven);
            let trial: Trial = under_way.remove(under_way.len() / 2);
            trial.end(true, Duration::ZERO, stand.now);
            failed += 1;
        }
        // One after the other it would have been as many.
        let alone = Stand::new();
        (0..well).for_each(|_| alone.begin_few(settings).unwrap().end(false, Duration::ZERO, alone.now));
        let mut expected = 0;
        while let Ok(trial) = alone.begin_few(settings) {
            trial.end(true, Duration::ZERO, alone.now);
            expected += 1;
        }
        assert_eq!((failed, under_way.len()), (expected, 0), "{rate} after {well}");
    }
}

#[test]
fn those_that_leave_or_say_nothing_make_room_for_others_and_what_ends_well_for_more() {
    let mut stand = Stand::new();
    let four: Vec<Trial> = (0..4).map(|_| stand.begin_few(settings()).unwrap()).collect();
    assert_eq!(stand.begin_few(settings()).unwrap_err(), Health::Unproven);
    // Whoever is not bound is let through all the same, and asking says nothing of it.
    assert_eq!((stand.health(), stand.begin().map(Trial::forget)), (Health::Closed, Some(())));
    let mut four = four.into_iter();
    drop(four.next());
    four.next().unwrap().forget();
    let two = [stand.begin_few(settings()).unwrap(), stand.begin_few(settings()).unwrap()];
    assert_eq!(stand.begin_few(settings()).unwrap_err(), Health::Unproven);
    four.chain(two).for_each(|trial| trial.end(false, Duration::ZERO, stand.now));
    // After four that ended well, four more have to fail; when those are forgotten, too.
    let many: Vec<Trial> = (0..4).map(|_| stand.begin_few(settings()).unwrap()).collect();
    assert_eq!(stand.begin_few(settings()).unwrap_err(), Health::Unproven);
    many.into_iter().for_each(|trial| trial.end(false, Duration::ZERO, stand.now));
    let eight: Vec<Trial> = (0..8).map(|_| stand.begin_few(settings()).unwrap()).collect();
    assert_eq!(stand.begin_few(settings()).unwrap_err(), Health::Unproven);
    drop(eight);
    stand.now += 11 * SECOND;
    let four: Vec<Trial> = (0..4).map(|_| stand.begin_few(settings()).unwrap()).collect();
    assert_eq!((four.len(), stand.begin_few(settings()).unwrap_err()), (4, Health::Unproven));
}

#[test]
fn what_is_behind_the_window_does_not_count() {
    let mut stand = Stand::new();
    (0..3).for_each(|_| stand.ran(true, Duration::ZERO));
    stand.now += 11 * SECOND;
    stand.ran(true, Duration::ZERO);
    assert_eq!(stand.health(), Health::Closed, "three of the four are gone");
    // One slot after the other goes.
    let mut stand = Stand::new();
    for _ in 0..60 {
        stand.now += 4 * SECOND;
        stand.ran(true, Duration::ZERO);
        assert_eq!(stand.health(), Health::Closed);
    }
}

#[test]
fn one_call_at_a_time_shows_whether_it_is_well_again() {
    let mut stand = Stand::new();
    stand.open();
    stand.now += 5 * SECOND;
    assert_eq!(stand.health(), Health::HalfOpen);
    let probe = stand.begin().unwrap();
    assert_eq!((stand.health(), stand.begin().is_none()), (Health::Probing, true));
    probe.end(true, Duration::ZERO, stand.now);
    assert_eq!(stand.health(), Health::Open, "for another while");
    stand.now += 5 * SECOND;
    // One that was given up, or says nothing, makes room for another.
    drop(stand.begin().unwrap());
    assert_eq!(stand.health(), Health::HalfOpen);
    stand.begin().unwrap().forget();
    assert_eq!(stand.health(), Health::HalfOpen);
    stand.ran(false, SECOND);
    assert_eq!(stand.health(), Health::Open, "slow is not well");
    stand.now += 5 * SECOND;
    stand.ran(false, Duration::ZERO);
    assert_eq!(stand.health(), Health::Closed);
    // What had failed before is forgotten.
    (0..3).for_each(|_| stand.ran(true, Duration::ZERO));
    assert_eq!(stand.health(), Health::Closed);
}

#[test]
fn a_call_that_began_before_a_change_says_nothing_after_it() {
    let mut stand = Stand::new();
    let early: Vec<Trial> = (0..8).map(|_| stand.begin().unwrap()).collect();
    stand.open();
    stand.now += 5 * SECOND;
    let probe = stand.begin().unwrap();
    for trial in early {
        trial.end(false, Duration::ZERO, stand.now);
        assert_eq!(stand.health(), Health::Probing);
    }
    probe.end(false, Duration::ZERO, stand.now);
    assert_eq!(stand.health(), Health::Closed);
}

#[test]
fn each_choice_route_and_tenant_has_its_own() {
    let stand = Stand::new();
    stand.open();
    let other = BreakerKey { route: "other".parse().unwrap(), ..key("a") };
    for (tenant, key) in [("acme", key("b")), ("acme", key("a@1")), ("acme", other), ("globex", key("a"))] {
        assert_eq!(stand.breakers.health(&tenant.parse().unwrap(), &key, stand.now), Health::Closed, "{key:?}");
    }
}

/// A tenant that makes up names loses breakers of its own, and nobody else's.
#[test]
fn hostile_names_without_end_are_forgotten() {
    let stand = Stand::new();
    stand.open();
    let crowd: TenantId = "crowd".parse().unwrap();
    for nth in 0..3 * BREAKERS_MAX {
        let key = key(&format!("a{nth}"));
        drop(stand.breakers.begin(&crowd, &key, (settings(), false), stand.now).unwrap());
    }
    assert!(stand.breakers.0.read()[&crowd].len() <= BREAKERS_MAX);
    assert_eq!(stand.health(), Health::Open);
}

/// Threads without an order: at no moment are there two that see whether it is well again, and none is lost.
#[test]
fn many_threads_find_one_probe_and_the_state_that_follows() {
    for round in 0..200 {
        let mut stand = Stand::new();
        stand.open();
        stand.now += 5 * SECOND;
        let (probes, at_once) = (AtomicU32::new(0), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let (stand, probes, at_once) = (&stand, &probes, &at_once);
                scope.spawn(move || {
                    for turn in 0..50 {
                        let Some(trial) = stand.begin() else { continue };
                        if !trial.is_probe {
                            continue;
                        }
                        assert_eq!(at_once.fetch_add(1, Ordering::SeqCst), 0, "two at once");
                        std::thread::yield_now();
                        at_once.fetch_sub(1, Ordering::SeqCst);
                        // Some are given up; the rest end well, and close it.
                        if (thread + turn + round) % 3 == 0 {
                            drop(trial);
                        } else {
                            probes.fetch_add(1, Ordering::SeqCst);
                            trial.end(false, Duration::ZERO, stand.now);
                        }
                    }
                });
            }
        });
        // A thread that is kept from running can give its probe up when the others have had all their turns: then the next one is.
        if stand.health() == Health::HalfOpen {
            let trial = stand.begin().unwrap();
            assert!(trial.is_probe);
            probes.fetch_add(1, Ordering::SeqCst);
            trial.end(false, Duration::ZERO, stand.now);
        }
        assert_eq!((probes.into_inner(), stand.health()), (1, Health::Closed));
    }
}
