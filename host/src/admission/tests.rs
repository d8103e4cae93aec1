//! Turns are fair, refusals honest, and nobody who left holds a place: on a clock that only tests move, and with threads.

use std::collections::HashMap;
use std::time::Duration;

use super::lane::Asked;
use super::refusal::Why;
use super::schedule::{Schedule, Started, Turn};
use super::*;
use crate::error::Code;
use crate::policy::{Plan, Priority};

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn asked(tenant: &str, tool: &str, priority: Priority, weight: u32) -> Asked {
    let plan = Plan { weight, concurrent_calls: 1_000, queue_calls: 1_000 };
    Asked { tenant: tenant.parse().unwrap(), tool: tool.parse().unwrap(), priority, plan }
}

fn settings(live: u32) -> AdmissionSettings {
    // Nothing is late here but where a test says so.
    AdmissionSettings { live_calls_max: live, delay_target: ms(3_600_000), ..AdmissionSettings::default() }
}

/// A host with a few processors, each of which runs one call to its end, and tenants that ask for more than there is.
struct Host {
    schedule: Schedule<u64>,
    now: Duration,
    /// What runs, with its end.
    running: Vec<(Duration, Started, Duration)>,
}

impl Host {
    fn new(live: u32) -> Self {
        Self { schedule: Schedule::new(settings(live)), now: Duration::ZERO, running: Vec::new() }
    }

    /// Lets what has its turn start; `cost` says what a call takes.
    fn turn(&mut self, cost: &mut impl FnMut(u64) -> Duration) -> Vec<u64> {
        let mut turns = Vec::new();
        self.schedule.turns(self.now, &mut turns);
        let mut began = Vec::new();
        for turn in turns {
            let Turn::Start(id, started) = turn else { panic!("nothing is refused here") };
            let cost = cost(id);
            self.running.push((self.now + cost, started, cost));
            began.push(id);
        }
        began
    }

    /// Goes on to the next end.
    fn next(&mut self) {
        let first = (0..self.running.len()).min_by_key(|nth| self.running[*nth].0).unwrap();
        let (end, started, cost) = self.running.swap_remove(first);
        self.now = end;
        self.schedule.end(&started, cost, None, self.now, &mut Vec::new());
    }
}

/// A tenant: its weight, what its tools take in microseconds, by turns, and how many of its calls wait at any time.
type Demand = (&'static str, u32, &'static [u64], u64);

/// Processor time by tenant, where each of them asks for more than there is, over this time but for its first tenth.
fn shares(live: u32, demands: &[Demand], time: Duration) -> HashMap<&'static str, f64> {
    let mut host = Host::new(live);
    let mut calls: Vec<(usize, Duration)> = Vec::new();
    let mut asked_for = vec![0; demands.len()];
    let mut wait = |host: &mut Host, which: usize, calls: &mut Vec<(usize, Duration)>| {
        let (tenant, weight, costs, _) = demands[which];
        asked_for[which] += 1;
        let nth = asked_for[which] % costs.len();
        let asked = asked(tenant, &format!("tool-{nth}"), Priority::Normal, weight);
        let id = calls.len() as u64;
        calls.push((which, Duration::from_micros(costs[nth])));
        host.schedule.wait(&asked, id, host.now, &mut Vec::new()).unwrap();
    };
    for (which, demand) in demands.iter().enumerate() {
        for _ in 0..demand.3 {
            wait(&mut host, which, &mut calls);
        }
    }
    let mut ran = HashMap::new();
    while host.now < time {
        for id in host.turn(&mut |id| calls[usize::try_from(id).unwrap()].1) {
            let (which, cost) = calls[usize::try_from(id).unwrap()];
            if host.now > time / 10 {
                *ran.entry(demands[which].0).or_insert(0.0) += cost.as_secs_f64();
            }
            wait(&mut host, which, &mut calls);
        }
        host.next();
    }
    ran
}

