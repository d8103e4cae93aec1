//! The tenant's record.

use axum::Json;
use axum::extract::State;

use super::door::Door;
use super::request::Asked;
use super::wire;
use crate::error::{Code, Error, Result};
use crate::snapshot::Caller;

/// Entries of an answer where no number is asked for.
const ENTRIES: u32 = 100;
/// Entries that can be asked for.
const ENTRIES_MAX: u32 = 1_000;

/// Reads the tenant's record.
///
/// Scopes: auditor.
#[utoipa::path(get, path = "/v1/audit", tag = "audit", params(wire::AuditQuery),
    responses((status = 200, description = "A part of the record.", body = wire::AuditPage)))]
pub(super) async fn log(
    State(door): State<Door>,
    caller: Caller,
    Asked(query): Asked<wire::AuditQuery>,
) -> Result<Json<wire::AuditPage>> {
    let limit = query.limit.unwrap_or(ENTRIES);
    if !(1..=ENTRIES_MAX).contains(&limit) {
        return Err(Error::new(Code::InvalidRequest, format!("limit is from 1 to {ENTRIES_MAX}"))
            .next("ask for fewer, and go on from next")
            .fact("limit", "limit")
            .fact("maximum", ENTRIES_MAX));
    }
    let page = door.control.log(&caller, query.from.unwrap_or(0), limit as usize, query.filter()).await?;
    Ok(Json(wire::AuditPage { entries: page.entries, next: page.next }))
}
