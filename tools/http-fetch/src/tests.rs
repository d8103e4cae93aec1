use cofferdam_sdk::fakes::http::{Reply, respond, sent};
use cofferdam_sdk::{ErrorKind, Output, Tool};
use serde_json::json;

use super::*;

const URL: &str = "https://example.org/page";

fn fetch(arguments: Value) -> Result<Output, Error> {
    http_fetch::call(&arguments.to_string())
}

fn answer(arguments: Value) -> Value {
    let output = fetch(arguments).unwrap();
    match output.content().first() {
        Some(Content::Json(text)) if !output.is_error() => serde_json::from_str(text).unwrap(),
        _ => panic!("{output:?}"),
    }
}

fn failed(arguments: Value) -> String {
    let output = fetch(arguments).unwrap();
    assert!(output.is_error());
    output.as_text().unwrap().to_owned()
}

fn page(content_type: &str, body: impl Into<Vec<u8>>) -> Reply {
    Reply::new(200).header("content-type", content_type).body(body)
}

fn redirect(to: &str) -> Reply {
    Reply::new(302).header("location", to)
}

#[test]
fn html_comes_as_markdown_unless_text_is_asked_for() {
    let html = "<html><head><title>T</title><style>p{}</style></head><body><h1>Rope</h1><script>x()</script>\
                <p>Is <b>long</b>, see <a href=\"/tar\">tar</a>.</p><ul><li>a<li>b</ul></body></html>";
    respond("GET", URL, page("text/html; charset=utf-8", html));
    let fetched = answer(json!({"url": URL}));
    assert_eq!(fetched["text"], "# Rope\n\nIs **long**, see [tar](/tar).\n\n*   a\n*   b");
    assert_eq!(
        (&fetched["status"], &fetched["is_cut"], &fetched["bytes"]),
        (&json!(200), &json!(false), &json!(html.len()))
    );
    assert_eq!(answer(json!({"url": URL, "as": "text"}))["text"], html);
}

#[test]
fn other_text_comes_as_it_is() {
    respond("GET", URL, page("text/plain", "<b>not HTML</b>"));
    assert_eq!(answer(json!({"url": URL}))["text"], "<b>not HTML</b>");
    let western = "https://example.org/western";
    respond("GET", western, page("text/plain; charset=\"ISO-8859-1\"", *b"gr\xf6\xdfe \x80"));
    assert_eq!(answer(json!({"url": western}))["text"], "größe €");
    let broken = "https://example.org/broken";
    respond("GET", broken, page("text/plain", *b"\xef\xbb\xbfgr\xf6"));
    assert_eq!(answer(json!({"url": broken}))["text"], "gr\u{fffd}");
}

