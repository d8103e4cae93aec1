//! Who may start a call now: room on the host, and each tenant's share of it.
//!
//! A live call holds a stack and memory whether it computes or waits, so what is counted is live calls. A tenant waits
//! for its own share first and only then for the host's room: however many calls one tenant sends, the room that the
//! others' shares add up to stays theirs.

mod ledger;
mod usage;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use parking_lot::RwLock;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub use self::ledger::Ledger;
pub use self::usage::{UsageBook, UsageKey, Used, day_of};

use crate::error::{Code, Error, Result};
use crate::id::TenantId;

/// Sizes of admission.
#[derive(Debug, Clone)]
pub struct AdmissionSettings {
    /// Live calls on this host; not more than the engine has room for.
    pub live_calls_max: u32,
    /// Live calls of one tenant.
    pub tenant_calls_max: u32,
    /// Calls of one tenant that wait for its share; a further one is refused at once.
    pub tenant_waiting_max: u32,
    /// How long a call waits for room before it is refused.
    pub wait_max: Duration,
}

impl Default for AdmissionSettings {
    fn default() -> Self {
        Self {
            live_calls_max: 1_000,
            tenant_calls_max: 256,
            tenant_waiting_max: 1_024,
            wait_max: Duration::from_secs(2),
        }
    }
}

/// Deals out room for calls.
#[derive(Debug)]
pub struct Admission {
    room: Arc<Semaphore>,
    shares: RwLock<HashMap<TenantId, Arc<Share>>>,
    settings: AdmissionSettings,
}

#[derive(Debug)]
struct Share {
    room: Arc<Semaphore>,
    waiting: AtomicU32,
}

/// Room for one call, given back when dropped.
#[derive(Debug)]
pub struct Pass {
    _share: OwnedSemaphorePermit,
    _room: OwnedSemaphorePermit,
}

impl Admission {
    /// Nobody in yet.
    pub fn new(settings: AdmissionSettings) -> Self {
        Self { room: Arc::new(Semaphore::new(settings.live_calls_max as usize)), shares: RwLock::default(), settings }
    }

    /// Waits for room for a call of `tenant`.
    ///
    /// # Errors
    ///
    /// [`Code::Throttled`] when the tenant has as many calls running and waiting as it may, [`Code::Overloaded`] when
    /// the host has no room; both say when to come again.
    pub async fn enter(&self, tenant: &TenantId) -> Result<Pass> {
        let share = self.share(tenant);
        let by = tokio::time::Instant::now() + self.settings.wait_max;
        let own = match Arc::clone(&share.room).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => self.wait_for_share(&share, by).await?,
        };
        let room = match Arc::clone(&self.room).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => tokio::time::timeout_at(by, Arc::clone(&self.room).acquire_owned())
                .await
                .ok()
                .and_then(std::result::Result::ok)
                .ok_or_else(|| self.overloaded())?,
        };
        Ok(Pass { _share: own, _room: room })
    }

    /// Calls that are live now.
    pub fn live(&self) -> usize {
        (self.settings.live_calls_max as usize).saturating_sub(self.room.available_permits())
    }

    async fn wait_for_share(&self, share: &Arc<Share>, by: tokio::time::Instant) -> Result<OwnedSemaphorePermit> {
        struct Waiting<'a>(&'a AtomicU32);
        impl Drop for Waiting<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::Relaxed);
            }
        }
        // Counted before it is compared, and given back by drop: a caller that leaves the queue leaves it in any way.
        let before = share.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&share.waiting);
        if before >= self.settings.tenant_waiting_max {
            return Err(self.throttled());
        }
        tokio::time::timeout_at(by, Arc::clone(&share.room).acquire_owned())
            .await
            .ok()
            .and_then(std::result::Result::ok)
            .ok_or_else(|| self.throttled())
    }

    fn share(&self, tenant: &TenantId) -> Arc<Share> {
        if let Some(share) = self.shares.read().get(tenant) {
            return Arc::clone(share);
        }
        let mut shares = self.shares.write();
        Arc::clone(shares.entry(tenant.clone()).or_insert_with(|| {
            Arc::new(Share {
                room: Arc::new(Semaphore::new(self.settings.tenant_calls_max as usize)),
                waiting: AtomicU32::new(0),
            })
        }))
    }

    fn throttled(&self) -> Error {
        let maximum = self.settings.tenant_calls_max;
        Error::new(Code::Throttled, format!("{maximum} calls of this tenant are running, as many as may at once"))
            .next("wait for one to end, or send fewer at once")
            .fact("limit", "tenant_calls")
            .fact("maximum", maximum)
            .fact("retry_after_ms", 1_000)
    }

    fn overloaded(&self) -> Error {
        Error::new(Code::Overloaded, "the host has no room for another call")
            .next("try again in a moment")
            .fact("limit", "live_calls")
            .fact("maximum", self.settings.live_calls_max)
            .fact("retry_after_ms", 1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(live: u32, tenant: u32, waiting: u32) -> Admission {
        Admission::new(AdmissionSettings {
            live_calls_max: live,
            tenant_calls_max: tenant,
            tenant_waiting_max: waiting,
            wait_max: Duration::from_millis(20),
        })
    }

    #[tokio::test]
    async fn a_tenant_at_its_share_waits_and_another_does_not() {
        let admission = admission(10, 2, 10);
        let (a, b): (TenantId, TenantId) = ("a".parse().unwrap(), "b".parse().unwrap());
        let first = admission.enter(&a).await.unwrap();
        let _second = admission.enter(&a).await.unwrap();
        assert_eq!(admission.enter(&a).await.unwrap_err().code(), Code::Throttled);
        let _other = admission.enter(&b).await.unwrap();
        drop(first);
        assert!(admission.enter(&a).await.is_ok());
        assert_eq!(admission.live(), 2);
    }

    #[tokio::test]
    async fn a_full_host_says_so_and_a_full_queue_refuses_at_once() {
        let full = admission(1, 2, 10);
        let (a, b): (TenantId, TenantId) = ("a".parse().unwrap(), "b".parse().unwrap());
        let _pass = full.enter(&a).await.unwrap();
        assert_eq!(full.enter(&b).await.unwrap_err().code(), Code::Overloaded);

        let no_queue = admission(10, 1, 0);
        let _pass = no_queue.enter(&a).await.unwrap();
        assert_eq!(no_queue.enter(&a).await.unwrap_err().code(), Code::Throttled);
    }
}
