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

#[cfg(target_family = "wasm")]
use self::bind as host;
#[cfg(not(target_family = "wasm"))]
use self::fake as host;

use std::fmt;

use crate::error::Error;

/// How much there is of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Little.
    Low,
    /// In between.
    Medium,
    /// Much.
    High,
}

/// A tool that the model may ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolDefinition {
    /// Its name.
    pub name: String,
    /// What it does.
    pub description: String,
    /// JSON Schema of its arguments.
    pub input_schema: String,
}

/// That the model asks for a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolCall {
    /// What its result names it by.
    pub id: String,
    /// The tool.
    pub name: String,
    /// A JSON object, as the model wrote it: look whether it is one.
    pub arguments: String,
}

/// A message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Instructions.
    System(String),
    /// What is asked.
    User(String),
    /// What the model said before.
    Assistant {
        /// Its text.
        text: String,
        /// The tools that it asked for.
        tool_calls: Vec<ToolCall>,
    },
    /// What a tool gave that it had asked for.
    Tool {
        /// Of the call.
        id: String,
        /// The result, or what went wrong.
        content: String,
        /// Whether something went wrong.
        is_error: bool,
    },
}

/// Whether the model is to ask for tools.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ToolChoice {
    /// Where it thinks fit.
    #[default]
    Automatic,
    /// Not at all.
    None,
    /// In any case.
    Required,
    /// For this one.
    Named(String),
}

/// Why an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StopReason {
    /// It is whole.
    End,
    /// As many tokens came as were asked for.
    MaxTokens,
    /// One of the texts came at which it was to end.
    StopText,
    /// Tools are asked for.
    ToolUse,
    /// The provider did not let the model go on.
    Refused,
    /// Anything else.
    Other,
}

/// What a request came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the request.
    pub input_tokens: u64,
    /// Tokens of the answer.
    pub output_tokens: u64,
    /// In billionths of a US dollar.
    pub cost: u64,
}

/// The end of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// Why there.
    pub stop: StopReason,
    /// What it came to.
    pub usage: Usage,
    /// Which model answered: `provider/model`.
    pub model: String,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its text.
    pub text: String,
    /// The tools that are asked for.
    pub tool_calls: Vec<ToolCall>,
    /// Its end.
    pub ending: Ending,
}

/// A piece of an answer that comes as it is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// More of its text.
    Text(String),
    /// A tool that is asked for, whole.
    ToolCall(ToolCall),
    /// The last.
    End(Ending),
}

/// Vectors of texts.
#[derive(Debug, Clone, PartialEq)]
pub struct Vectors {
    /// One for each text, in their order.
    pub vectors: Vec<Vec<f32>>,
    /// What they came to.
    pub usage: Usage,
    /// Which model made them: `provider/model`.
    pub model: String,
}

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
    host::embed(route, texts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ErrorKind, fakes};

    #[test]
    fn a_test_says_what_the_model_answers_and_reads_what_it_was_asked() {
        assert_eq!(chat("answers").user("a").send().unwrap_err().kind(), ErrorKind::Denied);
        fakes::model::respond("answers", "one");
        fakes::model::respond("answers", Error::unavailable("nobody is there"));
        fakes::model::respond("answers", ToolCall { id: "1".into(), name: "look".into(), arguments: "{}".into() });
        assert_eq!(chat("answers").system("s").user("a").send().unwrap().text, "one");
        assert_eq!(chat("answers").user("b").stream().unwrap_err().kind(), ErrorKind::Unavailable);
        let pieces: Vec<_> = chat("answers").user("c").stream().unwrap().map(Result::unwrap).collect();
        assert!(matches!(&pieces[..], [Piece::ToolCall(call), Piece::End(end)]
            if call.name == "look" && end.stop == StopReason::ToolUse));
        let asked = fakes::model::asked();
        assert_eq!(asked.len(), 3);
        assert_eq!(asked[0].messages, [Message::System("s".into()), Message::User("a".into())]);
    }

    #[test]
    fn vectors_are_what_the_test_makes_of_texts() {
        assert_eq!(embed("vectors", &["a"]).unwrap_err().kind(), ErrorKind::Denied);
        fakes::model::embed("vectors", |text| vec![text.len() as f32]);
        assert_eq!(embed("vectors", &["a", "bcd"]).unwrap().vectors, [[1.0], [3.0]]);
        fakes::reset();
        embed("vectors", &["a"]).unwrap_err();
    }
}
