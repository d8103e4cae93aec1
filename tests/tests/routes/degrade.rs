//! What is scarce moves calls to what is cheaper, or has them go without something, before any is refused; and each such
//! decision says so.

use cofferdam::Code;
use cofferdam_tests::{far_from_midnight, guest, run, shared};
use futures::future::join_all;
use serde_json::{Value, json};

use crate::{good, push, recorded, route, tool};

#[test]
fn a_scarce_budget_moves_calls_to_what_is_cheaper_and_says_so() {
    run(async {
        far_from_midnight().await;
        let tenant = shared().await.tenant("scarce").await;
        push(&tenant, &[("dear", good()), ("cheap", good())]).await;
        let choices = "{ tool = \"dear.handmade\", min_budget_left = 0.5, cost = \"high\" },
                       { tool = \"cheap.handmade\", min_budget_left = 0.2, cost = \"low\" }";
        tenant.policy(&format!("[budget]\ncalls_per_day = 5\n{}", route(choices, ""))).await;
        let mut tools = Vec::new();
        for _ in 0..3 {
            tools.push(tool(&tenant.agent.call("routes/r", json!({})).await.ok()).to_owned());
        }
        assert_eq!(tools, ["dear.handmade", "dear.handmade", "dear.handmade"]);
        let explained = tenant.agent.post("/v1/explain", &json!({"tool": "routes/r"})).await.ok();
        let answer = tenant.agent.call("routes/r", json!({})).await.ok();
        let why = "budget left 40 % of calls_per_day < min 50 %";
        assert_eq!((tool(&answer), &answer["route"]["choices"][0]["why"]), ("cheap.handmade", &json!(why)));
        let decided = recorded(&tenant, answer["call"].as_str().unwrap()).await;
        assert_eq!(
            (decided.inputs.budget.as_deref(), decided.inputs.budget_left_ppm),
            (Some("calls_per_day"), 400_000)
        );
        // Before it was made that was said of it, too.
        assert_eq!(explained["route"]["choices"], json!(decided.choices));

        // The last fifth is left, and then nothing that any of them takes.
        assert_eq!(tool(&tenant.agent.call("routes/r", json!({})).await.ok()), "cheap.handmade");
        let refused = tenant.agent.call("routes/r", json!({})).await;
        let facts = &refused.problem(Code::BudgetExceeded)["facts"];
        assert_eq!(
            (&facts["limit"], &facts["left"], &facts["maximum"]),
            (&json!("calls_per_day"), &json!(0), &json!(5))
        );
        assert!(facts["resets_at"].as_str().unwrap().ends_with("T00:00:00.000Z"), "{facts:#}");
        assert!(refused.headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap() > 0);
        // Of that there are as many as anybody likes: they are counted.
        tenant.entry("call.refused", json!({"code": "budget-exceeded"})).await;
    });
}

/// A choice without room is none, whatever it takes; where several want the last place, one gets it and the others go on.
#[test]
fn a_choice_that_a_budget_has_no_room_for_is_passed_over() {
    const ROOM: usize = 3;
    run(async {
        far_from_midnight().await;
        let tenant = shared().await.tenant("room").await;
        push(&tenant, &[("dear", good()), ("cheap", good())]).await;
        let choices = "{ tool = \"dear.handmade\" }, { tool = \"cheap.handmade\" }";
        let budgets = |cheap: usize| {
            format!(
                "[[budget.for]]\ntools = [\"dear\"]\ncalls_per_day = {ROOM}\n\
                 [[budget.for]]\ntools = [\"cheap\"]\ncalls_per_day = {cheap}\n{}",
                route(choices, "fallback = \"none\"")
            )
        };
        tenant.policy(&budgets(1_000)).await;
        let answers = join_all((0..12).map(|_| tenant.agent.call("routes/r", json!({})))).await;
        let answers: Vec<Value> = answers.into_iter().map(|answer| answer.ok()).collect();
        let dear = answers.iter().filter(|answer| tool(answer) == "dear.handmade").count();
        assert_eq!(dear, ROOM);
        let passed = answers.iter().find(|answer| tool(answer) == "cheap.handmade").unwrap();
        assert_eq!(passed["route"]["choices"][0]["why"], "no room in the budget calls_per_day");
        assert_eq!(passed["route"]["attempts"].as_array().unwrap().len(), 1, "it was not attempted");
        // Where none has room, it is told as of a tool.
        tenant.policy(&budgets(1)).await;
        let refused = tenant.agent.call("routes/r", json!({})).await;
        let facts = &refused.problem(Code::BudgetExceeded)["facts"];
        assert_eq!(
            (&facts["limit"], &facts["whose"], &facts["maximum"]),
            (&json!("calls_per_day"), &json!("tool"), &json!(3))
        );
        assert_eq!(refused.status, 429);
    });
}

/// What running calls have comes back with their ends: nobody is told to wait for the end of the day.
#[test]
fn who_lacks_what_is_only_reserved_is_told_to_come_again_soon() {
    run(async {
        far_from_midnight().await;
        let tenant = shared().await.tenant("reserved").await;
        tenant.push("limits", guest("limits")).await;
        push(&tenant, &[("dear", good())]).await;
        let policy = |fuel: u64| {
            let grant = "[[grant]]\ntools = [\"limits\"]\nclock = \"real\"\n";
            let choices = route("{ tool = \"dear.handmade\", min_budget_left = 0.6 }", "");
            format!("[limits]\nfuel = 100_000_000\n[budget]\nfuel_per_day = {fuel}\n{grant}{choices}")
        };
        tenant.policy(&policy(210_000_000)).await;
        let running = tokio::spawn({
            let tenant = tenant.clone();
            async move { tenant.agent.call("limits.sleep", json!({"milliseconds": 3_000})).await }
        });
        tenant.entry("call.decided", json!({"tool": "limits.sleep"})).await;
        // There is room for a call of the choice, and not so much left as it wants; then there is no room either.
        for (target, fuel) in [("routes/r", 210_000_000), ("dear.handmade", 150_000_000)] {
            tenant.policy(&policy(fuel)).await;
            let refused = tenant.agent.call(target, json!({})).await;
            let facts = &refused.problem(Code::BudgetExceeded)["facts"];
            assert_eq!((&facts["limit"], &facts["reserved"]), (&json!("fuel_per_day"), &json!(100_000_000)));
            assert!(facts["resets_at"].as_str().unwrap().ends_with("T00:00:00.000Z"), "{facts:#}");
            assert_eq!(refused.headers["retry-after"], "1", "{facts:#}");
        }
        running.await.unwrap().ok();
        tenant.agent.call("routes/r", json!({})).await.ok();
    });
}

#[test]
fn the_same_tool_goes_without_what_it_can_do_without() {
    run(async {
        far_from_midnight().await;
        let server = shared().await;
        let tenant = server.tenant("without").await;
        tenant.push("limits", guest("limits")).await;
        server.push(&["http-fetch"]).await;
        let grants = format!(
            "[[grant]]\ntools = [\"limits\", \"catalogue/http-fetch\"]\n\
             http = [{{ host = \"127.0.0.1\", scheme = \"http\", port = {}, methods = [\"*\"] }}]\n\
             [budget]\ncalls_per_day = 2\n",
            server.upstream.address.port()
        );
        let choices = "{ tool = \"catalogue/http-fetch\", without = [\"http\"] },
                       { tool = \"limits.http\", min_budget_left = 0.6 }, { tool = \"limits.http\", without = [\"http\"] }";
        tenant.policy(&(grants + &route(choices, ""))).await;
        let ask = json!({"url": server.upstream.url(&tenant.name, "/asked"), "method": "GET"});
        let with = tenant.agent.call("routes/r", ask.clone()).await;
        assert_eq!(with.clone().json()["answered"], 1, "{with:?}");
        let asked = json!({"tool": "routes/r", "use": {"kind": "http", "url": ask["url"]}});
        let explained = tenant.agent.post("/v1/explain", &asked).await.ok();
        assert_eq!(
            (&explained["allowed"], &explained["use"]["allowed"]),
            (&json!(true), &json!(false)),
            "{explained:#}"
        );
        let without = tenant.agent.call("routes/r", ask).await;
        assert_eq!(without.clone().json()["denied"], true, "{without:?}");
        assert_eq!(server.upstream.seen(&tenant.name).len(), 1);
        let chosen = &without.body["route"]["choices"];
        assert_eq!(chosen[0]["why"], "the tool cannot do without http");
        assert_eq!(chosen[1]["why"], "budget left 50 % of calls_per_day < min 60 %");
        assert_eq!((&chosen[2]["verdict"], &chosen[2]["without"]), (&json!("taken"), &json!(["http"])));
        // What it cannot use is not reserved for it.
        let reserved = async |call: &str| tenant.record(call).await[0]["event"]["reserved"]["amounts"].clone();
        assert!(reserved(with.call()).await["http_bytes"].is_u64());
        assert!(reserved(without.call()).await.get("http_bytes").is_none());
        // And whoever calls the tool itself has all of it.
        tenant.policy(&format!("[[grant]]\ntools = [\"limits\"]\nhttp = [{{ host = \"127.0.0.1\", scheme = \"http\", port = {}, methods = [\"*\"] }}]\n{}", server.upstream.address.port(), route("{ tool = \"limits.http\", without = [\"http\"] }", ""))).await;
        let ask = json!({"url": server.upstream.url(&tenant.name, "/asked"), "method": "GET"});
        assert_eq!(tenant.agent.call("limits.http", ask.clone()).await.json()["answered"], 1);
        assert_eq!(tenant.agent.call("routes/r", ask).await.json()["denied"], true);
    });
}

/// What a session may not have any more, another choice may do without.
#[test]
fn flow_a_choice_that_the_session_may_not_make_is_passed_over_and_named() {
    run(async {
        let server = shared().await;
        server.push(&["http-fetch", "notes"]).await;
        let tenant = server.tenant("passed-over").await;
        push(&tenant, &[("offline", good())]).await;
        let policy = |choices: &str| {
            format!(
                r#"
                [[grant]]
                tools = ["catalogue/notes"]
                kv = [{{ bucket = "notes", access = "read-write" }}]
                [[grant]]
                tools = ["catalogue/http-fetch"]
                http = [{{ host = "127.0.0.1", scheme = "http", port = {}, methods = ["*"] }}]
                [labels]
                private_buckets = ["notes"]
                trusted_hosts = ["127.0.0.1"]
                [[flow]]
                when = ["private"]
                deny = ["http"]
                {}"#,
                server.upstream.address.port(),
                route(choices, "")
            )
        };
        let text = policy("{ tool = \"catalogue/http-fetch\" }, { tool = \"offline.handmade\" }");
        tenant.policy(&text).await;
        let ask = json!({"url": server.upstream.url(&tenant.name, "/page"), "as": "text"});
        let before = tenant.agent.call_in("chat", "routes/r", ask.clone()).await.ok();
        assert_eq!(tool(&before), "catalogue/http-fetch");
        let note = json!({"title": "salaries", "text": "the canary sings at noon"});
        let noted = tenant.agent.call_in("chat", "catalogue/notes.add", note).await;
        noted.clone().ok();

        let after = tenant.agent.call_in("chat", "routes/r", ask.clone()).await.ok();
        assert_eq!(tool(&after), "offline.handmade");
        let why = after["route"]["choices"][0]["why"].as_str().unwrap();
        assert!(
            why.starts_with("the session may not have what it needs: policy line ") && why.contains("[[flow]] 1"),
            "{why}"
        );
        // The record has the labels that this followed from, with the call that brought them.
        let decided = tenant.record(after["call"].as_str().unwrap()).await[0]["event"].clone();
        assert_eq!(decided["labels"][0]["call"], noted.call(), "{decided:#}");
        // Another session, or none, is not held back.
        for session in [None, Some("other")] {
            let answer = match session {
                None => tenant.agent.call("routes/r", ask.clone()).await,
                Some(session) => tenant.agent.call_in(session, "routes/r", ask.clone()).await,
            };
            assert_eq!(tool(&answer.ok()), "catalogue/http-fetch");
        }
        // Tried again, the policy that was in force changes nothing of this.
        let request = tenant.operator.request("POST", "/v1/policy/try?calls=100");
        let request = request.header("content-type", "application/toml").body(format!("{text}\n# a remark"));
        let tried = tenant.operator.send(request).await.ok();
        assert_eq!((&tried["changes"], &tried["not_compared"]), (&json!([]), &json!([])), "{tried:#}");

        // Where there is no other choice, the refusal names what brought the labels.
        tenant.policy(&policy("{ tool = \"catalogue/http-fetch\" }")).await;
        let refused = tenant.agent.call_in("chat", "routes/r", ask).await;
        let labels = refused.problem(Code::Denied)["facts"]["labels"].clone();
        assert_eq!(labels[0]["call"], noted.call(), "{labels:#}");
        let entry = tenant.record(refused.call()).await[0]["event"].clone();
        assert_eq!((&entry["labels"], &entry["session"]), (&labels, &json!("chat")));
    });
}
