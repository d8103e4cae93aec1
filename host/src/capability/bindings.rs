//! b
#![allow(missing_docs, missing_debug_implementations, unreachable_pub, clippy::all, unused_qualifications)]
wasmtime::component::bindgen!({
    path: "../wit",
    world: "cofferdam:tool/native",
    imports: { default: async | trappable },
    exports: { default: async },
    with: {
        "wasi:keyvalue/store.bucket": crate::capability::Bucket,
    },
});
