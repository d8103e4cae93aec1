//! What was used, by day, tool and principal.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Day;
pub use crate::admission::Used;
use crate::id::{PrincipalId, ToolName};
pub use crate::policy::BudgetStanding;

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
    /// How the tenant's budgets stand: its own, and those of keys and packages that used something in a window of the
    /// present; of very many the first thousand.
    #[serde(default)]
    pub budgets: Vec<BudgetStanding>,
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
