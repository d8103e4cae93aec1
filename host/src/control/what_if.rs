//! What another policy would have made of the tenant's recorded calls: tried before it is in force, or suggested.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::{Control, bounds};
use crate::access::{Action, Rules, Side};
use crate::audit::log::LogReader;
use crate::error::{Code, Error, Result};
use crate::id::{Digest, PackageRef, TenantId};
use crate::policy::Policy;
use crate::snapshot::{Caller, principal};
use crate::what_if::{self, Bounds, Kept, Keys, Looked, Span, Suggestion, Trial, Tried};

/// How far back is looked where nobody says.
const SPAN: Duration = Duration::from_secs(7 * 86_400);

/// Who is looking at the record now: each tenant once, and few at a time, since each of them reads and computes for as
/// long as it may.
#[derive(Debug, Clone)]
pub(super) struct Readers {
    tenants: Arc<Mutex<HashSet<TenantId>>>,
    room: Arc<Semaphore>,
}

impl Default for Readers {
    fn default() -> Self {
        Self { tenants: Arc::default(), room: Arc::new(Semaphore::new(bounds::READERS_MAX)) }
    }
}

impl Readers {
    /// Gives `tenant` its turn.
    ///
    /// # Errors
    ///
    /// `throttled` while it has one.
    fn begin(&self, tenant: &TenantId) -> Result<Reading> {
        if self.tenants.lock().insert(tenant.clone()) {
            return Ok(Reading { tenant: tenant.clone(), readers: self.clone() });
        }
        Err(Error::new(Code::Throttled, "the tenant's record is being looked through already")
            .next("wait until that is done, then send it again")
            .fact("limit", "trials")
            .fact("maximum", 1)
            .fact("retry_after_ms", 1_000))
    }
}

/// A tenant's turn, given back when dropped.
#[derive(Debug)]
struct Reading {
    tenant: TenantId,
    readers: Readers,
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.readers.tenants.lock().remove(&self.tenant);
    }
}

/// A text that is tried.
enum Text {
    Policy(Policy),
    Access(Rules),
}

impl Text {
    const fn tried(&self) -> Tried<'_> {
        match self {
            Self::Policy(policy) => Tried::Policy(policy),
            Self::Access(rules) => Tried::Access(rules),
        }
    }
}

/// The part of the record that was looked at.
#[derive(Debug, Clone, Copy)]
pub struct LookedAt {
    /// The first moment.
    pub since: SystemTime,
    /// The first moment behind it.
    pub until: SystemTime,
    /// What of it was looked at.
    pub looked: Looked,
}

impl Control {
    /// Tries a policy on the calls that were decided upon in the time between `since` and `until`; absent: the last seven
    /// days. Each change names up to `calls` calls. Nothing is changed.
    ///
    /// # Errors
    ///
    /// `denied` without the scope operator or auditor; `invalid-policy`, with every problem and its line;
    /// `invalid-request` for a time that there cannot be; `throttled` while the same tenant tries another one;
    /// `audit-unavailable` when the record cannot be read.
    pub async fn try_policy(
        &self,
        caller: &Caller,
        text: &str,
        (since, until): (Option<SystemTime>, Option<SystemTime>),
        calls: usize,
    ) -> Result<(Trial, LookedAt)> {
        caller.may(Action::ReadPolicy)?;
        let text = text.to_owned();
        // A long text takes a while, too.
        let policy = tokio::task::spawn_blocking(move || Policy::parse(&text)).await.map_err(Error::internal)??;
        self.try_text(caller, Text::Policy(policy), (since, until), calls).await
    }

    /// Tries access rules on the same calls: which would be let in that were not, and which would not. Nothing is changed.
    ///
    /// # Errors
    ///
    /// As for [`Control::try_policy`].
    pub async fn try_access(
        &self,
        caller: &Caller,
        text: &str,
        span: (Option<SystemTime>, Option<SystemTime>),
        calls: usize,
    ) -> Result<(Trial, LookedAt)> {
        caller.may(Action::ReadPolicy)?;
        let text = text.to_owned();
        let read = move || Rules::parse(Side::Tenant, &text);
        let rules = tokio::task::spawn_blocking(read).await.map_err(Error::internal)??;
        self.try_text(caller, Text::Access(rules), span, calls).await
    }

