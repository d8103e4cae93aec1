//! What calls may use together: budgets of a tenant, of each of its keys and of each package, and which of them bind a
//! call.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::grant::{Access, GrantKind, Grants};
use super::pattern::Pattern;
use super::rows::{At, File, Source};
use super::{Ceiling, Policy};
use crate::amounts::{Amount, Amounts, BUDGETS, Bound, Unit};
use crate::id::PackageRef;
use crate::limits::CallLimits;
use crate::routed::WHOLE_PPM;

/// Whose use counts against a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Whose {
    /// That of all the tenant's calls.
    Tenant,
    /// That of the key's calls.
    Principal,
    /// That of the package's calls.
    Tool,
    /// That of the key's calls of the package.
    PrincipalAndTool,
}

impl Whose {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Tenant, Self::Principal, Self::Tool, Self::PrincipalAndTool];

    /// As errors say it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Tenant => "the tenant's",
            Self::Principal => "this key's",
            Self::Tool => "this package's",
            Self::PrincipalAndTool => "this key's, for this package,",
        }
    }
}

/// A budget that binds a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// Whose use counts.
    pub whose: Whose,
    /// What is bounded.
    pub bound: Bound,
    /// How much there may be.
    pub maximum: u64,
    /// The rule that says so.
    pub rule: String,
}

/// A budget as it stands, for whoever reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BudgetStanding {
    /// Its key in the policy, such as `fuel_per_day`.
    pub limit: String,
    /// Whose use counts.
    pub whose: Whose,
    /// The key's name and the package, where it is not the tenant's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// How much there may be in a window; money in billionths of a US dollar.
    pub maximum: u64,
    /// What calls used that ended.
    pub used: u64,
    /// What is kept for calls that run: the most that they may use.
    pub reserved: u64,
    /// What further calls may use.
    pub left: u64,
    /// What one call of the tool that was asked about may use; absent in reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needed: Option<u64>,
    /// When the window is over, RFC 3339 in UTC.
    pub resets_at: String,
    /// The rule that states it.
    pub rule: String,
}

impl BudgetStanding {
    /// How much of it further calls may use, in millionths of it. Of one that allows nothing, nothing is left.
    pub fn left_ppm(&self) -> u32 {
        self.part_ppm(self.left)
    }

    /// The same once no call runs for which some of it is kept, if none of these uses any.
    pub fn unused_ppm(&self) -> u32 {
        self.part_ppm(self.maximum.saturating_sub(self.used))
    }

    fn part_ppm(&self, part: u64) -> u32 {
        let part = u128::from(part) * u128::from(WHOLE_PPM) / u128::from(self.maximum).max(1);
        u32::try_from(part).unwrap_or(WHOLE_PPM)
    }
}

impl fmt::Display for BudgetStanding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, maximum, used, reserved, left, needed, resets_at, .. } = self;
        let unit = BUDGETS.iter().find(|key| key.name == limit).map_or(Unit::Count, |key| key.bound.unit());
        let words = |value: &u64| unit.words(*value);
        write!(f, "{limit}: {} of {} left", words(left), words(maximum))?;
        if *used > 0 || *reserved > 0 {
            write!(f, " ({} used, {} reserved)", words(used), words(reserved))?;
        }
        if let Some(needed) = needed {
            write!(f, ", a call may use {}", words(needed))?;
        }
        write!(f, ", until {resets_at}")
    }
}

/// `[budget]` of either file.
#[derive(Debug, Clone, Default)]
pub(super) struct BudgetRules {
    pub(super) all: Stated,
    /// Calls of the tenant at once.
    pub(super) concurrent_calls: Option<At<u64>>,
    /// `[[budget.for]]`, in the order of the file.
    pub(super) rows: Vec<BudgetRow>,
}

/// Budgets as they are stated, by their place in the table of keys.
pub(super) type Stated = BTreeMap<usize, At<u64>>;

/// One `[[budget.for]]`: each key, each package or each pair of them that it names has these for itself.
#[derive(Debug, Clone)]
pub(super) struct BudgetRow {
    /// Counted from one.
    pub(super) number: usize,
    pub(super) line: Option<usize>,
    /// Names of keys; absent: it does not ask who calls.
    pub(super) principals: Option<Vec<String>>,
    /// Absent: it does not ask what is called.
    pub(super) tools: Option<Vec<Pattern>>,
    pub(super) stated: Stated,
}

impl BudgetRow {
    /// In words: for whom, and what.
    fn told(&self) -> String {
        let quoted = |names: Vec<String>| super::words::list(names.into_iter().map(|name| format!("\"{name}\"")));
        let keys = self.principals.clone().map(|names| format!("each key of {}", quoted(names)));
        let tools = self.tools.as_ref().map(|tools| quoted(tools.iter().map(ToString::to_string).collect()));
        let whom = match (keys, tools) {
            (Some(keys), Some(tools)) => format!("{keys} with each package of {tools}"),
            (Some(keys), None) => keys,
            (None, tools) => format!("each package of {}", tools.unwrap_or_default()),
        };
        let stated = self.stated.iter().filter_map(|(nth, at)| {
            let key = BUDGETS.get(*nth)?;
            Some(format!("{} {}", key.name, key.bound.unit().words(at.value)))
        });
        format!("{whom} has {}", stated.collect::<Vec<_>>().join(", "))
    }

