//! Turning a component into machine code. Called in the confined child process and nowhere else: what a tenant made
//! is never compiled in the host.

use super::settings::{Class, config};

/// The artefact of `component` for `class`.
///
/// # Errors
///
/// What wasmtime says of a component that it does not take; the text is about the component alone.
pub fn precompile(class: Class, component: &[u8]) -> Result<Vec<u8>, String> {
    let mut config = config(class);
    // One component, one thread: the child has a processor-time limit and few rights.
    config.parallel_compilation(false);
    wasmtime::Engine::new(&config)
        .and_then(|engine| engine.precompile_component(component))
        .map_err(|error| format!("{error:#}"))
}
