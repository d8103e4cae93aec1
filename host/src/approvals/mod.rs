//! Calls that wait for somebody's word: what each is bound to, and what became of it. Kept while the host runs and made
//! again from the journal when it starts.
//!
//! An approval is for one call of one tool of one component with one spelling of its arguments, by one key, and is used
//! once. Nothing of the arguments is in the journal but their digest: whoever is let go sends them again. While the host
//! runs, short ones are kept in memory for whoever decides to read.

mod book;
mod claim;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::{Mutex, RwLock};
use semver::Version;
use serde::{Deserialize, Serialize};

pub use self::book::ApprovalBook;
pub use self::claim::{Claim, NotApproved};

use crate::audit::entry::Mac;
use crate::audit::entry::time::whole_micros;
use crate::error::{Code, Error, Result};
use crate::id::{ApprovalId, CallId, Digest, PrincipalId, SessionId, TenantId, ToolName};
use crate::labels::{Brought, labels};
use crate::routed::Level;

/// Approvals of one tenant that are open: waited for, or given and not used.
pub const OPEN_MAX: usize = 1_000;
/// Those of one key: what an agent can bother people with.
pub const OPEN_OF_PRINCIPAL_MAX: usize = 100;
/// Those of one tenant that are denied or used and still remembered.
const CLOSED_MAX: usize = 1_000;
/// Arguments that are shown to whoever decides, in bytes of JSON text; longer ones are known by their digest alone.
pub const ARGUMENTS_SHOWN_MAX: usize = 64 << 10;
/// What all shown arguments of a tenant may take together, in bytes.
const ARGUMENTS_HELD_MAX: usize = 1 << 20;

/// What an approval is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// The call that was parked.
    pub call: CallId,
    /// Whose key made it.
    pub principal: PrincipalId,
    /// The tool.
    pub tool: ToolName,
    /// Its version.
    pub version: Version,
    /// The component that would run.
    pub component: Digest,
    /// The arguments' keyed digest.
    pub arguments: Mac,
    /// Their length as JSON text.
    pub arguments_bytes: u64,
    /// The session that it named.
    pub session: Option<SessionId>,
    /// The labels that its session had: what whoever decides saw.
    pub labels: Vec<Brought>,
    /// How much it could bring about.
    pub risk: Level,
    /// The rules that want it approved.
    pub rules: Vec<String>,
}

impl Wanted {
    /// Whether an approval of this is one of `other`, too: the same call, with no more behind it than was seen.
    fn covers(&self, other: &Self) -> bool {
        self.is_same(other) && labels(&self.labels).hold(labels(&other.labels)) && self.risk >= other.risk
    }

    /// Whether it is the same call, made again.
    fn is_same(&self, other: &Self) -> bool {
        self.principal == other.principal
            && self.tool == other.tool
            && self.version == other.version
            && self.component == other.component
            && self.arguments == other.arguments
            && self.session == other.session
    }
}

/// What became of an approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// Nobody has decided.
    Waiting,
    /// It may be used, once.
    Approved {
        /// Whose key let it go.
        by: PrincipalId,
    },
    /// It may not be made.
    Denied {
        /// Whose key said so.
        by: PrincipalId,
        /// Why, in their words.
        reason: String,
    },
    /// It was made.
    Used {
        /// Whose key let it go.
        by: PrincipalId,
        /// The call.
        call: CallId,
    },
}

impl State {
    /// Its name.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Approved { .. } => "approved",
            Self::Denied { .. } => "denied",
            Self::Used { .. } => "used",
        }
    }

    const fn is_open(&self) -> bool {
        matches!(self, Self::Waiting | Self::Approved { .. })
    }

    /// Whether `next` can be decided then. A refusal stands against a leave that nobody has used, whichever came first.
    pub const fn gives_way_to(&self, next: &Self) -> bool {
        matches!((self, next), (Self::Waiting, _) | (Self::Approved { .. }, Self::Denied { .. }))
    }
}

/// An approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Its id.
    pub id: ApprovalId,
    /// What it is for.
    pub wanted: Wanted,
    /// What became of it.
    pub state: State,
    /// When it was asked for.
    pub since: SystemTime,
    /// When it is over: not decided on, or not used, until then it is gone. A refusal stands until then.
    pub expires: SystemTime,
}

