//! Tenants. To everyone but the platform's own team they are not there.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::door::Door;
use super::keys::new_key;
use super::request::{JsonBody, Named, OptionalJson};
use super::wire;
use crate::control::TenantView;
use crate::error::Result;
use crate::id::TenantId;
use crate::snapshot::Caller;

/// Creates a tenant, with a first key of scope operator.
///
/// Scopes: the platform's operator.
#[utoipa::path(post, path = "/v1/tenants", tag = "tenants", request_body = wire::CreateTenant,
    responses((status = 201, description = "The tenant, and its first key, which is shown here and never again.", body = wire::TenantCreated)))]
pub(super) async fn create(
    State(door): State<Door>,
    caller: Caller,
    body: JsonBody<wire::CreateTenant>,
) -> Result<(StatusCode, Json<wire::TenantCreated>)> {
    let (tenant, key) = door.control.create_tenant(&caller, body.value.name).await?;
    Ok((StatusCode::CREATED, Json(wire::TenantCreated { tenant: tenant.into(), key: new_key(key) })))
}

/// Lists all tenants.
///
/// Scopes: the platform's operator.
#[utoipa::path(get, path = "/v1/tenants", tag = "tenants",
    responses((status = 200, description = "All tenants, by name.", body = wire::Tenants)))]
pub(super) async fn list(State(door): State<Door>, caller: Caller) -> Result<Json<wire::Tenants>> {
    let tenants = door.control.tenants(&caller)?.into_iter().map(Into::into).collect();
    Ok(Json(wire::Tenants { tenants }))
}

/// Shows a tenant.
///
/// Scopes: the platform's operator.
#[utoipa::path(get, path = "/v1/tenants/{tenant}", tag = "tenants", params(("tenant" = TenantId, Path)),
    responses((status = 200, description = "The tenant.", body = wire::Tenant)))]
pub(super) async fn show(
    State(door): State<Door>,
    caller: Caller,
    Named(tenant): Named<TenantId>,
) -> Result<Json<wire::Tenant>> {
    Ok(Json(door.control.tenant(&caller, &tenant)?.into()))
}

/// Refuses all keys of a tenant from now on. Calls that run go on to their end.
///
/// Scopes: the platform's operator.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/suspend", tag = "tenants", params(("tenant" = TenantId, Path)),
    request_body = Option<wire::SuspendTenant>,
    responses((status = 200, description = "The tenant as it is now.", body = wire::Tenant)))]
pub(super) async fn suspend(
    State(door): State<Door>,
    caller: Caller,
    Named(tenant): Named<TenantId>,
    OptionalJson(body): OptionalJson<wire::SuspendTenant>,
) -> Result<Json<wire::Tenant>> {
    Ok(Json(door.control.suspend_tenant(&caller, &tenant, body.reason).await?.into()))
}

/// Takes a tenant's keys again.
///
/// Scopes: the platform's operator.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/resume", tag = "tenants", params(("tenant" = TenantId, Path)),
    responses((status = 200, description = "The tenant as it is now.", body = wire::Tenant)))]
pub(super) async fn resume(
    State(door): State<Door>,
    caller: Caller,
    Named(tenant): Named<TenantId>,
) -> Result<Json<wire::Tenant>> {
    Ok(Json(door.control.resume_tenant(&caller, &tenant).await?.into()))
}

impl From<TenantView> for wire::Tenant {
    fn from(tenant: TenantView) -> Self {
        let state = if tenant.suspended { wire::TenantState::Suspended } else { wire::TenantState::Active };
        Self { name: tenant.id, state, created: tenant.created.into() }
    }
}