#[test]
fn shares_are_within_five_percent_of_the_weights_whatever_is_asked_for_and_whatever_it_costs() {
    let cases: [&[Demand]; 4] = [
        &[("cheap", 1, &[2_000], 400), ("middle", 1, &[10_000], 30), ("dear", 1, &[80_000], 10)],
        &[("cheap", 1, &[1_000, 9_000], 300), ("middle", 2, &[3_000, 40_000], 50), ("dear", 5, &[60_000], 20)],
        &[("cheap", 7, &[1_500], 500), ("middle", 2, &[10_000], 20), ("dear", 1, &[60_000, 1_000], 8)],
        &[("cheap", 1, &[1_000], 900), ("middle", 3, &[3_000], 8), ("dear", 2, &[30_000], 8)],
    ];
    for demands in cases {
        for live in [1, 4] {
            let ran = shares(live, demands, Duration::from_secs(200 / u64::from(live)));
            let all: f64 = ran.values().sum();
            let weights: u32 = demands.iter().map(|demand| demand.1).sum();
            for (tenant, weight, ..) in demands {
                let fair = f64::from(*weight) / f64::from(weights);
                let share = ran[tenant] / all;
                assert!(
                    (share / fair - 1.0).abs() < 0.05,
                    "{tenant} of {demands:?} on {live}: {share:.4} of {fair:.4}"
                );
            }
        }
    }
}

#[test]
fn who_asks_for_little_gets_it_at_once_beside_a_flood() {
    let mut host = Host::new(2);
    for id in 0..900 {
        host.schedule.wait(&asked("flood", "spin", Priority::High, 1), id, host.now, &mut Vec::new()).unwrap();
    }
    let mut cost = |_| ms(10);
    for _ in 0..50 {
        host.turn(&mut cost);
        host.next();
    }
    host.schedule.wait(&asked("quiet", "spin", Priority::Low, 1), 1_000, host.now, &mut Vec::new()).unwrap();
    let waited = (0..).take_while(|_| {
        let began = host.turn(&mut cost).contains(&1_000);
        if !began {
            host.next();
        }
        !began
    });
    assert!(waited.count() <= 2);
}

#[test]
fn what_matters_more_starts_first_and_what_matters_less_gives_its_place_up() {
    let mut schedule = Schedule::new(settings(1));
    let plan = Plan { weight: 1, concurrent_calls: 10, queue_calls: 3 };
    let of = |priority| Asked { plan, ..asked("acme", "spin", priority, 1) };
    let running = schedule.start(&of(Priority::Low), ms(0)).unwrap();
    let mut turns = Vec::new();
    for (id, priority) in [(1, Priority::Low), (2, Priority::Normal), (3, Priority::Low)] {
        schedule.wait(&of(priority), id, ms(0), &mut turns).unwrap();
    }
    // Nobody gives way to its equals.
    assert_eq!(schedule.wait(&of(Priority::Low), 4, ms(0), &mut turns).unwrap_err().why, Why::QueueFull);
    schedule.wait(&of(Priority::High), 5, ms(0), &mut turns).unwrap();
    schedule.wait(&of(Priority::Normal), 6, ms(0), &mut turns).unwrap();
    let given_up = turns.drain(..).map(|turn| match turn {
        Turn::Refuse(id, refusal) => (id, refusal.why),
        Turn::Start(..) => panic!("there is no room"),
    });
    assert_eq!(given_up.collect::<Vec<_>>(), [(3, Why::QueueFull), (1, Why::QueueFull)]);
    assert_eq!(schedule.wait(&of(Priority::Normal), 7, ms(0), &mut turns).unwrap_err().why, Why::QueueFull);

    let mut order = Vec::new();
    let mut running = Some(running);
    while let Some(ended) = running.take() {
        schedule.end(&ended, ms(1), None, ms(1), &mut turns);
        schedule.turns(ms(1), &mut turns);
        for turn in turns.drain(..) {
            let Turn::Start(id, started) = turn else { panic!("nobody is late") };
            order.push(id);
            running = Some(started);
        }
    }
    assert_eq!(order, [5, 2, 6]);
    assert_eq!((schedule.live(), schedule.waiting()), (0, 0));
}

