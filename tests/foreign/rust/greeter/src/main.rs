//! A handler as it is written with wstd: it serves requests, and asks another server where it is told to.

use wstd::http::{Body, Client, Error, Request, Response, StatusCode};

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    let (head, mut body) = request.into_parts();
    let query = head.uri.query().unwrap_or_default().to_owned();
    let response = Response::builder().header("content-type", "text/plain; charset=utf-8");
    Ok(match head.uri.path() {
        "/hello" => response.body(format!("Hello, {query}!").into())?,
        "/echo" => {
            let mut seen: Vec<String> = head.headers.keys().map(ToString::to_string).collect();
            seen.sort();
            let text = format!("{} {} with {}", head.method, head.uri, seen.join(","));
            let bytes = body.contents().await?.to_vec();
            response.header("x-seen", text).header("x-twice", "one").header("x-twice", "two").body(bytes.into())?
        }
        "/fetch" => {
            let asked = Request::get(query).body(Body::empty())?;
            match Client::new().send(asked).await {
                Ok(answer) => {
                    let status = answer.status();
                    let mut body = answer.into_body();
                    let text = body.str_contents().await?.to_owned();
                    response.body(format!("{status}: {text}").into())?
                }
                Err(error) => response.status(StatusCode::BAD_GATEWAY).body(format!("{error:?}").into())?,
            }
        }
        _ => response.status(StatusCode::NOT_FOUND).body("no such page".to_owned().into())?,
    })
}
