//! Linear memory that all calls hold together, and each tenant's part of it. Every call's own limit bounds that call; many
//! calls at once, each within its limit, would still take more than the machine has.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::settings::EngineSettings;
use crate::id::TenantId;

/// Counts it.
#[derive(Debug)]
pub(super) struct Memory {
    live_max: u64,
    tenant_max: u64,
    live: AtomicU64,
    tenants: Mutex<HashMap<TenantId, Arc<AtomicU64>>>,
}

/// Whose part is full, and how much that is, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    Tenant(u64),
    Host(u64),
}

/// What one call holds, given back when dropped.
#[derive(Debug)]
pub(super) struct Held {
    memory: Arc<Memory>,
    tenant: TenantId,
    own: Arc<AtomicU64>,
    bytes: u64,
}

impl Memory {
    pub(super) fn new(settings: &EngineSettings) -> Arc<Self> {
        Arc::new(Self {
            live_max: settings.live_memory_bytes_max,
            tenant_max: settings.tenant_memory_bytes_max,
            live: AtomicU64::new(0),
            tenants: Mutex::default(),
        })
    }

    /// For a call of `tenant`, which holds nothing yet.
    pub(super) fn of(self: &Arc<Self>, tenant: &TenantId) -> Held {
        let own = Arc::clone(self.tenants.lock().entry(tenant.clone()).or_default());
        Held { memory: Arc::clone(self), tenant: tenant.clone(), own, bytes: 0 }
    }
}

impl Held {
    /// Takes `bytes` more, or nothing.
    pub(super) fn grow(&mut self, bytes: u64) -> Result<(), Full> {
        let Memory { live_max, tenant_max, live, .. } = &*self.memory;
        take(&self.own, bytes, *tenant_max).map_err(|()| Full::Tenant(*tenant_max))?;
        if take(live, bytes, *live_max).is_err() {
            self.own.fetch_sub(bytes, Ordering::Relaxed);
            return Err(Full::Host(*live_max));
        }
        self.bytes += bytes;
        Ok(())
    }

    /// In all the room that there is, for tests of what counts by itself.
    #[cfg(test)]
    pub(super) fn for_test() -> Self {
        let settings =
            EngineSettings { live_memory_bytes_max: u64::MAX, tenant_memory_bytes_max: u64::MAX, ..Default::default() };
        Memory::new(&settings).of(&"tests".parse().expect("a tenant's name"))
    }
}

fn take(held: &AtomicU64, bytes: u64, max: u64) -> Result<(), ()> {
    let grown = |held: u64| held.checked_add(bytes).filter(|grown| *grown <= max);
    held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grown).map(drop).map_err(drop)
}

impl Drop for Held {
    fn drop(&mut self) {
        self.memory.live.fetch_sub(self.bytes, Ordering::Relaxed);
        self.own.fetch_sub(self.bytes, Ordering::Relaxed);
        let mut tenants = self.memory.tenants.lock();
        // The map's own and this one: no other call of the tenant's is there, and none comes while the map is locked.
        if Arc::strong_count(&self.own) == 2 {
            tenants.remove(&self.tenant);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Many calls, each within its own limit, come no further than their tenant's part, and another's part is there.
    #[test]
    fn hostile_memory_of_many_calls() {
        let settings = EngineSettings { live_memory_bytes_max: 100, tenant_memory_bytes_max: 60, ..Default::default() };
        let memory = Memory::new(&settings);
        let (a, b): (TenantId, TenantId) = ("a".parse().unwrap(), "b".parse().unwrap());
        let mut crowd: Vec<_> = (0..10).map(|_| memory.of(&a)).collect();
        let grown = crowd.iter_mut().filter_map(|held| held.grow(10).err()).collect::<Vec<_>>();
        assert_eq!(grown, [Full::Tenant(60); 4]);
        let mut other = memory.of(&b);
        other.grow(40).unwrap();
        // The host's, and nothing of the tenant's is taken for it.
        assert_eq!(other.grow(10), Err(Full::Host(100)));
        assert_eq!(other.own.load(Ordering::Relaxed), 40);
        crowd.pop();
        crowd.remove(0);
        other.grow(10).unwrap();
        drop((crowd, other));
        assert_eq!(memory.live.load(Ordering::Relaxed), 0);
        assert!(memory.tenants.lock().is_empty());
    }
}
