//! What is listed can be called, and what cannot be called is not listed: for every key, under policies and access rules by
//! the dozen.

use std::collections::BTreeSet;

use cofferdam::access::{Action, Who};
use cofferdam::id::CallTarget;
use cofferdam::identity::Scope;
use cofferdam::router::{AskedFor, AskedRoute, CallRequest, Part};
use cofferdam::snapshot::Caller;
use cofferdam::{Code, Error};
use cofferdam_tests::handmade::Handmade;
use cofferdam_tests::{Inside, guest, run, shared};
use serde_json::json;

use crate::{Chance, apply, policy, rules};

const OWN: [&str; 3] = ["a", "b", "limits"];

/// Routes that there may be.
const ROUTES: [&str; 2] = ["routes/one", "routes/two"];

/// Some of these, each of some tools; of some there is nothing.
fn routes(chance: &mut Chance, tools: &[String]) -> String {
    let mut text = String::new();
    for name in ROUTES {
        if chance.one_in(4) {
            continue;
        }
        let choices: Vec<String> = (0..1 + chance.below(3))
            .map(|_| match chance.one_in(5) {
                true => "{ tool = \"catalogue/nothing\" }".to_owned(),
                false => format!("{{ tool = {:?} }}", tools[chance.below(tools.len())]),
            })
            .collect();
        let name = name.trim_start_matches("routes/");
        text += &format!("[[route]]\nname = {name:?}\nchoices = [{}]\n", choices.join(", "));
    }
    text
}

/// Arguments that are refused once a call has been let in, and cost nothing.
const NO_ARGUMENTS: &str = "[]";

#[test]
fn listing_explaining_and_calling_agree_under_generated_rules() {
    run(async {
        let inside = Inside::open(|_| {}).await;
        let all = inside.tenant("agree").await;
        let control = &inside.host.control;
        for package in ["a", "b"] {
            inside
                .push(&all, package, Handmade { description: format!("Is {package}."), ..Handmade::default() }.build())
                .await;
        }
        inside.push(&all, "limits", guest("limits")).await;
        let mut keys = vec![all.clone()];
        let scopes = [Scope::Publisher].into_iter().collect();
        let publisher = control.create_key(&inside.caller(&all), "publisher", scopes).await.unwrap();
        let publisher = publisher.text.expose().to_owned();
        for (name, scopes) in
            [("unnamed", &["agent"][..]), ("one", &["agent"]), ("two", &["agent", "auditor"]), ("three", &["operator"])]
        {
            let scopes = scopes.iter().map(|scope| scope.parse().unwrap()).collect();
            let key = control.create_key(&inside.caller(&all), name, scopes).await.unwrap();
            keys.push(key.text.expose().to_owned());
        }
        let tools: Vec<String> = inside
            .host
            .router
            .tools(&inside.caller(&all), &Part::default())
            .tools
            .iter()
            .map(|tool| tool.name.to_string())
            .collect();
        assert!(tools.len() > 10, "{tools:?}");
        let mut seen = BTreeSet::new();
        for seed in 0..60 {
            let mut chance = Chance::new(seed);
            let (policy, rules) = (policy(&mut chance, &OWN), rules(&mut chance, &OWN));
            let policy = format!("{policy}{}", routes(&mut chance, &tools));
            control.set_policy(&inside.caller(&all), &policy).await.unwrap();
            control.set_access(&inside.caller(&all), &rules).await.unwrap();
            for key in &keys {
                let caller = inside.caller(key);
                let listed: BTreeSet<String> = inside
                    .host
                    .router
                    .tools(&caller, &Part::default())
                    .tools
                    .iter()
                    .map(|tool| tool.name.to_string())
                    .collect();
                for tool in tools.iter().chain(&ROUTES.map(str::to_owned)) {
                    let request = CallRequest::new(tool.parse::<CallTarget>().unwrap(), NO_ARGUMENTS);
                    let called = inside.host.router.call(&caller, request, None).await;
                    let let_in = match called {
                        Ok(_) => true,
                        Err(failed) => ![Code::Denied, Code::NotFound].contains(&failed.error.code()),
                    };
                    let what = format!("{} {tool}\n{policy}\n{rules}", caller.principal.name);
                    assert_eq!(listed.contains(tool), let_in, "{what}");
                    assert_eq!(inside.host.router.tool(&caller, &tool.parse().unwrap()).is_ok(), let_in, "{what}");
                    let explain = |caller: &Caller, asked_for| match tool.parse().unwrap() {
                        CallTarget::Tool(tool) => inside.host.router.explain(caller, &tool, asked_for, None),
                        CallTarget::Route(name) => {
                            inside.host.router.explain_route(caller, &name, asked_for, None, AskedRoute::default())
                        }
                    };
                    let is_route = tool.starts_with("routes/");
                    let explained = explain(&caller, AskedFor::Caller);
                    match &explained {
                        Ok(explained) => assert_eq!(explained.allowed, let_in, "{what}\n{explained}"),
                        // What is not there is not explained, but to those who may read policies.
                        Err(error) => assert!(is_route && !let_in && error.code() == Code::NotFound, "{what}\n{error}"),
                    }
                    seen.insert((caller.principal.name.to_string(), is_route, let_in));
                    // What a publisher is told of agents is what an agent gets of whom no rule speaks.
                    if &*caller.principal.name == "unnamed" {
                        match (explain(&inside.caller(&publisher), AskedFor::Scope(Scope::Agent)), explained) {
                            (Ok(told), Ok(explained)) => {
                                assert_eq!(told.allowed, let_in, "{what}\n{told}");
                                assert_eq!(told.grants, explained.grants, "{what}");
                            }
                            (told, explained) => {
                                let code = |one: Result<_, Error>| one.err().map(|error| error.code());
                                assert_eq!(code(told), code(explained), "{what}");
                            }
                        }
                    }
                }
            }
        }
        // Neither is all let in nor nothing, but to the key that has no scope for calls.
        assert_eq!(seen.len(), 2 * (2 * keys.len() - 1), "{seen:?}");
        inside.close().await;
    });
}