#[test]
fn a_host_that_is_late_for_a_while_gives_up_the_least_important_first() {
    let mut schedule = Schedule::new(AdmissionSettings { live_calls_max: 1, ..AdmissionSettings::default() });
    let of = |priority| asked("acme", "spin", priority, 1);
    let _running = schedule.start(&of(Priority::Normal), ms(0)).unwrap();
    let mut turns = Vec::new();
    for (id, priority) in [(1, Priority::Low), (2, Priority::Normal), (3, Priority::High)] {
        schedule.wait(&of(priority), id, ms(0), &mut turns).unwrap();
    }
    // A late call alone is no reason yet: half a second of it is.
    let mut come = |at: u64, id: u64| {
        schedule.wait(&of(Priority::Normal), id, ms(at), &mut turns).unwrap();
        turns
            .drain(..)
            .map(|turn| match turn {
                Turn::Refuse(id, refusal) => (id, refusal.why),
                Turn::Start(..) => panic!("there is no room"),
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(come(150, 10), []);
    assert_eq!(come(500, 11), []);
    assert_eq!(come(651, 12), [(1, Why::HostBusy), (2, Why::HostBusy), (10, Why::HostBusy)]);
    // What came late has its own time.
    assert_eq!(come(690, 13), []);
    assert_eq!(come(702, 14), [(11, Why::HostBusy)]);
}

#[test]
fn what_waits_because_of_its_own_plan_is_not_late() {
    let mut schedule = Schedule::new(AdmissionSettings::default());
    let plan = Plan { weight: 1, concurrent_calls: 1, queue_calls: 10 };
    let of = |tenant: &str| Asked { plan, ..asked(tenant, "spin", Priority::Normal, 1) };
    let running = schedule.start(&of("acme"), ms(0)).unwrap();
    let mut turns = Vec::new();
    let first = schedule.wait(&of("acme"), 1, ms(0), &mut turns).unwrap();
    for at in [200, 900, 1_500] {
        schedule.wait(&of("acme"), at, ms(at), &mut turns).unwrap();
        assert!(turns.is_empty());
    }
    // Another tenant does not wait for it.
    schedule.start(&of("other"), ms(1_500)).unwrap();
    let (id, refusal) = schedule.leave(&running.tenant, first, ms(2_000)).unwrap();
    assert_eq!((id, refusal.why), (1, Why::PlanFull));
    assert!(schedule.leave(&running.tenant, first, ms(2_000)).is_none());
}

#[test]
fn retry_after_is_how_long_the_line_takes() {
    let mut schedule = Schedule::new(settings(1));
    let plan = Plan { weight: 1, concurrent_calls: 10, queue_calls: 20 };
    let one = Asked { plan, ..asked("acme", "spin", Priority::Normal, 1) };
    let mut running = schedule.start(&one, ms(0)).unwrap();
    let mut turns = Vec::new();
    let (mut now, mut next) = (0, 0);
    for _ in 0..20 {
        next += 1;
        schedule.wait(&one, next, ms(0), &mut turns).unwrap();
    }
    // One starts every 40 ms, and another comes.
    for _ in 0..200 {
        now += 40;
        schedule.end(&running, ms(40), None, ms(now), &mut turns);
        schedule.turns(ms(now), &mut turns);
        let Some(Turn::Start(_, started)) = turns.pop() else { panic!("it has its turn") };
        running = started;
        next += 1;
        schedule.wait(&one, next, ms(now), &mut turns).unwrap();
    }
    let refusal = schedule.wait(&one, 0, ms(now), &mut turns).unwrap_err();
    assert!((ms(780)..=ms(900)).contains(&refusal.retry_after), "{:?}", refusal.retry_after);
    // Where nothing moves any more, it is longer.
    let refusal = schedule.wait(&one, 0, ms(now + 1_000), &mut turns).unwrap_err();
    assert!(refusal.retry_after > ms(15_000), "{:?}", refusal.retry_after);
}

#[test]
fn fewer_run_at_once_where_processors_do_not_keep_up_and_more_where_they_do() {
    let mut schedule = Schedule::<u64>::new(settings(1_000));
    let plan = Plan { weight: 1, concurrent_calls: 64, queue_calls: 1_000 };
    let one = Asked { plan, ..asked("acme", "spin", Priority::Normal, 1) };
    let mut turns = Vec::new();
    let fill = |schedule: &mut Schedule<u64>, now| {
        let mut running = Vec::new();
        while let Some(started) = schedule.start(&one, now) {
            running.push(started);
        }
        running
    };
    let mut running = fill(&mut schedule, ms(0));
    assert_eq!(running.len(), 64);
    let mut now = 0;
    for _ in 0..40 {
        now += 60;
        for ended in running.drain(..) {
            schedule.end(&ended, ms(5), Some(ms(30)), ms(now), &mut turns);
        }
        running = fill(&mut schedule, ms(now));
    }
    assert_eq!(running.len(), 4, "the least");
    // Those that never ran, as they were refused behind their turns, make it no more.
    for _ in 0..100 {
        for ended in running.drain(..) {
            schedule.end(&ended, ms(0), None, ms(now), &mut turns);
        }
        running = fill(&mut schedule, ms(now));
    }
    assert_eq!(running.len(), 4, "still");
    for _ in 0..100 {
        for ended in running.drain(..) {
            schedule.end(&ended, ms(5), Some(ms(1)), ms(now), &mut turns);
        }
        running = fill(&mut schedule, ms(now));
    }
    assert_eq!(running.len(), 64, "the plan's");
}

/// Some tenants that fill the whole host's line keep nobody out of it: theirs is cut, from its end.
#[test]
fn a_host_that_is_full_of_some_tenants_calls_has_room_for_another_and_not_for_more_of_theirs() {
    let settings = AdmissionSettings { waiting_max: 64, ..settings(1) };
    let mut schedule = Schedule::new(settings);
    let (mut turns, mut line) = (Vec::new(), Vec::new());
    let running = schedule.start(&asked("first", "spin", Priority::Normal, 1), ms(0)).unwrap();
    for id in 0..64 {
        let (tenant, weight) = if id % 4 == 0 { ("heavy", 4) } else { ("light", 1) };
        schedule.wait(&asked(tenant, "spin", Priority::Normal, weight), id, ms(0), &mut turns).unwrap();
        line.push((id, tenant));
    }
    assert!(turns.is_empty());
    // A line that is the longest already gets no longer; what is said of that is that the host is full.
    let refused = schedule.wait(&asked("light", "spin", Priority::Normal, 1), 64, ms(0), &mut turns).unwrap_err();
    assert_eq!((refused.why, turns.len()), (Why::HostFull, 0));
    schedule.wait(&asked("quiet", "spin", Priority::Low, 1), 65, ms(0), &mut turns).unwrap();
    // The longest for its weight, though its calls matter more: of those the last that came.
    let given_up: Vec<u64> = turns.drain(..).map(|turn| refused_of(turn, Why::HostFull)).collect();
    let ends: Vec<u64> = line.iter().rev().filter(|(_, tenant)| *tenant == "light").map(|(id, _)| *id).collect();
    assert_eq!(given_up, ends[..given_up.len()]);
    assert!((20..=24).contains(&given_up.len()), "{given_up:?}");
    assert_eq!(schedule.waiting(), 65 - u32::try_from(given_up.len()).unwrap());
    // And it has its turn like any other.
    schedule.end(&running, ms(1), None, ms(1), &mut turns);
    let mut began = Vec::new();
    for now in 1..8 {
        schedule.turns(ms(now), &mut turns);
        let Some(Turn::Start(id, started)) = turns.pop() else { panic!("one of them starts") };
        began.push(id);
        schedule.end(&started, ms(1), None, ms(now), &mut turns);
    }
    assert!(began.contains(&65), "{began:?}");
}

/// Where nobody has more than another, a full host is full for everybody.
#[test]
fn a_host_that_is_full_of_everybodys_calls_is_full() {
    let mut schedule = Schedule::new(AdmissionSettings { waiting_max: 20, ..settings(1) });
    let mut turns = Vec::new();
    schedule.start(&asked("first", "spin", Priority::Normal, 1), ms(0)).unwrap();
    for id in 0..20 {
        schedule.wait(&asked(&format!("t{id}"), "spin", Priority::Normal, 1), id, ms(0), &mut turns).unwrap();
    }
    let refused = schedule.wait(&asked("late", "spin", Priority::High, 1), 20, ms(0), &mut turns).unwrap_err();
    assert_eq!((refused.why, schedule.waiting(), turns.len()), (Why::HostFull, 20, 0));
}

fn refused_of(turn: Turn<u64>, why: Why) -> u64 {
    match turn {
        Turn::Refuse(id, refusal) if refusal.why == why => id,
        other => panic!("{other:?}"),
    }
}

fn admission(live: u32, tenant: u32, waiting: u32) -> Admission {
    Admission::new(AdmissionSettings {
        live_calls_max: live,
        tenant_calls_max: tenant,
        tenant_waiting_max: waiting,
        wait_max: ms(20),
        ..AdmissionSettings::default()
    })
}

fn call(admission: &Admission, tenant: &str) -> Asked {
    Asked { plan: admission.default_plan(), ..asked(tenant, "spin", Priority::Normal, 1) }
}

#[tokio::test]
async fn a_tenant_at_its_share_waits_and_another_does_not() {
    let admission = admission(10, 2, 10);
    let (a, b) = (call(&admission, "a"), call(&admission, "b"));
    let first = admission.enter(&a).await.unwrap();
    let _second = admission.enter(&a).await.unwrap();
    let refused = admission.enter(&a).await.unwrap_err();
    assert_eq!((refused.code(), refused.facts()["limit"].as_str()), (Code::Throttled, Some("concurrent_calls")));
    let _other = admission.enter(&b).await.unwrap();
    drop(first);
    assert!(admission.enter(&a).await.is_ok());
    assert_eq!(admission.live(), 2);
}

#[tokio::test]
async fn a_full_host_says_so_and_a_full_queue_refuses_at_once() {
    let full = admission(1, 2, 10);
    let _pass = full.enter(&call(&full, "a")).await.unwrap();
    assert_eq!(full.enter(&call(&full, "b")).await.unwrap_err().code(), Code::Overloaded);

    let no_queue = admission(10, 1, 0);
    let _pass = no_queue.enter(&call(&no_queue, "a")).await.unwrap();
    let refused = no_queue.enter(&call(&no_queue, "a")).await.unwrap_err();
    assert_eq!((refused.code(), refused.facts()["limit"].as_str()), (Code::Throttled, Some("queue_calls")));
    assert!(refused.facts()["retry_after_ms"].as_u64().unwrap() >= 1);
}

#[tokio::test]
async fn draining_tells_those_that_wait_and_lets_those_go_on_that_run() {
    let admission = admission(1, 1, 10);
    let pass = admission.enter(&call(&admission, "a")).await.unwrap();
    let waiting = tokio::spawn({
        let admission = admission.clone();
        async move { admission.enter(&call(&admission, "a")).await.map(drop) }
    });
    while admission.waiting() == 0 {
        tokio::task::yield_now().await;
    }
    admission.drain();
    assert_eq!(waiting.await.unwrap().unwrap_err().code(), Code::Unavailable);
    assert_eq!(admission.enter(&call(&admission, "b")).await.unwrap_err().code(), Code::Unavailable);
    assert_eq!(admission.live(), 1);
    drop(pass);
    assert_eq!((admission.live(), admission.waiting()), (0, 0));
}

/// Tasks that come, wait, leave in the middle of it, run and end, on several threads: at no time do more run than may, and
/// at the end nothing is left behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_leaves_whenever_leaves_no_ghost() {
    let admission = Admission::new(AdmissionSettings {
        live_calls_max: 5,
        tenant_calls_max: 3,
        tenant_waiting_max: 8,
        waiting_max: 20,
        wait_max: ms(3),
        delay_target: ms(1),
        delay_interval: ms(2),
        ..AdmissionSettings::default()
    });
    let mut tasks = Vec::new();
    for task in 0..64_u64 {
        let admission = admission.clone();
        tasks.push(tokio::spawn(async move {
            let tenant = ["a", "b", "c", "d"][usize::try_from(task % 4).unwrap()];
            let priority = Priority::ALL[usize::try_from(task % 3).unwrap()];
            let asked = Asked { priority, ..call(&admission, tenant) };
            let (mut dice, mut ran) = (task + 1, 0);
            for _ in 0..200 {
                dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let patience = Duration::from_micros((dice >> 33) % 4_000);
                // A caller that leaves: at any moment, the one at which its turn comes among them.
                if let Ok(Ok(mut pass)) = tokio::time::timeout(patience, admission.enter(&asked)).await {
                    assert!(admission.live() <= 5);
                    ran += 1;
                    if dice & 1 == 0 {
                        tokio::time::sleep(Duration::from_micros((dice >> 40) % 500)).await;
                    }
                    pass.spent(Duration::from_micros((dice >> 20) % 900), Some(ms(dice % 9)));
                }
            }
            ran
        }));
    }
    let mut ran = 0;
    for task in tasks {
        ran += task.await.unwrap();
    }
    assert!(ran > 1_000, "{ran}");
    assert_eq!((admission.live(), admission.waiting()), (0, 0));
    // There is room for all again.
    let passes: Vec<_> = futures::future::join_all(["a", "b", "c", "d", "a"].map(|tenant| {
        let (admission, asked) = (admission.clone(), call(&admission, tenant));
        async move { admission.enter(&asked).await.unwrap() }
    }))
    .await;
    assert_eq!(admission.live(), passes.len());
}
