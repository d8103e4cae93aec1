//! Where a limit is tried: a tenant that goes up to it and past it, and one that stands by.

use std::sync::atomic::{AtomicBool, Ordering};

use cofferdam::Code;
use cofferdam_tests::{Answer, Server, Tenant, Watched, includes, shared};
use serde_json::{Value, json};

/// Two tenants of the shared host.
pub(crate) struct Stand {
    pub(crate) server: &'static Server,
    pub(crate) tenant: Tenant,
    bystander: Tenant,
    /// What the tenant's policy grants, whatever its limits are.
    grants: String,
}

impl Stand {
    /// With no grants.
    pub(crate) async fn new(stem: &str) -> Self {
        Self::at(shared().await, stem, "").await
    }

    /// With what `grants` say of the tools of all packages.
    pub(crate) async fn granting(stem: &str, grants: &str) -> Self {
        Self::at(shared().await, stem, grants).await
    }

    /// At a host that has `noop` in its catalogue.
    pub(crate) async fn at(server: &'static Server, stem: &str, grants: &str) -> Self {
        let tenant = server.tenant(stem).await;
        let bystander = server.tenant("bystander").await;
        let grants = match grants {
            "" => String::new(),
            grants => format!("[[grant]]\ntools = [\"*\", \"catalogue/*\"]\n{grants}\n"),
        };
        Self { server, tenant, bystander, grants }
    }

    /// Puts limits in force, one a line.
    pub(crate) async fn limit(&self, limits: &str) {
        self.tenant.policy(&format!("[limits]\n{limits}\n{}", self.grants)).await;
    }

    /// A call.
    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Answer {
        self.tenant.agent.call(tool, arguments).await
    }

    /// A call that is watched.
    pub(crate) async fn watch(&self, tool: &str, arguments: Value) -> Watched {
        self.tenant.agent.watch(tool, arguments).await
    }

    /// Runs `work` while another tenant calls a tool, again and again: none of its calls may fail, and it has to get at
    /// least one done meanwhile.
    pub(crate) async fn beside<T>(&self, work: impl Future<Output = T>) -> T {
        let done = AtomicBool::new(false);
        let others = async {
            loop {
                assert_eq!(self.bystander.agent.call("catalogue/noop", json!({})).await.text(), "ok");
                if done.load(Ordering::Relaxed) {
                    break;
                }
            }
        };
        let work = async {
            let given = work.await;
            done.store(true, Ordering::Relaxed);
            given
        };
        futures::join!(work, others).0
    }

    /// A call that stays within its limits, however close it comes; gives its usage.
    pub(crate) async fn holds(&self, tool: &str, arguments: Value) -> Value {
        let answer = self.beside(self.call(tool, arguments)).await;
        let body = answer.ok();
        assert_eq!(body["is_error"], false, "{body}");
        self.ended(body["call"].as_str().unwrap(), "ok").await;
        body["usage"].clone()
    }

    /// A call that goes past a limit: it ends with this code and these facts, and so the record says; the next call of
    /// the same tenant works.
    pub(crate) async fn breaks(&self, tool: &str, arguments: Value, code: Code, facts: Value) {
        let answer = self.beside(self.call(tool, arguments)).await;
        let problem = answer.problem(code);
        assert!(includes(&problem["facts"], &facts), "{problem} has not the facts {facts}");
        assert!(problem["next"].is_string(), "{problem} says nothing about what to do");
        self.ended(answer.call(), code.as_str()).await;
        self.works().await;
    }

    /// A call within its limits that is told by an interface's own error that it went past one: it ends well, and its
    /// text names the limit.
    pub(crate) async fn is_told(&self, tool: &str, arguments: Value, words: &str) -> Value {
        let answer = self.beside(self.call(tool, arguments)).await;
        let body = answer.ok();
        assert!(body["content"].to_string().contains(words), "{body} does not say {words:?}");
        self.ended(body["call"].as_str().unwrap(), "ok").await;
        self.works().await;
        body
    }

    /// The tenant can still call.
    pub(crate) async fn works(&self) {
        // Its own limits may be too small for any call; the default ones are not.
        self.tenant.policy("").await;
        assert_eq!(self.call("catalogue/noop", json!({})).await.text(), "ok");
    }

    /// The record has the call, decided and ended so.
    async fn ended(&self, call: &str, outcome: &str) {
        let entries = self.tenant.record(call).await;
        let kinds: Vec<_> = entries.iter().map(|entry| entry["kind"].as_str().unwrap()).collect();
        assert_eq!((kinds.first(), kinds.last()), (Some(&"call.decided"), Some(&"call.ended")), "{entries:?}");
        assert_eq!(entries.last().unwrap()["event"]["outcome"], outcome, "{entries:?}");
    }
}
