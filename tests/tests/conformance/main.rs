//! Every limit: at it a call succeeds, one past it it fails with the stable code and the facts, or with the interface's
//! own error; nobody else notices, and the record has it.
#![allow(clippy::unwrap_used, reason = "tests")]

mod children;
mod compute;
mod engine;
mod files;
mod host;
mod http;
mod kv;
mod models;
mod requests;
mod size;
mod stand;
mod uploads;

use cofferdam_tests::run;

/// One test for each limit of a call, by the limit's name.
macro_rules! limits {
    ($($limit:ident: $test:path),* $(,)?) => {
        const TESTED: &[&str] = &[$(stringify!($limit)),*];
        $(
            #[test]
            fn $limit() {
                run($test());
            }
        )*
    };
}

limits! {
    fuel: compute::fuel,
    deadline: compute::deadline,
    memory_bytes: compute::memory,
    table_elements: engine::table_elements,
    instances: engine::instances,
    resources: host::resources,
    hostcall_bytes: host::hostcall_bytes,
    random_bytes: host::random_bytes,
    arguments_bytes: size::arguments_bytes,
    result_bytes: size::result_bytes,
    log_bytes: host::log_bytes,
    progress_reports: host::progress_reports,
    http_requests: http::requests,
    http_sent_bytes: http::sent_bytes,
    http_received_bytes: http::received_bytes,
    http_header_bytes: http::header_bytes,
    http_timeout: http::timeout,
    kv_operations: kv::operations,
    kv_key_bytes: kv::key_bytes,
    kv_value_bytes: kv::value_bytes,
    model_requests: models::requests,
    model_tokens: models::tokens,
    model_cost: models::cost,
    files_open: files::open,
    files_written_bytes: files::written,
    child_calls: children::calls,
    child_depth: children::depth,
    child_parallel: children::parallel,
}

/// What a component has by itself of the same limit.
#[test]
fn handles_of_a_components_own() {
    run(host::handles());
}

#[test]
fn every_limit_of_a_call_has_a_test_at_it_and_one_past_it() {
    let limits = serde_json::to_value(cofferdam::limits::CallLimits::default()).unwrap();
    let mut limits: Vec<_> = limits.as_object().unwrap().keys().map(String::as_str).collect();
    let mut tested = TESTED.to_vec();
    limits.sort_unstable();
    tested.sort_unstable();
    assert_eq!(tested, limits);
}
