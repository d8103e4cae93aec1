//! The turns of a front door, with one worker, so that what runs when is no matter of luck.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use super::*;

fn tenant(name: &str) -> TenantId {
    name.parse().unwrap()
}

fn seat(name: &str) -> Seat {
    Seat::of_tenant(&tenant(name), 1)
}

/// Takes a worker's time: longer than a turn is.
fn compute() {
    let began = Instant::now();
    while began.elapsed() < Duration::from_micros(400) {
        std::hint::spin_loop();
    }
}

/// Work that computes in so many pieces, and counts them.
async fn pieces(many: usize, done: Arc<AtomicUsize>) {
    for _ in 0..many {
        compute();
        done.fetch_add(1, Ordering::Relaxed);
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_thousand_requests_of_one_tenant_are_not_before_one_of_another() {
    let (scheduler, done) = (Scheduler::start(), Arc::new(AtomicUsize::new(0)));
    let flood: Vec<_> = (0..1_000).map(|_| scheduler.spawn(seat("flood"), pieces(1, Arc::clone(&done)))).collect();
    let quiet = scheduler.spawn(seat("quiet"), {
        let done = Arc::clone(&done);
        async move { done.load(Ordering::Relaxed) }
    });
    let before = quiet.await.unwrap();
    assert!(before <= 2, "it waited for {before} others");
    drop(flood);
}

#[tokio::test]
async fn time_is_dealt_out_by_weight_whoever_has_more_connections() {
    let scheduler = Scheduler::start();
    let [heavy, light] = [0; 2].map(|_| Arc::new(AtomicUsize::new(0)));
    let crowd: Vec<_> = (0..50).map(|_| scheduler.spawn(seat("light"), pieces(100, Arc::clone(&light)))).collect();
    let own = Seat::of_tenant(&tenant("heavy"), 3);
    let few: Vec<_> = (0..2).map(|_| scheduler.spawn(own.clone(), pieces(150, Arc::clone(&heavy)))).collect();
    for task in few {
        task.await.unwrap();
    }
    let ratio = 300.0 / light.load(Ordering::Relaxed) as f64;
    assert!((2.5..3.5).contains(&ratio), "{ratio}");
    drop(crowd);
}

/// Who opens a connection for each request stays in the lane of its address with them.
#[tokio::test]
async fn strangers_of_an_address_share_a_lane_and_a_key_leads_out_of_it() {
    let (scheduler, done) = (Scheduler::start(), Arc::new(AtomicUsize::new(0)));
    let address = "192.0.2.1".parse().unwrap();
    let spawn = |_| scheduler.spawn(Seat::of_address(address), pieces(1, Arc::clone(&done)));
    let flood: Vec<_> = (0..500).map(spawn).collect();
    let own = Seat::of_address(address);
    let known = scheduler.spawn(own.clone(), {
        let (done, own) = (Arc::clone(&done), own);
        async move {
            let before = done.load(Ordering::Relaxed);
            own.change(&tenant("known"), 1);
            tokio::task::yield_now().await;
            (before, done.load(Ordering::Relaxed))
        }
    });
    // As a stranger it waits behind them; as a tenant, before the next that come.
    let more: Vec<_> = (0..500).map(spawn).collect();
    let (before, after) = known.await.unwrap();
    assert_eq!(before, 500);
    assert!(after <= before + 2, "{after}");
    drop((flood, more));
}

#[tokio::test]
async fn a_defect_costs_its_own_work_alone() {
    let scheduler = Scheduler::start();
    let broken = scheduler.spawn(seat("broken"), async { panic!("as it happens") });
    assert_eq!(broken.await, None::<()>);
    assert_eq!(scheduler.spawn(seat("broken"), async { 7 }).await, Some(7));
}

#[tokio::test]
async fn work_that_is_given_up_is_dropped_and_so_is_what_is_kept_of_its_tenant() {
    let scheduler = Scheduler::start();
    let held = Arc::new(());
    let task = scheduler.spawn(seat("leaving"), {
        let held = Arc::clone(&held);
        async move {
            std::future::pending::<()>().await;
            drop(held);
        }
    });
    tokio::task::yield_now().await;
    assert_eq!(Arc::strong_count(&held), 2);
    drop(task);
    for name in ["a", "b", "c"] {
        scheduler.spawn(seat(name), async {}).await.unwrap();
    }
    tokio::task::yield_now().await;
    assert_eq!(Arc::strong_count(&held), 1);
    let state = format!("{:?}", scheduler.shared.state.lock());
    assert!(!state.contains("leaving"), "{state}");
}

/// What they share a pool with would else come between them and the journal as often as they do.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn workers_have_short_turns_and_threads_for_blocking_work_have_not() {
    let scheduler = Scheduler::start();
    let worker = scheduler.spawn(seat("a"), async { turns::own_turn() }).await.unwrap();
    let blocking = tokio::task::spawn_blocking(turns::own_turn).await.unwrap();
    let usual = std::thread::spawn(turns::own_turn).join().unwrap();
    assert_eq!(worker, usual.as_ref().map(|_| turns::SERVING.as_nanos().to_string()));
    assert_eq!(blocking, usual);
}
