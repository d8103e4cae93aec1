//! Whom to trust: signatures, versions that ask for more, submissions to the catalogue, recalls; and those who would like to
//! get past them.
#![allow(clippy::unwrap_used, reason = "tests")]

mod asks;
mod recall;
mod signatures;
mod submissions;

use cofferdam_tests::handmade::Handmade;
use cofferdam_tests::{Tenant, name};
use serde_json::{Value, json};

/// A component that nobody else has: its digest, once it is uploaded.
async fn upload(tenant: &Tenant) -> String {
    tenant.upload(Handmade { description: name("Is one of a kind"), ..Handmade::default() }.build()).await
}

/// What publishing a version takes.
fn version(version: &str, component: &str) -> Value {
    json!({"version": version, "component": component})
}
