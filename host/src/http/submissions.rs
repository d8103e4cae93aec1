//! Versions on their way from a tenant to the catalogue, and components that are not to run any more.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::door::Door;
use super::request::{Asked, JsonBody, Named};
use super::wire;
use crate::control::{SubmissionState, SubmissionView, Submissions, SubmissionsAsked};
use crate::error::Result;
use crate::id::{Digest, PackageName, SubmissionId};
use crate::snapshot::Caller;

/// Submits a version to the catalogue, for the platform's operators to decide on.
///
/// Scopes: publisher.
#[utoipa::path(post, path = "/v1/packages/{package}/submit", tag = "submissions", params(("package" = PackageName, Path)),
    request_body = wire::SubmitVersion,
    responses((status = 201, description = "It is submitted.", body = wire::Submission)))]
pub(super) async fn submit(
    State(door): State<Door>,
    caller: Caller,
    Named(package): Named<PackageName>,
    body: JsonBody<wire::SubmitVersion>,
) -> Result<(StatusCode, Json<wire::Submission>)> {
    let wire::SubmitVersion { version, message } = body.value;
    let submitted = door.control.submit(&caller, &package, version, message).await?;
    Ok((StatusCode::CREATED, Json(submitted.into())))
}

/// Lists submissions, newest first: to the platform's team all, to a tenant its own.
///
/// Scopes: publisher, operator or auditor.
#[utoipa::path(get, path = "/v1/submissions", tag = "submissions", params(wire::SubmissionsQuery),
    responses((status = 200, description = "The submissions; at most 1,000 at once.", body = wire::Submissions)))]
pub(super) async fn list(
    State(door): State<Door>,
    caller: Caller,
    Asked(query): Asked<wire::SubmissionsQuery>,
) -> Result<Json<wire::Submissions>> {
    let asked = SubmissionsAsked { state: query.state.map(Into::into), before: query.before };
    let Submissions { submissions, next } = door.control.submissions(&caller, asked).await?;
    Ok(Json(wire::Submissions { submissions: submissions.into_iter().map(Into::into).collect(), next }))
}

impl From<wire::SubmissionState> for SubmissionState {
    fn from(state: wire::SubmissionState) -> Self {
        match state {
            wire::SubmissionState::Open => Self::Open,
            wire::SubmissionState::Approved => Self::Approved,
            wire::SubmissionState::Refused => Self::Refused,
        }
    }
}

/// Shows a submission: what it is, who signed it, and what it asks for beyond what the catalogue runs now.
///
/// Scopes: publisher, operator or auditor.
#[utoipa::path(get, path = "/v1/submissions/{submission}", tag = "submissions", params(("submission" = SubmissionId, Path)),
    responses((status = 200, description = "The submission.", body = wire::Submission)))]
pub(super) async fn show(
    State(door): State<Door>,
    caller: Caller,
    Named(submission): Named<SubmissionId>,
) -> Result<Json<wire::Submission>> {
    Ok(Json(door.control.submission(&caller, submission).await?.into()))
}

/// Approves a submission: the version is published and runs in the catalogue.
///
/// Scopes: operator of the platform.
#[utoipa::path(post, path = "/v1/submissions/{submission}/approve", tag = "submissions",
    params(("submission" = SubmissionId, Path)),
    responses((status = 200, description = "It is in the catalogue.", body = wire::Submission)))]
pub(super) async fn approve(
    State(door): State<Door>,
    caller: Caller,
    Named(submission): Named<SubmissionId>,
) -> Result<Json<wire::Submission>> {
    Ok(Json(door.control.approve_submission(&caller, submission).await?.into()))
}

/// Refuses a submission.
///
/// Scopes: operator of the platform.
#[utoipa::path(post, path = "/v1/submissions/{submission}/refuse", tag = "submissions",
    params(("submission" = SubmissionId, Path)), request_body = wire::RefuseSubmission,
    responses((status = 200, description = "It is refused.", body = wire::Submission)))]
pub(super) async fn refuse(
    State(door): State<Door>,
    caller: Caller,
    Named(submission): Named<SubmissionId>,
    body: JsonBody<wire::RefuseSubmission>,
) -> Result<Json<wire::Submission>> {
    Ok(Json(door.control.refuse_submission(&caller, submission, body.value.reason).await?.into()))
}

/// Recalls a component: from the next call on it does not run any more. The platform recalls for every tenant, a tenant for
/// itself.
///
/// Scopes: operator.
#[utoipa::path(post, path = "/v1/components/{component}/recall", tag = "components", params(("component" = Digest, Path)),
    request_body = wire::RecallComponent,
    responses((status = 200, description = "It is recalled.", body = wire::Recall)))]
pub(super) async fn recall(
    State(door): State<Door>,
    caller: Caller,
    Named(component): Named<Digest>,
    body: JsonBody<wire::RecallComponent>,
) -> Result<Json<wire::Recall>> {
    let reason = body.value.reason;
    door.control.recall(&caller, component, reason.clone()).await?;
    Ok(Json(wire::Recall { component, reason }))
}

/// Lifts a recall of the same tenant's.
///
/// Scopes: operator.
#[utoipa::path(delete, path = "/v1/components/{component}/recall", tag = "components", params(("component" = Digest, Path)),
    responses((status = 204, description = "It may run again, as far as this tenant is concerned.")))]
pub(super) async fn lift(
    State(door): State<Door>,
    caller: Caller,
    Named(component): Named<Digest>,
) -> Result<StatusCode> {
    door.control.lift_recall(&caller, component).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists what the tenant itself has recalled.
///
/// Scopes: publisher, operator or auditor.
#[utoipa::path(get, path = "/v1/recalls", tag = "components",
    responses((status = 200, description = "The recalls, by digest.", body = wire::Recalls)))]
pub(super) async fn recalls(State(door): State<Door>, caller: Caller) -> Result<Json<wire::Recalls>> {
    let recalls = door.control.recalls(&caller)?.into_iter();
    let recalls = recalls.map(|(component, reason)| wire::Recall { component, reason }).collect();
    Ok(Json(wire::Recalls { recalls }))
}

impl From<SubmissionView> for wire::Submission {
    fn from(view: SubmissionView) -> Self {
        let SubmissionView { row, inspection, signer, signed_by_tenant, asks, current } = view;
        let (words, imports) = inspection.map(|found| (found.words, found.imports)).unwrap_or_default();
        Self {
            id: row.id,
            tenant: row.tenant,
            package: row.package,
            version: row.version,
            component: row.component,
            message: row.message,
            state: match row.state {
                SubmissionState::Open => wire::SubmissionState::Open,
                SubmissionState::Approved => wire::SubmissionState::Approved,
                SubmissionState::Refused => wire::SubmissionState::Refused,
            },
            reason: row.reason,
            submitted: row.since.into(),
            signer,
            signed_by_tenant,
            imports,
            words,
            current,
            asks,
        }
    }
}
