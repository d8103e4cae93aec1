//! Logs that are to be signed though nobody asks, each by its own time.
//!
//! A signature is a write and two syncs. Ten thousand logs that grow would take a disk's whole time, once a minute; so one
//! that nobody follows is signed seldom, and one after the other, between what is asked for.

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

/// Tenants' names, by when.
#[derive(Debug, Default)]
pub(super) struct Due {
    by_time: BTreeSet<(Instant, String)>,
    of: HashMap<String, Instant>,
}

impl Due {
    /// Has the log signed by `at`, or before, where that was said.
    pub(super) fn add(&mut self, tenant: &str, at: Instant) {
        if let Some(before) = self.of.get(tenant).copied() {
            if before <= at {
                return;
            }
            self.by_time.remove(&(before, tenant.to_owned()));
        }
        self.by_time.insert((at, tenant.to_owned()));
        self.of.insert(tenant.to_owned(), at);
    }

    /// One whose time has come.
    pub(super) fn take(&mut self, now: Instant) -> Option<String> {
        self.take_if(|at| at <= now)
    }

    /// One of all.
    pub(super) fn take_any(&mut self) -> Option<String> {
        self.take_if(|_| true)
    }

    /// Whether the time of any has come.
    pub(super) fn is_any(&self, now: Instant) -> bool {
        self.by_time.first().is_some_and(|(at, _)| *at <= now)
    }

    fn take_if(&mut self, is_due: impl Fn(Instant) -> bool) -> Option<String> {
        let (at, tenant) = self.by_time.pop_first()?;
        if !is_due(at) {
            self.by_time.insert((at, tenant));
            return None;
        }
        self.of.remove(&tenant);
        Some(tenant)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_comes_once_at_its_earliest_time() {
        let (mut due, now) = (Due::default(), Instant::now());
        let at = |seconds| now + Duration::from_secs(seconds);
        for (tenant, seconds) in [("acme", 9), ("globex", 5), ("acme", 3), ("globex", 7)] {
            due.add(tenant, at(seconds));
        }
        assert_eq!((due.is_any(at(2)), due.take(at(2))), (false, None));
        assert_eq!((due.is_any(at(3)), due.take(at(4)), due.take(at(4))), (true, Some("acme".to_owned()), None));
        assert_eq!((due.take_any(), due.take_any()), (Some("globex".to_owned()), None));
    }
}
