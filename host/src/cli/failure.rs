//! How a command fails: what happened and what to do next, in one shape whether the host answered it or this side found
//! it, and the exit code that follows from it.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::{Map, Value};

use super::exit::Exit;
use super::style::{BAD, QUIET, STRONG, paint, plain};
use crate::error::{Code, Error};
use crate::http::problem::Problem;
use crate::id::CallId;

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(super) enum Failure {
    /// Something went wrong, and this is what.
    Said(Exit, Box<Said>),
    /// Nobody reads the output any more (`cofferdam tools | head -1`): nothing to say, and nobody to say it to.
    NobodyReads,
}

/// What is said of it; with `--json`, this document.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Said {
    /// The stable code: match on this. One of the API's, or `usage` or `build-failed`.
    pub(super) code: String,
    /// What happened.
    pub(super) detail: String,
    /// What to do next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<String>,
    /// The call that it is about, where one was decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) call: Option<CallId>,
    /// Facts for programs: which limit, its maximum, what was used, the rule that decided.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(super) facts: Map<String, Value>,
    /// The exit code.
    pub(super) exit: u8,
}

/// How the commands end.
pub(super) type Result<T, E = Failure> = std::result::Result<T, E>;

impl Failure {
    fn new(exit: Exit, code: &str, detail: impl Into<String>, next: Option<String>) -> Self {
        let (code, detail, exit_code) = (code.to_owned(), detail.into(), exit.number());
        Self::Said(exit, Box::new(Said { code, detail, next, call: None, facts: Map::new(), exit: exit_code }))
    }

    /// The command line was understood by itself, and makes no sense as a whole.
    pub(super) fn usage(detail: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(Exit::Usage, "usage", detail, Some(next.into()))
    }

    /// What was given is not valid.
    pub(super) fn invalid(detail: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(Exit::Invalid, Code::InvalidRequest.as_str(), detail, Some(next.into()))
    }

    /// The operation failed, in a way that hosts have no code for.
    pub(super) fn failed(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(Exit::Failed, code, detail, None)
    }

    /// A call of the local run failed.
    pub(super) fn of_call(error: Error, call: Option<CallId>) -> Self {
        let mut failure = Self::from(error);
        if let Self::Said(_, said) = &mut failure {
            said.call = call;
        }
        failure
    }

    /// The exit code.
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Said(exit, _) => *exit,
            Self::NobodyReads => Exit::Ok,
        }
    }

    /// What there is to say.
    pub(super) fn said(&self) -> Option<&Said> {
        match self {
            Self::Said(_, said) => Some(said),
            Self::NobodyReads => None,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let exit = Exit::of(error.code());
        let mut facts: Map<String, Value> =
            error.facts().iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        if let (Some(detail), Code::Internal) = (error.operator_detail(), error.code()) {
            // Here the caller is the operator.
            facts.insert("detail".to_owned(), detail.into());
        }
        Self::Said(
            exit,
            Box::new(Said {
                code: error.code().as_str().to_owned(),
                detail: error.message().to_owned(),
                next: error.what_next().map(str::to_owned),
                call: None,
                facts,
                exit: exit.number(),
            }),
        )
    }
}

impl From<Problem> for Failure {
    /// A problem that a host answered; a code that this version does not know ends as a plain failure.
    fn from(problem: Problem) -> Self {
        let exit = Code::parse(&problem.code).map_or(Exit::Failed, Exit::of);
        let Problem { code, detail, next, call, facts, .. } = problem;
        Self::Said(exit, Box::new(Said { code, detail, next, call, facts, exit: exit.number() }))
    }
}

impl From<std::io::Error> for Failure {
    /// Of writing to standard output; other files' errors say which file it was.
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Self::NobodyReads;
        }
        Error::new(Code::Unavailable, format!("standard output cannot be written: {error}")).into()
    }
}

