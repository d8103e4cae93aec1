//! What a tenant's requests may take together: all its calls, in a window of time.

use serde::Serialize;

/// A tenant's quotas; absent ones do not bound anything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct EgressQuotas {
    /// Requests in a minute.
    pub requests_per_minute: Option<u64>,
    /// Bytes of request bodies in an hour.
    pub sent_bytes_per_hour: Option<u64>,
    /// Bytes of response bodies in an hour.
    pub received_bytes_per_hour: Option<u64>,
    /// Connections at once.
    pub connections: Option<u64>,
}

impl EgressQuotas {
    /// Of each the smaller.
    pub(in crate::policy) fn min(self, other: Self) -> Self {
        let least = |one: Option<u64>, other: Option<u64>| one.into_iter().chain(other).min();
        Self {
            requests_per_minute: least(self.requests_per_minute, other.requests_per_minute),
            sent_bytes_per_hour: least(self.sent_bytes_per_hour, other.sent_bytes_per_hour),
            received_bytes_per_hour: least(self.received_bytes_per_hour, other.received_bytes_per_hour),
            connections: least(self.connections, other.connections),
        }
    }

    /// Each by its key, in the order of the reference page.
    pub(in crate::policy) fn by_key(&self) -> [(&'static str, Option<u64>); 4] {
        [
            ("requests_per_minute", self.requests_per_minute),
            ("sent_bytes_per_hour", self.sent_bytes_per_hour),
            ("received_bytes_per_hour", self.received_bytes_per_hour),
            ("connections", self.connections),
        ]
    }
}
