//! Whether a request can be made at all, and how long it is.

#[cfg(test)]
mod tests;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{ModelFault, tokens};
use crate::capability::bindings::cofferdam::tool::model::{ChatRequest, Level as Said, Message, ToolCall, ToolChoice};
use crate::policy::model::{ModelKind, complexity};
use crate::routed::Level;

const MESSAGES_MAX: usize = 1_000;
const TOOLS_MAX: usize = 128;
const CALLS_MAX: usize = 128;
const STOPS_MAX: usize = 4;
const TEXTS_MAX: usize = 256;
/// JSON in one request, schemas and arguments together, in bytes: taken apart it takes many times as much memory.
const JSON_BYTES_MAX: usize = 256 << 10;
/// Tokens of an answer where the request says nothing.
const OUTPUT_TOKENS_DEFAULT: u32 = 1_024;
/// Tokens that a provider puts around a message, a tool, a call of one or a text, at most.
const AROUND_TOKENS: u64 = 32;
/// And around a request.
const REQUEST_TOKENS: u64 = 64;
/// What it tells a model of tools as such, where there are any: some hundred tokens with the providers that say it.
const TOOLS_TOKENS: u64 = 1_024;

/// What a request is, for a decision on it.
#[derive(Debug, Clone)]
pub(super) struct Size {
    pub(super) kind: ModelKind,
    pub(super) complexity: Level,
    /// What it says of itself.
    pub(super) risk: Level,
    /// Of all its texts.
    pub(super) bytes: u64,
    pub(super) input_tokens: u64,
    /// A token has a byte at least.
    pub(super) input_tokens_max: u64,
    pub(super) output_tokens_max: u64,
    /// SHA-256 of it.
    pub(super) digest: [u8; 32],
}

/// Looks over a request for an answer.
pub(super) fn chat(request: &ChatRequest) -> Result<Size, ModelFault> {
    bounded("messages", request.messages.len(), 1, MESSAGES_MAX)?;
    bounded("tools", request.tools.len(), 0, TOOLS_MAX)?;
    bounded("stop", request.stop.len(), 0, STOPS_MAX)?;
    if request.stop.iter().any(String::is_empty) {
        return Err(ModelFault::invalid("stop: an answer cannot end at an empty text"));
    }
    if request.temperature.is_some_and(|temperature| !(0.0..=2.0).contains(&temperature)) {
        return Err(ModelFault::invalid("temperature is a number from 0 to 2"));
    }
    if request.max_tokens == Some(0) {
        return Err(ModelFault::invalid("max-tokens is 1 at least"));
    }
    let schemas = request.tools.iter().map(|tool| tool.input_schema.len());
    let arguments = request.messages.iter().flat_map(|message| match message {
        Message::Assistant(said) => said.tool_calls.as_slice(),
        _ => &[],
    });
    let json = schemas.chain(arguments.map(|call| call.arguments.len())).sum::<usize>();
    bounded("bytes of schemas and arguments", json, 0, JSON_BYTES_MAX)?;
    let mut bytes = request.stop.iter().map(String::len).sum::<usize>() + choice(request)?;
    let mut parts = request.messages.len() + request.tools.len();
    for message in &request.messages {
        bytes += match message {
            Message::System(text) | Message::User(text) => text.len(),
            Message::Assistant(said) => {
                bounded("tool-calls", said.tool_calls.len(), 0, CALLS_MAX)?;
                parts += said.tool_calls.len();
                let calls = said.tool_calls.iter().map(call).sum::<Result<usize, _>>()?;
                said.text.len() + calls
            }
            Message::Tool(result) => result.id.len() + result.content.len(),
        };
    }
    for tool in &request.tools {
        let schema = object(&tool.input_schema).ok_or_else(|| {
            ModelFault::invalid(format!("the input-schema of tool {:?} is no JSON object", short(&tool.name)))
        })?;
        bytes += tool.name.len() + tool.description.len() + length(&tool.input_schema, &schema);
    }
    let spelt = postcard::to_allocvec(request).unwrap_or_default();
    let mut size = Size::new(ModelKind::Chat, bytes, parts, &spelt);
    if !request.tools.is_empty() {
        size.input_tokens_max = size.input_tokens_max.saturating_add(TOOLS_TOKENS);
    }
    size.output_tokens_max = request.max_tokens.unwrap_or(OUTPUT_TOKENS_DEFAULT).into();
    let estimated = || complexity(size.input_tokens, !request.tools.is_empty());
    size.complexity = request.complexity.map_or_else(estimated, level);
    size.risk = request.risk.map_or(Level::Low, level);
    Ok(size)
}

