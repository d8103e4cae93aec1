//! Chat and embeddings by models (`cofferdam:tool/model`).
//!
//! A tool names a route of its tenant's policy; which model answers is decided there, for each request by itself. Without a
//! grant for the route a request is [`ErrorKind::Denied`](crate::ErrorKind::Denied); where no provider answers it is
//! [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable), and past a limit or a budget
//! [`ErrorKind::Failed`](crate::ErrorKind::Failed), with what is left in its text.
//!
//! ```
//! use cofferdam_sdk::{fakes, model};
//!
//! fakes::model::respond("answers", "Moin!");
//!
//! let answer = model::chat("answers").system("Be brief.").user("Greet me.").max_tokens(50).send()?;
//! assert_eq!(answer.text, "Moin!");
//!
//! let mut text = String::new();
//! for piece in model::chat("answers").user("Greet me.").stream()? {
//!     if let model::Piece::Text(more) = piece? {
//!         text.push_str(&more);
//!     }
//! }
//! assert_eq!(text, "Moin!");
//! # Ok::<(), cofferdam_sdk::Error>(())
//! ```

#[cfg(target_family = "wasm")]
mod bind;
#[cfg(not(target_family = "wasm"))]
pub(crate) mod fake;
#[cfg(test)]
mod tests;
mod types;

#[cfg(target_family = "wasm")]
use self::bind as host;
#[cfg(not(target_family = "wasm"))]
use self::fake as host;
pub use self::types::{
    Answer, Ending, Level, Message, Piece, StopReason, ToolCall, ToolChoice, ToolDefinition, Usage, Vectors,
};

use std::fmt;

use crate::error::Error;

/// A request for an answer, before it is sent.
#[derive(Debug, Clone, PartialEq)]
#[must_use = "nothing is asked before send or stream"]
pub struct Chat {
    pub(crate) route: String,
    pub(crate) messages: Vec<Message>,
    pub(crate) tools: Vec<ToolDefinition>,
    pub(crate) tool_choice: ToolChoice,
    pub(crate) max_tokens: Option<u32>,
    pub(crate) temperature: Option<f32>,
    pub(crate) stop: Vec<String>,
    pub(crate) complexity: Option<Level>,
    pub(crate) risk: Option<Level>,
}

/// Begins a request by a route of the tenant's policy.
pub fn chat(route: impl Into<String>) -> Chat {
    Chat {
        route: route.into(),
        messages: Vec::new(),
        tools: Vec::new(),
        tool_choice: ToolChoice::Automatic,
        max_tokens: None,
        temperature: None,
        stop: Vec::new(),
        complexity: None,
        risk: None,
    }
}

impl Chat {
    /// Adds instructions.
    pub fn system(self, text: impl Into<String>) -> Self {
        self.message(Message::System(text.into()))
    }

    /// Adds what is asked.
    pub fn user(self, text: impl Into<String>) -> Self {
        self.message(Message::User(text.into()))
    }

    /// Adds a message.
    pub fn message(mut self, message: Message) -> Self {
        self.messages.push(message);
        self
    }

    /// Adds a tool that the model may ask for.
    pub fn tool(mut self, tool: ToolDefinition) -> Self {
        self.tools.push(tool);
        self
    }

    /// Says whether the model is to ask for tools.
    pub fn tool_choice(self, tool_choice: ToolChoice) -> Self {
        Self { tool_choice, ..self }
    }

    /// Tokens of the answer at most; 1,024 where nothing is said. So many are reserved of the call's limits.
    pub fn max_tokens(self, tokens: u32) -> Self {
        Self { max_tokens: Some(tokens), ..self }
    }

    /// From 0, for the likeliest words, to 2.
    pub fn temperature(self, temperature: f32) -> Self {
        Self { temperature: Some(temperature), ..self }
    }

    /// Adds a text at which the answer ends; 4 at most.
    pub fn stop(mut self, text: impl Into<String>) -> Self {
        self.stop.push(text.into());
        self
    }

    /// Says how hard it is; by its size where nothing is said.
    pub fn complexity(self, complexity: Level) -> Self {
        Self { complexity: Some(complexity), ..self }
    }

    /// Says how much depends on it; the call's own risk holds in any case.
    pub fn risk(self, risk: Level) -> Self {
        Self { risk: Some(risk), ..self }
    }

    /// Asks, and waits for the whole answer.
    ///
    /// # Errors
    ///
    /// As this module's page says.
    pub fn send(self) -> Result<Answer, Error> {
        host::send(self)
    }

    /// Asks, and gives the answer as it is made. Dropping it ends the request.
    ///
    /// # Errors
    ///
    /// As this module's page says, until the first piece is there; later ones are the pieces' own.
    pub fn stream(self) -> Result<Reply, Error> {
        host::stream(self).map(|source| Reply { source, is_over: false })
    }
}

/// An answer that comes as it is made. An error is the last that comes.
pub struct Reply {
    source: host::Source,
    is_over: bool,
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").finish_non_exhaustive()
    }
}

impl Iterator for Reply {
    type Item = Result<Piece, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let next = self.source.next().transpose();
        self.is_over = !matches!(next, Some(Ok(_)));
        next
    }
}

/// Vectors of texts, 256 at most.
///
/// # Errors
///
/// As this module's page says.
pub fn embed<T: AsRef<str>>(route: &str, texts: &[T]) -> Result<Vectors, Error> {
    let texts: Vec<String> = texts.iter().map(|text| text.as_ref().to_owned()).collect();
    host::embed(route, &texts)
}
