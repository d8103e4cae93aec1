//! The wall deadline of a call: checked whenever the guest gives way, and kept by a timer while it waits in the host.

use std::future::Future;
use std::pin::Pin;
use std::task::Poll;
use std::time::Instant;

/// Drives `work` until `deadline`; `None` when that came first.
///
/// A guest that computes gives way after every slice of fuel and is stopped there; one that waits in a host call makes
/// no slices, so a timer wakes for it. The timer is only made once something waits: most calls never do.
///
/// Behind the deadline nothing of `work` is asked any more, be it done by then: a call that it made, whose time is up with
/// its own, tells it nothing that it could still answer with.
pub(super) async fn until<F: Future>(deadline: Instant, mut work: Pin<&mut F>) -> Option<F::Output> {
    let mut timer: Option<Pin<Box<tokio::time::Sleep>>> = None;
    std::future::poll_fn(move |context| {
        if Instant::now() >= deadline {
            return Poll::Ready(None);
        }
        if let Poll::Ready(done) = work.as_mut().poll(context) {
            return Poll::Ready(Some(done));
        }
        let timer = timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline.into())));
        timer.as_mut().poll(context).map(|()| None)
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::pin::pin;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn what_is_done_behind_the_deadline_is_not_asked_for() {
        let soon = Instant::now() + Duration::from_millis(20);
        let late = Instant::now() + Duration::from_secs(600);
        assert_eq!(until(late, pin!(async { 1 })).await, Some(1));
        assert_eq!(until(soon, pin!(std::future::pending::<u32>())).await, None);
        let was_asked = Cell::new(false);
        assert_eq!(until(soon, pin!(async { was_asked.set(true) })).await, None);
        assert!(!was_asked.get());
    }
}