#[test]
fn over_http_each_key_can_call_what_it_sees_and_sees_what_it_can_call() {
    run(async {
        let tenant = shared().await.tenant("agree").await;
        let mut keys = vec![tenant.agent.clone(), tenant.auditor.clone()];
        for (name, scopes) in [("one", json!(["agent"])), ("two", json!(["agent", "operator"]))] {
            let created = tenant.operator.post("/v1/keys", &json!({"name": name, "scopes": scopes})).await.ok();
            keys.push(tenant.agent.with_key(created["key"].as_str().unwrap()));
        }
        let packages = ["catalogue/noop", "catalogue/limits", "own"];
        tenant.push("own", Handmade::default().build()).await;
        let names = |listed: &serde_json::Value| -> BTreeSet<String> {
            let tools = listed["tools"].as_array().unwrap().iter();
            tools.map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
        };
        let tools = names(&tenant.agent.get("/v1/tools").await.ok());
        for seed in 100..108 {
            let mut chance = Chance::new(seed);
            let (policy, rules) = (policy(&mut chance, &packages), rules(&mut chance, &packages));
            tenant.policy(&policy).await;
            apply(&tenant.operator, &rules).await.ok();
            for key in &keys {
                let listed = names(&key.get("/v1/tools").await.ok());
                for tool in tools.iter().filter(|tool| !tool.contains("limits.") || tool.contains(".kv-")) {
                    let answer = key.call(tool, json!({})).await;
                    let let_in = answer.code() != Some(Code::Denied);
                    assert_eq!(listed.contains(tool), let_in, "{tool}\n{policy}\n{rules}\n{}", answer.text);
                }
            }
        }
    });
}

/// Rules narrow what scopes give, and never widen it.
#[test]
fn hostile_no_generated_rules_let_a_key_do_what_its_scopes_do_not() {
    run(async {
        let inside = Inside::open(|_| {}).await;
        let all = inside.tenant("scopes").await;
        let control = &inside.host.control;
        let scopes = ["auditor".parse().unwrap()].into_iter().collect();
        let key = control.create_key(&inside.caller(&all), "one", scopes).await.unwrap().text.expose().to_owned();
        let mut applied = 0;
        let bystander = inside.tenant("bystander").await;
        inside.push(&bystander, "noop", guest("noop")).await;
        for seed in 0..20 {
            let rules = format!("{}permit (principal, action, resource);", rules(&mut Chance::new(seed), &OWN));
            if control.set_access(&inside.caller(&all), &rules).await.is_err() {
                continue;
            }
            applied += 1;
            let caller = inside.caller(&key);
            assert!(inside.host.router.tools(&caller, &Part::default()).tools.is_empty());
            for action in Action::ALL.iter().filter(|action| !action.scopes().contains(&Scope::Auditor)) {
                assert!(caller.may(*action).is_err(), "{action:?} {:?}", Who::from(&*caller.principal));
            }
            inside.call(&bystander, "noop.noop", &json!({})).await.unwrap();
        }
        // Rules that are refused show nothing.
        assert!(applied > 10, "{applied} of 20 texts came into force");
        inside.close().await;
    });
}
