//! A handler that breaks every rule of answering.

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

struct Component;

impl Guest for Component {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        match path.as_str() {
            "/never" => std::mem::forget(out),
            "/drop" => drop(out),
            "/twice" => {
                // The handle is gone with the first; what the second one names is nothing.
                let again = out.handle();
                ResponseOutparam::set(out, Ok(OutgoingResponse::new(Fields::new())));
                // SAFETY: not sound, which is the point.
                let again = unsafe { ResponseOutparam::from_handle(again) };
                ResponseOutparam::set(again, Ok(OutgoingResponse::new(Fields::new())));
            }
            "/headers" => {
                let fields = Fields::new();
                for number in 0..1_000_000 {
                    if fields.append(&format!("x-{number}"), &[b'v'; 1000]).is_err() {
                        break;
                    }
                }
                ResponseOutparam::set(out, Ok(OutgoingResponse::new(fields)));
            }
            "/endless" => {
                let stream_of = |response: OutgoingResponse| {
                    let body = response.body().unwrap();
                    ResponseOutparam::set(out, Ok(response));
                    body
                };
                let body = stream_of(OutgoingResponse::new(Fields::new()));
                let stream = body.write().unwrap();
                while stream.blocking_write_and_flush(&[b'x'; 4096]).is_ok() {}
            }
            "/half" => {
                let fields = Fields::new();
                fields.append("content-length", b"100").unwrap();
                let response = OutgoingResponse::new(fields);
                let body = response.body().unwrap();
                ResponseOutparam::set(out, Ok(response));
                body.write().unwrap().blocking_write_and_flush(b"half").unwrap();
                std::mem::forget(body);
            }
            "/spin-after" => {
                let response = OutgoingResponse::new(Fields::new());
                let body = response.body().unwrap();
                ResponseOutparam::set(out, Ok(response));
                OutgoingBody::finish(body, None).unwrap();
                loop {
                    std::hint::black_box(0);
                }
            }
            "/trap-after" => {
                let response = OutgoingResponse::new(Fields::new());
                let body = response.body().unwrap();
                ResponseOutparam::set(out, Ok(response));
                OutgoingBody::finish(body, None).unwrap();
                panic!("on purpose");
            }
            "/trailers" => {
                let response = OutgoingResponse::new(Fields::new());
                let body = response.body().unwrap();
                ResponseOutparam::set(out, Ok(response));
                body.write().unwrap().blocking_write_and_flush(b"fine").unwrap();
                let trailers = Fields::new();
                for (name, value) in [("x-sum", "1"), ("x-sum", "2"), ("x-end", "here")] {
                    trailers.append(name, value.as_bytes()).unwrap();
                }
                OutgoingBody::finish(body, Some(trailers)).unwrap();
            }
            "/error" => ResponseOutparam::set(out, Err(wasip2::http::types::ErrorCode::LoopDetected)),
            _ => {
                let response = OutgoingResponse::new(Fields::new());
                let body = response.body().unwrap();
                ResponseOutparam::set(out, Ok(response));
                body.write().unwrap().blocking_write_and_flush(b"fine").unwrap();
                OutgoingBody::finish(body, None).unwrap();
            }
        }
    }
}

wasip2::http::proxy::export!(Component);
