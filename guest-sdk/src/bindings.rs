//! Generated from `wit/`: the export of a native tool, and the imports that `wasip2` has not.
#![allow(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    unsafe_code,
    unused_qualifications,
    clippy::all,
    reason = "generated; the documentation is the WIT's"
)]

wit_bindgen::generate!({
    path: "../wit",
    world: "cofferdam:tool/native",
    generate_all,
    pub_export_macro: true,
});

/// The second draft of `wasi:keyvalue`, for its versions of values.
#[cfg(target_family = "wasm")]
pub mod draft2 {
    wit_bindgen::generate!({
        path: "../wit/keyvalue-draft2",
        world: "wasi:keyvalue/imports",
        generate_all,
    });
}
