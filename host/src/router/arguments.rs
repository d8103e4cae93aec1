//! Arguments: within their limit, JSON, an object, and as the tool's schema says.

use serde_json::Value;

use crate::error::{Code, Error, Result};
use crate::id::DefinitionName;
use crate::snapshot::ToolDefinition;

/// Faults that one answer names; there may be thousands.
const FAULTS_MAX: usize = 8;
/// A fault's words, in bytes: they quote what the caller sent.
const FAULT_BYTES_MAX: usize = 300;

/// The arguments in the one spelling that the tool gets and the record has a digest of: what was validated and what the
/// guest's own parser reads cannot differ.
pub(super) fn check(tool: &ToolDefinition, text: &str, bytes_max: u64) -> Result<String> {
    if text.len() as u64 > bytes_max {
        let bytes = text.len();
        return Err(Error::new(
            Code::LimitExceeded,
            format!("the arguments have {bytes} bytes: limits.arguments_bytes is {bytes_max}"),
        )
        .next("send less in one call, or raise limits.arguments_bytes in the policy")
        .fact("limit", "arguments_bytes")
        .fact("maximum", bytes_max)
        .fact("used", bytes));
    }
    let value = parse(&tool.definition.name, text)?;
    fit(tool, &value)?;
    Ok(value.to_string())
}

/// A JSON object; its text is the one spelling.
pub(super) fn parse(tool: &DefinitionName, text: &str) -> Result<Value> {
    let mut value: Value =
        serde_json::from_str(text).map_err(|error| invalid(tool, &[format!("not JSON: {error}")]))?;
    // One spelling, whatever order the members came in.
    value.sort_all_objects();
    if value.is_object() { Ok(value) } else { Err(invalid(tool, &["not a JSON object".to_owned()])) }
}

/// That they are as the tool's schema says.
pub(super) fn fit(tool: &ToolDefinition, value: &Value) -> Result<()> {
    let schema = tool.arguments()?;
    if schema.is_valid(value) {
        return Ok(());
    }
    let faults: Vec<_> = schema.iter_errors(value).take(FAULTS_MAX).map(|error| words(&error)).collect();
    Err(invalid(&tool.definition.name, &faults))
}

fn invalid(tool: &DefinitionName, faults: &[String]) -> Error {
    Error::new(Code::InvalidArguments, format!("the arguments of {tool} do not fit: {}", faults.join("; ")))
        .next("GET /v1/tools has the schema of its arguments")
        .fact("faults", faults.to_vec())
}

/// A fault in words: where, and what.
pub(super) fn words(error: &jsonschema::ValidationError<'_>) -> String {
    let place = error.instance_path().as_str();
    let mut text = if place.is_empty() { error.to_string() } else { format!("{place}: {error}") };
    if text.len() > FAULT_BYTES_MAX {
        text.truncate(text.floor_char_boundary(FAULT_BYTES_MAX));
        text.push('…');
    }
    text
}
