//! The path of a call: every front door enters here, and listing, explaining and calling share one decision point.
//!
//! `call.rs` is the path itself, downhill from the request to the reply; `record.rs` is what surrounds it, so that no
//! call ends without its outcome in the record; `replay.rs` is a recorded call's way back in.

mod approval;
mod arguments;
mod asked;
mod budgets;
mod call;
mod checks;
mod children;
mod digest;
mod flow;
mod list;
mod payload;
mod record;
mod refusals;
mod replay;
mod route;
mod stand_in;
mod waited;
mod watch;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio_util::task::TaskTracker;

pub use self::asked::AskedFor;
pub use self::call::{CallEvent, CallRequest, CallUsage, Failed, Reply};
pub use self::children::{CallNode, CallTree};
pub use self::list::{ListedTool, ListedTools, Part};
pub use self::payload::{host_calls, output_from_bytes};
pub use self::replay::{Past, ReplayRequest, Replayed};
pub use self::route::{AskedRoute, Attempted, Routed};
pub use self::stand_in::StandIn;
pub use self::watch::{Seen, Watcher, watch};

pub use self::refusals::RefusedRequest;

use self::checks::Checks;
use self::children::ChildRoom;
use self::refusals::{Refusals, Refused};
use crate::access::Who;
use crate::admission::budget::Meter;
use crate::admission::{Admission, Breakers};
use crate::answers::Answers;
use crate::approvals::Approvals;
use crate::audit::Audit;
use crate::audit::log::Logs;
use crate::capability::StorageQuotas;
use crate::engine::Engine;
use crate::error::{Code, Error, Result};
use crate::id::{TenantId, ToolRequest};
use crate::policy::{self, AskedKey, Explanation, GrantKind, Use};
use crate::registry::Registry;
use crate::routed::Level;
use crate::sessions::Sessions;
use crate::shares::Desk;
use crate::snapshot::{Caller, Refused as SnapshotRefused, Resolved, Snapshot};
use crate::storage::{Payloads, Store};

/// Listings that are made at once.
const LISTINGS_MAX: usize = 2;
/// How long whoever comes to a host that stops waits: another one may be there by then.
const STOPPING_RETRY_MS: u64 = 1_000;

/// Lets calls in, runs them, and records what came of them. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Router(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    snapshot: Arc<Snapshot>,
    registry: Registry,
    engine: Engine,
    admission: Admission,
    meter: Meter,
    breakers: Breakers,
    audit: Audit,
    logs: Logs,
    refusals: Refusals,
    store: Store,
    payloads: Payloads,
    quotas: Arc<StorageQuotas>,
    checks: Checks,
    sessions: Arc<Sessions>,
    approvals: Arc<Approvals>,
    answers: Arc<Answers>,
    /// Room for calls that calls make.
    child_room: ChildRoom,
    /// What outlives the request that it belongs to: outcomes of calls that were given up.
    tasks: TaskTracker,
    draining: AtomicBool,
    /// Where tools are listed.
    desk: Desk,
}

/// What is kept of calls beside the record, and what decided them.
#[derive(Debug)]
pub struct Kept {
    /// Policies by their digests.
    pub store: Store,
    /// Payloads.
    pub payloads: Payloads,
    /// How much of them.
    pub quotas: Arc<StorageQuotas>,
    /// What sessions have touched.
    pub sessions: Arc<Sessions>,
    /// Which calls wait for somebody's word.
    pub approvals: Arc<Approvals>,
    /// Answers that can stand in for calls.
    pub answers: Arc<Answers>,
}

impl Router {
    /// Puts the path together.
    pub fn new(
        snapshot: Arc<Snapshot>,
        registry: Registry,
        engine: Engine,
        (admission, meter, child_calls_max): (Admission, Meter, u32),
        audit: Audit,
        logs: Logs,
        kept: Kept,
    ) -> Self {
        let Kept { store, payloads, quotas, sessions, approvals, answers } = kept;
        let inner = Inner {
            snapshot,
            registry,
            engine,
            admission,
            meter,
            breakers: Breakers::default(),
            refusals: Refusals::new(audit.clone()),
            audit,
            logs,
            store,
            payloads,
            quotas,
            checks: Checks::default(),
            sessions,
            approvals,
            answers,
            child_room: ChildRoom::new(child_calls_max),
            tasks: TaskTracker::new(),
            draining: AtomicBool::new(false),
            desk: Desk::new(LISTINGS_MAX),
        };
        Self(Arc::new(inner))
    }

    /// Counts in the record that the caller may not make a request, which is not a call: the path of a call sees to its own
    /// refusals.
    pub fn note_refused(&self, caller: &Caller, refused: RefusedRequest) {
        self.0.refusals.note_request(caller, refused);
    }