#[test]
fn json_comes_as_json_or_fails() {
    respond("GET", URL, page("application/json", r#"{"a": [1]}"#));
    assert_eq!(answer(json!({"url": URL, "as": "json"}))["json"], json!({"a": [1]}));
    assert!(failed(json!({"url": URL, "as": "json", "bytes_max": 9})).contains("raise `bytes_max`"));
    let page_url = "https://example.org/html";
    respond("GET", page_url, page("text/html", "<p>"));
    assert!(failed(json!({"url": page_url, "as": "json"})).contains("is not JSON"));
}

#[test]
fn bytes_come_as_a_file_and_are_no_text() {
    let url = "https://example.org/img/logo.png?v=2";
    respond("GET", url, page("image/png", *b"\x89PNG\xff"));
    let output = fetch(json!({"url": url, "as": "bytes"})).unwrap();
    let [Content::Json(_), Content::File(file)] = output.content() else { panic!("{output:?}") };
    assert_eq!((file.media_type.as_str(), file.name.as_deref(), file.data.len()), ("image/png", Some("logo.png"), 5));
    assert_eq!(failed(json!({"url": url})), "the body is not text (image/png); fetch it with `as`: `bytes`");
}

#[test]
fn at_the_limit_a_body_is_whole_and_past_it_cut_with_a_marker() {
    respond("GET", URL, page("text/plain", "größe"));
    assert_eq!(answer(json!({"url": URL, "bytes_max": 7}))["is_cut"], false);
    let cut = answer(json!({"url": URL, "bytes_max": 3}));
    assert_eq!((&cut["is_cut"], &cut["text"]), (&json!(true), &json!("gr\n[cut: the body has more than 3 bytes]")));
    for (name, value) in [("bytes_max", 0), ("bytes_max", BYTES_MAX + 1), ("redirects_max", REDIRECTS_MAX + 1)] {
        let error = fetch(json!({"url": URL, name: value})).unwrap_err();
        assert!(error.kind() == ErrorKind::InvalidArguments && error.text().contains(name), "{error}");
    }
}

#[test]
fn an_error_of_the_server_is_an_answer_and_a_refusal_is_none() {
    respond("GET", URL, Reply::new(404).header("content-type", "text/plain").body("no such page"));
    let fetched = answer(json!({"url": URL}));
    assert_eq!((&fetched["status"], &fetched["text"]), (&json!(404), &json!("no such page")));
    let denied = fetch(json!({"url": "https://example.com/"})).unwrap_err();
    assert_eq!(denied.kind(), ErrorKind::Denied);
    respond("GET", "https://example.net/", Error::unavailable("the server did not answer in time"));
    assert_eq!(fetch(json!({"url": "https://example.net/"})).unwrap_err().kind(), ErrorKind::Unavailable);
    let error = fetch(json!({"url": "example.org"})).unwrap_err();
    assert!(error.kind() == ErrorKind::InvalidArguments && error.text().contains("https://"), "{error}");
}

#[test]
fn redirects_are_followed_as_far_as_allowed() {
    respond("GET", URL, redirect("../a?b#c"));
    respond("GET", "https://example.org/a?b", redirect("/end"));
    respond("GET", "https://example.org/end", page("text/plain", "end"));
    let fetched = answer(json!({"url": URL}));
    assert_eq!((&fetched["url"], &fetched["text"]), (&json!("https://example.org/end"), &json!("end")));
    let stopped = answer(json!({"url": URL, "redirects_max": 1}));
    assert_eq!((&stopped["status"], &stopped["location"]), (&json!(302), &json!("https://example.org/end")));
    assert_eq!(sent().len(), 5);
}

#[test]
fn a_redirect_takes_no_secret_to_another_host_and_none_without_tls() {
    respond("GET", URL, redirect("https://evil.example/"));
    respond("GET", "https://evil.example/", redirect("https://example.org/end"));
    respond("GET", "https://example.org/end", page("text/plain", ""));
    answer(json!({"url": URL, "headers": {"Authorization": "Bearer x", "X-Key": "y", "Accept": "text/plain"}}));
    let names = |index: usize| -> Vec<String> { sent()[index].headers.iter().map(|(name, _)| name.clone()).collect() };
    assert!(["authorization", "x-key", "accept"].iter().all(|name| names(0).contains(&(*name).to_owned())));
    for index in [1, 2] {
        assert!(names(index).contains(&"accept".to_owned()));
        assert!(!names(index).iter().any(|name| name == "authorization" || name == "x-key"), "{:?}", names(index));
    }
    let plain = "https://example.org/plain";
    respond("GET", plain, redirect("http://example.org/"));
    assert!(failed(json!({"url": plain})).contains("not encrypted"));
    let denied = "https://example.org/denied";
    respond("GET", denied, redirect("https://elsewhere.example/"));
    let error = fetch(json!({"url": denied})).unwrap_err();
    assert!(
        error.kind() == ErrorKind::Denied && error.text().contains("redirects to https://elsewhere.example/"),
        "{error}"
    );
}

#[test]
fn a_head_has_headers_and_no_body() {
    let reply = page("text/html", "ignored").header("etag", "\"1\"").header("vary", "a").header("vary", "b");
    respond("HEAD", URL, reply);
    let fetched = answer(json!({"url": URL, "method": "HEAD", "with_headers": true}));
    assert_eq!(fetched["headers"], json!({"content-type": "text/html", "etag": "\"1\"", "vary": "a, b"}));
    assert!(fetched.get("text").is_none());
}

#[test]
fn what_is_packed_is_not_unpacked() {
    respond("GET", URL, page("text/plain", [31, 139]).header("content-encoding", "gzip"));
    assert!(failed(json!({"url": URL})).contains("packed (gzip)"));
    assert!(fetch(json!({"url": URL, "as": "bytes"})).is_ok());
}

#[test]
fn a_page_that_nests_without_end_is_refused_and_a_long_one_is_not() {
    respond("GET", URL, page("text/html", "<div>".repeat(5_000)));
    assert!(failed(json!({"url": URL})).contains("inside one another"));
    let flat = "https://example.org/flat";
    respond("GET", flat, page("text/html", "<p>a<br>b".repeat(5_000)));
    assert!(answer(json!({"url": flat}))["text"].as_str().unwrap().len() > 10_000);
}
