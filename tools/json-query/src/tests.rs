use cofferdam_sdk::{ErrorKind, Tool};
use serde_json::json;

use super::*;

fn ask(document: Value, query: &str, results_max: usize) -> Result<Results, Error> {
    let document = serde_json::from_value(document).unwrap();
    json_query(Args { document, query: query.to_owned(), results_max })
}

#[track_caller]
fn gives(document: Value, query: &str, results: Value) {
    let answer = ask(document, query, 100).unwrap();
    assert!(!answer.is_cut);
    assert_eq!(serde_json::to_value(answer.results).unwrap(), results);
}

#[track_caller]
fn refused(query: &str, words: &str) {
    let error = ask(Value::Null, query, 100).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArguments);
    assert!(error.text().contains(words), "{error}");
}

#[test]
fn what_the_arguments_promise_is_so() {
    let items = json!({"items": [{"name": "rope", "price": 12.5}, {"name": "nail", "price": 1}]});
    gives(items, ".items[] | select(.price > 10) | .name", json!(["rope"]));
    let kinds = json!([{"kind": "a"}, {"kind": "b"}, {"kind": "a"}]);
    gives(
        kinds,
        "group_by(.kind) | map({kind: .[0].kind, count: length})",
        json!([[{"kind": "a", "count": 2}, {"kind": "b", "count": 1}]]),
    );
    gives(json!({"a": [1, "x"]}), r#"[paths(type == "number")]"#, json!([[["a", 0]]]));
}

#[test]
fn the_standard_library_is_there() {
    gives(
        json!("a-b"),
        r#"split("-"), test("^A"; "i"), @base64, ascii_upcase"#,
        json!([["a", "b"], true, "YS1i", "A-B"]),
    );
    gives(json!([3, 1, 2]), "sort, add, max, (map(. * 2) | join(\",\"))", json!([[1, 2, 3], 6, 3, "6,2,4"]));
    gives(
        json!(0),
        "todate, (2 | sqrt | floor), ([limit(3; repeat(1))] | length)",
        json!(["1970-01-01T00:00:00Z", 1, 3]),
    );
}

#[test]
fn a_documents_keys_stay_in_their_order() {
    let args = r#"{"document": {"z": 1, "a": {"y": 2.50, "b": 3}}, "query": "."}"#;
    let output = json_query::call(args).unwrap();
    let cofferdam_sdk::Content::Json(text) = &output.content()[0] else { panic!("{output:?}") };
    assert_eq!(text, r#"{"results":[{"z":1,"a":{"y":2.5,"b":3}}],"is_cut":false}"#);
}

#[test]
fn what_json_has_not_becomes_what_jq_makes_of_it() {
    gives(json!(null), "nan, infinite, -infinite", json!([null, f64::MAX, f64::MIN]));
    gives(json!(null), "4 / 2, 0.1, 9007199254740993, -0.0", json!([2, 0.1, 9_007_199_254_740_993_i64, 0]));
    gives(json!(null), "100000000000000000000", json!([1e20]));
    gives(json!(18_446_744_073_709_551_615_u64), ".", json!([18_446_744_073_709_551_615.0]));
}

#[test]
fn at_the_limit_nothing_is_cut_and_past_it_the_rest() {
    let answer = ask(json!(null), "range(3)", 3).unwrap();
    assert_eq!((answer.results.len(), answer.is_cut), (3, false));
    let answer = ask(json!(null), "repeat(1)", 3).unwrap();
    assert_eq!((answer.results.len(), answer.is_cut), (3, true));
    let half = "x".repeat(ANSWER_BYTES_MAX / 2 - 2);
    let answer = ask(json!([half, half]), ".[]", 100).unwrap();
    assert_eq!((answer.results.len(), answer.is_cut), (2, false));
    let answer = ask(json!([half, half + "x"]), ".[]", 100).unwrap();
    assert_eq!((answer.results.len(), answer.is_cut), (1, true));
}

#[test]
fn a_query_that_is_none_is_refused_where_it_is_wrong() {
    refused(".a |", "the query ends where");
    refused("[1, 2", "closing bracket");
    refused(".a | nosuch(1)", "there is no filter nosuch, at character 6");
    refused("$x", "there is no variable $x, at character 1");
    refused(r#"import "a" as a; ."#, "no modules");
    refused("input", "there is no filter input");
    refused(&"1+".repeat(QUERY_BYTES_MAX), "bytes; the limit is 4096");
    for results_max in [0, RESULTS_MAX + 1] {
        assert_eq!(ask(json!(1), ".", results_max).unwrap_err().kind(), ErrorKind::InvalidArguments);
    }
}

#[test]
fn a_query_that_fails_says_why() {
    let error = ask(json!({"a": 1}), ".a[0]", 1).unwrap_err();
    assert_eq!(error, Error::failed("the query failed: cannot index 1 with 0"));
    let error = ask(json!(null), r#"error("my reason")"#, 1).unwrap_err();
    assert!(error.text().ends_with("my reason"), "{error}");
    gives(json!(null), "1, halt, 2", json!([1]));
}
