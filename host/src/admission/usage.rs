//! What tenants have used, as a fold over the journal: exact after a crash, because it has no other source.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::audit::entry::{CallEnded, Entry, Event, Outcome};
use crate::id::{CallId, PrincipalId, TenantId, ToolName};

/// Days that are kept; older ones are in the journal.
const DAYS_KEPT: u64 = 100;

/// What was used, by tenant, day, tool and principal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageBook {
    #[serde(with = "rows")]
    rows: BTreeMap<UsageKey, Used>,
    /// Calls that were decided and have not ended: which tool the outcome is of.
    open: BTreeMap<CallId, ToolName>,
}

/// What a row is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct UsageKey {
    /// Whose.
    pub tenant: TenantId,
    /// Days since 1970-01-01, UTC.
    pub day: u64,
    /// The tool.
    pub tool: ToolName,
    /// Who called it.
    pub principal: Option<PrincipalId>,
}

/// Sums over calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    /// Calls that ran.
    pub calls: u64,
    /// Of these, those that gave no output.
    pub failed: u64,
    /// Units of fuel.
    pub fuel: u64,
    /// The most memory that one call held, in bytes.
    pub memory_bytes: u64,
    /// Time from first instruction to end, in microseconds.
    pub duration_us: u64,
    /// Requests that left for the network.
    pub http_requests: u64,
    /// Bytes of request bodies.
    pub http_sent_bytes: u64,
    /// Bytes of response bodies.
    pub http_received_bytes: u64,
    /// Operations on buckets.
    pub kv_operations: u64,
    /// Bytes written to volumes.
    pub files_bytes_written: u64,
}

impl UsageBook {
    /// Takes in the next entry of the journal.
    pub fn fold(&mut self, entry: &Entry) {
        match &entry.event {
            Event::CallDecided(decided) => {
                self.open.insert(decided.call, decided.tool.clone());
            }
            Event::CallEnded(ended) => {
                let Some(tool) = self.open.remove(&ended.call) else { return };
                let day = day_of(entry.time);
                let key = UsageKey { tenant: entry.tenant.clone(), day, tool, principal: entry.principal };
                self.rows.entry(key).or_default().add(ended);
            }
            _ => {}
        }
    }

    /// Forgets days that are no longer kept.
    pub fn prune(&mut self, now: SystemTime) {
        let oldest = day_of(now).saturating_sub(DAYS_KEPT);
        self.rows.retain(|key, _| key.day >= oldest);
    }

    /// The rows of `tenant` from day `since` up to and with day `until`.
    pub fn rows<'a>(
        &'a self,
        tenant: &'a TenantId,
        since: u64,
        until: u64,
    ) -> impl Iterator<Item = (&'a UsageKey, &'a Used)> {
        self.rows.iter().filter(move |(key, _)| key.tenant == *tenant && (since..=until).contains(&key.day))
    }
}

impl Used {
    fn add(&mut self, ended: &CallEnded) {
        self.calls += 1;
        self.failed += u64::from(ended.outcome != Outcome::Ok);
        self.memory_bytes = self.memory_bytes.max(ended.memory_bytes);
        for (sum, more) in [
            (&mut self.fuel, ended.fuel),
            (&mut self.duration_us, ended.duration_us),
            (&mut self.http_requests, ended.http_requests),
            (&mut self.http_sent_bytes, ended.http_sent_bytes),
            (&mut self.http_received_bytes, ended.http_received_bytes),
            (&mut self.kv_operations, ended.kv_operations),
            (&mut self.files_bytes_written, ended.files_bytes_written),
        ] {
            *sum = sum.saturating_add(more);
        }
    }

    /// Takes another row's sums in.
    pub fn merge(&mut self, other: &Self) {
        self.calls += other.calls;
        self.failed += other.failed;
        self.memory_bytes = self.memory_bytes.max(other.memory_bytes);
        self.fuel = self.fuel.saturating_add(other.fuel);
        self.duration_us = self.duration_us.saturating_add(other.duration_us);
        self.http_requests = self.http_requests.saturating_add(other.http_requests);
        self.http_sent_bytes = self.http_sent_bytes.saturating_add(other.http_sent_bytes);
        self.http_received_bytes = self.http_received_bytes.saturating_add(other.http_received_bytes);
        self.kv_operations = self.kv_operations.saturating_add(other.kv_operations);
        self.files_bytes_written = self.files_bytes_written.saturating_add(other.files_bytes_written);
    }
}

/// Days since 1970-01-01, UTC.
pub fn day_of(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() / 86_400)
}

/// JSON has no maps with structured keys: a list of pairs.
mod rows {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer};

    use super::{UsageKey, Used};

    pub(super) fn serialize<S: Serializer>(rows: &BTreeMap<UsageKey, Used>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(rows)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<UsageKey, Used>, D::Error> {
        Ok(Vec::<(UsageKey, Used)>::deserialize(deserializer)?.into_iter().collect())
    }
}
