//! Calls: what is asked for, what comes back, and what is seen meanwhile.

use semver::Version;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{Base64, Json, Problem, Time};
use crate::engine::output;
use crate::error::Code;
use crate::id::{ApprovalId, CallId, CallTarget, Digest, RouteName, SessionId, ToolName, ToolRequest};
use crate::policy::{LogLevel, Priority};
pub use crate::routed::{Level, Verdict};

/// A call to make.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CallRequest {
    /// The tool, and optionally the version to hold to: `catalogue/text.count`, `notes.add@1`, `notes.add@1.2.0`. Or a
    /// route, which chooses one: `routes/summarise`.
    pub tool: CallTarget,
    /// What the tool's input schema describes.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub arguments: Map<String, Value>,
    /// The session that the call belongs to: a name of the agent's own, 1 to 128 letters, digits, `-`, `_`, `.` and `:`. What
    /// its calls touch, the tenant's rules of flow ask for. Without one the call stands alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// How important it is where calls of the tenant wait: what matters more starts first, what matters less is given up
    /// first. Policy bounds it; absent: `normal`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// How much the call could bring about, where that is more than can be derived of the tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk: Option<Level>,
    /// How hard it is; absent: a route estimates it from the arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complexity: Option<Level>,
    /// The approval that somebody gave the same call when it was made before and waited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalId>,
}

impl CallRequest {
    /// A call of which nothing is declared.
    pub fn new(tool: impl Into<CallTarget>, arguments: Map<String, Value>) -> Self {
        Self {
            tool: tool.into(),
            arguments,
            session: None,
            priority: None,
            risk: None,
            complexity: None,
            approval: None,
        }
    }
}

/// What a call gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CallResult {
    /// The call's id, by which the record knows it.
    pub call: CallId,
    /// The tool that ran.
    pub tool: ToolName,
    /// The version that ran.
    #[schema(value_type = String)]
    pub version: Version,
    /// The component that ran.
    pub component: Digest,
    /// The tool ran, and says that its work failed: the contents say why.
    pub is_error: bool,
    /// What it answers, in order.
    pub content: Vec<Content>,
    /// What the call used.
    pub usage: CallUsage,
    /// The calls that it made, in the order in which they ended; of very many the first. The record has all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<CallNode>,
    /// Calls that it made and that `calls` has no room for.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub calls_left_out: u64,
    /// How a route came to this tool, where it is the call of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<Routed>,
    /// What the answer is, where an earlier call gave it, because there was no room for this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stand_in: Option<StandIn>,
}

/// An answer that stands in for one that there was no room for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StandIn {
    /// The code of the refusal that it is in the place of, such as `budget-exceeded`.
    pub because: String,
    /// The call that gave it.
    pub call: CallId,
    /// When it was given.
    pub made: Time,
}

/// A call that a call made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CallNode {
    /// Its id, where it was let in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<CallId>,
    /// The tool.
    pub tool: ToolName,
    /// The version that ran, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub version: Option<Version>,
    /// `ok`, or the code of the error that its caller got.
    pub outcome: String,
    /// Units of fuel that it used itself.
    pub fuel: u64,
    /// From its start to its end, in microseconds.
    pub duration_us: u64,
    /// The calls that it made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(no_recursion)]
    pub calls: Vec<CallNode>,
    /// Calls that it made and that `calls` has no room for.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub calls_left_out: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde asks with")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// How a route came to the tool that answered. The record has what that followed from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Routed {
    /// The route.
    pub name: RouteName,
    /// What was decided of its choices, in its order, when the last attempt was made.
    pub choices: Vec<RoutedChoice>,
    /// Every attempt, in order; the last one gave the answer.
    pub attempts: Vec<Attempt>,
}

/// A choice of a route, and what was decided of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RoutedChoice {
    /// The tool.
    pub tool: ToolRequest,
    /// Whether it takes the call.
    pub verdict: Verdict,
    /// The fact that decided, of one that is rejected, such as `risk high > max medium`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Kinds of grant that it runs without.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<String>,
}

/// One attempt of a call of a route: a call of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Attempt {
    /// Its id, by which the record knows it.
    pub call: CallId,
    /// The tool.
    pub tool: ToolName,
    /// Its version.
    #[schema(value_type = String)]
    pub version: Version,
    /// How it failed; absent for the one that gave the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub error: Option<Code>,
}

