//! Every form that a tool may have, and visibility and paths as authors use them.
#![deny(warnings, unsafe_code)]

use cofferdam_sdk::{Error, Output, Text, Tool, tool, tools};

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Args {
    text: String,
}

/// Answers with JSON.
#[tool(read_only, idempotent, title = "Length")]
fn length(Args { text }: Args) -> usize {
    text.len()
}

/// Answers with text, or fails.
#[tool]
fn shout(args: Args) -> Result<Text, Error> {
    if args.text.is_empty() {
        return Err(Error::failed("nothing to shout"));
    }
    Ok(Text(args.text.to_uppercase()))
}

/// Answers with anything.
#[tool(destructive)]
fn anything() -> std::result::Result<Output, Error> {
    Ok(Output::text("a").image("image/png", vec![1]))
}

/// Answers with nothing.
#[tool(name = "quiet")]
fn r#loop(_: Args) {}

mod inner {
    /// From another module.
    #[cofferdam_sdk::tool]
    pub fn deep() -> Vec<String> {
        Vec::new()
    }
}

tools!(length, shout, anything, r#loop, inner::deep,);

fn main() {
    assert_eq!(length(Args { text: "ab".to_owned() }), 2);
    assert_eq!(length::call(r#"{"text": "ab"}"#).unwrap().as_json(), Some(2.into()));
    assert_eq!(shout::call(r#"{"text": "ab"}"#).unwrap().as_text(), Some("AB"));
    assert!(shout::call(r#"{"text": ""}"#).unwrap().is_error());
    assert_eq!(anything::call("{}").unwrap().content().len(), 2);
    assert_eq!(r#loop::NAME, "quiet");
    assert_eq!(inner::deep::call("{}").unwrap().as_json(), Some(Vec::<String>::new().into()));
    assert!(anything::call(r#"{"a": 1}"#).is_err());

    let definition = length::definition();
    assert_eq!(definition.title.as_deref(), Some("Length"));
    assert_eq!(definition.description, "Answers with JSON.");
    assert!(definition.hints.read_only && definition.hints.idempotent && !definition.hints.destructive);
    assert!(definition.output_schema.unwrap().contains("integer"));
}
