//! How calls wait for their turn: what a tenant's plan gives it beside others, and how important its calls may be.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::budget::concurrent_calls;
use super::rows::At;
use super::{Ceiling, Policy};
use crate::id::TenantId;

/// How little it matters when a call has to be given up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Priority {
    /// The first to be given up, and the last to start.
    Low,
    /// As others.
    #[default]
    Normal,
    /// Before others of the same tenant.
    High,
}

impl Priority {
    /// Every priority, the least important first.
    pub const ALL: [Self; 3] = [Self::Low, Self::Normal, Self::High];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
        }
    }
}

impl std::str::FromStr for Priority {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|priority| priority.as_str() == text);
        found.ok_or_else(|| "it is \"low\", \"normal\" or \"high\"".to_owned())
    }
}

/// What a tenant has beside others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// How many times as much as one of weight 1, where there is not enough for all.
    pub weight: u32,
    /// Calls that run at once; further ones wait.
    pub concurrent_calls: u32,
    /// Calls that wait; further ones are refused.
    pub queue_calls: u32,
}

/// Tenants, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TenantPattern {
    One(TenantId),
    /// Those whose names begin so; empty for every tenant.
    Beginning(String),
}

impl TenantPattern {
    fn matches(&self, tenant: &TenantId) -> bool {
        match self {
            Self::One(one) => one == tenant,
            Self::Beginning(stem) => tenant.as_str().starts_with(&**stem),
        }
    }
}

impl std::str::FromStr for TenantPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let stem = text.strip_suffix('*');
        let good =
            |stem: &str| stem.len() <= 64 && stem.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        match stem {
            Some(stem) if good(stem) => Ok(Self::Beginning(stem.to_owned())),
            _ => text.parse().map(Self::One).map_err(|_| {
                format!("{} names no tenants: write \"acme\", \"team-*\" or \"*\"", super::problem::shown(text))
            }),
        }
    }
}

/// One `[[plan]]` of the platform's file.
#[derive(Debug, Clone)]
pub(super) struct PlanRow {
    pub(super) tenants: Vec<TenantPattern>,
    pub(super) weight: Option<u32>,
    pub(super) concurrent_calls: Option<u32>,
    pub(super) queue_calls: Option<u32>,
}

/// `[admission]` of either file.
#[derive(Debug, Clone, Default)]
pub(super) struct AdmissionRules {
    pub(super) priority_max: Option<At<Priority>>,
    /// Names of keys, and what theirs is.
    pub(super) rows: Vec<(Vec<String>, Priority)>,
}

/// What `tenant` has: by the first `[[plan]]` that names it, else `default`; never more at once than a budget lets.
pub fn plan(ceiling: &Ceiling, policy: &Policy, tenant: &TenantId, default: Plan) -> Plan {
    let row = ceiling.rules().host.plans.iter().find(|row| row.tenants.iter().any(|pattern| pattern.matches(tenant)));
    let of = |stated: fn(&PlanRow) -> Option<u32>, default| row.and_then(stated).unwrap_or(default);
    let at_once = of(|row| row.concurrent_calls, default.concurrent_calls);
    let budget = concurrent_calls(ceiling, policy).map_or(u32::MAX, |most| u32::try_from(most).unwrap_or(u32::MAX));
    Plan {
        weight: of(|row| row.weight, default.weight),
        concurrent_calls: at_once.min(budget),
        queue_calls: of(|row| row.queue_calls, default.queue_calls),
    }
}

/// How important a call by the key named `principal` is that asks to be `asked`: not more than both files let it.
pub fn priority(ceiling: &Ceiling, policy: &Policy, principal: &str, asked: Option<Priority>) -> Priority {
    let own = &policy.rules().admission;
    let named = |names: &[String]| names.iter().any(|name| name == "*" || name == principal);
    let row = own.rows.iter().find(|(names, _)| named(names)).map(|(_, priority)| *priority);
    let most = row.or(own.priority_max.as_ref().map(|at| at.value)).unwrap_or_default();
    let cap = ceiling.rules().host.admission.priority_max.as_ref().map_or(Priority::High, |at| at.value);
    asked.unwrap_or_default().min(most).min(cap)
}
