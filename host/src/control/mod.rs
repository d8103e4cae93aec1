//! Administration: the one place where a change is authorised, applied and recorded.
//!
//! A change and its entries are written in one transaction of the metadata store (the entries into an outbox); then the
//! entries go to the journal, the tenant's value in the snapshot is swapped, and only then is the answer given. A crash
//! anywhere between leaves either nothing, or a change whose entries are appended at the next start, once.

mod access;
mod approvals;
mod bounds;
mod components;
mod keys;
mod log;
mod packages;
mod payloads;
mod policies;
mod read;
mod recalls;
mod secrets;
mod sessions;
mod submissions;
mod tenants;
mod turn;
mod what_if;

use std::sync::Arc;

use parking_lot::Mutex;

pub use self::access::AccessChecked;
pub use self::approvals::{ApprovalView, Shown};
pub use self::components::{ComponentView, Uploaded};
pub use self::keys::{KeyView, NewKey};
pub use self::packages::{Publication, default_needs};
pub use self::policies::{PolicyChecked, PolicyPut, PolicyView};
pub use self::read::LogPage;
pub use self::secrets::SecretView;
pub use self::submissions::{SubmissionView, Submissions, SubmissionsAsked};
pub use self::tenants::TenantView;
pub(crate) use self::turn::replay;
pub use self::what_if::LookedAt;
pub use crate::storage::{KeptPayload, PayloadKind, Piece, SecretValue, SubmissionState};

use crate::access::Action;
use crate::admission::Ledger;
use crate::answers::Answers;
use crate::approvals::Approvals;
use crate::audit::Audit;
use crate::audit::log::Logs;
use crate::capability::StorageQuotas;
use crate::error::{Code, Error, Result};
use crate::id::TenantId;
use crate::registry::Registry;
use crate::sessions::Sessions;
use crate::shares::Desk;
use crate::snapshot::{Caller, Snapshot, Tenant, build_tenant};
use crate::storage::{Payloads, Store, Vault};

/// Makes changes and answers what only administration asks. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Control(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    payloads: Payloads,
    vault: Vault,
    audit: Audit,
    logs: Logs,
    snapshot: Arc<Snapshot>,
    registry: Registry,
    quotas: Arc<StorageQuotas>,
    ledger: Arc<Mutex<Ledger>>,
    sessions: Arc<Sessions>,
    approvals: Arc<Approvals>,
    answers: Arc<Answers>,
    /// One change at a time, with what those before still owe: entries stand in the log in the order in which changes
    /// came into force.
    turn: Arc<tokio::sync::Mutex<turn::Owed>>,
    readers: what_if::Readers,
    /// Where texts are read and compared.
    desk: Desk,
}

impl Control {
    /// Puts administration together.
    #[expect(clippy::too_many_arguments, reason = "it is put together once")]
    pub fn new(
        store: Store,
        payloads: Payloads,
        vault: Vault,
        audit: Audit,
        logs: Logs,
        snapshot: Arc<Snapshot>,
        registry: Registry,
        quotas: Arc<StorageQuotas>,
        ledger: Arc<Mutex<Ledger>>,
        (sessions, approvals, answers): (Arc<Sessions>, Arc<Approvals>, Arc<Answers>),
    ) -> Self {
        let (turn, readers, desk) = (Arc::default(), what_if::Readers::default(), Desk::new(bounds::DESK_MAX));
        Self(Arc::new(Inner {
            store,
            payloads,
            vault,
            audit,
            logs,
            snapshot,
            registry,
            quotas,
            ledger,
            sessions,
            approvals,
            answers,
            turn,
            readers,
            desk,
        }))
    }

    /// Reads the tenant's value from the store and swaps it in.
    async fn refresh(&self, id: &TenantId) -> Result<()> {
        let before = self.0.snapshot.tenant(id);
        let known = before.as_deref().map(Tenant::components).unwrap_or_default();
        let rows = self.0.store.tenant(id, &known).await?;
        let rows = rows.ok_or_else(|| Error::internal(format_args!("no tenant {id}")))?;
        self.0.snapshot.swap_tenant(build_tenant(rows, before.as_deref())?);
        Ok(())
    }
}

/// That the caller is of the platform's own team and may do this there. To everyone else, what only the
/// platform does is not there.
fn of_platform(caller: &Caller, action: Action) -> Result<()> {
    if !caller.tenant.id.is_platform() {
        return Err(Error::new(Code::NotFound, "there is nothing of that name"));
    }
    caller.may(action)
}

/// Runs a change to its end even when whoever asked for it leaves: half of it may be durable already.
async fn finish<T: Send + 'static>(work: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
    tokio::spawn(work).await.map_err(Error::internal)?
}
