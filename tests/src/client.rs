//! One key at one host, or no key at all.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::events::{self, Watched};

/// No answer of a host that works takes longer: compiling an interpreter does, on a busy machine.
const TIME_MAX: Duration = Duration::from_secs(660);

/// Sends requests with a key.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    key: Option<String>,
}

impl Client {
    /// A client without a key of the host at `base`, such as `http://127.0.0.1:8080`.
    ///
    /// # Panics
    ///
    /// When the HTTP client cannot be made.
    pub fn new(base: &str) -> Self {
        let http = reqwest::Client::builder().timeout(TIME_MAX).no_proxy().build().unwrap();
        Self { http, base: base.to_owned(), key: None }
    }

    /// The same with a key.
    #[must_use]
    pub fn with_key(&self, key: &str) -> Self {
        Self { key: Some(key.to_owned()), ..self.clone() }
    }

    /// The same key at the host at `base`, where it was started again.
    #[must_use]
    pub fn at(&self, base: &str) -> Self {
        Self { base: base.to_owned(), ..self.clone() }
    }

    /// The same without one.
    #[must_use]
    pub fn anonymous(&self) -> Self {
        Self { key: None, ..self.clone() }
    }

    /// The key.
    ///
    /// # Panics
    ///
    /// When it has none.
    pub fn key(&self) -> &str {
        self.key.as_deref().unwrap()
    }

    /// Where the host is.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// A request with the key, to be sent by [`Client::send`].
    ///
    /// # Panics
    ///
    /// When `method` is none.
    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.key {
            Some(key) => request.header(AUTHORIZATION, format!("Bearer {key}")),
            None => request,
        }
    }

    /// Sends a request and reads the answer.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub async fn try_send(&self, request: RequestBuilder) -> reqwest::Result<Answer> {
        let request = request.build()?;
        let asked = format!("{} {}", request.method(), request.url().path());
        let response = self.http.execute(request).await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = String::from_utf8_lossy(&response.bytes().await?).into_owned();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Answer { asked, status, headers, body, text })
    }

    /// Sends a request and reads the answer.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub async fn send(&self, request: RequestBuilder) -> Answer {
        self.try_send(request).await.unwrap_or_else(|error| panic!("no answer: {error:?}"))
    }

    /// `GET`
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request("GET", path)).await
    }

    /// `POST` of a JSON document.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request("POST", path).json(body)).await
    }

    /// `PUT` of a text.
    pub async fn put(&self, path: &str, text: &str) -> Answer {
        self.send(self.request("PUT", path).header(CONTENT_TYPE, "application/toml").body(text.to_owned())).await
    }

    /// `DELETE`
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request("DELETE", path)).await
    }

    /// Uploads a component.
    pub async fn upload(&self, component: impl Into<Bytes>) -> Answer {
        let body = component.into();
        self.send(self.request("POST", "/v1/components").header(CONTENT_TYPE, "application/wasm").body(body)).await
    }

    /// The request of a call.
    pub fn calling(&self, tool: &str, arguments: &Value) -> RequestBuilder {
        self.request("POST", "/v1/calls").json(&json!({"tool": tool, "arguments": arguments}))
    }

    /// Calls a tool.
    pub async fn call(&self, tool: &str, arguments: Value) -> Answer {
        self.send(self.calling(tool, &arguments)).await
    }

    /// Calls a tool in a session.
    pub async fn call_in(&self, session: &str, tool: &str, arguments: Value) -> Answer {
        let call = json!({"tool": tool, "arguments": arguments, "session": session});
        self.post("/v1/calls", &call).await
    }

    /// Calls a tool and watches it to its end.
    ///
    /// # Panics
    ///
    /// When there is no answer, or it is no stream of events.
    pub async fn watch(&self, tool: &str, arguments: Value) -> Watched {
        let request = self.calling(tool, &arguments).header(ACCEPT, "text/event-stream");
        let response = request.send().await.unwrap();
        events::read(response).await
    }
}
