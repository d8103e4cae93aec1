//! Components: uploaded as a stream, never held whole.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use futures::TryStreamExt;

use super::door::Door;
use super::request::{Named, WasmBody};
use super::wire;
use crate::control::ComponentView;
use crate::error::{Code, Error, Result};
use crate::id::Digest;
use crate::registry;
use crate::snapshot::Caller;

/// Uploads a component. It is inspected, compiled in confinement and asked for its tools; it runs nothing before it is
/// published.
///
/// Scopes: publisher.
#[utoipa::path(post, path = "/v1/components", tag = "components",
    request_body(content = String, content_type = "application/wasm", description = "The component's bytes."),
    responses(
        (status = 201, description = "It was admitted.", body = wire::Component),
        (status = 200, description = "The tenant has it already.", body = wire::Component)))]
pub(super) async fn upload(
    State(door): State<Door>,
    caller: Caller,
    WasmBody(body): WasmBody,
) -> Result<(StatusCode, Json<wire::Component>)> {
    let broken = |error| Error::new(Code::InvalidRequest, "the upload ended before its end").detail(error);
    let uploaded = door.control.upload(&caller, body.into_data_stream().map_err(broken)).await?;
    let status = if uploaded.new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(uploaded.component.into())))
}

/// Lists the tenant's components.
///
/// Scopes: publisher, operator or auditor.
#[utoipa::path(get, path = "/v1/components", tag = "components",
    responses((status = 200, description = "The components, oldest first.", body = wire::Components)))]
pub(super) async fn list(State(door): State<Door>, caller: Caller) -> Result<Json<wire::Components>> {
    let components = door.control.components(&caller).await?.into_iter().map(Into::into).collect();
    Ok(Json(wire::Components { components }))
}

/// Shows a component.
///
/// Scopes: publisher, operator or auditor.
#[utoipa::path(get, path = "/v1/components/{component}", tag = "components", params(("component" = Digest, Path)),
    responses((status = 200, description = "The component.", body = wire::Component)))]
pub(super) async fn show(
    State(door): State<Door>,
    caller: Caller,
    Named(component): Named<Digest>,
) -> Result<Json<wire::Component>> {
    Ok(Json(door.control.component(&caller, &component).await?.into()))
}

impl From<ComponentView> for wire::Component {
    fn from(component: ComponentView) -> Self {
        let registry::Admission { digest, inspection, definitions } = component.admission;
        Self {
            digest,
            bytes: inspection.bytes,
            admitted: component.admitted.into(),
            kind: inspection.kind,
            class: inspection.class,
            imports: inspection.imports,
            exports: inspection.exports,
            words: inspection.words,
            grants: inspection.grants,
            definitions: definitions.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<registry::Definition> for wire::Definition {
    fn from(definition: registry::Definition) -> Self {
        let registry::Definition { name, title, description, input_schema, output_schema, hints } = definition;
        let crate::engine::output::Hints { read_only, destructive, idempotent } = hints;
        let hints = wire::Hints { read_only, destructive, idempotent };
        Self { name, title, description, input_schema, output_schema, hints }
    }
}