    async fn try_text(
        &self,
        caller: &Caller,
        text: Text,
        (since, until): (Option<SystemTime>, Option<SystemTime>),
        calls: usize,
    ) -> Result<(Trial, LookedAt)> {
        let span = span(since, until)?;
        let keys = self.0.store.principals(&caller.tenant.id).await?.into_iter().map(|row| {
            let key = principal(row).map_err(Error::internal)?;
            Ok((key.id, key))
        });
        let keys: Keys = keys.collect::<Result<_>>()?;
        let (store, handle) = (self.0.store.clone(), Handle::current());
        self.read(caller, span, move |caller, entries| {
            let mut texts = |kept, digest: &Digest| {
                let owner = match kept {
                    Kept::Policy | Kept::Access => caller.tenant.id.clone(),
                    Kept::Ceiling | Kept::PlatformAccess => TenantId::platform(),
                };
                // This thread may wait: it is none of those that serve.
                handle.block_on(store.policy_text(&owner, digest))
            };
            let listed = (calls, bounds::CALLS_LISTED_MAX);
            what_if::try_policy(caller, text.tried(), entries, (span, BOUNDS), listed, &keys, &mut texts)
        })
        .await
    }

    /// Suggests the smallest grant that covers what calls of `package` used in that time. Nothing is changed.
    ///
    /// # Errors
    ///
    /// As for [`Control::try_policy`]; `not-found` for a package that the tenant cannot see.
    pub async fn suggest_policy(
        &self,
        caller: &Caller,
        package: &PackageRef,
        (since, until): (Option<SystemTime>, Option<SystemTime>),
    ) -> Result<(Suggestion, LookedAt)> {
        caller.may(Action::ReadPolicy)?;
        caller.package(package)?;
        let (span, package) = (span(since, until)?, package.clone());
        self.read(caller, span, move |caller, entries| what_if::suggest(caller, &package, entries, (span, BOUNDS)))
            .await
    }

    /// Reads the caller's tenant's record from the span's beginning on, on a thread that may take its time.
    async fn read<T: Send + 'static>(
        &self,
        caller: &Caller,
        span: Span,
        work: impl FnOnce(&Caller, Entries) -> Result<(T, Looked)> + Send + 'static,
    ) -> Result<(T, LookedAt)> {
        let tenant = caller.tenant.id.clone();
        let reading = self.0.readers.begin(&tenant)?;
        let room = Arc::clone(&self.0.readers.room).acquire_owned().await.map_err(Error::internal)?;
        let caller = caller.clone();
        let read = move |log: &LogReader| {
            let entries: Entries = Box::new(log.read_since(span.since)?);
            let (found, looked) = work(&caller, entries)?;
            // Not before: whoever asked may have left, and this goes on.
            drop((reading, room));
            Ok((found, LookedAt { since: span.since, until: span.until, looked }))
        };
        self.0.logs.reading(&tenant, read).await
    }
}

type Entries = Box<dyn Iterator<Item = Result<crate::audit::Entry>>>;

const BOUNDS: Bounds = Bounds { entries_max: bounds::TRIAL_ENTRIES_MAX, time_max: bounds::TRIAL_TIME_MAX };

/// The time that is meant.
fn span(since: Option<SystemTime>, until: Option<SystemTime>) -> Result<Span> {
    let now = SystemTime::now();
    let until = until.unwrap_or(now);
    let since = since.unwrap_or_else(|| until.checked_sub(SPAN).unwrap_or(SystemTime::UNIX_EPOCH));
    let invalid = |what: &str| Err(Error::new(Code::InvalidRequest, what).next("ask about a time that has been"));
    if since > now {
        return invalid("since is in the future");
    }
    if since >= until {
        return invalid("since is not before until");
    }
    // What is decided from now on is not part of it, however long this takes.
    Ok(Span { since, until: until.min(now) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policy_try_is_one_at_a_time_for_each_tenant() {
        let readers = Readers::default();
        let (acme, globex) = ("acme".parse().unwrap(), "globex".parse().unwrap());
        let turn = readers.begin(&acme).unwrap();
        assert_eq!(readers.begin(&acme).unwrap_err().code(), Code::Throttled);
        drop(readers.begin(&globex).unwrap());
        drop(turn);
        assert!(readers.begin(&acme).is_ok());
    }

    #[test]
    fn policy_try_looks_at_a_time_that_has_been() {
        let now = SystemTime::now();
        let (hour, week) = (Duration::from_secs(3_600), SPAN);
        let default = span(None, None).unwrap();
        assert_eq!(default.until.duration_since(default.since).unwrap(), week);
        assert_eq!(span(Some(now - hour), None).unwrap().since, now - hour);
        assert!(span(Some(now - hour), Some(now + hour)).unwrap().until < now + hour);
        for (since, until) in [(Some(now + hour), None), (Some(now - hour), Some(now - week)), (Some(now), Some(now))] {
            assert_eq!(span(since, until).unwrap_err().code(), Code::InvalidRequest);
        }
        assert!(span(Some(SystemTime::UNIX_EPOCH), Some(SystemTime::UNIX_EPOCH + hour)).is_ok());
    }
}
