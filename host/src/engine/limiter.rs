//! Memory, tables and instances of one call, summed over everything that it makes.

use std::sync::Arc;

use super::memory::{Full, Held};
use crate::capability::call::Kin;
use crate::limits::CallLimits;

/// Counts what a store's instances hold. wasmtime asks memory by memory, and a component may have many: the sum is
/// what is limited.
#[derive(Debug)]
pub(super) struct Limiter {
    memory_bytes: u64,
    memory_bytes_max: u64,
    /// The same among what all calls hold.
    held: Held,
    table_elements: u64,
    table_elements_max: u64,
    instances_max: usize,
    /// The first limit at which growth was refused: a guest that then breaks down broke down of that.
    refused: Option<Refused>,
    /// What calls above and below it hold counts too.
    kin: Option<Arc<Kin>>,
}

/// Growth that was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    Memory,
    Table,
    /// Other calls hold what there is.
    Room(Full),
}

impl Limiter {
    pub(super) fn new(limits: &CallLimits, held: Held, kin: Option<Arc<Kin>>) -> Self {
        Self {
            memory_bytes: 0,
            memory_bytes_max: limits.memory_bytes,
            held,
            table_elements: 0,
            table_elements_max: limits.table_elements,
            instances_max: usize::try_from(limits.instances).unwrap_or(usize::MAX),
            refused: None,
            kin,
        }
    }

    /// Linear memory that the call holds, in bytes. Memories only grow, so this is also its peak.
    pub(super) fn memory_bytes(&self) -> u64 {
        self.memory_bytes
    }

    pub(super) fn refused(&self) -> Option<Refused> {
        self.refused
    }
}

impl Drop for Limiter {
    fn drop(&mut self) {
        if let Some(kin) = &self.kin {
            kin.shrink(self.memory_bytes);
        }
    }
}

impl wasmtime::ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let more = (desired - current) as u64;
        let grown = self.memory_bytes.saturating_add(more);
        if grown > self.memory_bytes_max {
            self.refused.get_or_insert(Refused::Memory);
            return Ok(false);
        }
        if maximum.is_some_and(|maximum| desired > maximum) {
            // It fails of what the component says itself, and nothing is held for it.
            return Ok(true);
        }
        if self.kin.as_ref().is_some_and(|kin| !kin.grow(more)) {
            self.refused.get_or_insert(Refused::Memory);
            return Ok(false);
        }
        if let Err(full) = self.held.grow(more) {
            if let Some(kin) = &self.kin {
                kin.shrink(more);
            }
            self.refused.get_or_insert(Refused::Room(full));
            return Ok(false);
        }
        self.memory_bytes = grown;
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let grown = self.table_elements.saturating_add((desired - current) as u64);
        if grown > self.table_elements_max {
            self.refused.get_or_insert(Refused::Table);
            return Ok(false);
        }
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(true);
        }
        self.table_elements = grown;
        Ok(true)
    }

    fn instances(&self) -> usize {
        self.instances_max
    }

    fn tables(&self) -> usize {
        self.instances_max
    }

    fn memories(&self) -> usize {
        self.instances_max
    }
}

#[cfg(test)]
mod tests {
    use wasmtime::ResourceLimiter as _;

    use super::*;

    #[test]
    fn memories_are_summed_and_the_limit_itself_is_allowed() {
        let mut limiter =
            Limiter::new(&CallLimits { memory_bytes: 3 << 16, ..CallLimits::default() }, Held::for_test(), None);
        assert!(limiter.memory_growing(0, 1 << 16, None).unwrap());
        assert!(limiter.memory_growing(0, 2 << 16, None).unwrap());
        assert_eq!(limiter.refused(), None);
        assert!(!limiter.memory_growing(1 << 16, 2 << 16, None).unwrap());
        assert_eq!((limiter.refused(), limiter.memory_bytes()), (Some(Refused::Memory), 3 << 16));
    }

    #[test]
    fn growth_that_the_component_itself_forbids_is_not_held() {
        let limits = CallLimits { memory_bytes: 3 << 16, table_elements: 30, ..CallLimits::default() };
        let mut limiter = Limiter::new(&limits, Held::for_test(), None);
        for _ in 0..10 {
            // The engine refuses it after the limiter: what it says here changes nothing but the count.
            assert!(limiter.memory_growing(1 << 16, 3 << 16, Some(2 << 16)).unwrap());
            assert!(limiter.table_growing(10, 30, Some(20)).unwrap());
        }
        assert_eq!((limiter.memory_bytes(), limiter.refused()), (0, None));
        assert!(limiter.memory_growing(0, 3 << 16, Some(3 << 16)).unwrap());
        assert!(limiter.table_growing(0, 30, Some(30)).unwrap());
        assert!(!limiter.table_growing(30, 31, Some(40)).unwrap());
    }
}
