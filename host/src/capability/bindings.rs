//! Generated from `wit/`: what a native tool exports, and the host traits of the interfaces that `wasmtime-wasi` has not.
#![allow(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    reason = "generated; the documentation is the WIT's"
)]

wasmtime::component::bindgen!({
    path: "../wit",
    world: "cofferdam:tool/native",
    imports: {
        "wasi:config/store": trappable,
        "wasi:keyvalue/store.open": trappable,
        "wasi:keyvalue/store.[drop]bucket": trappable,
        default: async | trappable,
    },
    exports: { default: async },
    trappable_error_type: {
        "cofferdam:tool/model.error" => crate::capability::model::ModelFault,
        "cofferdam:tool/prompt.error" => crate::capability::prompt::PromptFault,
        "wasi:keyvalue/store.error" => crate::capability::kv::KvFault,
    },
    with: {
        "cofferdam:tool/model.reply": crate::capability::model::OpenReply,
        "wasi:keyvalue/store.bucket": crate::capability::kv::OpenBucket,
        "cofferdam:tool/call.pending": crate::capability::call::Pending,
    },
    // What goes over a tape.
    additional_derives: [serde::Serialize, serde::Deserialize],
});

/// The second draft of `wasi:keyvalue`.
pub mod draft2 {
    wasmtime::component::bindgen!({
        path: "../wit/keyvalue-draft2",
        world: "wasi:keyvalue/imports",
        imports: {
            "wasi:keyvalue/store.open": trappable,
            "wasi:keyvalue/store.[drop]bucket": trappable,
            "wasi:keyvalue/atomics.[drop]cas": trappable,
            default: async | trappable,
        },
        trappable_error_type: {
            "wasi:keyvalue/store.error" => crate::capability::kv::KvFault,
        },
        with: {
            "wasi:keyvalue/store.bucket": crate::capability::kv::OpenBucket,
            "wasi:keyvalue/atomics.cas": crate::capability::kv::Watched,
        },
    });
}
