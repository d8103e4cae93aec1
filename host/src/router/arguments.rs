//! Arguments: within their limit, JSON, an object, and as the tool's schema says.

use std::sync::Arc;

use serde_json::Value;

use super::checks::{Checks, Effort, Unchecked};
use crate::error::{Code, Error, Result};
use crate::id::{DefinitionName, TenantId};
use crate::snapshot::ToolDefinition;

/// Faults that one answer names; there may be thousands.
const FAULTS_MAX: usize = 8;
/// A fault's words, in bytes: they quote what the caller sent.
const FAULT_BYTES_MAX: usize = 300;

/// What a call is given.
pub(super) enum Arguments {
    /// As the tool gets it.
    Checked(String),
    /// As it was sent: to be checked apart, once there is room for the call.
    Large(String),
}

impl Arguments {
    /// What was sent, checked where that can be done on the spot.
    pub(super) fn read(tool: &ToolDefinition, text: &str) -> Result<Self> {
        match Checks::on_the_spot(text.len(), |effort| check(tool, text, effort)) {
            Ok(checked) => Ok(Self::Checked(checked)),
            Err(Unchecked::TooLarge) => Ok(Self::Large(text.to_owned())),
            Err(Unchecked::Fault(error)) => Err(error),
        }
    }

    /// As the tool gets it, once all of it is checked.
    pub(super) async fn checked(
        self,
        checks: &Checks,
        tenant: &TenantId,
        tool: &Arc<ToolDefinition>,
    ) -> Result<String> {
        match self {
            Self::Checked(checked) => Ok(checked),
            Self::Large(text) => {
                let tool = Arc::clone(tool);
                checks.apart(tenant, move |effort| check(&tool, &text, effort)).await
            }
        }
    }
}

/// That `text` is no longer than it may be.
pub(super) fn within(text: &str, bytes_max: u64) -> Result<()> {
    if text.len() as u64 <= bytes_max {
        return Ok(());
    }
    let bytes = text.len();
    Err(Error::new(
        Code::LimitExceeded,
        format!("the arguments have {bytes} bytes: limits.arguments_bytes is {bytes_max}"),
    )
    .next("send less in one call, or raise limits.arguments_bytes in the policy")
    .fact("limit", "arguments_bytes")
    .fact("maximum", bytes_max)
    .fact("used", bytes))
}

/// The arguments in the one spelling that the tool gets and the record has a digest of: what was validated and what the
/// guest's own parser reads cannot differ.
pub(super) fn check(tool: &ToolDefinition, text: &str, effort: Effort) -> Result<String, Unchecked> {
    let value = parse(&tool.definition.name, text)?;
    fit(tool, &value, effort)?;
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
fn fit(tool: &ToolDefinition, value: &Value, effort: Effort) -> Result<(), Unchecked> {
    if effort == Effort::Small && !tool.has_arguments() {
        return Err(Unchecked::TooLarge);
    }
    let schema = tool.arguments()?;
    if !schema.can_check(value, effort.visits_max()) {
        return Err(effort.spent(|visits_max| {
            Error::new(
                Code::InvalidArguments,
                format!("the arguments take more than {visits_max} steps to check against the tool's schema"),
            )
            .next("send less in one call, or tell the tool's author that its schema asks for too much")
            .fact("limit", "schema_visits")
            .fact("maximum", visits_max)
        }));
    }
    if schema.is_valid(value) {
        return Ok(());
    }
    let faults: Vec<_> = match effort {
        Effort::Small => schema.faults(value).take(FAULTS_MAX).map(|error| words(&error)).collect(),
        // They are gathered before one is given, each with what it is about.
        Effort::Large => schema.validate(value).err().iter().map(words).collect(),
    };
    Err(invalid(&tool.definition.name, &faults).into())
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