    /// Counts in the record that a key of `tenant` was not valid any more.
    pub fn note_login(&self, tenant: TenantId) {
        self.0.refusals.note_login(tenant);
    }

    /// Who presents `key`, the text behind `Bearer`. Failures are counted in the record of the tenant that the key
    /// names.
    ///
    /// # Errors
    ///
    /// `unauthenticated`, whatever is wrong with it.
    pub fn authenticate(&self, key: &str) -> Result<Caller> {
        self.0.snapshot.authenticate(key).map_err(|(error, named)| {
            if let Some(tenant) = named {
                self.note_login(tenant);
            }
            error
        })
    }

    /// What policy gives calls of a tool, without running it: for the caller, for another principal of its tenant, or for
    /// any with a scope.
    ///
    /// # Errors
    ///
    /// `not-found` for a tool or a principal that there is not; `denied` when a caller that is neither operator nor
    /// auditor asks about another principal, or an agent about a scope that it has not.
    pub fn explain(
        &self,
        caller: &Caller,
        tool: &ToolRequest,
        asked_for: AskedFor,
        asked: Option<&Use>,
    ) -> Result<Explanation> {
        let who = asked_for.who(caller)?;
        let resolved = caller.resolve(tool)?;
        Ok(self.explained(caller, (asked_for, &who), &resolved, asked, &BTreeSet::new()))
    }

    /// What policy gives calls of a tool by `who` that go `without` some kinds of grant, how their budgets stand, and
    /// whether access rules let them be made.
    fn explained(
        &self,
        caller: &Caller,
        (asked_for, who): (AskedFor, &Who<'_>),
        resolved: &Resolved,
        asked: Option<&Use>,
        without: &BTreeSet<GrantKind>,
    ) -> Explanation {
        let subject = resolved.version.subject(&resolved.package);
        let mut explanation = policy::explain(&caller.platform.ceiling, &caller.tenant.policy, &subject, asked);
        let (rules, risk) = match caller.decide_for(who, resolved).without(without).outcome {
            Ok(admitted) => {
                explanation.budgets = self.budgets_of_call(caller, who.id, &resolved.package, &admitted);
                let risk = Level::from(admitted.risk.level);
                let (ceiling, policy) = (&caller.platform.ceiling, &caller.tenant.policy);
                explanation.approval = policy::approval(ceiling, policy, &resolved.package, risk);
                (admitted.by, Some(admitted.risk.level))
            }
            Err(refused) => {
                let rules = refused.rules();
                match refused {
                    SnapshotRefused::Access(denied) => explanation.deny(denied.into()),
                    SnapshotRefused::Recalled(recall) => explanation.deny(recall.into()),
                    SnapshotRefused::Awaits(awaiting) => explanation.deny((*awaiting).into()),
                    // That is what the explanation says already.
                    SnapshotRefused::Policy(_) => {}
                }
                (rules, None)
            }
        };
        let (id, name) = asked_for.named(who);
        explanation.key = Some(AskedKey { id, name, rules, risk });
        explanation
    }

    /// Forgets use that no budget of the present is about. Called once a minute.
    pub fn prune_budgets(&self) {
        self.0.meter.prune();
    }

    /// Lets no further call in, those that wait among them. Those that run go on.
    pub fn drain(&self) {
        self.0.draining.store(true, Ordering::Release);
        self.0.admission.drain();
    }

    /// Calls that are live now.
    pub fn live(&self) -> usize {
        self.0.admission.live()
    }

    /// Why no call would be let in now: for readiness, and for whoever calls, with when to come again.
    ///
    /// # Errors
    ///
    /// `unavailable` while the host drains, `audit-unavailable` when the record cannot be written.
    pub fn ready(&self) -> Result<()> {
        if self.0.draining.load(Ordering::Acquire) {
            let stopping = Error::new(Code::Unavailable, "this host is stopping").next("send the call again");
            return Err(stopping.fact("retry_after_ms", STOPPING_RETRY_MS));
        }
        self.goes_on()
    }

    /// Why nothing that is under way would go on either.
    fn goes_on(&self) -> Result<()> {
        self.0.audit.health()?;
        self.0.logs.health()
    }

    /// Waits, within `time_max`, until every call has its outcome in the record, and puts what was counted there.
    pub async fn settle(&self, time_max: Duration) {
        self.drain();
        let until = tokio::time::Instant::now() + time_max;
        while self.live() > 0 && tokio::time::Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.0.tasks.close();
        if tokio::time::timeout_at(until, self.0.tasks.wait()).await.is_err() {
            tracing::warn!(live = self.live(), "calls have not settled; the next start records them as interrupted");
        }
        self.0.refusals.flush();
    }

    /// Puts what was counted since the last time into the record. Called once a second.
    pub fn flush_refusals(&self) {
        self.0.refusals.flush();
    }
}
