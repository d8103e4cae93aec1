//! Nothing of one tenant is reachable by another, and "not yours" reads the same as "does not exist".
#![allow(clippy::unwrap_used, reason = "tests")]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cofferdam::Code;
use cofferdam::engine::Allocator;
use cofferdam_tests::handmade::Handmade;
use cofferdam_tests::{Answer, Client, Inside, Tenant, attack, guest, name, run, shared};
use serde_json::{Value, json};

/// A digest, a call, a key and a name that nobody has.
const NO_DIGEST: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
const NO_ID: &str = "0192f0c4-6d1e-7c3a-9b52-5f0d6c1e8a77";
const NO_NAME: &str = "nobody-has-this";

/// Two tenants of the shared host, which know nothing of each other.
async fn two() -> (Tenant, Tenant) {
    let server = shared().await;
    (server.tenant("acme").await, server.tenant("globex").await)
}

/// Both say the same, but for the name that was asked for; and that it is not there.
#[track_caller]
fn same(theirs: &Answer, their_name: &str, nothing: &Answer, no_name: &str) {
    theirs.problem(Code::NotFound);
    let told = |answer: &Answer, name: &str| answer.body.to_string().replace(name, "NAME");
    assert_eq!(told(theirs, their_name), told(nothing, no_name));
    let headers = |answer: &Answer| {
        let mut headers = answer.headers.clone();
        headers.remove("date");
        headers.remove("content-length");
        headers
    };
    assert_eq!(headers(theirs), headers(nothing));
}

/// `not-found`, as for one that never was.
#[test]
fn hostile_reach_for_a_component_of_another_tenant() {
    attack(async {
        let (acme, globex) = two().await;
        let component = Handmade { description: name("Only acme has this"), ..Handmade::default() }.build();
        let digest = acme.upload(component.clone()).await;
        let look = async |digest: &str| globex.publisher.get(&format!("/v1/components/{digest}")).await;
        same(&look(&digest).await, &digest, &look(NO_DIGEST).await, NO_DIGEST);
        let publish = async |digest: &str| {
            let body = json!({"version": "1.0.0", "component": digest});
            globex.publisher.post("/v1/packages/taken/versions", &body).await
        };
        same(&publish(&digest).await, &digest, &publish(NO_DIGEST).await, NO_DIGEST);
        assert_eq!(globex.auditor.get("/v1/components").await.ok()["components"], json!([]));
        // To a tenant that uploads the same bytes they are new.
        let uploaded = globex.publisher.upload(component).await;
        assert_eq!(uploaded.status, 201, "{uploaded:?}");
    });
}

/// `not-found`, as for one that never was.
#[test]
fn hostile_reach_for_a_call_of_another_tenant() {
    attack(async {
        let (acme, globex) = two().await;
        let answer = acme.agent.call("catalogue/noop", json!({})).await;
        let call = answer.call().to_owned();
        acme.record(&call).await;
        for theirs in [&globex.agent, &globex.auditor] {
            let look = async |call: &str| theirs.get(&format!("/v1/calls/{call}")).await;
            same(&look(&call).await, &call, &look(NO_ID).await, NO_ID);
        }
        // Another agent of the same tenant sees as little.
        let created = acme.operator.post("/v1/keys", &json!({"name": "other", "scopes": ["agent"]})).await.ok();
        let other = acme.agent.with_key(created["key"].as_str().unwrap());
        let look = async |call: &str| other.get(&format!("/v1/calls/{call}")).await;
        same(&look(&call).await, &call, &look(NO_ID).await, NO_ID);
        assert_eq!(acme.agent.get(&format!("/v1/calls/{call}")).await.status, 200);
    });
}

