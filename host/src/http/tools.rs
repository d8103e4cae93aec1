//! Tools: what a key may call, all of it and nothing else.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};

use super::door::Door;
use super::request::{Asked, Named};
use super::wire;
use crate::error::{Code, Error, Result};
use crate::id::CallTarget;
use crate::policy::Risk;
use crate::router::{ListedTool, ListedTools, Part};
use crate::snapshot::Caller;

/// Tools that can be asked for in one part.
const TOOLS_MAX: u32 = 10_000;

/// Lists the tools that this key may call.
///
/// Scopes: any; a key without the scope agent may call none.
#[utoipa::path(get, path = "/v1/tools", tag = "tools", params(wire::ToolsQuery),
    responses((status = 200, description = "The catalogue's tools, then the tenant's own, by name; then routes.", body = wire::Tools)))]
pub(super) async fn list(
    State(door): State<Door>,
    caller: Caller,
    Asked(query): Asked<wire::ToolsQuery>,
) -> Result<Response> {
    if query.limit.is_some_and(|limit| !(1..=TOOLS_MAX).contains(&limit)) {
        return Err(Error::new(Code::InvalidRequest, format!("limit is from 1 to {TOOLS_MAX}"))
            .next("ask for fewer and go on from next, or give no limit")
            .fact("limit", "limit")
            .fact("maximum", TOOLS_MAX));
    }
    let part = Part { after: query.after, limit: query.limit.map(|limit| limit as usize) };
    let spell =
        |ListedTools { tools, next }| Json(wire::Tools { tools: tools.into_iter().map(Into::into).collect(), next });
    door.router.list(&caller, part, move |listed| spell(listed).into_response()).await
}

/// Shows a tool that this key may call.
///
/// Scopes: agent.
#[utoipa::path(get, path = "/v1/tools/{*tool}", tag = "tools",
    params(("tool" = CallTarget, Path,
        description = "Such as `notes.add`, `catalogue/text.count`, `notes.add@1` or `routes/summarise`.")),
    responses((status = 200, description = "The tool.", body = wire::Tool)))]
pub(super) async fn show(
    State(door): State<Door>,
    caller: Caller,
    Named(tool): Named<CallTarget>,
) -> Result<Json<wire::Tool>> {
    Ok(Json(door.router.tool(&caller, &tool)?.into()))
}

impl From<ListedTool> for wire::Tool {
    fn from(listed: ListedTool) -> Self {
        let definition = &listed.tool.definition;
        let Risk { level: risk, read_only, destructive, idempotent, open_world, deterministic } = listed.risk;
        Self {
            name: listed.name,
            choices: listed.choices,
            version: listed.version,
            title: definition.title.clone(),
            description: definition.description.clone(),
            input_schema: definition.input_schema.clone(),
            output_schema: definition.output_schema.clone(),
            annotations: wire::Annotations { read_only, destructive, idempotent, open_world, deterministic, risk },
            deprecated: listed.deprecated,
        }
    }
}
