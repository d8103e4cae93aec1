//! The page of errors, docs/errors.md: made from the codes, with what each door makes of them, and checked in.

use std::fmt::Write as _;

use super::exit::Exit;
use crate::error::Code;
use crate::http::problem::status;

#[test]
fn the_page_of_errors_is_as_checked_in() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/errors.md");
    if std::env::var_os("UPDATE").is_some_and(|update| update == "1") {
        std::fs::write(path, page()).unwrap();
    }
    let checked_in = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(checked_in, page(), "run this test with UPDATE=1 to bless docs/errors.md");
}

/// The page of error codes.
fn page() -> String {
    let mut page = String::from(
        "# Errors\n\n\
         Every failure of the API is a problem (RFC 9457, `application/problem+json`). Its `code` is stable: match on it, \
         not on the words. `detail` says what happened, `next` what to do about it, `call` which call it was where one was \
         decided, and `facts` is for programs: `limit` and `maximum` name a limit that was met, `used` what it took, `rule` \
         and `nearest` the rules of a policy, `retry_after_ms` when to come again (as the header `retry-after` says too). A command \
         that failed with a code ends with its exit code.\n\n\
         | code | status | exit code | meaning | what to do |\n|---|---|---|---|---|\n",
    );
    for code in Code::ALL {
        let (status, exit) = (status(*code).as_u16(), Exit::of(*code).number());
        let (meaning, remedy) = (code.meaning(), remedy(*code));
        writeln!(page, "| `{code}` | {status} | {exit} | {meaning} | {remedy} |").unwrap();
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
        Code::ApprovalRequired => {
            "Have somebody else approve it (`cofferdam approvals approve`), then make the same call again with the \
             approval that `facts.approval` names."
        }
        Code::InvalidRequest => "Correct the request; `GET /v1/openapi.json` describes it.",
        Code::InvalidArguments => "Correct the arguments; the tool's input schema describes them.",
        Code::InvalidPolicy => "Correct the policy; `facts.problems` has every problem with its line.",
        Code::Conflict => "Look at what is there, and ask for something else.",
        Code::CallCycle => "Call the tool with other arguments, or not from what it calls itself.",
        Code::ComponentRejected => "Change the component; `facts.reasons` says what is wrong with it.",
        Code::TooLarge => "Send less at once.",
        Code::RequestTimeout => "Send it again, without pauses.",
        Code::Throttled => "Wait as long as `retry-after` says; have fewer requests open at once.",
        Code::BudgetExceeded => {
            "Wait until `facts.resets_at`, or have the budget that `facts` names raised in the policy; `facts.left` says \
             what is left."
        }
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