/// An approval as it is kept.
struct Kept {
    approval: Approval,
    /// Absent where they are too long, or the host was started since.
    arguments: Option<Arc<str>>,
    /// A call is about to use it.
    claimed: bool,
}

impl fmt::Debug for Kept {
    /// Without the arguments.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").field("approval", &self.approval).field("claimed", &self.claimed).finish_non_exhaustive()
    }
}

type OfTenant = BTreeMap<ApprovalId, Kept>;

/// The approvals of all tenants.
#[derive(Debug, Default)]
pub struct Approvals(RwLock<HashMap<TenantId, Arc<Mutex<OfTenant>>>>);

/// What asking for one came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asking {
    /// It is a new one.
    New(Approval),
    /// The same call was made before.
    Known(Approval),
}

impl Approvals {
    /// As they are by the record.
    pub fn fill(&self, book: &ApprovalBook) {
        for (tenant, approval) in book.each() {
            let kept = Kept { approval: approval.clone(), arguments: None, claimed: false };
            self.of(tenant).lock().insert(approval.id, kept);
        }
    }

    /// The approval of a call: one that is there already, where the same call was made before, or a new one that is waited for
    /// until `now` and `time`.
    ///
    /// # Errors
    ///
    /// [`Code::Throttled`] where the tenant or the key has as many open as may be.
    pub fn ask(
        &self,
        tenant: &TenantId,
        wanted: Wanted,
        arguments: &str,
        time: Duration,
        now: SystemTime,
    ) -> Result<Asking> {
        let of_tenant = self.of(tenant);
        let mut kept = of_tenant.lock();
        let room = ARGUMENTS_HELD_MAX.saturating_sub(held(&kept)).min(ARGUMENTS_SHOWN_MAX);
        let shown = (arguments.len() <= room).then(|| Arc::from(arguments));
        let first = |stands: fn(&Approval, &Wanted) -> bool| {
            let mut all = kept.values().map(|kept| &kept.approval).filter(|known| now < known.expires);
            all.find(|known| stands(known, &wanted)).map(|known| known.id)
        };
        let same = first(|known, wanted| !matches!(known.state, State::Used { .. }) && known.wanted.covers(wanted));
        // A refusal stands whatever came to be behind the call since: to declare more of it is not to ask anew.
        let refused = |known: &Approval, wanted: &Wanted| {
            matches!(known.state, State::Denied { .. }) && known.wanted.is_same(wanted)
        };
        let same = same.or_else(|| first(refused));
        if let Some(known) = same.and_then(|id| kept.get_mut(&id)) {
            // Made again since the host was started: whoever decides can read it again.
            if known.arguments.is_none() && known.approval.state == State::Waiting {
                known.arguments = shown;
            }
            return Ok(Asking::Known(known.approval.clone()));
        }
        let open = kept.values().map(|kept| &kept.approval).filter(|known| known.state.is_open());
        let (all, own) = open
            .fold((0, 0), |(all, own), known| (all + 1, own + usize::from(known.wanted.principal == wanted.principal)));
        for (open, maximum, whose) in [(own, OPEN_OF_PRINCIPAL_MAX, "this key"), (all, OPEN_MAX, "this tenant")] {
            if open >= maximum {
                return Err(too_many(maximum, whose));
            }
        }
        let expires = whole_micros(now + time);
        let approval =
            Approval { id: ApprovalId::new(), wanted, state: State::Waiting, since: whole_micros(now), expires };
        kept.insert(approval.id, Kept { approval: approval.clone(), arguments: shown, claimed: false });
        Ok(Asking::New(approval))
    }

    /// One that somebody gave the same call, if it can be used.
    pub fn given(&self, tenant: &TenantId, wanted: &Wanted, now: SystemTime) -> Option<ApprovalId> {
        let of_tenant = self.0.read().get(tenant).cloned()?;
        let kept = of_tenant.lock();
        let is_given = |kept: &&Kept| {
            let Approval { state, expires, wanted: known, .. } = &kept.approval;
            matches!(state, State::Approved { .. }) && !kept.claimed && now < *expires && known.covers(wanted)
        };
        kept.values().find(is_given).map(|kept| kept.approval.id)
    }

