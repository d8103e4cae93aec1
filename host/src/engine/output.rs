//! What tools say of themselves and what they answer, as plain data.

use serde::{Deserialize, Serialize};

/// A definition as the component gave it; the registry checks it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawDefinition {
    /// The name within the component.
    pub name: String,
    /// A short name for people.
    pub title: Option<String>,
    /// What it does and when to use it.
    pub description: String,
    /// JSON Schema of the arguments.
    pub input_schema: String,
    /// JSON Schema of a `json` answer.
    pub output_schema: Option<String>,
    /// What it claims of its effects.
    pub hints: Hints,
}

/// What a tool claims of its effects. Claims can only raise the risk that is derived from facts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hints {
    /// Changes nothing that outlives the call.
    pub read_only: bool,
    /// May destroy or overwrite.
    pub destructive: bool,
    /// Calling again changes nothing more.
    pub idempotent: bool,
}

/// One piece of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Content {
    /// Text.
    Text(String),
    /// A JSON document, as the tool wrote it.
    Json(String),
    /// An image.
    Image(Blob),
    /// Any other file.
    File(Blob),
}

/// Bytes with a media type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blob {
    /// Such as `image/png`.
    pub media_type: String,
    /// A file name to suggest.
    pub name: Option<String>,
    /// The bytes.
    pub data: Vec<u8>,
}

/// A tool's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolOutput {
    /// Its pieces, in order.
    pub content: Vec<Content>,
    /// The tool ran, and says that its work failed.
    pub is_error: bool,
}

impl ToolOutput {
    /// All pieces together, in bytes.
    pub fn bytes(&self) -> u64 {
        self.content.iter().map(Content::bytes).sum()
    }
}

impl Content {
    fn bytes(&self) -> u64 {
        let bytes = match self {
            Self::Text(text) | Self::Json(text) => text.len(),
            Self::Image(blob) | Self::File(blob) => {
                blob.data.len() + blob.media_type.len() + blob.name.as_ref().map_or(0, String::len)
            }
        };
        bytes as u64
    }
}
