//! What is taken from a request at its bounds, and what is refused past them.

use axum::http::StatusCode;
use futures::{StreamExt, stream};
use serde::Deserialize;
use serde_json::Value;

use super::*;
use crate::http::problem::status;
use crate::http::room::{RoomSettings, Rooms};

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Given {
    #[serde(default)]
    name: Option<String>,
}

fn rooms() -> Arc<Rooms> {
    Arc::new(Rooms::new(RoomSettings { tenant_bodies_bytes_max: 1_000, ..RoomSettings::default() }))
}

fn request(content_type: Option<&str>, body: impl Into<Body>) -> Request {
    let mut request = Request::new(body.into());
    if let Some(content_type) = content_type {
        request.headers_mut().insert(header::CONTENT_TYPE, content_type.parse().unwrap());
    }
    let settings = BodySettings { body_bytes_max: 100, body_time_max: Duration::from_millis(100) };
    request.extensions_mut().insert(settings);
    request.extensions_mut().insert(Rooms::enter(&rooms(), &"acme".parse().unwrap()).unwrap());
    request
}

async fn json(body: impl Into<Body>) -> Result<Given> {
    JsonBody::from_request(request(Some("application/json"), body), &()).await.map(|body| body.value)
}

#[tokio::test]
async fn a_body_is_read_in_one_piece_or_in_many() {
    let text = r#"{"name":"x"}"#;
    let expected = Given { name: Some("x".into()) };
    assert_eq!(json(text).await.unwrap(), expected);
    let pieces = stream::iter(text.bytes().map(|byte| Ok::<_, std::io::Error>(vec![byte])));
    assert_eq!(json(Body::from_stream(pieces)).await.unwrap(), expected);
}

#[tokio::test]
async fn a_body_is_bounded_in_bytes_whether_it_says_so_or_not() {
    let text = |bytes: usize| format!(r#"{{"name":"{}"}}"#, "x".repeat(bytes - 11));
    assert!(json(text(100)).await.is_ok());
    let said = json(text(101)).await.unwrap_err();
    let unsaid = Body::from_stream(stream::iter([Ok::<_, std::io::Error>(text(101))]));
    for error in [said, json(unsaid).await.unwrap_err()] {
        assert_eq!((error.code(), &error.facts()["maximum"]), (Code::TooLarge, &Value::from(100)));
        assert_eq!(status(error.code()), StatusCode::PAYLOAD_TOO_LARGE);
    }
}

#[tokio::test]
async fn a_body_that_takes_too_long_is_given_up() {
    let slow = stream::iter([Ok::<_, std::io::Error>("{")]).chain(stream::pending());
    let error = json(Body::from_stream(slow)).await.unwrap_err();
    assert_eq!(status(error.code()), StatusCode::REQUEST_TIMEOUT);
}

#[tokio::test]
async fn a_body_takes_its_tenants_room() {
    let rooms = rooms();
    let tenant = "acme".parse().unwrap();
    let other = Rooms::enter(&rooms, &tenant).unwrap();
    other.take(1_000 - 12).unwrap();
    let ask = async |text: &'static str| {
        let mut request = request(Some("application/json"), text);
        request.extensions_mut().insert(Rooms::enter(&rooms, &tenant).unwrap());
        JsonBody::<Given>::from_request(request, &()).await
    };
    let held = ask(r#"{"name":"x"}"#).await.unwrap();
    assert_eq!(ask("{}").await.unwrap_err().code(), Code::Throttled);
    drop(held);
    assert!(ask("{}").await.is_ok());
}

/// Refused; what was sent does not come back whole.
#[tokio::test]
async fn hostile_bodies_are_refused_with_short_words() {
    let deep = "[".repeat(100);
    let long = format!(r#"{{"{}":1}}"#, "ä".repeat(40));
    for body in ["", "{", "{}{}", "[]", "null", r#"{"nmae":"x"}"#, r#"{"name":1}"#, "\u{0}", &deep, &long] {
        let error = json(body.to_owned()).await.unwrap_err();
        assert_eq!(error.code(), Code::InvalidRequest, "{body}");
        assert!(error.message().len() < 400, "{error}");
    }
    let error = json(r#"{"nmae":"x"}"#).await.unwrap_err();
    assert!(error.message().contains("nmae") && error.message().contains("name"), "{error}");
}

#[tokio::test]
async fn a_body_has_to_be_what_it_says() {
    for taken in ["application/json", "Application/JSON; charset=UTF-8", "application/json;charset=\"utf-8\""] {
        assert!(JsonBody::<Given>::from_request(request(Some(taken), "{}"), &()).await.is_ok(), "{taken}");
    }
    for refused in [None, Some("text/plain"), Some("application/jsonx"), Some("application/json; charset=latin1")] {
        let error = JsonBody::<Given>::from_request(request(refused, "{}"), &()).await.unwrap_err();
        assert_eq!(error.code(), Code::InvalidRequest, "{refused:?}");
        assert!(error.what_next().unwrap().contains("application/json"), "{error}");
    }
    let mut encoded = request(Some("application/json"), "{}");
    encoded.headers_mut().insert(header::CONTENT_ENCODING, "gzip".parse().unwrap());
    assert!(JsonBody::<Given>::from_request(encoded, &()).await.is_err());
}

#[tokio::test]
async fn an_optional_body_may_be_absent_and_not_something_else() {
    let empty = OptionalJson::<Given>::from_request(request(None, Body::empty()), &()).await.unwrap();
    assert_eq!(empty.0, Given::default());
    assert!(OptionalJson::<Given>::from_request(request(None, "{}"), &()).await.is_err());
    assert!(OptionalJson::<Given>::from_request(request(Some("application/json"), "x"), &()).await.is_err());
}

#[tokio::test]
async fn a_policy_is_text() {
    let toml = |body: &'static [u8]| TomlBody::from_request(request(Some("application/toml"), body), &());
    assert_eq!(toml(b"a = 1").await.unwrap().0, "a = 1");
    assert!(toml(b"a = \"\xff\"").await.unwrap_err().message().contains("byte 5"));
}

#[tokio::test]
async fn a_query_is_known_or_refused() {
    let ask = async |query: &str| {
        let (mut parts, _) = Request::builder().uri(format!("/x?{query}")).body(()).unwrap().into_parts();
        Asked::<Given>::from_request_parts(&mut parts, &()).await.map(|asked| asked.0)
    };
    assert_eq!(ask("").await.unwrap(), Given::default());
    assert_eq!(ask("name=x%20y").await.unwrap(), Given { name: Some("x y".into()) });
    for query in ["nmae=x", "name=x&name=y"] {
        assert_eq!(ask(query).await.unwrap_err().code(), Code::InvalidRequest, "{query}");
    }
}