    /// Whether it is one of the key's for another call than this one.
    pub fn is_for_another(&self, tenant: &TenantId, id: ApprovalId, wanted: &Wanted) -> bool {
        let Some(of_tenant) = self.0.read().get(tenant).cloned() else { return false };
        let kept = of_tenant.lock();
        kept.get(&id)
            .map(|kept| &kept.approval.wanted)
            .is_some_and(|known| known.principal == wanted.principal && !known.is_same(wanted))
    }

    /// One of a tenant's, with its arguments where they are known.
    pub fn get(&self, tenant: &TenantId, id: ApprovalId, now: SystemTime) -> Option<(Approval, Option<Arc<str>>)> {
        let of_tenant = self.0.read().get(tenant).cloned()?;
        let kept = of_tenant.lock();
        let Kept { approval, arguments, .. } = kept.get(&id).filter(|kept| now < kept.approval.expires)?;
        Some((approval.clone(), arguments.clone()))
    }

    /// Those of a tenant, oldest first.
    pub fn all(&self, tenant: &TenantId, now: SystemTime) -> Vec<Approval> {
        let of_tenant = self.0.read().get(tenant).cloned();
        let Some(of_tenant) = of_tenant else { return Vec::new() };
        let kept = of_tenant.lock();
        kept.values().map(|kept| &kept.approval).filter(|approval| now < approval.expires).cloned().collect()
    }

    /// Puts what was decided in force; only behind the entry that says so. Whether it is: nothing else was decided, and it was
    /// not over, in the meantime.
    pub fn decide(&self, tenant: &TenantId, id: ApprovalId, state: State, expires: SystemTime) -> bool {
        let of_tenant = self.of(tenant);
        let mut kept = of_tenant.lock();
        let is_open = |kept: &&mut Kept| kept.approval.state.gives_way_to(&state) && !kept.claimed;
        let Some(known) = kept.get_mut(&id).filter(is_open) else { return false };
        (known.approval.state, known.approval.expires, known.arguments) = (state, expires, None);
        forget_closed(&mut kept);
        true
    }

    /// Forgets one that is no longer good; whether there was one.
    pub fn close(&self, tenant: &TenantId, id: ApprovalId) -> bool {
        self.of(tenant).lock().remove(&id).is_some()
    }

    /// Forgets those whose time is over; gives those that were open, for the record.
    pub fn expire(&self, now: SystemTime) -> Vec<(TenantId, Approval)> {
        let tenants: Vec<_> = self.0.read().iter().map(|(tenant, kept)| (tenant.clone(), Arc::clone(kept))).collect();
        let mut over = Vec::new();
        for (tenant, of_tenant) in tenants {
            let mut kept = of_tenant.lock();
            let gone = kept.extract_if(.., |_, kept| now >= kept.approval.expires && !kept.claimed);
            over.extend(
                gone.filter(|(_, kept)| kept.approval.state.is_open()).map(|(_, kept)| (tenant.clone(), kept.approval)),
            );
        }
        over
    }

    fn of(&self, tenant: &TenantId) -> Arc<Mutex<OfTenant>> {
        if let Some(kept) = self.0.read().get(tenant) {
            return Arc::clone(kept);
        }
        Arc::clone(self.0.write().entry(tenant.clone()).or_default())
    }
}

fn too_many(maximum: usize, whose: &str) -> Error {
    Error::new(
        Code::Throttled,
        format!("{maximum} calls of {whose} wait for approval or for being made, as many as may"),
    )
    .next("have those decided on that wait, or make those that are approved")
    .fact("limit", "approvals")
    .fact("maximum", maximum)
    .fact("retry_after_ms", 60_000)
}

/// What shown arguments take.
fn held(kept: &OfTenant) -> usize {
    kept.values().filter_map(|kept| kept.arguments.as_ref()).map(|text| text.len()).sum()
}

/// Forgets the oldest of many that are denied or used. Whoever asks for such a one again is told that there is none.
fn forget_closed(kept: &mut OfTenant) {
    let closed: Vec<ApprovalId> =
        kept.iter().filter(|(_, kept)| !kept.approval.state.is_open()).map(|(id, _)| *id).collect();
    for id in &closed[..closed.len().saturating_sub(CLOSED_MAX)] {
        kept.remove(id);
    }
}

#[cfg(test)]
mod tests;
