//! The OpenAPI document: made from the operations, checked in as `docs/openapi.json`, and compared in a test.

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ContentBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiVersion, Ref, ResponseBuilder, path::Operation,
};

use super::door::Door;

/// An operation of the public listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// In upper case.
    pub method: &'static str,
    /// With its parameters in braces: `/v1/keys/{key}/rotate`.
    pub path: String,
}

/// The document of this version's API.
pub fn api() -> OpenApi {
    complete(super::door::operations().split_for_parts().1)
}

/// Every operation, for whoever has to try them all.
pub fn endpoints() -> Vec<Endpoint> {
    let mut endpoints = Vec::new();
    for (path, item) in api().paths.paths {
        let methods =
            [("GET", item.get), ("PUT", item.put), ("POST", item.post), ("DELETE", item.delete), ("PATCH", item.patch)];
        let given = methods.into_iter().filter(|(_, operation)| operation.is_some());
        endpoints.extend(given.map(|(method, _)| Endpoint { method, path: path.clone() }));
    }
    endpoints
}

/// Serves this document.
///
/// Scopes: any.
#[utoipa::path(get, path = "/v1/openapi.json", tag = "openapi",
    responses((status = 200, description = "OpenAPI 3.1.", body = Object)))]
pub(super) async fn document(State(door): State<Door>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], door.document.clone())
}

/// The document as it is served and checked in.
pub(super) fn text(document: &OpenApi) -> String {
    // Every part of it is plain data with texts for keys: that cannot fail.
    let mut text = serde_json::to_string_pretty(document).unwrap_or_default();
    text.push('\n');
    text
}

/// Adds what all operations have in common: the key, and problems.
pub(super) fn complete(mut document: OpenApi) -> OpenApi {
    const KEY: &str = "key";
    document.openapi = OpenApiVersion::Version31;
    document.info = InfoBuilder::new()
        .title("Cofferdam")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .license(Some(LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build()))
        .build();
    let bearer = Http::builder().scheme(HttpAuthScheme::Bearer).bearer_format("cof_<tenant>_<secret>").build();
    document.components.get_or_insert_default().add_security_scheme(KEY, SecurityScheme::Http(bearer));
    document.security = Some(vec![SecurityRequirement::new::<_, _, &str>(KEY, [])]);
    document.paths.paths = std::mem::take(&mut document.paths.paths)
        .into_iter()
        .map(|(path, mut item)| {
            let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch];
            operations.into_iter().flatten().for_each(|operation| {
                name(operation);
                add_problem(operation);
            });
            // OpenAPI knows no parameter that goes over several segments.
            (path.replace("{*", "{"), item)
        })
        .collect();
    document
}

const DESCRIPTION: &str = "Tools for AI agents, many tenants, every call in a fresh sandbox.\n\n\
    Every operation needs `Authorization: Bearer cof_…`; the key alone decides the tenant. \
    Failures are problems (RFC 9457) with a stable `code`: see docs/errors.md.";

/// Handlers are named within their file; over all files a name needs its subject.
fn name(operation: &mut Operation) {
    let subject = operation.tags.as_ref().and_then(|tags| tags.first());
    if let (Some(subject), Some(name)) = (subject, &operation.operation_id) {
        operation.operation_id = Some(format!("{subject}_{name}"));
    }
}

fn add_problem(operation: &mut Operation) {
    let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let response = ResponseBuilder::new()
        .description("A problem: match on its `code`.")
        .content("application/problem+json", problem)
        .build();
    operation.responses.responses.insert("default".to_owned(), response.into());
}
