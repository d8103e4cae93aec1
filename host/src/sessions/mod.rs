//! What sessions have touched: labels, each with the call that brought it, kept while the host runs and made again from
//! the journal when it starts.
//!
//! A session belongs to one principal, by the name that its agent gives it; the same name of another principal is another
//! session. Its labels are never taken away but by a clearing that is in the record.

mod book;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::{Mutex, RwLock};

pub use self::book::SessionBook;

use crate::error::{Code, Error, Result};
use crate::id::{PrincipalId, SessionId, TenantId};
use crate::labels::{Brought, Labels, labels};

/// Sessions of one tenant that are kept.
pub const SESSIONS_MAX: usize = 10_000;
/// How long a session is kept that no call names.
pub const IDLE_MAX: Duration = Duration::from_secs(30 * 86_400);

/// Which session of a tenant.
pub type SessionKey = (PrincipalId, SessionId);

/// The sessions of all tenants.
#[derive(Debug, Default)]
pub struct Sessions(RwLock<HashMap<TenantId, Arc<Mutex<OfTenant>>>>);

type OfTenant = HashMap<SessionKey, Arc<Session>>;

/// One session.
#[derive(Debug, Default)]
pub struct Session {
    /// At most one for each label: the first.
    brought: Mutex<Vec<Brought>>,
    /// When a call last named it, in seconds since 1970.
    named: AtomicU64,
}

/// A session as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Whose it is.
    pub principal: PrincipalId,
    /// Its name.
    pub session: SessionId,
    /// Its labels, each by what brought it.
    pub brought: Vec<Brought>,
    /// When a call last named it.
    pub named: SystemTime,
}

impl Session {
    /// A session that no call ever named.
    pub fn new() -> Self {
        Self::default()
    }

    fn known(brought: Vec<Brought>, named: u64) -> Self {
        Self { brought: Mutex::new(brought), named: AtomicU64::new(named) }
    }

    /// Its labels.
    pub fn labels(&self) -> Labels {
        labels(&self.brought.lock())
    }

    /// Its labels, each by what brought it.
    pub fn brought(&self) -> Vec<Brought> {
        self.brought.lock().clone()
    }

    /// Asks `ask` with the labels that it has, and where that is content gives it those of `with` that it has not. One step:
    /// nothing is asked in between by another call of the session.
    ///
    /// # Errors
    ///
    /// What `ask` says.
    pub fn pass<E>(&self, ask: impl FnOnce(&[Brought]) -> Result<(), E>, with: &[Brought]) -> Result<(), E> {
        let mut own = self.brought.lock();
        ask(&own)?;
        add(&mut own, with);
        Ok(())
    }

    /// Gives it those of `with` that it has not.
    pub fn add(&self, with: &[Brought]) {
        add(&mut self.brought.lock(), with);
    }

    /// Takes its labels away.
    pub(crate) fn clear(&self) {
        self.brought.lock().clear();
    }
}

fn add(own: &mut Vec<Brought>, with: &[Brought]) {
    for brought in with {
        if !own.iter().any(|known| known.label == brought.label) {
            own.push(brought.clone());
        }
    }
}

impl Sessions {
    /// As they are by the record.
    pub fn fill(&self, book: &SessionBook) {
        for (tenant, principal, session, brought, named) in book.each() {
            let kept = Arc::new(Session::known(brought.to_vec(), named));
            self.of(tenant).lock().insert((principal, session.clone()), kept);
        }
    }

    /// The session of that name, which a call names now.
    ///
    /// # Errors
    ///
    /// [`Code::Throttled`] for a new one where the tenant has as many with labels as are kept.
    pub fn name(&self, tenant: &TenantId, key: SessionKey) -> Result<Arc<Session>> {
        let now = seconds();
        let of_tenant = self.of(tenant);
        let mut sessions = of_tenant.lock();
        if let Some(session) = sessions.get(&key) {
            session.named.store(now, Ordering::Relaxed);
            return Ok(Arc::clone(session));
        }
        if sessions.len() >= SESSIONS_MAX {
            make_room(&mut sessions, now);
        }
        if sessions.len() >= SESSIONS_MAX {
            return Err(Error::new(
                Code::Throttled,
                format!("{SESSIONS_MAX} sessions of this tenant have labels, as many as are kept"),
            )
            .next("go on in a session that there is, or have an operator clear some")
            .fact("limit", "sessions")
            .fact("maximum", SESSIONS_MAX)
            .fact("retry_after_ms", 60_000));
        }
        let session = Arc::new(Session::known(Vec::new(), now));
        sessions.insert(key, Arc::clone(&session));
        Ok(session)
    }

    /// Those of a tenant with labels, in order of principal and name.
    pub fn labelled(&self, tenant: &TenantId) -> Vec<Shown> {
        let of_tenant = self.0.read().get(tenant).cloned();
        let Some(of_tenant) = of_tenant else { return Vec::new() };
        let mut shown: Vec<Shown> = of_tenant
            .lock()
            .iter()
            .map(|((principal, session), kept)| Shown {
                principal: *principal,
                session: session.clone(),
                brought: kept.brought(),
                named: UNIX_EPOCH + Duration::from_secs(kept.named.load(Ordering::Relaxed)),
            })
            .filter(|shown| !shown.brought.is_empty())
            .collect();
        shown.sort_by(|one, other| (one.principal, &one.session).cmp(&(other.principal, &other.session)));
        shown
    }

    /// Takes a session's labels away; whether it had some. Only behind the entry that says so.
    pub fn clear(&self, tenant: &TenantId, key: &SessionKey) -> bool {
        let of_tenant = self.0.read().get(tenant).cloned();
        let found = of_tenant.and_then(|sessions| sessions.lock().get(key).cloned());
        found.is_some_and(|session| {
            let had = !session.labels().is_empty();
            session.clear();
            had
        })
    }

    fn of(&self, tenant: &TenantId) -> Arc<Mutex<OfTenant>> {
        if let Some(sessions) = self.0.read().get(tenant) {
            return Arc::clone(sessions);
        }
        Arc::clone(self.0.write().entry(tenant.clone()).or_default())
    }
}

/// Lets go of sessions that no running call holds and that say nothing, or that nobody named for long.
fn make_room(sessions: &mut OfTenant, now: u64) {
    sessions.retain(|_, session| {
        let idle = Duration::from_secs(now.saturating_sub(session.named.load(Ordering::Relaxed)));
        Arc::strong_count(session) > 1 || (!session.labels().is_empty() && idle < IDLE_MAX)
    });
}

fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests;
