//! What requests are charged to: the call first, then its tenant, all of whose calls share what a window of time has.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::{Fault, Left, deny};
use crate::capability::effects::Effects;
use crate::policy::{EgressQuotas, GrantKind, Refusal};

/// A quota of a tenant's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Quota {
    /// Requests in a minute.
    Requests,
    /// Bytes of request bodies in an hour.
    SentBytes,
    /// Bytes of response bodies in an hour.
    ReceivedBytes,
    /// Connections at once.
    Connections,
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Requests => "egress.requests_per_minute",
            Self::SentBytes => "egress.sent_bytes_per_hour",
            Self::ReceivedBytes => "egress.received_bytes_per_hour",
            Self::Connections => "egress.connections",
        })
    }
}

/// What a tenant has taken so far.
#[derive(Debug, Default)]
pub(super) struct Spent(Mutex<Taken>);

#[derive(Debug, Default, Clone, Copy)]
struct Taken {
    minute: u64,
    requests: u64,
    hour: u64,
    sent_bytes: u64,
    received_bytes: u64,
    connections: u64,
}

impl Spent {
    /// Whether it can be forgotten: nothing of it counts any more.
    pub(super) fn is_over(&self) -> bool {
        let taken = self.0.lock();
        taken.connections == 0 && taken.hour != seconds() / 3_600 && taken.minute != seconds() / 60
    }

    fn take(&self, quota: Quota, count: u64, quotas: &EgressQuotas) -> Result<(), Fault> {
        let now = seconds();
        let mut taken = self.0.lock();
        if taken.minute != now / 60 {
            (taken.minute, taken.requests) = (now / 60, 0);
        }
        if taken.hour != now / 3_600 {
            (taken.hour, taken.sent_bytes, taken.received_bytes) = (now / 3_600, 0, 0);
        }
        let (used, most) = match quota {
            Quota::Requests => (&mut taken.requests, quotas.requests_per_minute),
            Quota::SentBytes => (&mut taken.sent_bytes, quotas.sent_bytes_per_hour),
            Quota::ReceivedBytes => (&mut taken.received_bytes, quotas.received_bytes_per_hour),
            Quota::Connections => (&mut taken.connections, quotas.connections),
        };
        let wanted = used.saturating_add(count);
        match most {
            Some(most) if wanted > most => Err(Fault::Quota(quota, most)),
            _ => {
                *used = wanted;
                Ok(())
            }
        }
    }

    fn give_back(&self) {
        let mut taken = self.0.lock();
        taken.connections = taken.connections.saturating_sub(1);
    }
}

/// A connection that counts among the tenant's.
#[derive(Debug)]
pub(super) struct Connected(Arc<Spent>);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.give_back();
    }
}

/// What one request is charged to. What the tenant has no room for is recorded as denied.
#[derive(Debug, Clone)]
pub(super) struct Account {
    pub(super) left: Arc<Left>,
    pub(super) effects: Arc<Effects>,
    pub(super) spent: Arc<Spent>,
    pub(super) quotas: EgressQuotas,
    /// The request, for the record.
    pub(super) action: Arc<str>,
}

impl Account {
    /// The request itself; the call's own count was taken when it was let in.
    pub(super) fn request(&self) -> Result<(), Fault> {
        self.take(Quota::Requests, 1)?;
        self.effects.add_http_request();
        Ok(())
    }

    pub(super) fn connection(&self) -> Result<Connected, Fault> {
        self.take(Quota::Connections, 1)?;
        Ok(Connected(Arc::clone(&self.spent)))
    }

    pub(super) fn send(&self, bytes: u64) -> Result<(), Fault> {
        self.effects.go_on(GrantKind::Http, || self.action.to_string())?;
        self.left.send(bytes)?;
        self.take(Quota::SentBytes, bytes)?;
        self.effects.add_http_sent_bytes(bytes);
        Ok(())
    }

    pub(super) fn receive(&self, bytes: u64) -> Result<(), Fault> {
        self.left.receive(bytes)?;
        self.take(Quota::ReceivedBytes, bytes)?;
        self.effects.add_http_received_bytes(bytes);
        Ok(())
    }

    fn take(&self, quota: Quota, count: u64) -> Result<(), Fault> {
        self.spent.take(quota, count, &self.quotas).inspect_err(|fault| {
            if let Fault::Quota(quota, most) = fault {
                self.deny(format!("{quota} is {most}"));
            }
        })
    }

    pub(super) fn deny(&self, rule: String) {
        deny(&self.effects, self.action.to_string(), Refusal { rule, nearest: None });
    }
}

fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_holds_to_the_last_one_when_many_take_at_once() {
        let spent = Arc::new(Spent::default());
        let quotas = EgressQuotas { sent_bytes_per_hour: Some(1_000), connections: Some(3), ..EgressQuotas::default() };
        let taken: u64 = std::thread::scope(|scope| {
            let take = || (0..100).filter(|_| spent.take(Quota::SentBytes, 7, &quotas).is_ok()).count() as u64;
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(take)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        // An hour may have begun meanwhile.
        assert!(taken == 142 || taken == 284, "{taken}");
        for _ in 0..3 {
            spent.take(Quota::Connections, 1, &quotas).unwrap();
        }
        assert!(matches!(spent.take(Quota::Connections, 1, &quotas), Err(Fault::Quota(Quota::Connections, 3))));
        spent.give_back();
        spent.take(Quota::Connections, 1, &quotas).unwrap();
        assert!(!spent.is_over());
    }
}