/// One piece of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Content {
    /// Text.
    Text {
        /// The text.
        text: String,
    },
    /// A JSON document.
    Json {
        /// The document.
        json: Json,
    },
    /// An image.
    Image {
        /// Such as `image/png`.
        media_type: String,
        /// A file name to suggest.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// The bytes.
        data: Base64,
    },
    /// Any other file.
    File {
        /// Such as `application/pdf`.
        media_type: String,
        /// A file name to suggest.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// The bytes.
        data: Base64,
    },
}

impl From<output::Content> for Content {
    fn from(content: output::Content) -> Self {
        match content {
            output::Content::Text(text) => Self::Text { text },
            // The router has seen that it is JSON; what is not would be shown as the text that it is.
            output::Content::Json(text) => match Json::from_text(text.clone()) {
                Ok(json) => Self::Json { json },
                Err(_) => Self::Text { text },
            },
            output::Content::Image(output::Blob { media_type, name, data }) => {
                Self::Image { media_type, name, data: Base64(data) }
            }
            output::Content::File(output::Blob { media_type, name, data }) => {
                Self::File { media_type, name, data: Base64(data) }
            }
        }
    }
}

/// What a call used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CallUsage {
    /// Units of fuel that it used itself.
    pub fuel: u64,
    /// Calls that it made, those that these made included.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub child_calls: u64,
    /// Units of fuel that those used.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub child_fuel: u64,
    /// The most linear memory that it held, in bytes.
    pub memory_bytes: u64,
    /// From its first instruction to its end, in microseconds.
    pub duration_us: u64,
    /// Requests that left for the network.
    pub http_requests: u64,
    /// Bytes of request bodies.
    pub http_sent_bytes: u64,
    /// Bytes of response bodies.
    pub http_received_bytes: u64,
    /// Operations on buckets.
    pub kv_operations: u64,
    /// Bytes written to volumes.
    pub files_bytes_written: u64,
    /// Requests to models.
    #[serde(default)]
    pub model_requests: u64,
    /// Tokens of them.
    #[serde(default)]
    pub model_input_tokens: u64,
    /// Tokens of their answers.
    #[serde(default)]
    pub model_output_tokens: u64,
    /// What they cost, in billionths of a US dollar.
    #[serde(default)]
    pub model_cost: u64,
}

/// What is sent while a call runs, where the client accepts `text/event-stream`. The name is the event's type, the rest
/// its data; `result` or `problem` is the last one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "event", content = "data", rename_all = "kebab-case")]
pub enum CallEvent {
    /// The call may run.
    Decided(Decided),
    /// The tool says how far it is.
    Progress(Progress),
    /// The tool logged or printed a line.
    Log(LogLine),
    /// What it logs from here on is dropped: the limit is reached.
    LogCut(LogCut),
    /// The tool answered.
    Result(Box<CallResult>),
    /// It did not.
    Problem(Box<Problem>),
}

impl CallEvent {
    /// The event that the type `name` with `data` is; none where a later version of the host sends one that is not known
    /// here.
    ///
    /// # Errors
    ///
    /// When the data is not that type's.
    pub fn parse(name: &str, data: &str) -> serde_json::Result<Option<Self>> {
        Ok(Some(match name {
            "decided" => Self::Decided(serde_json::from_str(data)?),
            "progress" => Self::Progress(serde_json::from_str(data)?),
            "log" => Self::Log(serde_json::from_str(data)?),
            "log-cut" => Self::LogCut(serde_json::from_str(data)?),
            "result" => Self::Result(serde_json::from_str(data)?),
            "problem" => Self::Problem(serde_json::from_str(data)?),
            _ => return Ok(None),
        }))
    }

    /// The event's type.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Decided(_) => "decided",
            Self::Progress(_) => "progress",
            Self::Log(_) => "log",
            Self::LogCut(_) => "log-cut",
            Self::Result(_) => "result",
            Self::Problem(_) => "problem",
        }
    }
}

/// What runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Decided {
    /// The call's id.
    pub call: CallId,
    /// The tool.
    pub tool: ToolName,
    /// Its version.
    #[schema(value_type = String)]
    pub version: Version,
    /// The component.
    pub component: Digest,
}

/// How far a tool is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Progress {
    /// So much is done, in the tool's own unit.
    pub done: f64,
    /// Of so much, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<f64>,
    /// What is going on.
    pub message: String,
}

/// A line that a tool logged or printed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogLine {
    /// How severe: `trace`, `debug`, `info`, `warn`, `error` or `critical`.
    pub level: LogLevel,
    /// Where it comes from: the tool's own word, or `stdout` or `stderr`.
    pub context: String,
    /// The line.
    pub message: String,
}

/// Further lines are dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogCut {
    /// The limit that was reached, in bytes.
    pub bytes_max: u64,
}
