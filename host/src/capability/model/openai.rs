//! Chat completions as OpenAI's API has them, and many servers: the request, and the events of a streamed answer.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::check::object;
use super::retry::Failure;
use super::stream::{Read, malformed};
use crate::capability::bindings::cofferdam::tool::model::{ChatRequest, Message, StopReason, ToolCall, ToolChoice};
use crate::policy::model::Offered;

/// Where answers are asked for.
pub(super) const PATH: &str = "/chat/completions";
/// What stands behind the last event.
const DONE: &str = "[DONE]";

/// The request to `offered`. Always streamed: that nobody answers then shows at the first piece, not at the deadline.
pub(super) fn body(request: &ChatRequest, offered: &Offered, output_tokens_max: u64) -> Value {
    let mut body = Map::new();
    body.insert("model".into(), offered.model.name.clone().into());
    body.insert("messages".into(), request.messages.iter().map(message).collect());
    body.insert(offered.provider.output_member.into(), output_tokens_max.into());
    body.insert("stream".into(), true.into());
    body.insert("stream_options".into(), json!({"include_usage": true}));
    if let Some(temperature) = request.temperature {
        body.insert("temperature".into(), temperature.into());
    }
    if !request.stop.is_empty() {
        body.insert("stop".into(), request.stop.clone().into());
    }
    if !request.tools.is_empty() {
        let tools = request.tools.iter().map(|tool| {
            let parameters = object(&tool.input_schema);
            let function = json!({"name": tool.name, "description": tool.description, "parameters": parameters});
            json!({"type": "function", "function": function})
        });
        body.insert("tools".into(), tools.collect());
        let choice = match &request.tool_choice {
            ToolChoice::Automatic => json!("auto"),
            ToolChoice::None => json!("none"),
            ToolChoice::Required => json!("required"),
            ToolChoice::Named(name) => json!({"type": "function", "function": {"name": name}}),
        };
        body.insert("tool_choice".into(), choice);
    }
    Value::Object(body)
}

fn message(message: &Message) -> Value {
    match message {
        Message::System(text) => json!({"role": "system", "content": text}),
        Message::User(text) => json!({"role": "user", "content": text}),
        Message::Assistant(said) if said.tool_calls.is_empty() => json!({"role": "assistant", "content": said.text}),
        Message::Assistant(said) => {
            let calls = said.tool_calls.iter().map(|call| {
                let function = json!({"name": call.name, "arguments": call.arguments});
                json!({"id": call.id, "type": "function", "function": function})
            });
            let content = Some(&said.text).filter(|text| !text.is_empty());
            json!({"role": "assistant", "content": content, "tool_calls": calls.collect::<Vec<_>>()})
        }
        // It has no word for a tool that failed.
        Message::Tool(result) => json!({"role": "tool", "tool_call_id": result.id, "content": result.content}),
    }
}

#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Vec<Choice>,
    usage: Option<Usage>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    delta: Delta,
    finish_reason: Option<String>,
}

/// An answer of a server that does not stream, though it was asked to.
#[derive(Deserialize)]
struct Whole {
    #[serde(default)]
    choices: Vec<WholeChoice>,
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct WholeChoice {
    message: Delta,
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct Delta {
    content: Option<String>,
    refusal: Option<String>,
    tool_calls: Option<Vec<CallPart>>,
}

#[derive(Deserialize)]
struct CallPart {
    index: Option<usize>,
    id: Option<String>,
    function: Option<FunctionPart>,
}

#[derive(Deserialize)]
struct FunctionPart {
    name: Option<String>,
    arguments: Option<String>,
}

/// What servers say here need not be numbers that can be.
#[derive(Deserialize)]
pub(super) struct Usage {
    pub(super) prompt_tokens: Option<Value>,
    pub(super) completion_tokens: Option<Value>,
}

/// Tool calls that come in parts.
#[derive(Default)]
pub(super) struct Calls(BTreeMap<usize, ToolCall>);

/// Bytes of arguments that are put together before anything of them is given.
const ARGUMENTS_BYTES_MAX: usize = 1 << 20;
/// Tool calls that are open at once.
const OPEN_MAX: usize = 128;

impl Calls {
    pub(super) fn event(&mut self, data: &str, read: &mut Read) -> Result<(), Failure> {
        if data.trim() == DONE {
            read.is_done = true;
            return if read.stop.is_some() { Ok(()) } else { Err(Failure::passing("its answer broke off")) };
        }
        let chunk: Chunk = serde_json::from_str(data).map_err(|_| malformed())?;
        if chunk.error.is_some() {
            return Err(Failure::passing("it broke off with an error"));
        }
        count(chunk.usage, read);
        // More than one answer was not asked for.
        let Some(choice) = chunk.choices.into_iter().next() else { return Ok(()) };
        // Some say it with every piece, and mean nothing by it but in the last.
        self.take(choice.delta, choice.finish_reason.filter(|reason| !reason.is_empty()), read)
    }

    /// Reads an answer that came at once.
    pub(super) fn whole(&mut self, data: &[u8], read: &mut Read) -> Result<(), Failure> {
        let whole: Whole = serde_json::from_slice(data).map_err(|_| malformed())?;
        count(whole.usage, read);
        let choice = whole.choices.into_iter().next().ok_or_else(malformed)?;
        self.take(choice.message, Some(choice.finish_reason.unwrap_or_default()), read)
    }

    fn take(&mut self, delta: Delta, finish_reason: Option<String>, read: &mut Read) -> Result<(), Failure> {
        read.text(delta.content.unwrap_or_default());
        read.text(delta.refusal.unwrap_or_default());
        for part in delta.tool_calls.into_iter().flatten() {
            self.part(part, read)?;
        }
        if let Some(reason) = finish_reason {
            read.stop = Some(match reason.as_str() {
                "stop" => StopReason::End,
                "length" => StopReason::MaxTokens,
                "tool_calls" | "function_call" => StopReason::ToolUse,
                "content_filter" => StopReason::Refused,
                _ => StopReason::Other,
            });
            for call in std::mem::take(&mut self.0).into_values() {
                read.call(call)?;
            }
        }
        Ok(())
    }

    fn part(&mut self, part: CallPart, read: &mut Read) -> Result<(), Failure> {
        let index = part.index.unwrap_or(self.0.len());
        if self.0.len() >= OPEN_MAX && !self.0.contains_key(&index) {
            return Err(malformed());
        }
        let empty = || ToolCall { id: String::new(), name: String::new(), arguments: String::new() };
        let call = self.0.entry(index).or_insert_with(empty);
        if let Some(id) = part.id.filter(|id| !id.is_empty()) {
            read.came(&id);
            call.id = id;
        }
        if let Some(function) = part.function {
            if let Some(name) = function.name.filter(|name| !name.is_empty()) {
                read.came(&name);
                call.name = name;
            }
            let arguments = function.arguments.unwrap_or_default();
            read.came(&arguments);
            call.arguments.push_str(&arguments);
        }
        if call.arguments.len() > ARGUMENTS_BYTES_MAX { Err(malformed()) } else { Ok(()) }
    }
}

fn count(usage: Option<Usage>, read: &mut Read) {
    let Some(usage) = usage else { return };
    let number = |value: Option<Value>| value.and_then(|value| value.as_u64());
    read.input = number(usage.prompt_tokens).or(read.input);
    read.output = number(usage.completion_tokens).or(read.output);
}