    fn whose(&self) -> Whose {
        match (&self.principals, &self.tools) {
            (Some(_), Some(_)) => Whose::PrincipalAndTool,
            (Some(_), None) => Whose::Principal,
            (None, _) => Whose::Tool,
        }
    }

    /// Whether it is about calls by `principal` of `package`; what is not known is named by no row that asks for it.
    fn names(&self, principal: Option<&str>, package: Option<&PackageRef>) -> bool {
        let by = |names: &Vec<String>| {
            principal.is_some_and(|principal| names.iter().any(|name| name == "*" || name == principal))
        };
        let of =
            |tools: &Vec<Pattern>| package.is_some_and(|package| tools.iter().any(|pattern| pattern.matches(package)));
        self.principals.as_ref().is_none_or(by) && self.tools.as_ref().is_none_or(of)
    }
}

/// The budgets that bind calls by the key named `principal` of `package`: of each kind the least. Where one of them is not
/// given, those that do not ask for it.
pub fn budgets(
    ceiling: &Ceiling,
    policy: &Policy,
    principal: Option<&str>,
    package: Option<&PackageRef>,
) -> Vec<Budget> {
    let mut least: BTreeMap<(Whose, usize), (u64, Source)> = BTreeMap::new();
    let mut put = |whose, nth, at: &At<u64>, file, what: &str| {
        let key = BUDGETS.get::<usize>(nth).map_or("", |key| key.name);
        let source = || Source { file, line: at.line, what: format!("{what}.{key}") };
        let known = least.get(&(whose, nth)).is_none_or(|(known, _)| at.value < *known);
        if known {
            least.insert((whose, nth), (at.value, source()));
        }
    };
    let (own, cap) = (&policy.rules().budget, &ceiling.rules().host.budget);
    for (rules, file) in [(own, File::Policy), (cap, ceiling.file)] {
        for (nth, at) in &rules.all {
            put(Whose::Tenant, *nth, at, file, "budget");
        }
    }
    for row in own.rows.iter().filter(|row| row.names(principal, package)) {
        for (nth, at) in &row.stated {
            put(row.whose(), *nth, at, File::Policy, &format!("budget.for[{}]", row.number));
        }
    }
    let budget = |((whose, nth), (maximum, source)): ((Whose, usize), (u64, Source))| {
        let bound = BUDGETS.get(nth)?.bound;
        Some(Budget { whose, bound, maximum, rule: source.to_string() })
    };
    least.into_iter().filter_map(budget).collect()
}

/// Everything that bounds calls together, in words and in order: what two policies are compared by.
pub(super) fn told(ceiling: &Ceiling, policy: &Policy) -> Vec<String> {
    let tenant = budgets(ceiling, policy, None, None)
        .into_iter()
        .map(|budget| format!("all calls have {} {}", budget.bound.key(), budget.bound.unit().words(budget.maximum)));
    let at_once = concurrent_calls(ceiling, policy).map(|calls| format!("all calls have concurrent_calls {calls}"));
    tenant.chain(at_once).chain(policy.rules().budget.rows.iter().map(BudgetRow::told)).collect()
}

/// Calls of the tenant that may run at once, where one of the files says so.
pub fn concurrent_calls(ceiling: &Ceiling, policy: &Policy) -> Option<u64> {
    let stated = [&policy.rules().budget, &ceiling.rules().host.budget].map(|rules| rules.concurrent_calls.as_ref());
    stated.into_iter().flatten().map(|at| at.value).min()
}

/// The most that a call with these limits and grants can use: what is kept for it until it ends. An amount that the call
/// cannot use, such as bytes of requests that it may not make, is nothing.
pub fn worst_case(limits: &CallLimits, grants: &Grants) -> Amounts {
    Amounts::of(|amount| match amount {
        Amount::Calls => 1,
        Amount::Fuel => limits.fuel,
        Amount::HttpBytes if grants.http.is_some() => limits.http_sent_bytes.saturating_add(limits.http_received_bytes),
        Amount::FilesBytes if grants.files.iter().any(|grant| grant.access != Access::ReadOnly) => {
            limits.files_written_bytes
        }
        Amount::ModelTokens if grants.holds(GrantKind::Model) => limits.model_tokens,
        Amount::ModelCost if grants.holds(GrantKind::Model) => limits.model_cost.as_billionths(),
        // Each is reserved when it is made.
        Amount::ChildCalls => 0,
        // Nothing of these can be used without being told in the call's end.
        Amount::HttpBytes | Amount::FilesBytes | Amount::ModelTokens | Amount::ModelCost => 0,
    })
}
