//! What is checked in of the API, compared with what the code says: `UPDATE=1` blesses a change that is meant.

use std::fmt::Write as _;
use std::path::Path;

use super::openapi::{api, endpoints, text};
use super::problem::status;
use crate::error::Code;

/// Compares `text` with a file of the repository, or writes it there.
fn compare(path: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(kept == text, "{path} is not what the code says; UPDATE=1 cargo xtask test reference blesses the change");
}

#[test]
fn the_openapi_document_is_as_checked_in() {
    compare("docs/openapi.json", &text(api()));
}

#[test]
fn the_page_of_errors_is_as_checked_in() {
    compare("docs/errors.md", &errors());
}

#[test]
fn every_operation_is_documented_and_has_a_problem() {
    let document = serde_json::to_value(api()).unwrap();
    let mut names = std::collections::BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let place = format!("{method} {path}");
            assert!(names.insert(operation["operationId"].as_str().unwrap()), "{place}");
            assert!(operation["summary"].is_string() && operation["description"].is_string(), "{place}");
            assert!(operation["description"].as_str().unwrap().contains("Scopes:"), "{place}");
            assert!(operation["responses"]["default"].is_object(), "{place}");
            let named = path.matches('{').count();
            let parameters = operation["parameters"].as_array();
            let given = parameters.map_or(0, |all| all.iter().filter(|one| one["in"] == "path").count());
            assert_eq!(given, named, "{place}");
        }
    }
    assert_eq!(endpoints().len(), 30);
}

#[test]
fn every_reference_in_the_document_leads_somewhere() {
    let document = serde_json::to_value(api()).unwrap();
    let mut wanted = Vec::new();
    references(&document, &mut wanted);
    assert!(!wanted.is_empty());
    for reference in wanted {
        assert!(document.pointer(&reference[1..]).is_some(), "{reference}");
    }
}

fn references(value: &serde_json::Value, found: &mut Vec<String>) {
    match value {
        serde_json::Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        serde_json::Value::Object(fields) => {
            found.extend(fields.get("$ref").and_then(|reference| reference.as_str()).map(str::to_owned));
            fields.values().for_each(|field| references(field, found));
        }
        _ => {}
    }
}

/// The page of error codes.
fn errors() -> String {
    let mut page = String::from(
        "# Errors\n\n\
         Every failure of the API is a problem (RFC 9457, `application/problem+json`). Its `code` is stable: match on it, \
         not on the words. `detail` says what happened, `next` what to do about it, `call` which call it was where one was \
         decided, and `facts` is for programs: `limit` and `maximum` name a limit that was met, `used` what it took, `rule` \
         and `nearest` the rules of a policy, `retry_after_ms` when to come again (as the header `retry-after` says too).\n\n\
         | code | status | meaning | what to do |\n|---|---|---|---|\n",
    );
    for code in Code::ALL {
        let (meaning, remedy) = (code.meaning(), remedy(*code));
        writeln!(page, "| `{code}` | {} | {meaning} | {remedy} |", status(*code).as_u16()).unwrap();
    }
    page.push_str(
        "\nA method that a path does not have is `invalid-request` with status 405; the header `allow` names those that it \
         has. Before a request has been read as one, HTTP's own words are all there is: 400 for what is not HTTP, 431 for \
         headers that are too many or too large.\n",
    );
    page
}

/// What a caller does about it.
fn remedy(code: Code) -> &'static str {
    match code {
        Code::Unauthenticated => "Send a valid key; an operator of the tenant creates and rotates them.",
        Code::NotFound => "Look at what there is: `GET /v1/tools` lists what the key may call.",
        Code::Denied => "Use a key with the scope that `facts` names, or have the policy changed as `next` says.",
        Code::InvalidRequest => "Correct the request; `GET /v1/openapi.json` describes it.",
        Code::InvalidArguments => "Correct the arguments; the tool's input schema describes them.",
        Code::InvalidPolicy => "Correct the policy; `facts.problems` has every problem with its line.",
        Code::Conflict => "Look at what is there, and ask for something else.",
        Code::ComponentRejected => "Change the component; `facts.reasons` says what is wrong with it.",
        Code::TooLarge => "Send less at once.",
        Code::RequestTimeout => "Send it again, without pauses.",
        Code::Throttled => "Wait as long as `retry-after` says; have fewer requests open at once.",
        Code::Overloaded => "Wait as long as `retry-after` says.",
        Code::FuelExhausted | Code::DeadlineExceeded | Code::MemoryExceeded | Code::LimitExceeded => {
            "Ask for less in one call, or have the limit that `facts` names raised in the policy."
        }
        Code::ToolFailed => "The arguments may be at fault; else the tool is: tell its author.",
        Code::Unavailable => "Try again later.",
        Code::Cancelled => "Call again, if the result is still wanted.",
        Code::Interrupted => "Look at what the call may have changed, then call again.",
        Code::AuditUnavailable => "Try again later; the operator has to see to the host's disk.",
        Code::Internal => "Try again; if it goes on, give the operator the call's id or the time.",
    }
}
