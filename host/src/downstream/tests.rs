use futures::future::join_all;

use super::*;

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// `answers` that take `took` each, where as many go on as may.
fn busy(pace: &mut Pace, answers: usize, took: impl Fn(usize) -> Duration) {
    for nth in 0..answers {
        let running = pace.limit();
        pace.answered(took(nth), running);
    }
}

#[test]
fn more_go_on_while_answers_take_as_long_as_usual() {
    let mut pace = Pace::new(64);
    assert_eq!(pace.limit(), 16);
    busy(&mut pace, 200, |_| ms(20));
    assert_eq!(pace.limit(), 64);
    assert_eq!(Pace::new(3).limit(), 3);
    assert_eq!(Pace::new(1).limit(), 1);
}

#[test]
fn fewer_where_they_take_much_longer_and_as_many_again_afterwards() {
    let mut pace = Pace::new(64);
    busy(&mut pace, 500, |_| ms(20));
    busy(&mut pace, 60, |_| ms(400));
    assert!(pace.limit() <= 16, "{}", pace.limit());
    busy(&mut pace, 300, |_| ms(20));
    assert_eq!(pace.limit(), 64);
}

/// A place whose answers take longer the more go on keeps the number near what it can do.
#[test]
fn a_place_that_can_do_so_many_is_not_sent_many_more() {
    let mut pace = Pace::new(64);
    // It does eight at once; a quiet time before tells what is usual.
    let took = |running: usize| ms(10) * u32::try_from(running.max(8)).unwrap() / 8;
    for _ in 0..200 {
        pace.answered(took(1), 1);
    }
    assert_eq!(pace.limit(), 16, "what few requests say nothing about stays");
    for _ in 0..300 {
        let running = pace.limit();
        pace.answered(took(running), running);
    }
    assert!((8..=28).contains(&pace.limit()), "{}", pace.limit());
}

/// Quick and slow answers of one place, as always: that is no reason for fewer.
#[test]
fn what_is_uneven_all_the_time_is_usual() {
    let mut pace = Pace::new(64);
    busy(&mut pace, 2_000, |nth| if nth % 3 == 0 { ms(900) } else { ms(5) });
    let mut least = 64;
    for round in 0..100 {
        busy(&mut pace, 30, |nth| if (nth + round) % 3 == 0 { ms(900) } else { ms(5) });
        least = least.min(pace.limit());
    }
    assert!(least >= 32, "{least}");
}

#[tokio::test]
async fn hung_requests_leave_room_for_two_and_those_that_come_too_many_wait_their_turn() {
    let place = Arc::new(Downstream::new(64));
    for round in 0.. {
        let slots = join_all((0..place.limit()).map(|_| place.enter())).await;
        let before = place.limit();
        slots.iter().for_each(Slot::failed);
        // Those that hung together count once.
        assert!(place.limit() >= before / 2, "{before}");
        if place.limit() == LEAST {
            assert!(round <= 8, "{round}");
            break;
        }
    }
    let (first, second) = (place.enter().await, place.enter().await);
    let mut third = std::pin::pin!(place.enter());
    assert!(futures::poll!(&mut third).is_pending());
    // Who leaves the line takes nobody's turn.
    {
        let mut left = std::pin::pin!(place.enter());
        assert!(futures::poll!(&mut left).is_pending());
    }
    drop(first);
    let third = third.await;
    // It works again: soon as many as ever.
    drop((second, third));
    for _ in 0..300 {
        let slots = join_all((0..place.limit()).map(|_| place.enter())).await;
        slots.iter().for_each(|slot| slot.answered_after(ms(10)));
    }
    assert_eq!(place.limit(), 64);
    // No slot was lost on the way, and none came twice.
    let all = join_all((0..64).map(|_| place.enter())).await;
    assert_eq!(place.room.available_permits(), 0);
    drop(all);
    assert_eq!(place.room.available_permits(), 64);
}

/// Slots that are taken while the limit falls do not come back, however they are given back and whoever waits.
#[tokio::test]
async fn a_limit_that_falls_holds_for_those_that_come() {
    let place = Arc::new(Downstream::new(16));
    let mut slots = join_all((0..16).map(|_| place.enter())).await;
    slots[0].failed();
    assert_eq!(place.limit(), 11);
    for gone in 1..=5 {
        drop(slots.pop());
        assert_eq!(place.room.available_permits(), 0, "{gone}");
    }
    drop(slots.pop());
    assert_eq!(place.room.available_permits(), 1);
}

/// A limit that rises again while more go on than it said lets nobody in beyond it.
#[tokio::test]
async fn a_limit_that_rises_counts_those_that_are_there() {
    let place = Arc::new(Downstream::new(16));
    let mut slots = join_all((0..16).map(|_| place.enter())).await;
    slots[0].failed();
    for _ in 0..10 {
        slots[1].answered_after(ms(1));
        assert_eq!(place.room.available_permits(), 0);
    }
    assert_eq!(place.limit(), 16);
    drop(slots.pop());
    assert_eq!(place.room.available_permits(), 1);
}