/// What happened, what to do next, and the facts, for people.
pub(super) fn explain(said: &Said) -> String {
    let mut text = String::new();
    let code = paint(QUIET, format_args!("[{}]", plain(&said.code)));
    let _ = writeln!(text, "{} {} {code}", paint(BAD, "error:"), plain(&said.detail));
    if let Some(next) = &said.next {
        let _ = writeln!(text, "  {} {}", paint(STRONG, "next:"), plain(next).replace('\n', "\n    "));
    }
    if let Some(call) = &said.call {
        let _ = writeln!(text, "  {} {call}", paint(QUIET, "call:"));
    }
    // What would allow it stands above already.
    let new = |value: &Value| value.as_str().is_none_or(|text| said.next.as_deref() != Some(text));
    for (name, value) in said.facts.iter().filter(|(_, value)| new(value)) {
        fact(&mut text, &name.replace('_', " "), value);
    }
    text
}

fn fact(text: &mut String, name: &str, value: &Value) {
    let name = paint(QUIET, format_args!("{}:", plain(name)));
    let _ = match value {
        Value::Array(items) if items.len() > 1 || items.iter().any(Value::is_object) => {
            let _ = writeln!(text, "  {name}");
            items.iter().try_for_each(|item| writeln!(text, "    - {}", in_words(item)))
        }
        Value::Array(items) => writeln!(text, "  {name} {}", items.iter().map(in_words).collect::<String>()),
        value => writeln!(text, "  {name} {}", in_words(value).replace('\n', "\n    ")),
    };
}

/// A fact in one line.
fn in_words(value: &Value) -> String {
    match value {
        Value::String(text) => plain(text).into_owned(),
        Value::Number(number) => number.as_u64().map_or_else(|| number.to_string(), super::words::count),
        // What is wrong with a policy: where, and what.
        Value::Object(members) if members.get("message").is_some_and(Value::is_string) => {
            let line = members.get("line").map(|line| format!("line {line}: ")).unwrap_or_default();
            let key = members.get("key").and_then(Value::as_str).filter(|key| !key.is_empty());
            let key = key.map(|key| format!("{}: ", plain(key))).unwrap_or_default();
            format!("{line}{key}{}", in_words(&members["message"]))
        }
        Value::Object(members) => {
            let each: Vec<String> =
                members.iter().map(|(name, value)| format!("{}: {}", plain(name), in_words(value))).collect();
            each.join(", ")
        }
        value => plain(&value.to_string()).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn shown(failure: &Failure) -> String {
        anstream::adapter::strip_str(&explain(failure.said().unwrap())).collect()
    }

    #[test]
    fn a_problem_says_what_happened_what_next_and_the_facts() {
        let error = Error::new(Code::FuelExhausted, "the call used up its 1000 units of fuel")
            .next("ask for less work in one call, or raise limits.fuel in the policy")
            .fact("limit", "fuel")
            .fact("maximum", 1_000_000)
            .fact("reasons", vec!["one", "two"])
            .fact(
                "problems",
                vec![
                    serde_json::json!({"line": 3, "key": "limits.feul", "message": "no \u{1b}[2J key"}),
                    serde_json::json!({"used": 7, "of": "fuel"}),
                ],
            );
        let call = "0192f0c4-6d1e-7c3a-9b52-5f0d6c1e8a77".parse().unwrap();
        expect![[r#"
            error: the call used up its 1000 units of fuel [fuel-exhausted]
              next: ask for less work in one call, or raise limits.fuel in the policy
              call: 0192f0c4-6d1e-7c3a-9b52-5f0d6c1e8a77
              limit: fuel
              maximum: 1,000,000
              problems:
                - line 3: limits.feul: no \u{1b}[2J key
                - used: 7, of: fuel
              reasons:
                - one
                - two
        "#]]
        .assert_eq(&shown(&Failure::of_call(error, Some(call))));
    }

    #[test]
    fn exit_codes_follow_from_the_code_and_unknown_ones_fail() {
        assert_eq!(Failure::from(Error::not_found("tool", "x")).exit(), Exit::NotFound);
        assert_eq!(Failure::usage("x", "y").exit(), Exit::Usage);
        let mut problem = Problem::new(&Error::internal("x"), None);
        "of-tomorrow".clone_into(&mut problem.code);
        assert_eq!(Failure::from(problem).exit(), Exit::Failed);
        let gone = std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        assert!(Failure::from(gone).said().is_none());
    }
}
