//! What the entries say, once their bytes are known to be the log's.

use std::collections::BTreeMap;

use super::calls::Calls;
use super::findings::Findings;
use super::order::Order;
use super::{Code, Finding};
use crate::entry::Entry;
use crate::key::cut;

/// Kinds that are counted by name; a log of ours has some thirty.
const KINDS_MAX: usize = 1_000;

/// The entries so far.
#[derive(Debug)]
pub(super) struct Content {
    tenant: String,
    pub(super) kinds: BTreeMap<String, u64>,
    pub(super) calls: Calls,
    order: Order,
    /// Entries of another tenant: the first, whose, and how many.
    foreign: Option<(u64, String, u64)>,
}

impl Content {
    /// Nothing yet, in the log of this tenant.
    pub(super) fn new(tenant: &str) -> Self {
        Self {
            tenant: tenant.to_owned(),
            kinds: BTreeMap::new(),
            calls: Calls::default(),
            order: Order::default(),
            foreign: None,
        }
    }

    /// The entry at this place.
    pub(super) fn see(&mut self, place: u64, bytes: &[u8], findings: &mut Findings) {
        let entry = match Entry::parse(bytes) {
            Ok(entry) => entry,
            Err(error) => {
                self.calls.lose(place);
                return findings.add(Finding::at(Code::EntryMalformed, place, error.to_string()));
            }
        };
        if let Some(gap) = self.order.see(place, entry.index) {
            self.calls.lose(gap);
        }
        if entry.tenant != self.tenant {
            let (_, _, count) = self.foreign.get_or_insert_with(|| (place, cut(&entry.tenant), 0));
            *count += 1;
        }
        if let Some(call) = entry.call() {
            self.calls.see(place, &entry.kind, call, findings);
        }
        if self.kinds.len() < KINDS_MAX || self.kinds.contains_key(&entry.kind) {
            *self.kinds.entry(entry.kind).or_default() += 1;
        }
    }

    /// There are no more.
    pub(super) fn finish(&mut self, findings: &mut Findings) {
        if let Some(gap) = self.order.finish(findings) {
            self.calls.lose(gap);
        }
        self.calls.finish(findings);
        if let Some((first, tenant, count)) = self.foreign.take() {
            let message = format!("{count} entries are of tenant {tenant}, in a log of {}", self.tenant);
            findings.add(Finding::at(Code::WrongTenant, first, message));
        }
    }
}
