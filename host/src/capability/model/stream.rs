//! An answer as it comes: events of a response, read by the provider's protocol into parts that all protocols share.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;

use futures::StreamExt as _;
use futures::stream::BoxStream;
use http::Response;
use http::header::{CONTENT_TYPE, HeaderValue};
use http_body_util::BodyExt as _;
use sha2::{Digest as _, Sha256};

use super::events::events;
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
    /// Of all that was read, given or not: what is paid for where no more comes.
    pub(super) bytes: u64,
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
            self.came(&text);
            self.parts.push_back(Part::Text(text));
        }
    }

    /// Counts what came of something that is not whole yet.
    pub(super) fn came(&mut self, text: &str) {
        self.bytes = self.bytes.saturating_add(text.len() as u64);
    }

    /// A tool that is asked for, whole; its texts are counted as they came.
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
    /// Until nothing follows: then its connection is closed.
    events: Option<BoxStream<'static, Result<String, Failure>>>,
    decoder: Decoder,
    pub(super) read: Read,
    has_begun: bool,
    /// Of the answer, at most.
    bytes_max: u64,
    digest: Sha256,
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").field("bytes", &self.read.bytes).finish_non_exhaustive()
    }
}

impl Live {
    /// Reads a response, and waits until something of an answer is there, be it half of what a tool is asked. Servers that
    /// do not stream are taken as they are.
    pub(super) async fn begin(
        response: Response<ReceivedBody>,
        protocol: Protocol,
        output_tokens_max: u64,
    ) -> Result<Self, Failure> {
        let is_whole = response.headers().get(CONTENT_TYPE).is_some_and(is_json);
        let body = response.into_body();
        let decoder = match protocol {
            Protocol::OpenAi => Decoder::OpenAi(openai::Calls::default()),
            Protocol::Anthropic => Decoder::Anthropic(anthropic::Blocks::default()),
        };
        let bytes_max = output_tokens_max.saturating_mul(BYTES_PER_TOKEN_MAX).saturating_add(BYTES_LEAST);
        let (read, digest) = (Read::default(), Sha256::new());
        let mut live = Self { events: None, decoder, read, has_begun: false, bytes_max, digest };
        let begun = match is_whole {
            true => live.whole(body).await,
            false => {
                live.events = Some(events(body).boxed());
                live.come().await
            }
        };
        live.judge(begun)?;
        Ok(live)
    }

    /// Waits for the first part: as long as it goes on.
    pub(super) async fn ready(&mut self) -> Result<(), Failure> {
        let filled = self.fill().await;
        self.judge(filled)
    }

    /// The next part; nothing behind the last.
    pub(super) async fn part(&mut self) -> Result<Option<Part>, Failure> {
        self.ready().await?;
        let Some(part) = self.read.parts.pop_front() else { return Ok(None) };
        let texts: &[&str] = match &part {
            Part::Text(text) => &[text],
            Part::Call(call) => &[&call.id, &call.name, &call.arguments],
        };
        texts.iter().for_each(|text| self.digest.update(text));
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

    /// Reads an answer that came at once.
    async fn whole(&mut self, body: ReceivedBody) -> Result<(), Failure> {
        let data = body.collect().await.map_err(Failure::of_fault)?.to_bytes();
        match &mut self.decoder {
            Decoder::OpenAi(calls) => calls.whole(&data, &mut self.read)?,
            Decoder::Anthropic(_) => anthropic::whole(&data, &mut self.read)?,
        }
        self.read.is_done = true;
        self.bounded()
    }

    /// Reads events until there is a part to give, or none follows.
    async fn fill(&mut self) -> Result<(), Failure> {
        while self.read.parts.is_empty() && !self.read.is_done {
            self.event().await?;
        }
        Ok(())
    }

    /// Reads events until one says something, or none follows. A tool is asked for in many, and is given when all are there.
    async fn come(&mut self) -> Result<(), Failure> {
        while self.read.bytes == 0 && self.read.parts.is_empty() && !self.read.is_done {
            self.event().await?;
        }
        Ok(())
    }

    /// Reads one event.
    async fn event(&mut self) -> Result<(), Failure> {
        let event = match &mut self.events {
            Some(events) => events.next().await,
            None => None,
        };
        let Some(event) = event else {
            self.events = None;
            // Its last event is one that some servers leave out.
            self.read.is_done = matches!(self.decoder, Decoder::OpenAi(_)) && self.read.stop.is_some();
            return match (self.read.is_done, self.has_begun) {
                (true, _) => Ok(()),
                (false, true) => Err(Failure::passing("its answer broke off")),
                (false, false) => Err(malformed()),
            };
        };
        let event = event?;
        self.has_begun = true;
        match &mut self.decoder {
            Decoder::OpenAi(calls) => calls.event(&event, &mut self.read)?,
            Decoder::Anthropic(blocks) => blocks.event(&event, &mut self.read)?,
        }
        if self.read.is_done {
            self.events = None;
        }
        self.bounded()
    }

    fn bounded(&self) -> Result<(), Failure> {
        match self.read.bytes > self.bytes_max {
            true => Err(Failure::lasting("its answer is longer than what was asked for")),
            false => Ok(()),
        }
    }

    /// What came of reading: a provider that has begun to answer has worked on it, and that much is paid for.
    fn judge<T>(&mut self, read: Result<T, Failure>) -> Result<T, Failure> {
        read.map_err(|failure| {
            self.events = None;
            failure.after(self.read.bytes, [self.read.input, self.read.output])
        })
    }
}

/// An answer that is whole.
pub(super) fn answer((text, tool_calls): (String, Vec<ToolCall>), ending: Ending) -> Answer {
    Answer { text, tool_calls, ending }
}
