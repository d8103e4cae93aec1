//! Those who may not, and what there cannot be.

use cofferdam::Code;
use cofferdam_tests::handmade::Handmade;
use cofferdam_tests::{name, run};
use serde_json::json;

use crate::{make, server, try_policy};

#[test]
fn policy_try_shows_nothing_of_another_tenant() {
    run(async {
        let server = server().await;
        let (acme, globex) = (server.tenant("acme").await, server.tenant("globex").await);
        let package = name("only-acmes");
        acme.push(&package, Handmade::default().build()).await;
        let tool = format!("{package}.handmade");
        let made = make(&acme, &[(&tool, json!({})), ("catalogue/noop", json!({}))]).await;
        let own = make(&globex, &[("catalogue/noop", json!({}))]).await;
        let nothing = "[tools]\nallow = []\n";
        let tried = try_policy(&globex.auditor, "calls=100", nothing).await.ok();
        assert_eq!((&tried["decisions"], &tried["changes"][0]["calls"]), (&json!(1), &json!(own)), "{tried:#}");
        assert!(made.iter().all(|call| !tried.to_string().contains(call)) && !tried.to_string().contains(&package));
        // A package of another tenant is one that there is not, by the very same words.
        let ask = async |tool: &str| globex.operator.post("/v1/policy/suggest", &json!({"tool": tool})).await;
        let (theirs, none) = (ask(&tool).await, ask("nobody-has-this.handmade").await);
        theirs.problem(Code::NotFound);
        let told = |text: &str, name: &str| text.replace(name, "NAME");
        assert_eq!(told(&theirs.text, &package), told(&none.text, "nobody-has-this"));
        let suggested = ask("catalogue/noop").await.ok();
        assert_eq!(suggested["calls"], 1, "{suggested:#}");
        // The same name with another tenant is another package.
        globex.push(&package, Handmade::numbered(9)).await;
        assert_eq!(ask(&tool).await.ok()["calls"], 0);
    });
}

#[test]
fn policy_try_and_policy_suggest_need_their_scope() {
    run(async {
        let tenant = server().await.tenant("scope").await;
        for client in [&tenant.agent, &tenant.publisher] {
            try_policy(client, "", "").await.problem(Code::Denied);
            client.post("/v1/policy/suggest", &json!({"tool": "catalogue/noop"})).await.problem(Code::Denied);
        }
        for operation in ["POST /v1/policy/try", "POST /v1/policy/suggest"] {
            tenant.entry("request.refused", json!({"operation": operation})).await;
        }
        for client in [&tenant.operator, &tenant.auditor] {
            try_policy(client, "", "").await.ok();
            client.post("/v1/policy/suggest", &json!({"tool": "catalogue/noop"})).await.ok();
        }
        // Nothing was put in force by any of it.
        assert_eq!(tenant.operator.get("/v1/policy").await.ok()["text"], "");
    });
}

#[test]
fn policy_try_finds_the_problems_that_policy_check_finds() {
    run(async {
        let tenant = server().await.tenant("wrong").await;
        let giant = format!("# {}\n", "x".repeat(300 << 10));
        for text in ["[limits]\nfeul = 1\n", "[[grant]]\n", "nonsense", giant.as_str(), "[tools]\nallow = [\"a/b\"]\n"]
        {
            let tried = try_policy(&tenant.operator, "", text).await;
            let check = tenant.operator.request("POST", "/v1/policy/check").header("content-type", "application/toml");
            let checked = tenant.operator.send(check.body(text.to_owned())).await;
            tried.problem(Code::InvalidPolicy);
            assert_eq!(tried.body, checked.body);
        }
    });
}

#[test]
fn policy_try_and_policy_suggest_refuse_what_there_cannot_be() {
    run(async {
        let tenant = server().await.tenant("odd").await;
        for query in [
            "since=2999-01-01T00:00:00Z",
            "since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z",
            "since=yesterday",
            "since=",
            "calls=10001",
            "calls=-1",
            "tenant=platform",
        ] {
            try_policy(&tenant.operator, query, "").await.problem(Code::InvalidRequest);
        }
        try_policy(&tenant.operator, "since=1970-01-01T00:00:00Z&calls=0", "").await.ok();
        let suggest = async |body| tenant.operator.post("/v1/policy/suggest", &body).await;
        let long = "x".repeat(1 << 20);
        for tool in
            ["", "../x", "catalogue/", "a.b.c", "A", "a\u{0}", "catalogue/text@1", "*", "catalogue/*", long.as_str()]
        {
            let answer = suggest(json!({"tool": tool})).await;
            answer.problem(Code::InvalidRequest);
            assert!(answer.text.len() < 2_000, "{}", answer.text.len());
        }
        suggest(json!({"tool": "nothing"})).await.problem(Code::NotFound);
        suggest(json!({"tool": "catalogue/nothing.x"})).await.problem(Code::NotFound);
        suggest(json!({"tool": "catalogue/noop", "since": "2999-01-01T00:00:00Z"})).await.problem(Code::InvalidRequest);
        suggest(json!({"tool": "catalogue/noop", "tenant": "platform"})).await.problem(Code::InvalidRequest);
    });
}
