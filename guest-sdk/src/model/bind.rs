//! `cofferdam:tool/model` 1.0.

use super::{Answer, Chat, Ending, Level, Message, Piece, StopReason, ToolCall, ToolChoice, Usage, Vectors};
use crate::bindings::cofferdam::tool::model;
use crate::error::Error;

/// An answer of the host's that comes.
pub(crate) struct Source(model::Reply);

impl Source {
    pub(crate) fn next(&mut self) -> Result<Option<Piece>, Error> {
        let piece = self.0.next().map_err(fault)?;
        Ok(piece.map(|piece| match piece {
            model::Piece::Text(text) => Piece::Text(text),
            model::Piece::ToolCall(call) => Piece::ToolCall(call_from(call)),
            model::Piece::End(end) => Piece::End(ending(end)),
        }))
    }
}

pub(crate) fn send(chat: Chat) -> Result<Answer, Error> {
    let answer = model::chat(&request(chat)).map_err(fault)?;
    let tool_calls = answer.tool_calls.into_iter().map(call_from).collect();
    Ok(Answer { text: answer.text, tool_calls, ending: ending(answer.ending) })
}

pub(crate) fn stream(chat: Chat) -> Result<Source, Error> {
    model::stream(&request(chat)).map(Source).map_err(fault)
}

pub(crate) fn embed(route: &str, texts: &[String]) -> Result<Vectors, Error> {
    let made = model::embed(route, texts).map_err(fault)?;
    Ok(Vectors { vectors: made.vectors, usage: usage(made.usage), model: made.model })
}

fn fault(error: model::Error) -> Error {
    match error {
        model::Error::Denied(text) => Error::denied(text),
        model::Error::Invalid(text) | model::Error::BudgetExceeded(text) => Error::failed(text),
        model::Error::Unavailable(text) => Error::unavailable(text),
    }
    .about("model")
}

fn request(chat: Chat) -> model::ChatRequest {
    model::ChatRequest {
        route: chat.route,
        messages: chat.messages.into_iter().map(message).collect(),
        tools: chat
            .tools
            .into_iter()
            .map(|tool| model::ToolDefinition {
                name: tool.name,
                description: tool.description,
                input_schema: tool.input_schema,
            })
            .collect(),
        tool_choice: match chat.tool_choice {
            ToolChoice::Automatic => model::ToolChoice::Automatic,
            ToolChoice::None => model::ToolChoice::None,
            ToolChoice::Required => model::ToolChoice::Required,
            ToolChoice::Named(name) => model::ToolChoice::Named(name),
        },
        max_tokens: chat.max_tokens,
        temperature: chat.temperature,
        stop: chat.stop,
        complexity: chat.complexity.map(level),
        risk: chat.risk.map(level),
    }
}

fn message(message: Message) -> model::Message {
    match message {
        Message::System(text) => model::Message::System(text),
        Message::User(text) => model::Message::User(text),
        Message::Assistant { text, tool_calls } => {
            let call = |ToolCall { id, name, arguments }| model::ToolCall { id, name, arguments };
            model::Message::Assistant(model::Said { text, tool_calls: tool_calls.into_iter().map(call).collect() })
        }
        Message::Tool { id, content, is_error } => model::Message::Tool(model::ToolResult { id, content, is_error }),
    }
}

fn level(level: Level) -> model::Level {
    match level {
        Level::Low => model::Level::Low,
        Level::Medium => model::Level::Medium,
        Level::High => model::Level::High,
    }
}

fn call_from(call: model::ToolCall) -> ToolCall {
    ToolCall { id: call.id, name: call.name, arguments: call.arguments }
}

fn usage(usage: model::Usage) -> Usage {
    Usage { input_tokens: usage.input_tokens, output_tokens: usage.output_tokens, cost: usage.cost }
}

fn ending(ending: model::Ending) -> Ending {
    let stop = match ending.stop {
        model::StopReason::End => StopReason::End,
        model::StopReason::MaxTokens => StopReason::MaxTokens,
        model::StopReason::StopText => StopReason::StopText,
        model::StopReason::ToolUse => StopReason::ToolUse,
        model::StopReason::Refused => StopReason::Refused,
        model::StopReason::Other => StopReason::Other,
    };
    Ending { stop, usage: usage(ending.usage), model: ending.model }
}
