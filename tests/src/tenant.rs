//! A tenant with a key of each scope.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::answer::{Answer, includes};
use crate::client::Client;
use crate::work::eventually;

/// A tenant of a host.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// Its name.
    pub name: String,
    /// Its keys, one for each scope.
    pub operator: Client,
    /// Uploads and publishes.
    pub publisher: Client,
    /// Calls.
    pub agent: Client,
    /// Reads the record.
    pub auditor: Client,
}

impl Tenant {
    /// Creates one.
    pub async fn create(platform: &Client, name: &str) -> Self {
        let created = platform.post("/v1/tenants", &json!({"name": name})).await.ok();
        let operator = platform.with_key(created["key"]["key"].as_str().unwrap());
        let key = async |scope: &str| {
            let created = operator.post("/v1/keys", &json!({"name": scope, "scopes": [scope]})).await.ok();
            operator.with_key(created["key"].as_str().unwrap())
        };
        let (publisher, agent, auditor) = (key("publisher").await, key("agent").await, key("auditor").await);
        Self { name: name.to_owned(), operator, publisher, agent, auditor }
    }

    /// The same tenant at the host at `base`, where it was started again.
    #[must_use]
    pub fn at(&self, base: &str) -> Self {
        Self {
            name: self.name.clone(),
            operator: self.operator.at(base),
            publisher: self.publisher.at(base),
            agent: self.agent.at(base),
            auditor: self.auditor.at(base),
        }
    }

    /// Puts a policy in force.
    pub async fn policy(&self, text: &str) -> Value {
        self.operator.put("/v1/policy", text).await.ok()
    }

    /// Uploads a component, and gives its digest.
    pub async fn upload(&self, component: impl Into<Bytes>) -> String {
        self.publisher.upload(component).await.ok()["digest"].as_str().unwrap().to_owned()
    }

    /// Publishes and promotes a version, and gives the package.
    pub async fn publish(&self, package: &str, version: &str, component: &str) -> Value {
        let path = format!("/v1/packages/{package}/versions");
        self.publisher.post(&path, &json!({"version": version, "component": component})).await.ok()
    }

    /// Uploads a component and publishes it as version 1.0.0 of `package`.
    pub async fn push(&self, package: &str, component: impl Into<Bytes>) -> String {
        let digest = self.upload(component).await;
        self.publish(package, "1.0.0", &digest).await;
        digest
    }

    /// Everything in its record from `from` on.
    pub async fn log(&self, from: u64) -> Vec<Value> {
        let (mut entries, mut next) = (Vec::new(), Some(from));
        while let Some(from) = next {
            let page = self.auditor.get(&format!("/v1/audit?from={from}&limit=1000")).await.ok();
            entries.extend(page["entries"].as_array().unwrap().iter().cloned());
            next = page["next"].as_u64();
        }
        entries
    }

    /// Waits for an entry of a kind whose event has at least these members.
    pub async fn entry(&self, kind: &str, event: Value) -> Value {
        eventually(&format!("an entry {kind} with {event} of {}", self.name), async || {
            self.log(0).await.into_iter().find(|entry| entry["kind"] == kind && includes(&entry["event"], &event))
        })
        .await
    }

    /// That a call is recorded as ended so; gives what the record says of its end.
    pub async fn ended(&self, answer: &Answer, outcome: &str) -> Value {
        let record = self.record(answer.call()).await;
        let last = record.last().unwrap();
        assert_eq!((&last["kind"], &last["event"]["outcome"]), (&json!("call.ended"), &json!(outcome)), "{record:?}");
        last["event"].clone()
    }

    /// Makes a call and leaves it once it is decided upon; gives what the record says of its end.
    pub async fn leave(&self, tool: &str, arguments: Value) -> Value {
        let from = self.log(0).await.len() as u64;
        let (agent, called) = (self.agent.clone(), tool.to_owned());
        let calling = tokio::spawn(async move { agent.call(&called, arguments).await });
        let call = eventually(&format!("a decision on a call of {tool}"), async || {
            assert!(!calling.is_finished(), "a call of {tool} came to an end");
            let log = self.log(from).await;
            let decided =
                log.into_iter().find(|entry| entry["kind"] == "call.decided" && entry["event"]["tool"] == tool)?;
            Some(decided["event"]["call"].clone())
        })
        .await;
        calling.abort();
        let ended = eventually(&format!("the end of a call of {tool}"), async || {
            let log = self.log(from).await;
            log.into_iter().find(|entry| entry["kind"] == "call.ended" && entry["event"]["call"] == call)
        })
        .await;
        ended["event"].clone()
    }

    /// Everything that is recorded of a call.
    pub async fn record(&self, call: &str) -> Vec<Value> {
        self.auditor.get(&format!("/v1/calls/{call}")).await.ok()["entries"].as_array().unwrap().clone()
    }
}
