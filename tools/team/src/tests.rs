use cofferdam_sdk::call::Failure;
use cofferdam_sdk::{Output, Tool, fakes};
use serde_json::{Value, json};

use crate::count::count;
use crate::hierarchy::{hierarchy, lead};
use crate::peers::{peer, peers};
use crate::round_robin::round_robin;
use crate::supervisor::supervisor;

/// The package itself behind the calls; a worker that would break down, or hang, fails as the host says it does.
fn granted() {
    fakes::call::grant("catalogue/team", |tool, arguments| {
        let named = |list: &str, document: &Value| {
            arguments["trouble"][list].as_array().is_some_and(|places| places.contains(&document["place"]))
        };
        let documents = arguments["documents"].as_array().cloned().unwrap_or_default();
        let own = match tool {
            "catalogue/team.peer" => documents.len().div_ceil(arguments["workers"].as_u64().unwrap() as usize),
            "catalogue/team.count" => documents.len(),
            _ => 0,
        };
        let troubled = |list| documents.iter().take(own).any(|document| named(list, document));
        if troubled("failing") {
            return Err(Failure::new("tool-failed", "the tool broke down"));
        }
        if troubled("hanging") {
            return Err(Failure::new("deadline-exceeded", "the call was not done"));
        }
        let arguments = arguments.to_string();
        let called = match tool {
            "catalogue/team.count" => count::call(&arguments),
            "catalogue/team.lead" => lead::call(&arguments),
            "catalogue/team.peer" => peer::call(&arguments),
            other => panic!("nobody calls {other}"),
        };
        called.map_err(|error| Failure::new("tool-failed", error.text()))
    });
}

type Team = fn(&str) -> Result<Output, cofferdam_sdk::Error>;

fn teams() -> [(&'static str, Team); 4] {
    [
        ("supervisor", supervisor::call),
        ("round-robin", round_robin::call),
        ("hierarchy", hierarchy::call),
        ("peers", peers::call),
    ]
}

fn ran(team: Team, trouble: Value) -> Value {
    let documents: Vec<String> = (1..=8).map(|words| vec!["word"; words].join(" ")).collect();
    team(&json!({"documents": documents, "workers": 4, "trouble": trouble}).to_string()).unwrap().as_json().unwrap()
}

#[test]
fn every_team_counts_the_same() {
    granted();
    for (name, team) in teams() {
        let answer = ran(team, json!({}));
        assert_eq!((&answer["words"], &answer["counted"]), (&json!(36), &json!(8)), "{name}: {answer}");
        assert_eq!(answer["missing"], json!([]), "{name}");
    }
}

#[test]
fn what_goes_wrong_costs_each_team_what_it_says() {
    granted();
    for list in ["failing", "hanging"] {
        let missing = |team| ran(team, json!({ list: [2] }))["missing"].clone();
        assert_eq!(missing(supervisor::call), json!([2]));
        assert_eq!(missing(hierarchy::call), json!([2]));
        // All of the share.
        assert_eq!(missing(round_robin::call), json!([2, 6]));
        // The second peer's, and all that it had handed on.
        assert_eq!(missing(peers::call), json!([2, 3, 4, 5, 6, 7]));
    }
}

#[test]
fn a_supervisor_gives_a_document_out_twice_and_no_more() {
    granted();
    assert_eq!(ran(supervisor::call, json!({"failing": [0]}))["calls"], 9);
    let made = fakes::call::made();
    let first: Vec<_> = made.iter().filter(|made| made.arguments["documents"][0]["place"] == 0).collect();
    assert_eq!(first.len(), 2);
}

#[test]
fn a_task_is_bounded() {
    for (key, value) in [("workers", 0), ("workers", 17), ("worker_ms", 0)] {
        let error = supervisor::call(&json!({"documents": ["a"], key: value}).to_string()).unwrap_err();
        assert!(error.text().contains(key), "{error}");
    }
    let many = vec!["a"; 201];
    assert!(supervisor::call(&json!({"documents": many}).to_string()).is_err());
    assert!(supervisor::call(&json!({"documents": ["a"]}).to_string()).is_err(), "nothing is granted");
}
