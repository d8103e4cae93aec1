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

#[test]
fn what_is_late_follows_from_what_is_usual() {
    let mut pace = Pace::new(64);
    assert!(!pace.is_late(ms(90)) && pace.is_late(ms(110)), "nothing is known");
    busy(&mut pace, 10, |_| ms(400));
    assert!(!pace.is_late(ms(500)) && pace.is_late(ms(700)));
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

/// A slot whose request went out so long ago.
async fn sent_before(place: &Arc<Downstream>, before: Duration) -> Slot {
    let mut slot = place.enter().await;
    slot.sent = Instant::now().checked_sub(before);
    assert!(slot.sent.is_some());
    slot
}

/// Somebody without patience could else keep others from a place that is well.
#[tokio::test]
async fn what_is_given_up_counts_where_it_was_late() {
    let given_up = async |before: Duration| {
        let place = Arc::new(Downstream::new(16));
        sent_before(&place, before).await.given_up();
        place.limit()
    };
    assert_eq!((given_up(ms(1)).await, given_up(ms(500)).await), (16, 11));
    // A call that is stopped while it waits drops all that it has.
    let place = Arc::new(Downstream::new(16));
    drop(sent_before(&place, ms(1)).await);
    assert_eq!(place.limit(), 16);
    drop(sent_before(&place, ms(500)).await);
    assert_eq!(place.limit(), 11);
    // It counts once, whoever else is told of it; and where the answer began, it has come.
    let place = Arc::new(Downstream::new(16));
    let mut slot = sent_before(&place, ms(500)).await;
    slot.says_nothing();
    drop(slot);
    let mut slot = sent_before(&place, ms(500)).await;
    slot.answered();
    drop(slot);
    // What has not gone out waits for something else.
    drop(place.enter().await);
    assert_eq!(place.limit(), 16);
    assert_eq!(place.room.available_permits(), 16);
}

#[tokio::test]
async fn hung_requests_leave_room_for_two_and_those_that_come_too_many_wait_their_turn() {
    let place = Arc::new(Downstream::new(64));
    for round in 0.. {
        let mut slots = join_all((0..place.limit()).map(|_| place.enter())).await;
        let before = place.limit();
        slots.iter_mut().for_each(Slot::sent);
        slots.iter_mut().for_each(Slot::failed);
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
    slots[0].sent();
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
    slots[0].sent();
    slots[0].failed();
    for _ in 0..10 {
        slots[1].answered_after(ms(1));
        assert_eq!(place.room.available_permits(), 0);
    }
    assert_eq!(place.limit(), 16);
    drop(slots.pop());
    assert_eq!(place.room.available_permits(), 1);
}