/// `not-found`, as for one that never was.
#[test]
fn hostile_reach_for_a_package_of_another_tenant() {
    attack(async {
        let (acme, globex) = two().await;
        let package = name("only-acmes");
        acme.push(&package, Handmade::default().build()).await;
        let tool = format!("{package}.handmade");
        assert_eq!(acme.agent.call(&tool, json!({})).await.status, 200);
        let no_tool = format!("{NO_NAME}.handmade");
        let call = async |tool: &str| globex.agent.call(tool, json!({})).await;
        same(&call(&tool).await, &tool, &call(&no_tool).await, &no_tool);
        globex.entry("call.refused", json!({"code": "not-found"})).await;
        let explain = async |tool: &str| globex.agent.post("/v1/explain", &json!({"tool": tool})).await;
        same(&explain(&tool).await, &tool, &explain(&no_tool).await, &no_tool);
        let look = async |tool: &str| globex.agent.get(&format!("/v1/tools/{tool}")).await;
        same(&look(&tool).await, &tool, &look(&no_tool).await, &no_tool);
        let read = async |package: &str| globex.publisher.get(&format!("/v1/packages/{package}")).await;
        same(&read(&package).await, &package, &read(NO_NAME).await, NO_NAME);
        let promote = async |package: &str| {
            globex.publisher.post(&format!("/v1/packages/{package}/promote"), &json!({"version": "1.0.0"})).await
        };
        same(&promote(&package).await, &package, &promote(NO_NAME).await, NO_NAME);
        let listed = globex.agent.get("/v1/tools").await.ok().to_string();
        assert!(!listed.contains(&package) && listed.contains("catalogue/noop"), "{listed}");
        // The very same name is free.
        globex.push(&package, Handmade::numbered(7)).await;
        assert_eq!(
            acme.publisher.get(&format!("/v1/packages/{package}")).await.ok()["versions"].as_array().unwrap().len(),
            1
        );
    });
}

/// `not-found`, as for one that never was.
#[test]
fn hostile_reach_for_a_key_of_another_tenant() {
    attack(async {
        let (acme, globex) = two().await;
        let keys = acme.operator.get("/v1/keys").await.ok();
        let key = keys["keys"][1]["id"].as_str().unwrap().to_owned();
        let rotate = async |key: &str| globex.operator.post(&format!("/v1/keys/{key}/rotate"), &json!({})).await;
        same(&rotate(&key).await, &key, &rotate(NO_ID).await, NO_ID);
        let revoke = async |key: &str| globex.operator.delete(&format!("/v1/keys/{key}")).await;
        same(&revoke(&key).await, &key, &revoke(NO_ID).await, NO_ID);
        let explain = async |key: &str| {
            globex.operator.post("/v1/explain", &json!({"tool": "catalogue/noop", "principal": key})).await
        };
        same(&explain(&key).await, &key, &explain(NO_ID).await, NO_ID);
        for key in [&acme.operator, &acme.agent, &acme.publisher, &acme.auditor] {
            assert_eq!(key.get("/v1/whoami").await.ok()["tenant"], acme.name);
        }
    });
}

/// `not-found`, as for one that never was.
#[test]
fn hostile_reach_for_another_tenant() {
    attack(async {
        let (acme, globex) = two().await;
        let look = async |tenant: &str| globex.operator.get(&format!("/v1/tenants/{tenant}")).await;
        same(&look(&acme.name).await, &acme.name, &look(NO_NAME).await, NO_NAME);
        for action in ["suspend", "resume"] {
            let act =
                async |tenant: &str| globex.operator.post(&format!("/v1/tenants/{tenant}/{action}"), &json!({})).await;
            same(&act(&acme.name).await, &acme.name, &act(NO_NAME).await, NO_NAME);
        }
        globex.operator.get("/v1/tenants").await.problem(Code::NotFound);
        let create = globex.operator.post("/v1/tenants", &json!({"name": name("new")})).await;
        create.problem(Code::NotFound);
    });
}

/// Nothing of it is there.
#[test]
fn hostile_search_of_the_record_for_another_tenant() {
    attack(async {
        let (acme, globex) = two().await;
        let call = acme.agent.call("catalogue/noop", json!({})).await.call().to_owned();
        globex.agent.call("catalogue/noop", json!({})).await.ok();
        let log = globex.log(0).await;
        assert!(log.iter().all(|entry| entry["tenant"] == globex.name), "{log:?}");
        assert!(!json!(log).to_string().contains(&call) && !json!(log).to_string().contains(&acme.name));
        let usage = globex.auditor.get("/v1/usage").await.ok();
        assert_eq!(usage["total"]["calls"], 1, "{usage}");
        // The platform's own auditor reads the platform's own record, and nobody else's.
        let platform = &shared().await.platform;
        let page = platform.get("/v1/audit?limit=1000").await.ok();
        assert!(page["entries"].as_array().unwrap().iter().all(|entry| entry["tenant"] == "platform"), "{page}");
        platform.get(&format!("/v1/calls/{call}")).await.problem(Code::NotFound);
    });
}

