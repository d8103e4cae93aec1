//! Components as others build them, unchanged: each kind, each toolchain, and the attacks that each of their doors invites.
#![allow(clippy::unwrap_used, reason = "tests")]

mod commands;
mod functions;
mod handlers;
mod hostile;
mod languages;
mod three;

use cofferdam_tests::{Tenant, foreign, shared};

/// A tenant that has pushed the foreign program `name` under the same name.
async fn tenant_with(name: &str) -> Tenant {
    let tenant = shared().await.tenant("foreign").await;
    tenant.push(name, foreign(name)).await;
    tenant
}
