//! What requests and answers are made of.

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
    /// In any case; there has to be one.
    Required,
    /// For this one, which has to be among those of the request.
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
