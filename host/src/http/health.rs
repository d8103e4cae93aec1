//! Health, on a listener of its own: it says how the host is, and nothing of any tenant.

use axum::extract::State;
use axum::http::StatusCode;
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};

use super::{answer, wire};
use crate::host::Host;
use crate::router;

/// The application for the health listener: `/healthz` and `/readyz`.
pub fn health_app(host: &Host) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .fallback(answer::no_such_path)
        .method_not_allowed_fallback(answer::no_such_method)
        .layer(answer::catch_panics())
        .layer(from_fn(answer::finish))
        .with_state(host.router.clone())
}

/// Whether calls can be sent here.
async fn ready(State(router): State<router::Router>) -> Response {
    let (status, reasons) = match router.ready() {
        Ok(()) => (StatusCode::OK, Vec::new()),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, vec![error.message().to_owned()]),
    };
    (status, Json(wire::Readiness { ready: reasons.is_empty(), reasons })).into_response()
}
