//! Each tenant's share of what there is little of, so that one of them cannot take all of it.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Error, Result};
use crate::id::TenantId;

/// Places of which each tenant has as many.
#[derive(Debug)]
pub struct Shares {
    each: usize,
    tenants: Mutex<HashMap<TenantId, Weak<Semaphore>>>,
}

impl Shares {
    /// With `each` places for a tenant.
    pub fn new(each: usize) -> Self {
        Self { each, tenants: Mutex::default() }
    }

    /// A tenant's places. Of a tenant that holds none and waits for none nothing is kept.
    pub fn of(&self, tenant: &TenantId) -> Arc<Semaphore> {
        let mut tenants = self.tenants.lock();
        if let Some(own) = tenants.get(tenant).and_then(Weak::upgrade) {
            return own;
        }
        tenants.retain(|_, own| own.strong_count() > 0);
        let own = Arc::new(Semaphore::new(self.each));
        tenants.insert(tenant.clone(), Arc::downgrade(&own));
        own
    }
}

/// Room for so many at once, of which each tenant has its share alone: one that crowds its own keeps the others from none
/// of theirs. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Bulkhead {
    tenants: Arc<Shares>,
    all: Arc<Semaphore>,
}

/// Leave to be one of those, given back when dropped.
#[derive(Debug)]
pub struct Permit {
    _own: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

impl Bulkhead {
    /// For as many as `all`, and of one tenant for `each`.
    pub fn new(each: usize, all: usize) -> Self {
        Self { tenants: Arc::new(Shares::new(each)), all: Arc::new(Semaphore::new(all)) }
    }

    /// Waits for room: first for the tenant's own, so that no more of its waiters than that stand in others' way.
    ///
    /// # Errors
    ///
    /// `internal` where it was closed, which nobody does.
    pub async fn enter(&self, tenant: &TenantId) -> Result<Permit> {
        let own = self.tenants.of(tenant).acquire_owned().await.map_err(Error::internal)?;
        let of_all = Arc::clone(&self.all).acquire_owned().await.map_err(Error::internal)?;
        Ok(Permit { _own: own, _of_all: of_all })
    }

    /// Tenants of which something is kept.
    #[cfg(test)]
    pub(crate) fn tenants(&self) -> usize {
        self.tenants.tenants.lock().len()
    }
}

/// Where work is done that takes a processor for a while: not on threads that serve requests, for each tenant one piece at a
/// time, and few at once. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Desk(Bulkhead);

impl Desk {
    /// With room for `at_once` pieces of work.
    pub fn new(at_once: usize) -> Self {
        Self(Bulkhead::new(1, at_once))
    }

    /// Does a tenant's work when its turn has come. What was begun goes on, and keeps the turn, when whoever asked leaves.
    ///
    /// # Errors
    ///
    /// `internal` when the work panics.
    pub async fn work<T: Send + 'static>(
        &self,
        tenant: &TenantId,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let permit = self.0.enter(tenant).await?;
        let work = move || {
            let done = work();
            drop(permit);
            done
        };
        tokio::task::spawn_blocking(work).await.map_err(Error::internal)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use futures::FutureExt as _;

    use super::*;

    fn tenant(name: &str) -> TenantId {
        name.parse().unwrap()
    }

    #[test]
    fn a_tenant_has_its_own_places_and_nothing_is_kept_of_one_that_has_left() {
        let shares = Shares::new(2);
        let (acme, globex) = (tenant("acme"), tenant("globex"));
        let taken: Vec<_> = (0..2).map(|_| shares.of(&acme).try_acquire_owned().unwrap()).collect();
        assert!(shares.of(&acme).try_acquire_owned().is_err());
        let other = shares.of(&globex).try_acquire_owned().unwrap();
        assert_eq!(shares.tenants.lock().len(), 2);
        drop(taken);
        assert!(shares.of(&acme).try_acquire_owned().is_ok());
        drop(shares.of(&tenant("third")));
        drop(other);
        drop(shares.of(&tenant("fourth")));
        assert_eq!(shares.tenants.lock().len(), 1);
    }

    #[tokio::test]
    async fn whoever_waits_for_room_of_its_own_keeps_none_from_others() {
        let (bulkhead, acme, globex) = (Bulkhead::new(1, 2), tenant("acme"), tenant("globex"));
        let first = bulkhead.enter(&acme).await.unwrap();
        let mut second = Box::pin(bulkhead.enter(&acme));
        assert!(second.as_mut().now_or_never().is_none(), "the tenant has its share");
        let other = bulkhead.enter(&globex).now_or_never().expect("there is room for another's").unwrap();
        assert!(bulkhead.enter(&tenant("third")).now_or_never().is_none(), "it is full");
        drop(first);
        let second = second.now_or_never().expect("its own is free again").unwrap();
        drop((second, other));
        assert!(bulkhead.enter(&tenant("third")).now_or_never().is_some());
        assert_eq!(bulkhead.tenants(), 1);
    }

    /// One piece of work of a tenant at a time; others are served meanwhile.
    #[tokio::test]
    async fn hostile_work_by_the_dozen_takes_one_turn_at_a_time() {
        let (desk, acme) = (Desk::new(2), tenant("acme"));
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let work = |_: usize| {
            let (now, most) = (Arc::clone(&now), Arc::clone(&most));
            desk.work(&acme, move || {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(20));
                now.fetch_sub(1, Ordering::SeqCst);
            })
        };
        let globex = tenant("globex");
        let started = std::time::Instant::now();
        let bystander = async {
            desk.work(&globex, || ()).await.unwrap();
            started.elapsed()
        };
        let (_, waited) = tokio::join!(futures::future::join_all((0..24).map(work)), bystander);
        assert_eq!(most.load(Ordering::SeqCst), 1);
        assert!(waited < started.elapsed() / 2, "a bystander waited {waited:?} of {:?}", started.elapsed());
    }
}
