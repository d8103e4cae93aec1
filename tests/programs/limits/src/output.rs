//! What goes in and what comes out.

use cofferdam_sdk::{Error, Output, Text, tool};
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Given {
    text: String,
}

/// Answers with the text that it was given.
#[tool(read_only, idempotent)]
pub(crate) fn echo(given: Given) -> Text {
    Text(given.text)
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Shape {
    Text,
    Json,
    File,
    /// As many pieces of one byte.
    Pieces,
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Answered {
    bytes: usize,
    shape: Shape,
}

/// Answers with so many bytes: the marks around a JSON text and a file's media type counted in.
#[tool(read_only, idempotent)]
pub(crate) fn result(args: Answered) -> Result<Output, Error> {
    let bytes = args.bytes;
    Ok(match args.shape {
        Shape::Text => Output::text("r".repeat(bytes)),
        Shape::Json => Output::json(&"r".repeat(bytes.saturating_sub(2)))?,
        Shape::File => Output::new().file("a/b", "", vec![0; bytes.saturating_sub(3)]),
        Shape::Pieces => (0..bytes).fold(Output::new(), |output, _| output.and_text("r")),
    })
}