/// The same names are other things.
#[test]
fn hostile_reach_for_a_bucket_or_a_volume_of_another_tenant() {
    attack(async {
        let (acme, globex) = two().await;
        let policy = "[[grant]]\ntools = [\"catalogue/limits\"]\n\
                      kv = [{ bucket = \"notes\", access = \"read-write\" }]\n\
                      files = [{ volume = \"work\", mount = \"/work\", access = \"read-write\" }]";
        acme.policy(policy).await;
        globex.policy(policy).await;
        let (get, read) = (json!({"bucket": "notes", "key": "k"}), json!({"path": "/work/f"}));
        for (tenant, text) in [(&acme, "acme's own"), (&globex, "globex's own")] {
            assert_eq!(tenant.agent.call("catalogue/limits.kv-get", get.clone()).await.text(), "absent");
            assert_eq!(tenant.agent.call("catalogue/limits.kv-keys", json!({"bucket": "notes"})).await.text(), "");
            let absent = tenant.agent.call("catalogue/limits.file-read", read.clone()).await.ok();
            assert_eq!(absent["is_error"], true, "{absent}");
            let set = json!({"bucket": "notes", "key": "k", "value": text});
            tenant.agent.call("catalogue/limits.kv-set", set).await.text();
            tenant.agent.call("catalogue/limits.file-write", json!({"path": "/work/f", "text": text})).await.text();
        }
        for (tenant, text) in [(&acme, "acme's own"), (&globex, "globex's own")] {
            assert_eq!(tenant.agent.call("catalogue/limits.kv-get", get.clone()).await.text(), text);
            assert_eq!(tenant.agent.call("catalogue/limits.file-read", read.clone()).await.text(), text);
        }
        // A bucket that another tenant has and one that nobody has are denied alike.
        acme.policy(
            "[[grant]]\ntools = [\"*\", \"catalogue/*\"]\nkv = [{ bucket = \"secret\", access = \"read-write\" }]",
        )
        .await;
        acme.agent.call("catalogue/limits.kv-set", json!({"bucket": "secret", "key": "k", "value": "v"})).await.text();
        let open = async |bucket: &str| {
            globex.agent.call("catalogue/limits.kv-get", json!({"bucket": bucket, "key": "k"})).await
        };
        let (theirs, nothing) = (open("secret").await, open("nothing").await);
        let told = |answer: &Answer, bucket: &str| {
            answer.problem(Code::Denied);
            answer.body["detail"].as_str().unwrap().replace(bucket, "NAME")
        };
        assert_eq!(told(&theirs, "secret"), told(&nothing, "nothing"));
        globex.entry("capability.denied", json!({"capability": "kv"})).await;
    });
}

/// The key alone says whose a request is.
#[test]
fn hostile_header_path_or_body_that_names_another_tenant() {
    attack(async {
        let (acme, globex) = two().await;
        let named = ["x-tenant", "x-cofferdam-tenant", "tenant", "x-forwarded-user", "x-original-url", "cookie"];
        for header in named {
            let request = globex.agent.request("GET", "/v1/whoami").header(header, acme.name.as_str());
            assert_eq!(globex.agent.send(request).await.ok()["tenant"], globex.name, "{header}");
        }
        let request = globex.agent.request("GET", "/v1/whoami").header("host", format!("{}.example.com", acme.name));
        assert_eq!(globex.agent.send(request).await.ok()["tenant"], globex.name);
        for query in ["tenant", "as", "key", "access_token"] {
            let path = format!("/v1/whoami?{query}={}", acme.agent.key());
            let answer = globex.agent.get(&path).await;
            assert!(answer.code().is_some() || answer.body["tenant"] == globex.name, "{answer:?}");
            acme.agent.anonymous().get(&path).await.problem(Code::Unauthenticated);
        }
        let body = json!({"tool": "catalogue/noop", "arguments": {}, "tenant": acme.name});
        globex.agent.post("/v1/calls", &body).await.problem(Code::InvalidRequest);
        // None of it is acme's: its record has nothing of that kind.
        assert!(acme.log(0).await.iter().all(|entry| !entry["kind"].as_str().unwrap().starts_with("call.")));
    });
}

