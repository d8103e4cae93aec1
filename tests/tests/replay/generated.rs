//! Ten thousand calls of tools without effects, made up, each run again: the same result for the same fuel, always.

use cofferdam::audit::Filter;
use cofferdam::audit::entry::{Event, Outcome, ReplayOutcome};
use cofferdam::id::CallId;
use cofferdam::router::{Past, ReplayRequest};
use cofferdam_tests::{Inside, run, tool};
use futures::StreamExt as _;
use proptest::prelude::*;
use proptest::strategy::{BoxedStrategy, ValueTree as _};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use std::collections::HashMap;

const CALLS: usize = 10_000;
/// Calls, or replays, that run at once.
const AT_ONCE: usize = 8;

type Call = (&'static str, Value);

fn document() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f32>().prop_map(|number| json!(f64::from(number))),
        "\\PC{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec(("[a-d]", inner), 0..6).prop_map(|rows| Value::Object(rows.into_iter().collect())),
        ]
    })
    .boxed()
}

fn query() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            ".",
            "..",
            ".a",
            ".a?",
            ".[]?",
            "length",
            "keys?",
            "[.. | numbers]",
            "[paths]",
            "tojson",
            "map(.)?",
            "group_by(.a)?",
            "[.[]? | .b?] | unique",
            "to_entries?",
            "path(..)",
            "[limit(5; repeat(1))]",
            "def f: if . > 0 then . - 1 | f else . end; 1000 | f",
            "reduce range(500) as $i (0; . + $i)",
            "[range(50)] | sort_by(-.)",
            "error",
            "[splits(\"a\")]?",
            "ascii_downcase?",
        ])
        .prop_map(str::to_owned),
        "[.a-d|,\\[\\]0-9 ]{1,20}",
    ]
}

fn expression() -> impl Strategy<Value = String> {
    prop_oneof![
        (any::<i32>(), "[-+*/^%]", 0..40_u32).prop_map(|(one, operator, other)| format!("{one} {operator} {other}")),
        (1..200_u32).prop_map(|number| format!("{number}!")),
        (any::<u32>(), 1..1_000_u32).prop_map(|(feet, inches)| format!("{feet} feet {inches} inches to cm")),
        prop::sample::select(vec![
            "sqrt(2)",
            "pi to 30 dp",
            "sin(1)",
            "1/0",
            "2^2000",
            "e^10",
            "3 GiB / (20 megabit/s)"
        ])
        .prop_map(str::to_owned),
        "[0-9a-z+*/() ]{1,30}",
    ]
}

fn call() -> impl Strategy<Value = Call> {
    let text = || prop_oneof!["\\PC{0,200}", "([a-c]{1,3}[ \n]){0,60}"];
    prop_oneof![
        2 => text().prop_map(|text| ("text.count", json!({"text": text}))),
        3 => (text(), text()).prop_map(|(before, after)| ("text.diff", json!({"before": before, "after": after}))),
        3 => (text(), prop::sample::select(vec![r"\w+", r"(a|b)+c", r"\b", r"[^\s]{2}", "(", "a{1,50}", r"\p{L}+"]))
            .prop_map(|(text, pattern)| ("text.extract", json!({"text": text, "pattern": pattern}))),
        4 => (document(), query())
            .prop_map(|(document, query)| ("json-query.json-query", json!({"document": document, "query": query}))),
        4 => expression().prop_map(|expression| ("calculate.calculate", json!({"expression": expression}))),
    ]
}

/// The record of one tenant, call by call.
async fn pasts(inside: &Inside, key: &str) -> HashMap<CallId, Past> {
    let (mut decided, mut pasts, mut from) = (HashMap::new(), HashMap::new(), Some(0));
    while let Some(next) = from {
        let page = inside.host.control.log(&inside.caller(key), next, 1_000, Filter::default()).await.unwrap();
        for entry in page.entries {
            match entry.event {
                Event::CallDecided(event) => drop(decided.insert(event.call, event)),
                Event::CallEnded(ended) => {
                    let decided = decided.remove(&ended.call).unwrap();
                    pasts.insert(ended.call, Past { decided, ended });
                }
                _ => {}
            }
        }
        from = page.next;
    }
    pasts
}

