//! What a store holds: the call's capabilities and its counters. Gone with the call.

use wasmtime_wasi_http::{WasiHttpCtxView, WasiHttpView};

use super::limiter::Limiter;
use crate::capability::{CallCapabilities, CapabilityView};

/// The data of a call's store.
#[derive(Debug)]
pub(crate) struct State {
    pub(super) capabilities: CallCapabilities,
    pub(super) limiter: Limiter,
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        self.capabilities.http()
    }
}

impl CapabilityView for State {
    fn capabilities(&mut self) -> &mut CallCapabilities {
        &mut self.capabilities
    }
}
