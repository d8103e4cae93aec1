//! What surrounds every answer: headers that all have, problems for what there is not, and for a panic.

use std::any::Any;

use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;

use super::problem::Problem;
use crate::error::{Code, Error};

/// Adds the headers of every answer: it is for whoever asked alone, and it is what it says it is.
pub(super) async fn finish(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// A panic is a defect of the host: whoever asked is told so, and the connection lives on.
pub(super) fn catch_panics() -> CatchPanicLayer<fn(Box<dyn Any + Send>) -> Response> {
    CatchPanicLayer::custom(|panic: Box<dyn Any + Send>| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Error::internal(format_args!("panic: {}", text.unwrap_or("without a text"))).into_response()
    })
}

/// The answer for a path that no operation has.
pub(super) async fn no_such_path(uri: Uri) -> Error {
    Error::not_found("path", uri.path()).next("GET /v1/openapi.json lists every operation")
}

/// The answer for a path whose operations have other methods; the header `allow` names them.
pub(super) async fn no_such_method(method: Method, uri: Uri) -> Response {
    let path: String = uri.path().chars().take(200).collect();
    let error = Error::new(Code::InvalidRequest, format!("{method:.20} is not a method of {path:?}"))
        .next("use one that the header allow names; GET /v1/openapi.json lists every operation");
    Problem { status: StatusCode::METHOD_NOT_ALLOWED.as_u16(), ..Problem::new(&error, None) }.into_response()
}