#[test]
fn ten_thousand_calls_run_again_give_the_same_results_for_the_same_fuel() {
    run(async {
        let inside = Inside::open(|_| {}).await;
        let key = inside.tenant("generated").await;
        for package in ["text", "json-query", "calculate"] {
            inside.push(&key, package, tool(package)).await;
        }
        // Deterministic: a failure can be looked at again.
        let (mut runner, strategy) = (TestRunner::deterministic(), call());
        let calls = (0..CALLS).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect::<Vec<Call>>();
        let ran = futures::stream::iter(calls).map(async |(tool, arguments)| {
            let call = match inside.call(&key, tool, &arguments).await {
                Ok(reply) => Some(reply.call),
                Err(failed) => failed.call,
            };
            (call.unwrap_or_else(|| panic!("{tool} {arguments} was not let in")), arguments)
        });
        let ran: Vec<(CallId, Value)> = ran.buffer_unordered(AT_ONCE).collect().await;
        assert_eq!(ran.len(), CALLS);

        let pasts = pasts(&inside, &key).await;
        let failed = pasts.values().filter(|past| past.ended.outcome != Outcome::Ok).count();
        assert!((CALLS / 50..CALLS / 2).contains(&failed), "{failed} failed: some have to, and most must not");
        let caller = inside.caller(&key);
        let replayed = futures::stream::iter(ran).map(async |(call, arguments)| {
            let past = pasts[&call].clone();
            let request = ReplayRequest { arguments: Some(arguments.to_string()), version: None };
            let replayed = inside.host.router.replay_past(&caller, past.clone(), request).await.unwrap();
            assert_eq!(replayed.outcome, ReplayOutcome::Same, "{replayed:?} {past:?} {arguments}");
            assert_eq!(replayed.fuel, Some(past.ended.fuel), "{past:?}");
        });
        assert_eq!(replayed.buffer_unordered(AT_ONCE).count().await, CALLS);
        inside.close().await;
    });
}

/// What a past says, changed in one way, with what is said of it then.
type Change = (fn(&mut Past), ReplayOutcome, &'static str);

#[test]
fn what_the_record_says_is_what_a_replay_is_held_against() {
    run(async {
        let inside = Inside::open(|_| {}).await;
        let key = inside.tenant("held").await;
        inside.push(&key, "text", tool("text")).await;
        let arguments = json!({"text": "zwei W\u{f6}rter"});
        inside.call(&key, "text.count", &arguments).await.unwrap();
        let past = pasts(&inside, &key).await.into_values().next().unwrap();
        let changes: [Change; 9] = [
            (|_| {}, ReplayOutcome::Same, ""),
            (|past| past.ended.fuel += 1, ReplayOutcome::Differs, "the fuel was"),
            (|past| past.ended.result = None, ReplayOutcome::Differs, "the result's digest was absent, is"),
            (
                |past| past.ended.outcome = Outcome::Failed(cofferdam::Code::ToolFailed),
                ReplayOutcome::Differs,
                "the outcome was tool-failed, is ok",
            ),
            (|past| past.decided.limits.fuel += 1, ReplayOutcome::NotComparable, "other limits"),
            (|past| past.decided.engine.push('x'), ReplayOutcome::NotComparable, "another engine"),
            (
                |past| past.decided.component = cofferdam::id::Digest::of(b"x"),
                ReplayOutcome::NotComparable,
                "another component",
            ),
            (
                |past| past.decided.policy = cofferdam::id::Digest::of(b"x"),
                ReplayOutcome::NotComparable,
                "the text of its policy",
            ),
            (
                |past| past.decided.ceiling = cofferdam::id::Digest::of(b"x"),
                ReplayOutcome::NotComparable,
                "the text of its ceiling",
            ),
        ];
        for (change, outcome, words) in changes {
            let mut past = past.clone();
            change(&mut past);
            let request = ReplayRequest { arguments: Some(arguments.to_string()), version: None };
            let replayed = inside.host.router.replay_past(&inside.caller(&key), past, request).await.unwrap();
            let difference = replayed.difference.clone().unwrap_or_default();
            assert!(replayed.outcome == outcome && difference.contains(words), "{replayed:?}");
        }
        inside.close().await;
    });
}
