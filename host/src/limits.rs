//! What one call may use: every limit named, with its unit, its default and what enforces it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::money::Money;

/// The limits of one call, all of them in force at once. Made by [`crate::policy`] as the minimum of the platform's
/// ceiling, the tenant's policy and what the tool's package declares; enforced by [`crate::engine`] and
/// [`crate::capability`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallLimits {
    /// Units of wasmtime fuel, about one an instruction.
    pub fuel: u64,
    /// Wall time from the first instruction to the answer, queueing left out.
    #[serde(with = "humantime_text")]
    pub deadline: Duration,
    /// All linear memories of the call together, in bytes.
    pub memory_bytes: u64,
    /// All tables of the call together, in elements.
    pub table_elements: u64,
    /// Core instances that the component may make.
    pub instances: u64,
    /// Host resources (handles) that the call may hold at once.
    pub resources: u64,
    /// What crosses from guest to host in one host call: strings, lists, header fields, in bytes.
    pub hostcall_bytes: u64,
    /// Random bytes in one request.
    pub random_bytes: u64,
    /// The arguments, as JSON text, in bytes.
    pub arguments_bytes: u64,
    /// The result: all contents together, in bytes.
    pub result_bytes: u64,
    /// Log lines, standard output and standard error together, in bytes; what is past it is cut, with a marker.
    pub log_bytes: u64,
    /// Progress reports; further ones are dropped.
    pub progress_reports: u64,
    /// Requests that leave for the network.
    pub http_requests: u64,
    /// Bytes of request bodies.
    pub http_sent_bytes: u64,
    /// Bytes of response bodies.
    pub http_received_bytes: u64,
    /// Header bytes of one request or one response.
    pub http_header_bytes: u64,
    /// From connecting to the response's headers.
    #[serde(with = "humantime_text")]
    pub http_timeout: Duration,
    /// Operations on buckets.
    pub kv_operations: u64,
    /// A key, in bytes.
    pub kv_key_bytes: u64,
    /// A value, in bytes.
    pub kv_value_bytes: u64,
    /// Files and folders open at once.
    pub files_open: u64,
    /// Bytes written to volumes, all together.
    pub files_written_bytes: u64,
    /// Requests to models.
    #[serde(default)]
    pub model_requests: u64,
    /// Tokens of requests to models and their answers.
    #[serde(default)]
    pub model_tokens: u64,
    /// What they cost.
    #[serde(default)]
    pub model_cost: Money,
    /// Calls of other tools, those that these make included.
    pub child_calls: u64,
    /// Levels of calls below the call.
    pub child_depth: u64,
    /// Calls below the call that may run at once, on all levels.
    pub child_parallel: u64,
}

impl Default for CallLimits {
    /// Enough for a useful tool, little enough that hundreds fit on one machine.
    fn default() -> Self {
        Self {
            fuel: 1_000_000_000,
            deadline: Duration::from_secs(5),
            memory_bytes: 64 << 20,
            table_elements: 100_000,
            instances: 64,
            resources: 1_000,
            hostcall_bytes: 8 << 20,
            random_bytes: 64 << 10,
            arguments_bytes: 1 << 20,
            result_bytes: 4 << 20,
            log_bytes: 64 << 10,
            progress_reports: 1_000,
            http_requests: 16,
            http_sent_bytes: 1 << 20,
            http_received_bytes: 8 << 20,
            http_header_bytes: 32 << 10,
            http_timeout: Duration::from_secs(5),
            kv_operations: 1_000,
            kv_key_bytes: 512,
            kv_value_bytes: 1 << 20,
            files_open: 64,
            files_written_bytes: 64 << 20,
            model_requests: 16,
            model_tokens: 100_000,
            model_cost: Money::dollars(1),
            child_calls: 64,
            child_depth: 4,
            child_parallel: 8,
        }
    }
}

impl CallLimits {
    /// What the host allows at most where the platform's policy names no ceiling of its own.
    pub fn ceiling() -> Self {
        Self {
            fuel: 100_000_000_000,
            deadline: Duration::from_secs(60),
            memory_bytes: 512 << 20,
            table_elements: 1_000_000,
            // As many as a slot of the engine has room for: a component that makes more is not admitted.
            instances: 64,
            resources: 10_000,
            hostcall_bytes: 64 << 20,
            random_bytes: 1 << 20,
            arguments_bytes: 8 << 20,
            result_bytes: 32 << 20,
            log_bytes: 1 << 20,
            progress_reports: 10_000,
            http_requests: 256,
            http_sent_bytes: 32 << 20,
            http_received_bytes: 64 << 20,
            http_header_bytes: 64 << 10,
            http_timeout: Duration::from_secs(30),
            kv_operations: 100_000,
            kv_key_bytes: 2 << 10,
            kv_value_bytes: 16 << 20,
            files_open: 1_000,
            files_written_bytes: 4 << 30,
            model_requests: 256,
            model_tokens: 10_000_000,
            model_cost: Money::dollars(100),
            child_calls: 10_000,
            child_depth: 8,
            child_parallel: 64,
        }
    }

    /// The tighter of the two, limit by limit: layers only take away.
    #[must_use]
    pub fn min(&self, other: &Self) -> Self {
        macro_rules! tighter {
            ($($field:ident),* $(,)?) => { Self { $($field: self.$field.min(other.$field)),* } };
        }
        tighter!(
            fuel,
            deadline,
            memory_bytes,
            table_elements,
            instances,
            resources,
            hostcall_bytes,
            random_bytes,
            arguments_bytes,
            result_bytes,
            log_bytes,
            progress_reports,
            http_requests,
            http_sent_bytes,
            http_received_bytes,
            http_header_bytes,
            http_timeout,
            kv_operations,
            kv_key_bytes,
            kv_value_bytes,
            files_open,
            files_written_bytes,
            model_requests,
            model_tokens,
            model_cost,
            child_calls,
            child_depth,
            child_parallel,
        )
    }
}

/// Durations as people write them: `5s`, `250ms`.
mod humantime_text {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&humantime::format_duration(*duration))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        humantime::parse_duration(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
