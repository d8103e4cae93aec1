//! Somebody who has nothing to do with an attack, and whose calls have to succeed while it goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use crate::server::{Server, shared};
use crate::work::run;

/// Runs `attack` to its end while another tenant calls `catalogue/noop`, one call after the other and at least one.
///
/// # Panics
///
/// When one of these calls does not succeed.
pub async fn beside<T>(server: &Server, attack: impl Future<Output = T>) -> T {
    let bystander = server.tenant("bystander").await;
    let over = Arc::new(AtomicBool::new(false));
    let calling = tokio::spawn({
        let over = Arc::clone(&over);
        async move {
            loop {
                let answer = bystander.agent.call("catalogue/noop", json!({})).await;
                assert_eq!(answer.status, 200, "a bystander's call: {answer:?}");
                assert_eq!(answer.text(), "ok");
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

/// Runs a test that is an attack on the host that tests share: while it goes on, a bystander's calls have to succeed.
///
/// # Panics
///
/// When one of these calls does not succeed.
pub fn attack<T>(work: impl Future<Output = T>) -> T {
    run(async { beside(shared().await, work).await })
}
