//! What the tenant used.

use std::time::SystemTime;

use axum::Json;
use axum::extract::State;

use super::door::Door;
use super::request::Asked;
use super::wire;
use crate::admission::{Used, day_of};
use crate::error::Result;
use crate::snapshot::Caller;

/// Days of a report whose first day is not asked for, today included.
const DAYS: u64 = 30;

/// Reports what the tenant used, by day, tool and principal, and how its budgets stand.
///
/// Scopes: operator or auditor.
#[utoipa::path(get, path = "/v1/usage", tag = "usage", params(wire::UsageQuery),
    responses((status = 200, description = "What was used.", body = wire::Usage)))]
pub(super) async fn report(
    State(door): State<Door>,
    caller: Caller,
    Asked(query): Asked<wire::UsageQuery>,
) -> Result<Json<wire::Usage>> {
    let until = query.until.map_or_else(|| day_of(SystemTime::now()), |day| day.0);
    let since = query.since.map_or_else(|| until.saturating_sub(DAYS - 1), |day| day.0);
    let mut total = Used::default();
    let rows = door.control.usage(&caller, since, until).await?.into_iter().map(|(key, used)| {
        total.merge(&used);
        wire::UsageRow { day: wire::Day(key.day), tool: key.tool, principal: key.principal, used }
    });
    let rows = rows.collect();
    Ok(Json(wire::Usage { rows, total, budgets: door.router.budgets(&caller)? }))
}
