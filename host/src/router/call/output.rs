//! A tool's output is held to what the tool says of it.

use std::sync::Arc;

use crate::engine::output::{Content, ToolOutput};
use crate::error::{Code, Error, Result};
use crate::id::TenantId;
use crate::router::checks::{Checks, Effort, Unchecked};
use crate::router::{Router, arguments};
use crate::snapshot::ToolDefinition;

impl Router {
    /// The output, if it is what the tool said that it would be.
    pub(in crate::router) async fn checked_output(
        &self,
        tenant: &TenantId,
        tool: &Arc<ToolDefinition>,
        output: ToolOutput,
    ) -> Result<ToolOutput> {
        let json = output.content.iter().map(|content| if let Content::Json(json) = content { json.len() } else { 0 });
        let bytes = json.sum();
        match Checks::on_the_spot(bytes, |effort| output_as_described(tool, &output, effort)) {
            Ok(()) => Ok(output),
            Err(Unchecked::Fault(error)) => Err(error),
            Err(Unchecked::TooLarge) => {
                let tool = Arc::clone(tool);
                let check = move |effort| output_as_described(&tool, &output, effort).map(|()| output);
                self.0.checks.apart(tenant, check).await
            }
        }
    }
}

/// The output, if it is what the tool said that it would be.
fn output_as_described(tool: &ToolDefinition, output: &ToolOutput, effort: Effort) -> Result<(), Unchecked> {
    let broken = |what: String| {
        Error::new(Code::ToolFailed, format!("the tool's answer is not what it describes: {what}"))
            .next("tell the tool's author")
    };
    if effort == Effort::Small && !tool.has_answer() {
        return Err(Unchecked::TooLarge);
    }
    let schema = tool.answer()?.filter(|_| !output.is_error);
    let mut found = schema.is_none();
    for content in &output.content {
        let Content::Json(json) = content else { continue };
        match schema.filter(|_| !found) {
            // Parsed whole: parsing to nothing would let through what nests too deep for whoever reads it.
            None => serde_json::from_str::<serde_json::Value>(json)
                .map(drop)
                .map_err(|error| broken(format!("its JSON is not well-formed: {error}")))?,
            Some(schema) => {
                let value = serde_json::from_str(json)
                    .map_err(|error| broken(format!("its JSON is not well-formed: {error}")))?;
                if !schema.can_check(&value, effort.visits_max()) {
                    let say = |visits_max| broken(format!("checking it takes more than {visits_max} steps"));
                    return Err(effort.spent(say));
                }
                schema.validate(&value).map_err(|error| broken(arguments::words(&error)))?;
                found = true;
            }
        }
    }
    if found { Ok(()) } else { Err(broken("it has an output schema and gave no JSON".to_owned()).into()) }
}
