//! Messages as Anthropic's API has them: the request, and the events of a streamed answer.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::check::object;
use super::retry::Failure;
use super::stream::{Read, malformed};
use crate::capability::bindings::cofferdam::tool::model::{ChatRequest, Message, StopReason, ToolCall, ToolChoice};
use crate::policy::model::Offered;

/// Where answers are asked for.
pub(super) const PATH: &str = "/messages";
/// Which of its versions this is.
pub(super) const VERSION: &str = "2023-06-01";

/// The request to `offered`.
pub(super) fn body(request: &ChatRequest, offered: &Offered, output_tokens_max: u64) -> Value {
    let mut body = Map::new();
    body.insert("model".into(), offered.model.name.clone().into());
    body.insert("max_tokens".into(), output_tokens_max.into());
    body.insert("stream".into(), true.into());
    let system: Vec<&str> = request
        .messages
        .iter()
        .filter_map(|message| match message {
            Message::System(text) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    if !system.is_empty() {
        body.insert("system".into(), system.join("\n\n").into());
    }
    body.insert("messages".into(), request.messages.iter().filter_map(message).collect());
    if let Some(temperature) = request.temperature {
        // Its scale ends at 1.
        body.insert("temperature".into(), temperature.min(1.0).into());
    }
    if !request.stop.is_empty() {
        body.insert("stop_sequences".into(), request.stop.clone().into());
    }
    if !request.tools.is_empty() {
        let tools = request.tools.iter().map(|tool| {
            let schema = object(&tool.input_schema);
            json!({"name": tool.name, "description": tool.description, "input_schema": schema})
        });
        body.insert("tools".into(), tools.collect());
        let choice = match &request.tool_choice {
            ToolChoice::Automatic => json!({"type": "auto"}),
            ToolChoice::None => json!({"type": "none"}),
            ToolChoice::Required => json!({"type": "any"}),
            ToolChoice::Named(name) => json!({"type": "tool", "name": name}),
        };
        body.insert("tool_choice".into(), choice);
    }
    Value::Object(body)
}

fn message(message: &Message) -> Option<Value> {
    Some(match message {
        Message::System(_) => return None,
        Message::User(text) => json!({"role": "user", "content": text}),
        Message::Assistant(said) => {
            let text = Some(&said.text).filter(|text| !text.is_empty());
            let text = text.map(|text| json!({"type": "text", "text": text}));
            let calls = said.tool_calls.iter().map(
                |call| json!({"type": "tool_use", "id": call.id, "name": call.name, "input": object(&call.arguments)}),
            );
            json!({"role": "assistant", "content": text.into_iter().chain(calls).collect::<Vec<_>>()})
        }
        Message::Tool(result) => {
            let block = json!({
                "type": "tool_result",
                "tool_use_id": result.id,
                "content": result.content,
                "is_error": result.is_error,
            });
            json!({"role": "user", "content": [block]})
        }
    })
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Event {
    MessageStart {
        message: Started,
    },
    ContentBlockStart {
        index: usize,
        content_block: Block,
    },
    ContentBlockDelta {
        index: usize,
        delta: Delta,
    },
    ContentBlockStop {
        index: usize,
    },
    MessageDelta {
        delta: Ended,
        usage: Option<Usage>,
    },
    MessageStop,
    Error {
        error: Said,
    },
    // Pings, and whatever is added.
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Started {
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Said {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct Ended {
    stop_reason: Option<String>,
}

/// An answer of a server that does not stream, though it was asked to.
#[derive(Deserialize)]
struct Whole {
    content: Vec<Block>,
    stop_reason: Option<String>,
    usage: Option<Usage>,
}

/// What servers say here need not be numbers that can be.
#[derive(Deserialize)]
struct Usage {
    input_tokens: Option<Value>,
    cache_creation_input_tokens: Option<Value>,
    cache_read_input_tokens: Option<Value>,
    output_tokens: Option<Value>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Block {
    Text {
        #[serde(default)]
        text: String,
    },
    ToolUse {
        id: String,
        name: String,
        /// Of an answer that came at once.
        #[serde(default)]
        input: Value,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Delta {
    #[serde(rename = "text_delta")]
    Text { text: String },
    #[serde(rename = "input_json_delta")]
    InputJson { partial_json: String },
    #[serde(other)]
    Other,
}

/// Tool calls that come in parts.
#[derive(Default)]
pub(super) struct Blocks(BTreeMap<usize, ToolCall>);

/// Bytes of arguments that are put together before anything of them is given.
const ARGUMENTS_BYTES_MAX: usize = 1 << 20;
/// Tool calls that are open at once.
const OPEN_MAX: usize = 128;

impl Blocks {
    pub(super) fn event(&mut self, data: &str, read: &mut Read) -> Result<(), Failure> {
        match serde_json::from_str(data).map_err(|_| malformed())? {
            Event::MessageStart { message } => count(message.usage, read),
            Event::ContentBlockStart { content_block: Block::Text { text }, .. } => read.text(text),
            Event::ContentBlockStart { index, content_block: Block::ToolUse { id, name, .. } } => {
                if self.0.len() >= OPEN_MAX {
                    return Err(malformed());
                }
                read.came(&id);
                read.came(&name);
                self.0.insert(index, ToolCall { id, name, arguments: String::new() });
            }
            Event::ContentBlockDelta { delta: Delta::Text { text }, .. } => read.text(text),
            Event::ContentBlockDelta { index, delta: Delta::InputJson { partial_json } } => {
                let call = self.0.get_mut(&index).ok_or_else(malformed)?;
                read.came(&partial_json);
                call.arguments.push_str(&partial_json);
                if call.arguments.len() > ARGUMENTS_BYTES_MAX {
                    return Err(malformed());
                }
            }
            Event::ContentBlockStop { index } => {
                if let Some(mut call) = self.0.remove(&index) {
                    // Without arguments nothing comes.
                    if call.arguments.is_empty() {
                        call.arguments.push_str("{}");
                    }
                    read.call(call)?;
                }
            }
            Event::MessageDelta { delta, usage } => {
                count(usage, read);
                read.stop = delta.stop_reason.as_deref().map(stop).or(read.stop);
            }
            Event::MessageStop => read.is_done = true,
            Event::Error { error } => {
                let why = "it broke off with an error";
                return Err(match error.kind.as_str() {
                    "overloaded_error" | "api_error" | "rate_limit_error" => Failure::passing(why),
                    _ => Failure::lasting(why),
                });
            }
            Event::ContentBlockStart { .. } | Event::ContentBlockDelta { .. } | Event::Other => {}
        }
        Ok(())
    }
}

/// Reads an answer that came at once.
pub(super) fn whole(data: &[u8], read: &mut Read) -> Result<(), Failure> {
    let whole: Whole = serde_json::from_slice(data).map_err(|_| malformed())?;
    count(whole.usage, read);
    for block in whole.content {
        match block {
            Block::Text { text } => read.text(text),
            Block::ToolUse { id, name, input } => {
                let arguments = input.to_string();
                [&id, &name, &arguments].into_iter().for_each(|text| read.came(text));
                read.call(ToolCall { id, name, arguments })?;
            }
            Block::Other => {}
        }
    }
    read.stop = whole.stop_reason.as_deref().map(stop);
    Ok(())
}

fn stop(reason: &str) -> StopReason {
    match reason {
        "end_turn" => StopReason::End,
        "max_tokens" => StopReason::MaxTokens,
        "stop_sequence" => StopReason::StopText,
        "tool_use" => StopReason::ToolUse,
        "refusal" => StopReason::Refused,
        _ => StopReason::Other,
    }
}

fn count(usage: Option<Usage>, read: &mut Read) {
    let Some(usage) = usage else { return };
    let number = |value: Option<Value>| value.and_then(|value| value.as_u64());
    if let Some(input) = number(usage.input_tokens) {
        // What was cached is counted apart.
        let cached = [usage.cache_creation_input_tokens, usage.cache_read_input_tokens];
        let cached = cached.into_iter().filter_map(number).fold(0, u64::saturating_add);
        read.input = Some(input.saturating_add(cached));
    }
    read.output = number(usage.output_tokens).or(read.output);
}
