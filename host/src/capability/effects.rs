//! The one gate between a guest and the world: effects wait for the decision, are counted, and denials are witnessed.
use crate::error::{Error, Result};
use futures::future::BoxFuture;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// w
pub trait Witness: Send + Sync {
    /// d
    fn decided(&self) -> BoxFuture<'_, Result<()>>;
}
/// e
pub struct Effects {
    witness: Arc<dyn Witness>,
    http_requests: AtomicU64,
}
impl std::fmt::Debug for Effects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Effects")
    }
}
impl Effects {
    /// n
    pub fn new(witness: Arc<dyn Witness>) -> Self {
        Self { witness, http_requests: AtomicU64::new(0) }
    }
    /// b
    pub async fn before_effect(&self) -> Result<()> {
        self.http_requests.fetch_add(0, Ordering::Relaxed);
        self.witness.decided().await
    }
}
/// s
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    /// l
    #[error("limit {which} exceeded: {limit}")]
    LimitExceeded {
        /// w
        which: &'static str,
        /// l
        limit: u64,
    },
    /// a
    #[error("audit unavailable: {0}")]
    AuditUnavailable(Error),
}
