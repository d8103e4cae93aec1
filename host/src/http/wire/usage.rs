//! What was used, by day, tool and principal.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Day;
use crate::admission;
use crate::id::{PrincipalId, ToolName};

/// Which days.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct UsageQuery {
    /// The first day; absent: 29 days before the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Day>,
    /// The last day, itself included; absent: today.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Day>,
}

/// What the tenant used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Usage {
    /// One for each day, tool and principal that has calls, by day.
    pub rows: Vec<UsageRow>,
    /// All rows together.
    pub total: Used,
}

/// What one principal used of one tool on one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsageRow {
    /// The day.
    pub day: Day,
    /// The tool.
    pub tool: ToolName,
    /// Who called it; absent where the host did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<PrincipalId>,
    /// The sums.
    #[serde(flatten)]
    pub used: Used,
}

/// Sums over calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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

impl From<admission::Used> for Used {
    fn from(used: admission::Used) -> Self {
        let admission::Used {
            calls,
            failed,
            fuel,
            memory_bytes,
            duration_us,
            http_requests,
            http_sent_bytes,
            http_received_bytes,
            kv_operations,
            files_bytes_written,
        } = used;
        Self {
            calls,
            failed,
            fuel,
            memory_bytes,
            duration_us,
            http_requests,
            http_sent_bytes,
            http_received_bytes,
            kv_operations,
            files_bytes_written,
        }
    }
}
