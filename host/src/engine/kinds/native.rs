//! `cofferdam:tool/tools@1`: it describes its tools itself, and takes and gives what the host's doors do.

use wasmtime::Store;

use super::Answered;
use crate::capability::bindings::NativePre;
use crate::capability::bindings::exports::cofferdam::tool::tools;
use crate::engine::Run;
use crate::engine::output::{Blob, Content, Hints, RawDefinition, ToolOutput};
use crate::engine::state::State;
use crate::engine::verdict;

pub(super) async fn call(pre: &NativePre<State>, store: &mut Store<State>, run: &Run) -> wasmtime::Result<Answered> {
    let native = pre.instantiate_async(&mut *store).await?;
    let answer = native.cofferdam_tool_tools().call_call(store, run.definition.as_str(), &run.arguments).await?;
    Ok(answer.map(output).map_err(verdict::failed))
}

/// What the component says that it defines.
pub(in crate::engine) async fn describe(
    pre: &NativePre<State>,
    store: &mut Store<State>,
) -> wasmtime::Result<Vec<RawDefinition>> {
    let native = pre.instantiate_async(&mut *store).await?;
    let definitions = native.cofferdam_tool_tools().call_describe(store).await?;
    Ok(definitions.into_iter().map(definition).collect())
}

fn output(output: tools::Output) -> ToolOutput {
    let blob = |blob: tools::Blob| Blob { media_type: blob.media_type, name: blob.name, data: blob.data };
    let content = output.content.into_iter().map(|content| match content {
        tools::Content::Text(text) => Content::Text(text),
        tools::Content::Json(json) => Content::Json(json),
        tools::Content::Image(image) => Content::Image(blob(image)),
        tools::Content::File(file) => Content::File(blob(file)),
    });
    ToolOutput { content: content.collect(), is_error: output.is_error }
}

fn definition(definition: tools::Definition) -> RawDefinition {
    RawDefinition {
        name: definition.name,
        title: definition.title,
        description: definition.description,
        input_schema: definition.input_schema,
        output_schema: definition.output_schema,
        hints: Hints {
            read_only: definition.hints.read_only,
            destructive: definition.hints.destructive,
            idempotent: definition.hints.idempotent,
        },
    }
}
