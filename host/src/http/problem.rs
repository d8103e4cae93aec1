//! Errors as HTTP says them: RFC 9457 problems, with the stable code and what to do next. The one place that knows
//! which status a code has.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{Code, Error};
use crate::id::{CallId, DecisionId};

/// The media type of a problem.
pub const PROBLEM: &str = "application/problem+json";

/// A problem as RFC 9457 has it, with members of our own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Problem {
    /// `urn:cofferdam:problem:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// The code in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened.
    pub detail: String,
    /// The stable code: match on this.
    pub code: String,
    /// What to do next.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next: Option<String>,
    /// The call that it is about, where one was decided.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub call: Option<CallId>,
    /// Facts for programs: which limit, its maximum, what was used, the rule that decided.
    #[serde(skip_serializing_if = "Map::is_empty", default)]
    #[schema(value_type = Object)]
    pub facts: Map<String, Value>,
}

/// The HTTP status of `code`.
pub const fn status(code: Code) -> StatusCode {
    match code {
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::Denied => StatusCode::FORBIDDEN,
        // Nothing went wrong: the call was taken in, and is not made yet.
        Code::ApprovalRequired => StatusCode::ACCEPTED,
        Code::InvalidRequest => StatusCode::BAD_REQUEST,
        // The request was understood; what it asks for cannot be done as it stands.
        Code::InvalidArguments
        | Code::InvalidPolicy
        | Code::ComponentRejected
        | Code::FuelExhausted
        | Code::MemoryExceeded
        | Code::LimitExceeded => StatusCode::UNPROCESSABLE_ENTITY,
        Code::Conflict | Code::CallCycle => StatusCode::CONFLICT,
        Code::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
        Code::Throttled | Code::BudgetExceeded => StatusCode::TOO_MANY_REQUESTS,
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        Code::ToolFailed => StatusCode::BAD_GATEWAY,
        Code::Overloaded | Code::Unavailable | Code::Cancelled | Code::Interrupted | Code::AuditUnavailable => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl Problem {
    /// The problem that `error` is, about `call` where there was one.
    pub fn new(error: &Error, call: Option<CallId>) -> Self {
        let code = error.code();
        let mut title = code.as_str().replace('-', " ");
        title[..1].make_ascii_uppercase();
        Self {
            kind: format!("urn:cofferdam:problem:{code}"),
            title,
            status: status(code).as_u16(),
            detail: error.message().to_owned(),
            code: code.as_str().to_owned(),
            next: error.what_next().map(str::to_owned),
            call,
            facts: error.facts().iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
        }
    }
}

impl Problem {
    /// The same, for an answer: what the caller may not see goes to the operator's log.
    pub(super) fn report(error: &Error, call: Option<CallId>) -> Self {
        if let Some(detail) = error.operator_detail() {
            let call = call.map(tracing::field::display);
            tracing::warn!(code = %error.code(), call, detail, "request failed");
        }
        Self::new(error, call)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let retry_after = self.facts.get("retry_after_ms").and_then(Value::as_u64);
        let mut response = (status, Json(&self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(milliseconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(milliseconds.div_ceil(1_000).max(1)));
        }
        response
    }
}

/// What a denial is made of, for the record: it goes with the answer as far as this door.
#[derive(Debug, Clone, Default)]
pub(super) struct Denial {
    pub(super) reason: String,
    pub(super) rules: Vec<String>,
    pub(super) decision: Option<DecisionId>,
}

impl Denial {
    fn of(error: &Error) -> Self {
        let facts = error.facts();
        let rules = facts.get("rules").and_then(|rules| serde_json::from_value(rules.clone()).ok());
        let decision = facts.get("decision").and_then(Value::as_str).and_then(|id| id.parse().ok());
        Self { reason: error.message().to_owned(), rules: rules.unwrap_or_default(), decision }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut response = Problem::report(&self, None).into_response();
        if self.code() == Code::Denied {
            response.extensions_mut().insert(Denial::of(&self));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_an_error_status_but_the_one_that_waits() {
        assert_eq!(status(Code::ApprovalRequired), StatusCode::ACCEPTED);
        for code in Code::ALL.iter().filter(|code| **code != Code::ApprovalRequired) {
            assert!(status(*code).is_client_error() || status(*code).is_server_error(), "{code}");
        }
    }

    #[test]
    fn internal_detail_never_leaves_the_host() {
        let error = Error::internal("postgres://user:password@db");
        let problem = serde_json::to_string(&Problem::new(&error, None)).unwrap();
        assert!(!problem.contains("password"), "{problem}");
    }
}
