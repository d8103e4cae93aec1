//! `wasi:http` 0.3, types and client: `wasmtime-wasi-http`'s, with the same hook behind it as in 0.2.

use wasmtime::component::Linker;
use wasmtime_wasi_http::p3::bindings::http::{client, types};
use wasmtime_wasi_http::{WasiHttp, WasiHttpCtxView};

/// Links the two interfaces.
///
/// # Errors
///
/// Where one of them is linked already.
pub fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    get: fn(&mut T) -> WasiHttpCtxView<'_>,
) -> wasmtime::Result<()> {
    client::add_to_linker::<T, WasiHttp>(linker, get)?;
    types::add_to_linker::<T, WasiHttp>(linker, get)
}
