//! Memories and tables of the pools, and each tenant's share of them. Admission counts calls; a component may have
//! several memories, and calls of one that has many would leave the others' calls none.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use wasmtime::component::Component;

use super::settings::{EngineSettings, MEMORIES_MAX, TABLES_MAX, total_memories, total_tables};
use crate::error::{Code, Error, Result};
use crate::id::TenantId;

/// A tenant's share: one in so many of a pool's, as of admission's calls.
const SHARE: u32 = 4;

/// What instances of a component take of the pools.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Needs {
    memories: u32,
    tables: u32,
}

impl Needs {
    pub(super) fn of(component: &Component) -> Self {
        // A component that is given modules from outside is not linked at all.
        component.resources_required().map_or_else(Self::default, |required| Self {
            memories: required.num_memories,
            tables: required.num_tables,
        })
    }
}

/// Deals them out.
#[derive(Debug)]
pub(super) struct Slots {
    memories_max: u32,
    tables_max: u32,
    held: Mutex<HashMap<TenantId, Needs>>,
}

/// What one call holds of them, given back when dropped.
#[derive(Debug)]
pub(super) struct SlotPass {
    slots: Arc<Slots>,
    tenant: TenantId,
    needs: Needs,
}

impl Slots {
    /// Shares of the pools that `settings` make; any one component fits into a share.
    pub(super) fn new(settings: &EngineSettings) -> Arc<Self> {
        Arc::new(Self {
            memories_max: (total_memories(settings) / SHARE).max(MEMORIES_MAX),
            tables_max: (total_tables(settings) / SHARE).max(TABLES_MAX),
            held: Mutex::default(),
        })
    }

    /// Takes what a call of `tenant` needs.
    ///
    /// # Errors
    ///
    /// `throttled` when the tenant's running calls leave too little of its share.
    pub(super) fn take(self: &Arc<Self>, tenant: &TenantId, needs: Needs) -> Result<SlotPass> {
        let mut tenants = self.held.lock();
        let held = tenants.entry(tenant.clone()).or_default();
        let (memories, tables) = (held.memories + needs.memories, held.tables + needs.tables);
        if memories > self.memories_max {
            return Err(throttled("tenant_memories", "memories", self.memories_max));
        }
        if tables > self.tables_max {
            return Err(throttled("tenant_tables", "tables", self.tables_max));
        }
        *held = Needs { memories, tables };
        Ok(SlotPass { slots: Arc::clone(self), tenant: tenant.clone(), needs })
    }
}

impl Drop for SlotPass {
    fn drop(&mut self) {
        let mut tenants = self.slots.held.lock();
        let Some(held) = tenants.get_mut(&self.tenant) else { return };
        held.memories -= self.needs.memories;
        held.tables -= self.needs.tables;
        if *held == Needs::default() {
            tenants.remove(&self.tenant);
        }
    }
}

fn throttled(limit: &'static str, what: &str, maximum: u32) -> Error {
    Error::new(Code::Throttled, format!("this tenant's running calls hold as many {what} as they may, {maximum}"))
        .next("wait for one to end, or call tools whose components have fewer")
        .fact("limit", limit)
        .fact("maximum", maximum)
        .fact("retry_after_ms", 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls of a component with as many memories as may be take one tenant's share, and no more.
    #[test]
    fn hostile_memories_of_many_calls() {
        let slots = Slots::new(&EngineSettings::default());
        let (a, b): (TenantId, TenantId) = ("a".parse().unwrap(), "b".parse().unwrap());
        let many = Needs { memories: MEMORIES_MAX, tables: 1 };
        let mut held: Vec<_> = std::iter::from_fn(|| slots.take(&a, many).ok()).collect();
        let total = total_memories(&EngineSettings::default());
        assert!(held.len() as u32 * MEMORIES_MAX <= total / SHARE && held.len() > 1);
        let refused = slots.take(&a, many).unwrap_err();
        assert_eq!(refused.code(), Code::Throttled);
        // Another tenant has all of its own, and each call that ends makes room.
        drop(slots.take(&b, many).unwrap());
        held.pop();
        drop(slots.take(&a, many).unwrap());
        drop(held);
        assert!(slots.held.lock().is_empty());

        let wide = Needs { memories: 1, tables: TABLES_MAX };
        let held: Vec<_> = std::iter::from_fn(|| slots.take(&a, wide).ok()).collect();
        assert!(held.len() as u32 * TABLES_MAX <= total_tables(&EngineSettings::default()) / SHARE);
    }

    #[test]
    fn one_call_of_anything_that_was_admitted_fits_on_the_smallest_host() {
        let slots = Slots::new(&EngineSettings { live_calls_max: 1, ..EngineSettings::default() });
        assert!(slots.take(&"a".parse().unwrap(), Needs { memories: MEMORIES_MAX, tables: TABLES_MAX }).is_ok());
    }
}
