//! Calls other tools, as it is told to, and says what came of it: what a tool does that has to, and what one does that
//! means harm.

use std::time::Duration;

use cofferdam_sdk::call::{self, Call, Failure};
use cofferdam_sdk::{Error, Output, Text, tool, tools};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

#[derive(Clone, Deserialize, Serialize, JsonSchema)]
pub(crate) struct One {
    tool: String,
    #[serde(default)]
    arguments: Map<String, Value>,
    #[serde(default)]
    deadline_ms: Option<u64>,
    #[serde(default)]
    fuel: Option<u64>,
}

impl One {
    fn call(&self) -> Call {
        let mut call = call::tool(&self.tool).arguments(&self.arguments);
        if let Some(ms) = self.deadline_ms {
            call = call.deadline(Duration::from_millis(ms));
        }
        match self.fuel {
            Some(fuel) => call.fuel(fuel),
            None => call,
        }
    }
}

/// What came of a call.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Came {
    /// `ok`, or the failure's code.
    code: String,
    /// The answer, or what the failure says.
    answer: Value,
}

fn came(answer: Result<Output, Failure>) -> Came {
    match answer {
        Ok(output) => {
            let text = output.as_text().map(|text| json!(text));
            Came { code: "ok".to_owned(), answer: text.or(output.as_json()).unwrap_or(Value::Null) }
        }
        Err(failure) => Came { code: failure.code().to_owned(), answer: json!(failure.to_string()) },
    }
}

/// Calls a tool and waits.
#[tool]
pub(crate) fn one(args: One) -> Came {
    came(args.call().run())
}

/// Calls a tool, and fails as that does.
#[tool]
pub(crate) fn pass(args: One) -> Result<Output, Error> {
    Ok(args.call().run()?)
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Many {
    calls: Vec<One>,
    /// How often all of them.
    #[serde(default = "once")]
    times: usize,
    /// Waits for whichever ends first; otherwise for one after the other.
    #[serde(default)]
    any: bool,
}

fn once() -> usize {
    1
}

/// Starts calls, all of them, then waits for them.
#[tool]
pub(crate) fn many(args: Many) -> Vec<Came> {
    let mut results = Vec::new();
    let mut pending = Vec::new();
    for call in std::iter::repeat_n(&args.calls, args.times).flatten() {
        match call.call().start() {
            Ok(started) => pending.push(started),
            Err(failure) => results.push(came(Err(failure))),
        }
    }
    while !pending.is_empty() {
        let next = if args.any { call::any(&pending) } else { 0 };
        results.push(came(pending.remove(next).wait()));
    }
    results
}

/// Calls tools one after the other.
#[tool]
pub(crate) fn each(args: Many) -> Vec<Came> {
    std::iter::repeat_n(&args.calls, args.times).flatten().map(|call| came(call.call().run())).collect()
}

/// Starts calls and ends, or traps, while they run.
#[tool]
pub(crate) fn leave(args: Many) -> Text {
    let pending: Vec<_> = args.calls.iter().filter_map(|call| call.call().start().ok()).collect();
    // So that they are under way.
    std::thread::sleep(Duration::from_millis(args.times as u64));
    if args.any {
        panic!("with calls under way");
    }
    std::mem::forget(pending);
    Text("left".to_owned())
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Down {
    /// What it is called by.
    tool: String,
    /// How deep it is.
    #[serde(default)]
    level: u64,
    /// Calls itself so often on each level.
    #[serde(default = "once")]
    width: usize,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Bottom {
    /// The deepest level that was reached.
    level: u64,
    /// What kept it from going on.
    code: String,
}

/// Calls itself without end, and says how deep that went.
#[tool]
pub(crate) fn down(args: Down) -> Bottom {
    let below =
        call::tool(&args.tool).arguments(json!({"tool": args.tool, "level": args.level + 1, "width": args.width}));
    let started: Vec<_> = (0..args.width).map(|_| below.start()).collect();
    let mut bottom = Bottom { level: args.level, code: String::new() };
    for pending in started {
        match pending.and_then(call::Pending::wait) {
            Ok(output) => {
                let found = output.as_json().unwrap_or_default();
                let level = found["level"].as_u64().unwrap_or(0);
                if level > bottom.level {
                    bottom = Bottom { level, code: found["code"].as_str().unwrap_or_default().to_owned() };
                }
            }
            Err(failure) if bottom.code.is_empty() => bottom.code = failure.code().to_owned(),
            Err(_) => {}
        }
    }
    bottom
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Round {
    /// Tools that are called in turn, each with the list turned by one.
    tools: Vec<String>,
}

/// Calls the first of the tools with the others before it: round and round.
#[tool]
pub(crate) fn round(args: Round) -> Came {
    let mut turned = args.tools.clone();
    turned.rotate_left(1);
    came(call::tool(&args.tools[0]).arguments(json!({"tools": turned})).run())
}

tools!(down, each, leave, many, one, pass, round);
