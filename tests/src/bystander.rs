//! Somebody who has nothing to do with an attack, and whose calls have to succeed while it goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use crate::server::Server;

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