/// Looks over texts for vectors.
pub(super) fn texts(texts: &[String]) -> Result<Size, ModelFault> {
    bounded("texts", texts.len(), 1, TEXTS_MAX)?;
    if texts.iter().any(String::is_empty) {
        return Err(ModelFault::invalid("an empty text has no vector"));
    }
    let bytes = texts.iter().map(String::len).sum();
    let spelt = postcard::to_allocvec(texts).unwrap_or_default();
    Ok(Size::new(ModelKind::Embeddings, bytes, texts.len(), &spelt))
}

/// What the choice of a tool adds to a request, in bytes. It has to be one that there is: what a guest calls it goes out.
fn choice(request: &ChatRequest) -> Result<usize, ModelFault> {
    match &request.tool_choice {
        ToolChoice::Required if request.tools.is_empty() => {
            Err(ModelFault::invalid("tool-choice: a tool is required, and there is none"))
        }
        ToolChoice::Named(name) if request.tools.iter().all(|tool| tool.name != *name) => {
            Err(ModelFault::invalid(format!("tool-choice: there is no tool {:?}", short(name))))
        }
        ToolChoice::Named(name) => Ok(name.len()),
        ToolChoice::Automatic | ToolChoice::None | ToolChoice::Required => Ok(0),
    }
}

/// A level as a guest says it.
const fn level(said: Said) -> Level {
    match said {
        Said::Low => Level::Low,
        Said::Medium => Level::Medium,
        Said::High => Level::High,
    }
}

impl Size {
    fn new(kind: ModelKind, bytes: usize, parts: usize, spelt: &[u8]) -> Self {
        let bytes = bytes as u64;
        let around = REQUEST_TOKENS.saturating_add((parts as u64).saturating_mul(AROUND_TOKENS));
        Self {
            kind,
            complexity: Level::Low,
            risk: Level::Low,
            bytes,
            input_tokens: tokens::estimate(bytes),
            input_tokens_max: bytes.saturating_add(around),
            output_tokens_max: 0,
            digest: Sha256::digest(spelt).into(),
        }
    }
}

fn call(call: &ToolCall) -> Result<usize, ModelFault> {
    let Some(arguments) = object(&call.arguments) else {
        let why = format!("the arguments of the call of tool {:?} are no JSON object", short(&call.name));
        return Err(ModelFault::invalid(why));
    };
    Ok(call.id.len() + call.name.len() + length(&call.arguments, &arguments))
}

/// How long JSON is, as it was said or as it leaves: numbers can be spelt longer then.
fn length(text: &str, value: &Value) -> usize {
    text.len().max(value.to_string().len())
}

/// The JSON object that a text is.
pub(super) fn object(text: &str) -> Option<Value> {
    serde_json::from_str::<Value>(text).ok().filter(Value::is_object)
}

fn bounded(what: &str, count: usize, least: usize, most: usize) -> Result<(), ModelFault> {
    if (least..=most).contains(&count) {
        return Ok(());
    }
    Err(ModelFault::invalid(format!("{what}: there are {count}, and {least} to {most} may be")))
}

fn short(name: &str) -> String {
    name.chars().take(64).collect()
}
