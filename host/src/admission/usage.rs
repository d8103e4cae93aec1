//! What tenants have used, by day, tool and principal: for reports.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::audit::entry::{CallEnded, Outcome};
use crate::error::Code;
use crate::id::{PrincipalId, TenantId, ToolName};

/// Days that are kept; older ones are in the journal.
const DAYS_KEPT: u64 = 100;

/// What was used, by tenant, day, tool and principal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UsageBook {
    #[serde(with = "super::pairs")]
    rows: BTreeMap<UsageKey, Used>,
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

/// What is summed up: one row for each member of `call.ended` that reports have.
macro_rules! sums {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        /// Sums over calls.
        #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        #[serde(default)]
        pub struct Used {
            /// Calls that ran.
            pub calls: u64,
            /// Of these, those that gave no output.
            pub failed: u64,
            /// Of those, the ones that a stop of the host interrupted.
            pub interrupted: u64,
            /// The failed ones by the code that the caller got.
            #[serde(skip_serializing_if = "BTreeMap::is_empty")]
            pub outcomes: BTreeMap<String, u64>,
            /// The most memory that one call held, in bytes.
            pub memory_bytes: u64,
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Used {
            fn sums(&mut self, of: &CallEnded) {
                $(self.$name = self.$name.saturating_add(of.$name);)*
            }

            fn merge_sums(&mut self, other: &Self) {
                $(self.$name = self.$name.saturating_add(other.$name);)*
            }
        }
    };
}

sums! {
    /// Units of fuel.
    fuel;
    /// Time from first instruction to end, in microseconds.
    duration_us;
    /// Requests that left for the network.
    http_requests;
    /// Bytes of request bodies.
    http_sent_bytes;
    /// Bytes of response bodies.
    http_received_bytes;
    /// Operations on buckets.
    kv_operations;
    /// Bytes written to volumes.
    files_bytes_written;
    /// Requests to models.
    model_requests;
    /// Tokens of them.
    model_input_tokens;
    /// Tokens of their answers.
    model_output_tokens;
    /// What they cost, in billionths of a US dollar.
    model_cost;
}

impl UsageBook {
    /// Takes in the end of a call of `tool`.
    pub(super) fn add(&mut self, key: UsageKey, ended: &CallEnded) {
        self.rows.entry(key).or_default().add(ended);
    }

    /// Forgets days that are no longer kept.
    pub(super) fn prune(&mut self, now: SystemTime) {
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
        if let Outcome::Failed(code) = ended.outcome {
            self.failed += 1;
            self.interrupted += u64::from(code == Code::Interrupted);
            *self.outcomes.entry(code.as_str().to_owned()).or_default() += 1;
        }
        self.memory_bytes = self.memory_bytes.max(ended.memory_bytes);
        self.sums(ended);
    }

    /// Takes another row's sums in.
    pub fn merge(&mut self, other: &Self) {
        self.calls += other.calls;
        self.failed += other.failed;
        self.interrupted += other.interrupted;
        for (code, times) in &other.outcomes {
            *self.outcomes.entry(code.clone()).or_default() += times;
        }
        self.memory_bytes = self.memory_bytes.max(other.memory_bytes);
        self.merge_sums(other);
    }
}

/// Days since 1970-01-01, UTC.
pub fn day_of(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() / 86_400)
}
