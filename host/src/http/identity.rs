//! Who a key belongs to.

use axum::Json;

use super::wire;
use crate::snapshot::Caller;

/// Who the key belongs to.
///
/// Scopes: any.
#[utoipa::path(get, path = "/v1/whoami", tag = "identity", responses((status = 200, description = "The tenant and the principal.", body = wire::Whoami)))]
pub(super) async fn whoami(caller: Caller) -> Json<wire::Whoami> {
    let principal = &*caller.principal;
    Json(wire::Whoami {
        tenant: principal.tenant.clone(),
        principal: wire::Principal {
            id: principal.id,
            name: principal.name.to_string(),
            scopes: principal.scopes.iter().collect(),
            created: principal.created.into(),
        },
    })
}