/// `unauthenticated`, in the same words for all of them; `login.failed` is recorded.
#[test]
fn hostile_keys_forged_cut_rotated_or_revoked() {
    attack(async {
        let (acme, globex) = two().await;
        // The secret of one under the name of another, and every other way to get it slightly wrong.
        let key = acme.agent.key();
        let forged = [
            key.replace(&acme.name, &globex.name),
            key.replace(&acme.name, "platform"),
            key.to_uppercase(),
            format!("{key}="),
            key[..key.len() - 1].to_owned(),
            "cof_".to_owned(),
            String::new(),
            // Tokens of other systems, signed by nobody, long over, or for somebody else: there is one kind of key here.
            token(r#"{"alg":"none","typ":"JWT"}"#, &acme.name, ""),
            token(r#"{"alg":"HS256","typ":"JWT"}"#, &acme.name, "c2lnbmF0dXJl"),
            token(r#"{"alg":"RS256","jwk":{"kty":"oct","k":"AAAA"}}"#, &acme.name, "AAAA"),
            format!("{key}.{}", token(r#"{"alg":"none"}"#, "platform", "")),
        ];
        let mut answers = Vec::new();
        for forged in forged {
            let answer = acme.agent.with_key(&forged).get("/v1/whoami").await;
            answer.problem(Code::Unauthenticated);
            answers.push(answer.text);
        }
        let id = acme.agent.get("/v1/whoami").await.ok()["principal"]["id"].as_str().unwrap().to_owned();
        let rotated = acme.operator.post(&format!("/v1/keys/{id}/rotate"), &json!({})).await.ok();
        let before = acme.agent.get("/v1/whoami").await;
        answers.push(before.text);
        let agent = acme.agent.with_key(rotated["key"].as_str().unwrap());
        agent.get("/v1/whoami").await.ok();
        assert_eq!(acme.operator.delete(&format!("/v1/keys/{id}")).await.status, 204);
        answers.push(agent.get("/v1/whoami").await.text);
        let platform = &shared().await.platform;
        platform.post(&format!("/v1/tenants/{}/suspend", acme.name), &json!({"reason": "a test"})).await.ok();
        answers.push(acme.operator.get("/v1/whoami").await.text);
        platform.post(&format!("/v1/tenants/{}/resume", acme.name), &json!({})).await.ok();
        assert_eq!(acme.operator.get("/v1/whoami").await.ok()["tenant"], acme.name);
        // Why a key is refused is not said.
        answers.push(acme.agent.anonymous().get("/v1/whoami").await.text);
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
        acme.entry("login.failed", json!({})).await;
    });
}

/// A token as others issue them, which says of itself whatever it likes.
fn token(header: &str, tenant: &str, signature: &str) -> String {
    let claims =
        json!({"aud": "https://example.com", "exp": 1, "sub": tenant, "tenant": tenant, "scope": "agent operator"});
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.{signature}", encode(header), encode(&claims.to_string()))
}

/// `unauthenticated`, or an answer that the page's browser keeps from it: nothing here goes by where a request comes from.
#[test]
fn hostile_page_of_another_origin() {
    attack(async {
        let (acme, _) = two().await;
        let address = acme.agent.base().strip_prefix("http://").unwrap().to_owned();
        for (origin, host) in [
            ("https://evil.example.com", address.as_str()),
            ("null", address.as_str()),
            // A name of the attacker's that leads to this address: rebinding.
            ("http://rebound.example.com", "rebound.example.com"),
        ] {
            let with = |client: &Client, method: &str, path: &str| {
                let request = client.request(method, path).header("origin", origin).header("host", host);
                request.header("sec-fetch-site", "cross-site").header("cookie", format!("key={}", acme.agent.key()))
            };
            // A browser has no key to add by itself, and a cookie is none.
            let anonymous = acme.agent.anonymous();
            let call = with(&anonymous, "POST", "/v1/calls").json(&json!({"tool": "catalogue/noop", "arguments": {}}));
            anonymous.send(call).await.problem(Code::Unauthenticated);
            // It may not ask with one, either: no answer lets other origins read it, and no preflight is granted.
            let preflight = with(&anonymous, "OPTIONS", "/v1/calls").header("access-control-request-method", "POST");
            let preflight = preflight.header("access-control-request-headers", "authorization, content-type");
            for answer in
                [anonymous.send(preflight).await, acme.agent.send(with(&acme.agent, "GET", "/v1/whoami")).await]
            {
                let granted = answer.headers.keys().find(|name| name.as_str().starts_with("access-control-"));
                assert_eq!(granted, None, "{origin} {host}: {answer:?}");
            }
        }
        assert!(acme.log(0).await.iter().all(|entry| !entry["kind"].as_str().unwrap().starts_with("call.")));
    });
}

/// Each key reads its own tenant's log, whatever is asked for; `not-found` for a receipt of another's call.
#[test]
fn hostile_reach_for_the_log_of_another_tenant() {
    attack(async {
        let (acme, globex) = two().await;
        let call = acme.agent.call("catalogue/noop", json!({})).await.call().to_owned();
        acme.auditor.get("/v1/log/checkpoint").await;
        let checkpoint = globex.auditor.get("/v1/log/checkpoint").await.text;
        assert!(checkpoint.contains(&format!("/{}/", globex.name)) && !checkpoint.contains(&acme.name), "{checkpoint}");
        let receipt = async |call: &str| globex.auditor.get(&format!("/v1/calls/{call}/receipt")).await;
        same(&receipt(&call).await, &call, &receipt(NO_ID).await, NO_ID);
        for path in
            ["tile/entries/000.p/1", "tile/0/000.p/1", &format!("{}/tile/0/000", acme.name), "../acme/tile/0/000"]
        {
            let answer = globex.auditor.get(&format!("/v1/log/{path}")).await;
            // What was asked for may be said back.
            let said = answer.text.replace(path, "");
            assert!(!said.contains(&acme.name) && !said.contains(&call), "{path}: {answer:?}");
        }
        for client in [&acme.agent, &acme.publisher] {
            client.get("/v1/log/checkpoint").await.problem(Code::Denied);
        }
        acme.entry("request.refused", json!({"operation": "GET /v1/log/checkpoint"})).await;
    });
}

/// All zeros, for every allocator.
#[test]
fn hostile_look_for_what_a_call_left_in_memory() {
    run(async {
        for allocator in [Allocator::Pooling, Allocator::OnDemand] {
            let inside = Inside::open(|settings| {
                // One slot: whoever calls next gets the very memory that the one before had.
                settings.engine.allocator = allocator;
                settings.engine.live_calls_max = 1;
            })
            .await;
            let (acme, globex) = (inside.tenant("acme").await, inside.tenant("globex").await);
            let bystander = inside.tenant("bystander").await;
            for key in [&acme, &globex, &bystander] {
                inside.push(key, "attack", guest("attack")).await;
            }
            let json = |reply: cofferdam::router::Reply| match &reply.output.content[0] {
                cofferdam::engine::output::Content::Json(text) => serde_json::from_str::<Value>(text).unwrap(),
                other => panic!("{other:?}"),
            };
            for pages in [1, 200] {
                // Twice, so that what one tenant's own next call sees is looked at as well.
                for looker in [&globex, &acme] {
                    inside.call(&acme, "attack.residue-leave", &json!({"pages": pages})).await.unwrap();
                    let seen =
                        json(inside.call(looker, "attack.residue-look", &json!({"pages": pages})).await.unwrap());
                    assert_eq!((&seen["pattern"], &seen["fresh"]), (&json!(0), &json!(0)), "{allocator:?}: {seen}");
                    assert!(seen["words"].as_u64().unwrap() > pages << 13, "{seen}");
                    inside.call(&bystander, "attack.settings", &json!({})).await.unwrap();
                }
            }
            inside.close().await;
        }
    });
}
