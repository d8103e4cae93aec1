//! What of a tenant's calls is kept beside the record: its payloads, for as long as both files let them.

use std::time::Duration;

use super::rows::{AuditCap, AuditRules};
use super::{Ceiling, Policy};

/// What is kept of a call beside the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keeping {
    /// How long its payload is kept.
    pub retention: Duration,
    /// Whether what the host answers to it is kept as well.
    pub record: bool,
}

/// What is kept of the tenant's calls; nothing where its policy does not ask for it or the ceiling forbids it.
pub fn keeping(ceiling: &Ceiling, policy: &Policy) -> Option<Keeping> {
    let rules = &policy.rules().audit;
    // The one look that a tenant without payloads costs.
    let asked = rules.payloads.as_ref()?.value;
    let cap = &ceiling.rules().host.audit;
    let retention = cap.of(asked)?;
    Some(Keeping { retention, record: rules.record.is_some() && cap.record })
}

/// How long payloads of the tenant may stay that are kept already, where something now in force says so: a ceiling that
/// forbids them leaves none.
pub fn retention(ceiling: &Ceiling, policy: &Policy) -> Option<Duration> {
    let AuditRules { payloads, .. } = &policy.rules().audit;
    let cap = &ceiling.rules().host.audit;
    let asked = payloads.as_ref().map(|at| at.value);
    match (asked, cap) {
        (_, AuditCap { payloads: Some(Duration::ZERO), .. }) => Some(Duration::ZERO),
        (Some(asked), cap) => cap.of(asked),
        (None, cap) => cap.payloads,
    }
}

impl AuditCap {
    fn of(&self, asked: Duration) -> Option<Duration> {
        let retention = self.payloads.map_or(asked, |most| most.min(asked));
        (retention > Duration::ZERO).then_some(retention)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn of(ceiling: &str, policy: &str) -> (Option<Keeping>, Option<Duration>) {
        let (ceiling, policy) = (Ceiling::parse(ceiling).unwrap(), Policy::parse(policy).unwrap());
        (keeping(&ceiling, &policy), retention(&ceiling, &policy))
    }

    #[test]
    fn a_tenant_asks_for_it_and_the_ceiling_bounds_it() {
        let kept = |days, record| (Some(Keeping { retention: DAY * days, record }), Some(DAY * days));
        assert_eq!(of("", ""), (None, None));
        assert_eq!(of("", "[audit]\npayloads = \"7d\""), kept(7, false));
        assert_eq!(of("", "[audit]\npayloads = \"7d\"\nrecord = false"), kept(7, false));
        assert_eq!(of("", "[audit]\npayloads = \"7d\"\nrecord = true"), kept(7, true));
        assert_eq!(of("[audit]\npayloads = true", "[audit]\npayloads = \"7d\""), kept(7, false));
        assert_eq!(of("[audit]\npayloads = \"2d\"", "[audit]\npayloads = \"7d\"\nrecord = true"), kept(2, true));
        assert_eq!(of("[audit]\nrecord = false", "[audit]\npayloads = \"7d\"\nrecord = true"), kept(7, false));
    }

    #[test]
    fn what_is_there_already_goes_by_the_shorter_time_and_at_once_where_it_is_forbidden() {
        assert_eq!(of("[audit]\npayloads = false", "[audit]\npayloads = \"7d\""), (None, Some(Duration::ZERO)));
        assert_eq!(of("[audit]\npayloads = false", ""), (None, Some(Duration::ZERO)));
        assert_eq!(of("[audit]\npayloads = \"2d\"", ""), (None, Some(DAY * 2)));
    }

    #[test]
    fn the_built_in_ceiling_lets_tenants_choose() {
        let policy = Policy::parse("[audit]\npayloads = \"30d\"\nrecord = true").unwrap();
        let kept = keeping(&Ceiling::builtin(), &policy);
        assert_eq!(kept, Some(Keeping { retention: DAY * 30, record: true }));
    }
}
