//! What surrounds every answer: headers that all have, problems for what there is not, and for a panic.

use std::any::Any;
use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;

use super::problem::Problem;
use crate::error::{Code, Error, Result};

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

/// How long an operation may take that neither runs nor receives anything long; its body's own time is within it.
const OPERATION_TIME_MAX: Duration = Duration::from_secs(60);

/// Ends an operation that takes too long: whoever waits for a disk that does not answer is told so.
pub(super) async fn in_time(request: Request, next: Next) -> Result<Response> {
    within(OPERATION_TIME_MAX, request, next).await
}

async fn within(time_max: Duration, request: Request, next: Next) -> Result<Response> {
    tokio::time::timeout(time_max, next.run(request)).await.map_err(|_| {
        let time = humantime::format_duration(time_max);
        Error::new(Code::Unavailable, format!("the host was not done with this after {time}"))
            .next("look whether it was done all the same, then try again")
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

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::http::Request;
    use axum::middleware::from_fn;
    use axum::routing::get;
    use tower::ServiceExt;

    use super::*;

    async fn ask(method: Method, path: &str) -> (StatusCode, Response) {
        let app = Router::new()
            .route(
                "/panics",
                get(async || {
                    if true {
                        panic!("secret")
                    }
                }),
            )
            .route("/hangs", get(std::future::pending::<()>))
            .route_layer(from_fn(|request, next| within(Duration::from_millis(50), request, next)))
            .fallback(no_such_path)
            .method_not_allowed_fallback(no_such_method)
            .layer(catch_panics())
            .layer(from_fn(finish));
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let response = app.oneshot(request).await.unwrap();
        (response.status(), response)
    }

    async fn problem(response: Response) -> Problem {
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
        assert_eq!(response.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        let bytes = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        assert!(!bytes.windows(6).any(|window| window == b"secret"));
        serde_json::from_slice(&bytes).unwrap()
    }

    #[tokio::test]
    async fn a_panic_is_a_problem_that_says_nothing_of_it() {
        let (status, response) = ask(Method::GET, "/panics").await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(problem(response).await.code, "internal");
    }

    #[tokio::test]
    async fn what_hangs_is_ended() {
        let (status, response) = ask(Method::GET, "/hangs").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(problem(response).await.code, "unavailable");
    }

    #[tokio::test]
    async fn paths_and_methods_that_there_are_not_are_problems() {
        let (status, response) = ask(Method::GET, &format!("/{}", "x".repeat(10_000))).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert!(problem(response).await.detail.len() < 300);
        let (status, response) = ask(Method::DELETE, "/hangs").await;
        assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(response.headers()[header::ALLOW], "GET,HEAD");
        assert_eq!(problem(response).await.status, 405);
    }
}
