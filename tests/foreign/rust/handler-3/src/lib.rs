//! A handler of WASI 0.3: it streams its response, and goes on after it was returned.

use wasip3::http::client;
use wasip3::http::types::{ErrorCode, Fields, Method, Request, Response, Scheme};
use wasip3::{wit_bindgen, wit_future, wit_stream};

struct Handler;

wasip3::http::service::export!(Handler);

impl wasip3::exports::http::handler::Guest for Handler {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let path = request.get_path_with_query().unwrap_or_default();
        let (path, query) = path.split_once('?').unwrap_or((&path, ""));
        match path {
            "/hello" => Ok(response(200, vec![format!("Hello, "), format!("{query}!")])),
            "/echo" => {
                let method = format!("{:?}", request.get_method());
                let (_, consumed) = wit_future::new(|| Ok(()));
                let (body, _) = Request::consume_body(request, consumed);
                let body = body.collect().await;
                Ok(response(200, vec![method, " ".to_owned(), String::from_utf8_lossy(&body).into_owned()]))
            }
            "/fetch" => {
                let (authority, path) = query.split_once('/').unwrap_or((query, ""));
                match fetch(authority, &format!("/{path}")).await {
                    Ok(text) => Ok(response(200, vec![text])),
                    Err(error) => Ok(response(502, vec![format!("{error:?}")])),
                }
            }
            "/error" => Err(ErrorCode::LoopDetected),
            "/endless" => Ok(stream(200, || Some("x".repeat(4096)))),
            "/headers" => {
                let fields = Fields::new();
                let mut number = 0;
                while fields.append(&format!("x-{number}"), &[b'v'; 1000]).is_ok() {
                    number += 1;
                }
                Ok(response(200, vec![format!("{number} fields")]))
            }
            "/trailers" => {
                let (mut sender, receiver) = wit_stream::new();
                let (trailers, end) = wit_future::new(|| Ok(None));
                let (response, _) = Response::new(Fields::new(), Some(receiver), end);
                wit_bindgen::spawn_local(async move {
                    sender.write_all(b"fine".to_vec()).await;
                    drop(sender);
                    let fields = Fields::new();
                    fields.append("x-end", b"here").expect("a field");
                    // Whoever reads the response may have left.
                    let _ = trailers.write(Ok(Some(fields))).await;
                });
                Ok(response)
            }
            "/never" => std::future::pending().await,
            "/trap" => panic!("on purpose"),
            _ => Ok(response(404, Vec::new())),
        }
    }
}

fn response(status: u16, pieces: Vec<String>) -> Response {
    let mut pieces = pieces.into_iter();
    stream(status, move || pieces.next())
}

/// A response whose body is what `next` gives, written after it was returned.
fn stream(status: u16, mut next: impl FnMut() -> Option<String> + 'static) -> Response {
    let (mut sender, receiver) = wit_stream::new();
    let (trailers, no_trailers) = wit_future::new(|| Ok(None));
    drop(trailers);
    let (response, _) = Response::new(Fields::new(), Some(receiver), no_trailers);
    response.set_status_code(status).expect("a status");
    wit_bindgen::spawn_local(async move {
        while let Some(piece) = next() {
            if !sender.write_all(piece.into_bytes()).await.is_empty() {
                break;
            }
        }
    });
    response
}

async fn fetch(authority: &str, path: &str) -> Result<String, ErrorCode> {
    let (trailers, no_trailers) = wit_future::new(|| Ok(None));
    drop(trailers);
    let (request, _) = Request::new(Fields::new(), None, no_trailers, None);
    request.set_method(&Method::Get).expect("a method");
    request.set_scheme(Some(&Scheme::Http)).expect("a scheme");
    request.set_authority(Some(authority)).expect("an authority");
    request.set_path_with_query(Some(path)).expect("a path");
    let answer = client::send(request).await?;
    let status = answer.get_status_code();
    let (_, consumed) = wit_future::new(|| Ok(()));
    let (body, _) = Response::consume_body(answer, consumed);
    let body = body.collect().await;
    Ok(format!("{status}: {}", String::from_utf8_lossy(&body)))
}
