//! What counts against a choice, and what has another one asked.

use std::collections::BTreeSet;

use super::*;
use crate::admission::{BreakerKey, Breakers};
use crate::engine::output::ToolOutput;
use crate::id::{Digest, TenantId};
use crate::routed::{BreakerSettings, Health};
use crate::router::{CallTree, CallUsage, StandIn};

fn reply(stand_in: Option<StandIn>) -> Reply {
    Reply {
        call: CallId::new(),
        tool: "text.count".parse().unwrap(),
        version: semver::Version::new(1, 0, 0),
        component: Digest::of(b"component"),
        output: ToolOutput { content: Vec::new(), is_error: false },
        usage: CallUsage::default(),
        route: None,
        tree: CallTree::default(),
        stand_in,
    }
}

/// Nothing ran, so the next call is the one that shows whether the tool is well again.
#[test]
fn an_answer_that_stands_in_says_nothing_of_the_tool() {
    let (breakers, tenant, now): (_, TenantId, _) = (Breakers::default(), "acme".parse().unwrap(), Instant::now());
    let choice = ChoiceKey { tool: "text.count".parse().unwrap(), without: BTreeSet::new() };
    let key = BreakerKey { route: "r".parse().unwrap(), choice };
    let settings = BreakerSettings { calls_min: 1, open: Duration::from_secs(1), ..BreakerSettings::default() };
    let begin = |now| breakers.begin(&tenant, &key, (settings, false), now).unwrap();
    begin(now).end(true, Duration::ZERO, now);
    assert_eq!(breakers.health(&tenant, &key, now), Health::Open);

    let later = now + Duration::from_secs(2);
    let stand_in = StandIn { because: Code::Overloaded, call: CallId::new(), made: std::time::SystemTime::now() };
    end(begin(later), &Ok(reply(Some(stand_in))), Duration::ZERO);
    assert_eq!(breakers.health(&tenant, &key, later), Health::HalfOpen);
    end(begin(later), &Ok(reply(None)), Duration::ZERO);
    assert_eq!(breakers.health(&tenant, &key, later), Health::Closed);
}

/// What the caller did wrong, or may not, is no reason to ask another tool.
#[test]
fn only_what_another_tool_could_do_better_falls_back() {
    let falls: Vec<&str> = Code::ALL.iter().filter(|code| falls_back(**code)).map(|code| code.as_str()).collect();
    let expected = [
        "overloaded",
        "fuel-exhausted",
        "deadline-exceeded",
        "memory-exceeded",
        "limit-exceeded",
        "tool-failed",
        "unavailable",
    ];
    assert_eq!(falls, expected);
}
