//! A host with its front door, and clients of it, without a network between.

#![allow(clippy::unwrap_used, reason = "what tests are made of may fail like tests")]

use std::path::PathBuf;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use cofferdam::engine::EngineSettings;
use cofferdam::host::{Host, HostSettings};
use cofferdam::http::{DoorSettings, Drain, Scheduler, app, health_app, wire};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

pub(crate) struct Fixture {
    pub(crate) host: Host,
    pub(crate) drain: Drain,
    pub(crate) app: Router,
    pub(crate) health: Router,
    /// The platform's first key.
    pub(crate) platform: Client,
    _data: tempfile::TempDir,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut settings = HostSettings::new(data.path());
        settings.registry.compiling.program = Some(PathBuf::from(env!("CARGO_BIN_EXE_cofferdam")));
        settings.engine = EngineSettings { live_calls_max: 4, guest_threads: Some(1), ..settings.engine };
        let (host, key) = Host::open(settings).await.unwrap();
        let drain = Drain::new();
        let app = app(&host, &drain, &Scheduler::start(), DoorSettings::default());
        let platform = Client { app: app.clone(), key: Some(key.unwrap().expose().to_owned()) };
        Self { health: health_app(&host), host, drain, app, platform, _data: data }
    }

    pub(crate) fn client(&self, key: Option<&str>) -> Client {
        Client { app: self.app.clone(), key: key.map(str::to_owned) }
    }

    /// A new tenant's operator.
    pub(crate) async fn tenant(&self, name: &str) -> Client {
        let created: wire::TenantCreated =
            self.platform.post("/v1/tenants", json!({"name": name})).await.is(StatusCode::CREATED).await;
        self.client(Some(created.key.key.expose()))
    }

    /// A key of `operator`'s tenant with these scopes.
    pub(crate) async fn key(&self, operator: &Client, scopes: &[&str]) -> Client {
        let created: wire::NewKey = operator
            .post("/v1/keys", json!({"name": scopes.join(" and "), "scopes": scopes}))
            .await
            .is(StatusCode::CREATED)
            .await;
        self.client(Some(created.key.expose()))
    }

    /// Publishes the guest as version 1.0.0 of `greet`, whose tool is named alike.
    pub(crate) async fn publish(&self, publisher: &Client) -> wire::Component {
        let component: wire::Component = publisher.upload(super::guest::greet()).await.is(StatusCode::CREATED).await;
        let publication = json!({"version": "1.0.0", "component": component.digest, "limits": {"deadline": "30s"}});
        let _: wire::Package =
            publisher.post("/v1/packages/greet/versions", publication).await.is(StatusCode::CREATED).await;
        component
    }
}

#[derive(Clone)]
pub(crate) struct Client {
    app: Router,
    pub(crate) key: Option<String>,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
}

impl Client {
    pub(crate) async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Body) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(key) = &self.key {
            request = request.header(header::AUTHORIZATION, format!("Bearer {key}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = self.app.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store", "{method} {path}");
        assert_eq!(answer.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff", "{method} {path}");
        let (parts, body) = answer.into_parts();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], Body::empty()).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send("POST", path, &[("content-type", "application/json")], Body::from(body.to_string())).await
    }

    pub(crate) async fn toml(&self, method: &str, path: &str, text: &str) -> Answer {
        self.send(method, path, &[("content-type", "application/toml")], Body::from(text.to_owned())).await
    }

    pub(crate) async fn upload(&self, bytes: Vec<u8>) -> Answer {
        self.send("POST", "/v1/components", &[("content-type", "application/wasm")], Body::from(bytes)).await
    }

    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Answer {
        self.post("/v1/calls", json!({"tool": tool, "arguments": arguments})).await
    }

    pub(crate) async fn watch(&self, tool: &str, arguments: Value) -> Answer {
        let headers = [("content-type", "application/json"), ("accept", "text/event-stream")];
        let body = json!({"tool": tool, "arguments": arguments}).to_string();
        self.send("POST", "/v1/calls", &headers, Body::from(body)).await
    }
}

impl Answer {
    pub(crate) async fn text(self) -> String {
        String::from_utf8(self.body.collect().await.unwrap().to_bytes().to_vec()).unwrap()
    }

    /// The body, where the status is this one.
    pub(crate) async fn is<T: serde::de::DeserializeOwned>(self, status: StatusCode) -> T {
        let given = self.status;
        let text = self.text().await;
        assert_eq!(given, status, "{text}");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// The problem, where it is one of this status and code.
    pub(crate) async fn problem(self, status: u16, code: &str) -> wire::Problem {
        assert_eq!(self.headers.get(header::CONTENT_TYPE).unwrap(), "application/problem+json");
        let problem: wire::Problem = self.is(StatusCode::from_u16(status).unwrap()).await;
        assert_eq!((problem.status, &*problem.code), (status, code), "{problem:?}");
        assert_eq!(problem.kind, format!("urn:cofferdam:problem:{code}"));
        problem
    }

    /// The next event of the stream; none at its end. Signs of life are passed over.
    pub(crate) async fn event(&mut self) -> Option<wire::CallEvent> {
        loop {
            let frame = tokio::time::timeout(Duration::from_secs(60), self.body.frame()).await.expect("an event")?;
            let text = String::from_utf8(frame.unwrap().into_data().unwrap().to_vec()).unwrap();
            let field = |name: &str| {
                let mut lines = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
                lines.next().map(str::trim_start)
            };
            if let (Some(name), Some(data)) = (field("event"), field("data")) {
                return wire::CallEvent::parse(name, data).unwrap();
            }
        }
    }
}
