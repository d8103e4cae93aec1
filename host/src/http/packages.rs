//! Packages of the caller's tenant.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::door::Door;
use super::request::{JsonBody, Named};
use super::wire;
use crate::control::Publication;
use crate::error::Result;
use crate::id::PackageName;
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
    let wire::PublishVersion { version, component, needs, limits, promote, signature } = body.value;
    let publication = Publication { version, component, needs, limits, promote, signature };
    let package = door.control.publish(&caller, package, publication).await?;
    Ok((StatusCode::CREATED, Json(view(&package))))
}

/// Lists the tenant's packages.
///
/// Scopes: publisher, operator or auditor.
#[utoipa::path(get, path = "/v1/packages", tag = "packages",
    responses((status = 200, description = "The packages, by name.", body = wire::Packages)))]
pub(super) async fn list(State(door): State<Door>, caller: Caller) -> Result<Json<wire::Packages>> {
    let packages = door.control.packages(&caller)?.iter().map(|package| view(package)).collect();
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
    Ok(Json(view(&*door.control.package(&caller, &package)?)))
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
    Ok(Json(view(&*door.control.promote(&caller, &package, body.value.version).await?)))
}

/// Lets a version run that asks for more than the one that runs, and makes it the one.
///
/// Scopes: operator.
#[utoipa::path(post, path = "/v1/packages/{package}/approve", tag = "packages", params(("package" = PackageName, Path)),
    request_body = wire::PromoteVersion,
    responses((status = 200, description = "The package as it is now.", body = wire::Package)))]
pub(super) async fn approve(
    State(door): State<Door>,
    caller: Caller,
    Named(package): Named<PackageName>,
    body: JsonBody<wire::PromoteVersion>,
) -> Result<Json<wire::Package>> {
    Ok(Json(view(&*door.control.approve(&caller, &package, body.value.version).await?)))
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
    Ok(Json(view(&*door.control.roll_back(&caller, &package).await?)))
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
    Ok(Json(view(&*door.control.deprecate(&caller, &package, version, message).await?)))
}

fn view(package: &Package) -> wire::Package {
    wire::Package {
        name: package.name.clone(),
        current: package.current().map(|current| current.version.clone()),
        rolled_back: package.rolled_back.clone(),
        versions: package.versions.values().map(|version| version_view(package, version)).collect(),
    }
}

fn version_view(package: &Package, version: &PackageVersion) -> wire::PackageVersion {
    wire::PackageVersion {
        version: version.version.clone(),
        component: *version.component(),
        needs: version.needs.clone(),
        limits: version.limits.clone(),
        deprecated: version.deprecated.clone(),
        published: version.published.into(),
        signer: version.signer.clone(),
        publisher: version.publisher.clone(),
        awaits_approval: package.awaits_approval(version),
    }
}
