//! One attempt: the request to a provider, and what comes of it.

use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use tokio::time::{Instant, timeout_at};

use super::super::retry::Failure;
use super::super::stream::Live;
use super::super::{anthropic, embed, openai};
use super::{Asking, Wanted};
use crate::capability::bindings::cofferdam::tool::model::ToolCall;
use crate::capability::http::{Errand, ReceivedBody};
use crate::policy::model::{Offered, Protocol};

/// Bytes of a response with an answer: one that comes in pieces takes some hundred for each token.
const ANSWER_BYTES_MAX: u64 = 16 << 20;
/// And with vectors: of as many texts as one request may have, some thousand numbers each.
const VECTORS_BYTES_MAX: u64 = 32 << 20;
const VERSION: HeaderName = HeaderName::from_static("anthropic-version");

/// What came of an attempt.
pub(super) enum Came {
    Live(Live),
    Whole((String, Vec<ToolCall>), Live),
    Vectors(Vec<Vec<f32>>, Option<u64>),
}

impl Asking {
    /// Asks one provider once, and waits so long for the beginning of its answer.
    pub(super) async fn attempt(
        &self,
        wanted: &Wanted<'_>,
        offered: &Offered,
        patience: Duration,
    ) -> Result<Came, Failure> {
        let (protocol, most) = (offered.provider.protocol, self.size.output_tokens_max);
        let begun_by = Instant::now() + patience;
        let request = match wanted {
            Wanted::Vectors(texts) => {
                let body = embed::body(texts, offered);
                let body = self.send(offered, embed::PATH, &body, patience).await?.into_body();
                let (vectors, tokens) = embed::read(body, texts.len()).await.map_err(Failure::reached)?;
                return Ok(Came::Vectors(vectors, tokens));
            }
            Wanted::Whole(request) | Wanted::Pieces(request) => request,
        };
        let (path, body) = match protocol {
            Protocol::OpenAi => (openai::PATH, openai::body(request, offered, most)),
            Protocol::Anthropic => (anthropic::PATH, anthropic::body(request, offered, most)),
        };
        let response = self.send(offered, path, &body, patience).await?;
        // A head alone is no beginning: many send that before they have anything to say.
        let late = |_| Err(Failure::passing("its answer did not begin in time").reached());
        let mut live = timeout_at(begun_by, Live::begin(response, protocol, most)).await.unwrap_or_else(late)?;
        match wanted {
            Wanted::Whole(_) => {
                let rest = live.rest().await?;
                Ok(Came::Whole(rest, live))
            }
            _ => {
                // Until then another can be asked: a guest has nothing of it.
                live.ready().await?;
                Ok(Came::Live(live))
            }
        }
    }

    async fn send(
        &self,
        offered: &Offered,
        path: &str,
        body: &serde_json::Value,
        patience: Duration,
    ) -> Result<Response<ReceivedBody>, Failure> {
        let shared = &self.shared;
        let provider = &offered.provider;
        let broker = shared.broker.as_ref().ok_or_else(|| Failure::lasting("this host sends no requests"))?;
        let target = provider.endpoint.post(path).ok_or_else(|| Failure::lasting("its URL cannot be asked"))?;
        let mut fields = HeaderMap::new();
        fields.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        fields.insert(ACCEPT, HeaderValue::from_static("text/event-stream, application/json"));
        fields.insert(USER_AGENT, HeaderValue::from_static(concat!("cofferdam/", env!("CARGO_PKG_VERSION"))));
        if provider.protocol == Protocol::Anthropic {
            fields.insert(VERSION, HeaderValue::from_static(anthropic::VERSION));
        }
        let body = serde_json::to_vec(body).map_err(|_| Failure::lasting("the request cannot be written"))?;
        let errand = Errand {
            tenant: &shared.tenant,
            effects: &shared.effects,
            target,
            // Models of one provider take their time each: vectors come in a moment, answers do not.
            asked: &offered.model.name,
            fields,
            body: Bytes::from(body),
            credential: provider.credential.as_ref(),
            secrets: &shared.secrets,
            private: &provider.private,
            timeout: patience,
            between: provider.timeout,
            received_bytes_max: if path == embed::PATH { VECTORS_BYTES_MAX } else { ANSWER_BYTES_MAX },
        };
        let response = errand.run(broker).await.map_err(Failure::of_fault)?;
        if response.status().is_success() {
            return Ok(response);
        }
        // What it says may repeat anything of the request: nobody reads it.
        Err(Failure::of_status(response.status(), response.headers()))
    }
}
