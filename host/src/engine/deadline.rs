//! The wall deadline of a call: checked whenever the guest gives way, and kept by a timer while it waits in the host.

use std::future::Future;
use std::pin::Pin;
use std::task::Poll;
use std::time::Instant;

/// Drives `work` until `deadline`; `None` when that came first.
///
/// A guest that computes gives way after every slice of fuel and is stopped there; one that waits in a host call makes
/// no slices, so a timer wakes for it. The timer is only made once something waits: most calls never do.
pub(super) async fn until<F: Future>(deadline: Instant, mut work: Pin<&mut F>) -> Option<F::Output> {
    let mut timer: Option<Pin<Box<tokio::time::Sleep>>> = None;
    std::future::poll_fn(move |context| {
        if let Poll::Ready(done) = work.as_mut().poll(context) {
            return Poll::Ready(Some(done));
        }
        if Instant::now() >= deadline {
            return Poll::Ready(None);
        }
        let timer = timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline.into())));
        timer.as_mut().poll(context).map(|()| None)
    })
    .await
}
