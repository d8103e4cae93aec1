//! What auditors and operators read: the record and what was used.

use super::{Control, bounds};
use crate::access::Action;
use crate::admission::{UsageKey, Used};
use crate::audit::log::LogReader;
use crate::audit::{Entry, Filter};
use crate::error::{Code, Error, Result};
use crate::id::CallId;
use crate::snapshot::Caller;

/// A part of a tenant's log.
#[derive(Debug)]
pub struct LogPage {
    /// In order.
    pub entries: Vec<Entry>,
    /// The index to go on with; absent at the log's present end.
    pub next: Option<u64>,
}

impl Control {
    /// Entries of the tenant's log from index `from` on that `filter` admits, at most `limit` and never more than 1,000.
    /// Looks at 100,000 at most: where few are admitted, a page has few, or none, and says where to go on.
    ///
    /// # Errors
    ///
    /// `denied` without the scope auditor; `invalid-request` for a kind that there is not; `audit-unavailable` when the log
    /// cannot be read.
    pub async fn log(&self, caller: &Caller, from: u64, limit: usize, filter: Filter) -> Result<LogPage> {
        caller.may(Action::ReadAudit)?;
        filter.check()?;
        let limit = limit.clamp(1, bounds::ENTRIES_MAX);
        let read = move |log: &LogReader| {
            let (mut entries, mut seen) = (Vec::new(), 0);
            for entry in log.read(from)? {
                let entry = entry?;
                if entries.len() == limit || seen == bounds::ENTRIES_SEEN_MAX {
                    return Ok(LogPage { entries, next: Some(entry.index) });
                }
                seen += 1;
                if filter.admits(&entry) {
                    entries.push(entry);
                }
            }
            Ok(LogPage { entries, next: None })
        };
        self.0.logs.reading(&caller.tenant.id, read).await
    }

    /// Everything that is recorded of a call, in order.
    ///
    /// # Errors
    ///
    /// `not-found` for a call that the tenant did not make, and to an agent also for one that another key made;
    /// `denied` without the scope agent or auditor.
    pub async fn call_record(&self, caller: &Caller, call: CallId) -> Result<Vec<Entry>> {
        caller.may(Action::ReadCall)?;
        let entries = self.0.logs.reading(&caller.tenant.id, move |log| log.find_call(call)).await?;
        let visible = caller.may(Action::ReadAudit).is_ok()
            || entries.first().is_some_and(|entry| entry.principal == Some(caller.principal.id));
        if entries.is_empty() || !visible {
            return Err(Error::not_found("call", call));
        }
        Ok(entries)
    }

    /// What the tenant used from day `since` to day `until`, both counted and in days since 1970-01-01 UTC, by day, tool
    /// and principal. Holds every call whose outcome is durable.
    ///
    /// # Errors
    ///
    /// `denied` without the scope operator or auditor; `invalid-request` for a span of more than 100 days.
    pub async fn usage(&self, caller: &Caller, since: u64, until: u64) -> Result<Vec<(UsageKey, Used)>> {
        caller.may(Action::ReadUsage)?;
        if until.saturating_sub(since) >= bounds::USAGE_DAYS_MAX {
            let maximum = bounds::USAGE_DAYS_MAX;
            return Err(Error::new(Code::InvalidRequest, format!("a report covers at most {maximum} days"))
                .next("ask for a shorter span")
                .fact("maximum_days", maximum));
        }
        let (ledger, audit, tenant) = (self.0.ledger.clone(), self.0.audit.clone(), caller.tenant.id.clone());
        let report = move || {
            let mut ledger = ledger.lock();
            ledger.catch_up(&audit)?;
            Ok(ledger.book().rows(&tenant, since, until).map(|(key, used)| (key.clone(), used.clone())).collect())
        };
        tokio::task::spawn_blocking(report).await.map_err(Error::internal)?
    }
}
