//! c
pub mod bindings;
pub mod effects;
use crate::{
    id::{CallId, TenantId},
    limits::CallLimits,
    policy::Grants,
};
use std::sync::Arc;
use std::time::SystemTime;
use wasmtime::component::{Linker, ResourceTable};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
pub struct Bucket;
/// s
#[derive(Debug, Clone, Default)]
pub struct Services;
/// c
pub struct CallCapabilities {
    table: ResourceTable,
    wasi: WasiCtx,
    effects: Arc<effects::Effects>,
}
impl std::fmt::Debug for CallCapabilities {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CallCapabilities")
    }
}
impl CallCapabilities {
    pub fn new(
        _: &Services,
        _: &Grants,
        limits: &CallLimits,
        _: &TenantId,
        _: CallId,
        _: SystemTime,
        effects: Arc<effects::Effects>,
    ) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.resources as usize);
        Self { table, wasi: WasiCtx::builder().build(), effects }
    }
}
struct W<'a>(&'a mut CallCapabilities);
impl WasiView for CallCapabilities {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}
pub fn add_to_linker<T: Send + 'static>(
    _linker: &mut Linker<T>,
    _get: fn(&mut T) -> &mut CallCapabilities,
) -> wasmtime::Result<()> {
    Ok(())
}
