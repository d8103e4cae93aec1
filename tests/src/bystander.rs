//! Somebody who has nothing to do with an attack, and whose calls have to succeed while it goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::server::{Server, shared};
use crate::tenant::Tenant;
use crate::work::run;

/// Longer than one of its calls may take, on a machine that builds and tests other things meanwhile: one that waits for
/// the attack to end waits longer than any call's deadline here.
const PATIENCE: Duration = Duration::from_secs(15);

/// Runs `attack` to its end while another tenant calls `catalogue/noop`, one call after the other: once before it, and at
/// least once in the same moment.
///
/// # Panics
///
/// When one of these calls does not succeed, or not within fifteen seconds.
pub async fn beside<T>(server: &Server, attack: impl Future<Output = T>) -> T {
    let bystander = server.tenant("bystander").await;
    // It is there, and its tool is compiled, before anything goes wrong.
    Box::pin(served(&bystander)).await;
    let over = Arc::new(AtomicBool::new(false));
    let calling = tokio::spawn({
        let over = Arc::clone(&over);
        async move {
            loop {
                Box::pin(served(&bystander)).await;
                if over.load(Ordering::Relaxed) {
                    return;
                }
            }
        }
    });
    let came = attack.await;
    over.store(true, Ordering::Relaxed);
    calling.await.unwrap();
    came
}

async fn served(bystander: &Tenant) {
    let answer = tokio::time::timeout(PATIENCE, bystander.agent.call("catalogue/noop", json!({}))).await;
    let answer = answer.unwrap_or_else(|_| panic!("a bystander's call took longer than {PATIENCE:?}"));
    assert_eq!(answer.status, 200, "a bystander's call: {answer:?}");
    assert_eq!(answer.text(), "ok");
}

/// Runs a test that is an attack on the host that tests share: while it goes on, a bystander's calls have to succeed.
///
/// # Panics
///
/// When one of these calls does not succeed.
pub fn attack<T>(work: impl Future<Output = T>) -> T {
    run(async { beside(shared().await, work).await })
}
