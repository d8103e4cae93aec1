//! An approval that a call is about to use: given back unless the call begins.

use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::Mutex;

use super::{Approval, Approvals, OfTenant, State, Wanted, forget_closed};
use crate::id::{ApprovalId, CallId, PrincipalId, TenantId};
use crate::labels::{Labels, labels};

/// Why an approval does not let a call go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotApproved {
    /// The key has none of that id: it never was, is another key's, or is over.
    Unknown,
    /// Nobody has decided.
    Waiting,
    /// It may not be made.
    Denied {
        /// Why.
        reason: String,
    },
    /// It was made.
    Used {
        /// The call.
        call: CallId,
    },
    /// Another call is about to use it.
    Claimed,
    /// It is for another call: for this one's tool, version, component, arguments or session it says nothing.
    Another,
    /// More is behind the call than whoever approved it saw: labels, or risk.
    Grown,
}

/// An approval that one call has. Dropped before [`Claim::used`], it can be had again.
#[derive(Debug)]
pub struct Claim {
    of_tenant: Arc<Mutex<OfTenant>>,
    id: ApprovalId,
    by: PrincipalId,
    labels: Labels,
}

impl Approvals {
    /// Takes an approval for a call. No other call has it at the same time.
    ///
    /// # Errors
    ///
    /// Why it does not let this call go.
    pub fn claim(
        &self,
        tenant: &TenantId,
        id: ApprovalId,
        wanted: &Wanted,
        now: SystemTime,
    ) -> Result<Claim, NotApproved> {
        let of_tenant = self.0.read().get(tenant).cloned().ok_or(NotApproved::Unknown)?;
        let mut kept = of_tenant.lock();
        let known = kept.get_mut(&id).filter(|kept| {
            // Whose it is not, to them it is not there.
            kept.approval.wanted.principal == wanted.principal && now < kept.approval.expires
        });
        let known = known.ok_or(NotApproved::Unknown)?;
        let Approval { wanted: approved, state, .. } = &known.approval;
        let by = match state {
            State::Waiting => return Err(NotApproved::Waiting),
            State::Denied { reason, .. } => return Err(NotApproved::Denied { reason: reason.clone() }),
            State::Used { call, .. } => return Err(NotApproved::Used { call: *call }),
            State::Approved { by } => *by,
        };
        if !approved.is_same(wanted) {
            return Err(NotApproved::Another);
        }
        if !approved.covers(wanted) {
            return Err(NotApproved::Grown);
        }
        if known.claimed {
            return Err(NotApproved::Claimed);
        }
        let labels = labels(&approved.labels);
        known.claimed = true;
        drop(kept);
        Ok(Claim { of_tenant, id, by, labels })
    }
}

impl Claim {
    /// The approval.
    pub const fn id(&self) -> ApprovalId {
        self.id
    }

    /// Whose key let the call go.
    pub const fn by(&self) -> PrincipalId {
        self.by
    }

    /// The labels of the call's session that whoever approved it saw.
    pub const fn labels(&self) -> Labels {
        self.labels
    }

    /// The call begins: its decision, which names the approval, is in the journal.
    pub fn used(self, call: CallId) {
        let mut kept = self.of_tenant.lock();
        if let Some(known) = kept.get_mut(&self.id) {
            known.approval.state = State::Used { by: self.by, call };
        }
        forget_closed(&mut kept);
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(known) = self.of_tenant.lock().get_mut(&self.id) {
            known.claimed = false;
        }
    }
}
