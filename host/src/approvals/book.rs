//! Approvals, as a fold over the journal.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::{Approval, CLOSED_MAX, OPEN_MAX, State, Wanted};
use crate::audit::entry::{ApprovalAsked, ApprovalDecided, Entry, Event};
use crate::id::{ApprovalId, CallId, Digest, TenantId};

impl Approval {
    /// The entry that it is asked for by, of which [`ApprovalBook::fold`] makes it again; `ceiling` and `policy` are those
    /// that want it.
    pub fn asked(&self, ceiling: Digest, policy: Digest) -> ApprovalAsked {
        let Self { id, wanted, expires, .. } = self.clone();
        ApprovalAsked {
            approval: id,
            arguments: wanted.arguments,
            arguments_bytes: wanted.arguments_bytes,
            call: wanted.call,
            ceiling,
            component: wanted.component,
            expires,
            labels: wanted.labels,
            policy,
            risk: wanted.risk,
            rules: wanted.rules,
            session: wanted.session,
            tool: wanted.tool,
            version: wanted.version,
        }
    }
}

/// Approvals that are not over.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalBook(BTreeMap<TenantId, BTreeMap<ApprovalId, Approval>>);

impl ApprovalBook {
    /// Takes in the next entry of the journal.
    pub fn fold(&mut self, entry: &Entry) {
        match &entry.event {
            Event::ApprovalAsked(asked) => self.asked(entry, asked),
            Event::ApprovalDecided(decided) => self.decided(entry, decided),
            Event::CallDecided(decided) => {
                if let Some(id) = decided.approval {
                    self.used(&entry.tenant, id, decided.call);
                }
            }
            Event::ApprovalExpired(expired) => {
                if let Some(kept) = self.0.get_mut(&entry.tenant) {
                    kept.remove(&expired.approval);
                }
            }
            _ => {}
        }
    }

    fn asked(&mut self, entry: &Entry, asked: &ApprovalAsked) {
        let Some(principal) = entry.principal else { return };
        let wanted = Wanted {
            call: asked.call,
            principal,
            tool: asked.tool.clone(),
            version: asked.version.clone(),
            component: asked.component,
            arguments: asked.arguments,
            arguments_bytes: asked.arguments_bytes,
            session: asked.session.clone(),
            labels: asked.labels.clone(),
            risk: asked.risk,
            rules: asked.rules.clone(),
        };
        let (id, since, expires) = (asked.approval, entry.time, asked.expires);
        let approval = Approval { id, wanted, state: State::Waiting, since, expires };
        self.0.entry(entry.tenant.clone()).or_default().insert(id, approval);
    }

    fn decided(&mut self, entry: &Entry, decided: &ApprovalDecided) {
        let known = self.0.get_mut(&entry.tenant).and_then(|kept| kept.get_mut(&decided.approval));
        let (Some(known), Some(by)) = (known, entry.principal) else { return };
        let reason = decided.reason.clone().unwrap_or_default();
        let state = if decided.approved { State::Approved { by } } else { State::Denied { by, reason } };
        if known.state.gives_way_to(&state) {
            (known.state, known.expires) = (state, decided.expires);
        }
    }

    fn used(&mut self, tenant: &TenantId, id: ApprovalId, call: CallId) {
        let Some(kept) = self.0.get_mut(tenant) else { return };
        let Some(known) = kept.get_mut(&id) else { return };
        match known.state {
            State::Approved { by } => known.state = State::Used { by, call },
            State::Used { .. } => {}
            // A call went by it, so somebody gave it, in whatever order the entries came: it is used up.
            State::Waiting | State::Denied { .. } => drop(kept.remove(&id)),
        }
    }

    /// Forgets those whose time is over.
    pub fn prune(&mut self, now: SystemTime) {
        self.0.retain(|_, kept| {
            kept.retain(|_, approval| now < approval.expires);
            // Never many more: new ones are refused, and those that are closed forgotten.
            while kept.len() > 2 * (OPEN_MAX + CLOSED_MAX) {
                kept.pop_first();
            }
            !kept.is_empty()
        });
    }

    pub(super) fn each(&self) -> impl Iterator<Item = (&TenantId, &Approval)> {
        self.0.iter().flat_map(|(tenant, kept)| kept.values().map(move |approval| (tenant, approval)))
    }
}
