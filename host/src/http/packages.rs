//! Packages of the caller's tenant.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Map, Value};

use super::door::Door;
use super::request::{JsonBody, Named};
use super::wire;
use crate::control::Publication;
use crate::error::{Code, Error, Result};
use crate::id::PackageName;
use crate::policy::{LimitsPatch, Needs};
use crate::snapshot::{Caller, Package, PackageVersion};

/// Publishes a version. Publishing the same again changes nothing; versions are immutable.
///
/// Scopes: publisher.
#[utoipa::path(post, path = "/v1/packages/{package}/versions", tag = "packages", params(("package" = PackageName, Path)),
    request_body = wire::PublishVersion,
    responses((status = 201, description = "The package as it is now.", body = wire::Package)))]
pub(super) async fn publish(
    State(door): State<Door>,
    caller: Caller,
    Named(package): Named<PackageName>,
    body: JsonBody<wire::PublishVersion>,
) -> Result<(StatusCode, Json<wire::Package>)> {
    let wire::PublishVersion { version, component, needs, limits, promote } = body.value;
    let needs = needs.map(|wire::Needs { required, optional }| Needs { required, optional });
    let limits = limits.map(stated_limits).transpose()?.unwrap_or_default();
    let publication = Publication { version, component, needs, limits, promote };
    let package = door.control.publish(&caller, package, publication).await?;
    Ok((StatusCode::CREATED, Json(view(&package)?)))
}

fn stated_limits(limits: Map<String, Value>) -> Result<LimitsPatch> {
    serde_json::from_value(Value::Object(limits))
        .map_err(|error| Error::new(Code::InvalidRequest, format!("limits do not fit: {error}")))
}

/// Lists the tenant's packages.
///
/// Scopes: publisher, operator or auditor.
#[utoipa::path(get, path = "/v1/packages", tag = "packages",
    responses((status = 200, description = "The packages, by name.", body = wire::Packages)))]
pub(super) async fn list(State(door): State<Door>, caller: Caller) -> Result<Json<wire::Packages>> {
    let packages = door.control.packages(&caller)?.iter().map(|package| view(package)).collect::<Result<_>>()?;
    Ok(Json(wire::Packages { packages }))
}

/// Shows a package.
///
/// Scopes: publisher, operator or auditor.
#[utoipa::path(get, path = "/v1/packages/{package}", tag = "packages", params(("package" = PackageName, Path)),
    responses((status = 200, description = "The package.", body = wire::Package)))]
pub(super) async fn show(
    State(door): State<Door>,
    caller: Caller,
    Named(package): Named<PackageName>,
) -> Result<Json<wire::Package>> {
    Ok(Json(view(&*door.control.package(&caller, &package)?)?))
}

/// Makes a published version the one that runs.
///
/// Scopes: publisher.
#[utoipa::path(post, path = "/v1/packages/{package}/promote", tag = "packages", params(("package" = PackageName, Path)),
    request_body = wire::PromoteVersion,
    responses((status = 200, description = "The package as it is now.", body = wire::Package)))]
pub(super) async fn promote(
    State(door): State<Door>,
    caller: Caller,
    Named(package): Named<PackageName>,
    body: JsonBody<wire::PromoteVersion>,
) -> Result<Json<wire::Package>> {
    Ok(Json(view(&*door.control.promote(&caller, &package, body.value.version).await?)?))
}

/// Makes the version that ran before the present one run again.
///
/// Scopes: publisher.
#[utoipa::path(post, path = "/v1/packages/{package}/rollback", tag = "packages", params(("package" = PackageName, Path)),
    responses((status = 200, description = "The package as it is now.", body = wire::Package)))]
pub(super) async fn roll_back(
    State(door): State<Door>,
    caller: Caller,
    Named(package): Named<PackageName>,
) -> Result<Json<wire::Package>> {
    Ok(Json(view(&*door.control.roll_back(&caller, &package).await?)?))
}

/// Marks a version as one not to use, with a message for whoever does. It still runs.
///
/// Scopes: publisher.
#[utoipa::path(post, path = "/v1/packages/{package}/deprecate", tag = "packages", params(("package" = PackageName, Path)),
    request_body = wire::DeprecateVersion,
    responses((status = 200, description = "The package as it is now.", body = wire::Package)))]
pub(super) async fn deprecate(
    State(door): State<Door>,
    caller: Caller,
    Named(package): Named<PackageName>,
    body: JsonBody<wire::DeprecateVersion>,
) -> Result<Json<wire::Package>> {
    let wire::DeprecateVersion { version, message } = body.value;
    Ok(Json(view(&*door.control.deprecate(&caller, &package, version, message).await?)?))
}

fn view(package: &Package) -> Result<wire::Package> {
    Ok(wire::Package {
        name: package.name.clone(),
        current: package.current().map(|current| current.version.clone()),
        rolled_back: package.rolled_back.clone(),
        versions: package.versions.values().map(|version| version_view(version)).collect::<Result<_>>()?,
    })
}

fn version_view(version: &PackageVersion) -> Result<wire::PackageVersion> {
    let Value::Object(limits) = serde_json::to_value(&version.limits).map_err(Error::internal)? else {
        return Err(Error::internal("limits that are not an object"));
    };
    let Needs { required, optional } = version.needs.clone();
    Ok(wire::PackageVersion {
        version: version.version.clone(),
        component: *version.component(),
        needs: wire::Needs { required, optional },
        limits,
        deprecated: version.deprecated.clone(),
        published: version.published.into(),
    })
}
