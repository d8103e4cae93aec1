//! Each tenant's share of what there is little of, so that one of them cannot take all of it.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::Semaphore;

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

/// Where work is done that takes a processor for a while: not on threads that serve requests, for each tenant one piece at a
/// time, and few at once. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Desk {
    tenants: Arc<Shares>,
    room: Arc<Semaphore>,
}

impl Desk {
    /// With room for `at_once` pieces of work.
    pub fn new(at_once: usize) -> Self {
        Self { tenants: Arc::new(Shares::new(1)), room: Arc::new(Semaphore::new(at_once)) }
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
        let own = self.tenants.of(tenant).acquire_owned().await.map_err(Error::internal)?;
        let room = Arc::clone(&self.room).acquire_owned().await.map_err(Error::internal)?;
        let work = move || {
            let done = work();
            drop((own, room));
            done
        };
        tokio::task::spawn_blocking(work).await.map_err(Error::internal)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

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
