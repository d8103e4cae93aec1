//! An answer as it comes: events of a response, read by the provider's protocol into parts that all protocols share.

use std::collections::VecDeque;
use std::fmt;

use eventsource_stream::{EventStreamError, Eventsource as _};
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use http::Response;
use http::header::{CONTENT_TYPE, HeaderValue};
use http_body_util::{BodyDataStream, BodyExt as _};
use sha2::{Digest as _, Sha256};

use super::retry::Failure;
use super::{anthropic, openai};
use crate::capability::bindings::cofferdam::tool::model::{Answer, Ending, StopReason, ToolCall};
use crate::capability::http::ReceivedBody;
use crate::policy::model::Protocol;

/// Bytes of an answer that one token can have, with room to spare: a provider that goes on past its bound is not read.
const BYTES_PER_TOKEN_MAX: u64 = 64;
/// And of an answer that is bounded to very little.
const BYTES_LEAST: u64 = 4 << 10;
/// Tools that one answer may ask for.
const CALLS_MAX: usize = 128;

/// A part of an answer.
#[derive(Clone)]
pub(super) enum Part {
    Text(String),
    /// Whole.
    Call(ToolCall),
}

/// What was read so far and not yet given.
#[derive(Default)]
pub(super) struct Read {
    parts: VecDeque<Part>,
    calls: usize,
    pub(super) stop: Option<StopReason>,
    /// What the provider says of tokens, where it says a number that can be.
    pub(super) input: Option<u64>,
    pub(super) output: Option<u64>,
    /// Nothing follows.
    pub(super) is_done: bool,
}

impl Read {
    pub(super) fn text(&mut self, text: String) {
        if !text.is_empty() {
            self.parts.push_back(Part::Text(text));
        }
    }

    pub(super) fn call(&mut self, call: ToolCall) -> Result<(), Failure> {
        self.calls += 1;
        if self.calls > CALLS_MAX {
            return Err(Failure::lasting(format!("it asks for more than {CALLS_MAX} tools at once")));
        }
        self.parts.push_back(Part::Call(call));
        Ok(())
    }
}

enum Decoder {
    OpenAi(openai::Calls),
    Anthropic(anthropic::Blocks),
}

/// What an answer of a provider's is that cannot be read.
pub(super) fn malformed() -> Failure {
    Failure::lasting("its answer is malformed")
}

/// Whether a body is one JSON document.
fn is_json(value: &HeaderValue) -> bool {
    value.to_str().is_ok_and(|kind| kind.split(';').next().is_some_and(|kind| kind.trim() == "application/json"))
}

/// An answer that comes.
pub(super) struct Live {
    events: BoxStream<'static, Result<String, Failure>>,
    decoder: Decoder,
    pub(super) read: Read,
    has_begun: bool,
    /// Of the answer so far, and at most.
    pub(super) bytes: u64,
    bytes_max: u64,
    digest: Sha256,
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl Live {
    /// Reads a response, and waits for the first part. Servers that do not stream are taken as they are.
    pub(super) async fn begin(
        response: Response<ReceivedBody>,
        protocol: Protocol,
        output_tokens_max: u64,
    ) -> Result<Self, Failure> {
        let is_whole = response.headers().get(CONTENT_TYPE).is_some_and(is_json);
        let body = response.into_body();
        let (body, whole) = match is_whole {
            true => (None, Some(body.collect().await.map_err(Failure::of_fault)?.to_bytes())),
            false => (Some(body), None),
        };
        let body = stream::iter(body).flat_map(BodyDataStream::new);
        let events = body.eventsource().map(|event| match event {
            Ok(event) => Ok(event.data),
            Err(EventStreamError::Transport(fault)) => Err(Failure::of_fault(fault)),
            Err(EventStreamError::Utf8(_) | EventStreamError::Parser(_)) => Err(malformed()),
        });
        let decoder = match protocol {
            Protocol::OpenAi => Decoder::OpenAi(openai::Calls::default()),
            Protocol::Anthropic => Decoder::Anthropic(anthropic::Blocks::default()),
        };
        let bytes_max = output_tokens_max.saturating_mul(BYTES_PER_TOKEN_MAX).saturating_add(BYTES_LEAST);
        let (bytes, digest) = (0, Sha256::new());
        let mut live =
            Self { events: events.boxed(), decoder, read: Read::default(), has_begun: false, bytes, bytes_max, digest };
        if let Some(data) = whole {
            match &mut live.decoder {
                Decoder::OpenAi(calls) => calls.whole(&data, &mut live.read)?,
                Decoder::Anthropic(_) => anthropic::whole(&data, &mut live.read)?,
            }
            live.read.is_done = true;
        }
        live.fill().await?;
        Ok(live)
    }

    /// The next part; nothing behind the last.
    pub(super) async fn part(&mut self) -> Result<Option<Part>, Failure> {
        self.fill().await.map_err(|failure| failure.after(self.bytes))?;
        let Some(part) = self.read.parts.pop_front() else { return Ok(None) };
        let texts: &[&str] = match &part {
            Part::Text(text) => &[text],
            Part::Call(call) => &[&call.id, &call.name, &call.arguments],
        };
        for text in texts {
            self.bytes = self.bytes.saturating_add(text.len() as u64);
            self.digest.update(text);
        }
        if self.bytes > self.bytes_max {
            let failure = Failure::lasting("its answer is longer than what was asked for");
            return Err(failure.after(self.bytes));
        }
        Ok(Some(part))
    }

    /// Everything that is left of it, but for its end.
    pub(super) async fn rest(&mut self) -> Result<(String, Vec<ToolCall>), Failure> {
        let (mut text, mut calls) = (String::new(), Vec::new());
        while let Some(part) = self.part().await? {
            match part {
                Part::Text(more) => text.push_str(&more),
                Part::Call(call) => calls.push(call),
            }
        }
        Ok((text, calls))
    }

    /// SHA-256 of its texts so far.
    pub(super) fn digest(&self) -> [u8; 32] {
        self.digest.clone().finalize().into()
    }

    /// Reads events until there is a part to give, or none follows.
    async fn fill(&mut self) -> Result<(), Failure> {
        while self.read.parts.is_empty() && !self.read.is_done {
            let Some(event) = self.events.next().await else {
                return match (&mut self.decoder, self.has_begun) {
                    // Its last event is one that some servers leave out.
                    (Decoder::OpenAi(_), true) if self.read.stop.is_some() => {
                        self.read.is_done = true;
                        Ok(())
                    }
                    (_, true) => Err(Failure::passing("its answer broke off")),
                    (_, false) => Err(malformed()),
                };
            };
            let event = event?;
            self.has_begun = true;
            match &mut self.decoder {
                Decoder::OpenAi(calls) => calls.event(&event, &mut self.read)?,
                Decoder::Anthropic(blocks) => blocks.event(&event, &mut self.read)?,
            }
        }
        Ok(())
    }
}

/// An answer that is whole.
pub(super) fn answer((text, tool_calls): (String, Vec<ToolCall>), ending: Ending) -> Answer {
    Answer { text, tool_calls, ending }
}
