//! `wasi:sockets` 0.3: as little as in 0.2.

use wasmtime::StoreContextMut;
use wasmtime::component::{Accessor, Linker, Resource};
use wasmtime_wasi::p3::bindings::sockets::{ip_name_lookup, types};
use wasmtime_wasi::sockets::{WasiSockets, WasiSocketsCtxView};

use super::{HasSockets, SocketsView};

/// The interface, by the version that `wasmtime-wasi` links.
const TYPES: &str = "wasi:sockets/types@0.3.0";

/// Links both interfaces; what makes sockets refuses and records it.
pub(in crate::capability) fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    get: fn(&mut T) -> SocketsView<'_>,
    wasi: fn(&mut T) -> WasiSocketsCtxView<'_>,
) -> wasmtime::Result<()> {
    ip_name_lookup::add_to_linker::<T, HasSockets>(linker, get)?;
    types::add_to_linker::<T, WasiSockets>(linker, wasi)?;
    linker.allow_shadowing(true);
    let mut instance = linker.instance(TYPES)?;
    type Made<S> = Result<Resource<S>, types::ErrorCode>;
    instance.func_wrap(
        "[static]tcp-socket.create",
        move |mut store: StoreContextMut<'_, T>, (_,): (types::IpAddressFamily,)| {
            get(store.data_mut()).deny("make a TCP socket");
            Ok((Made::<types::TcpSocket>::Err(types::ErrorCode::AccessDenied),))
        },
    )?;
    instance.func_wrap(
        "[static]udp-socket.create",
        move |mut store: StoreContextMut<'_, T>, (_,): (types::IpAddressFamily,)| {
            get(store.data_mut()).deny("make a UDP socket");
            Ok((Made::<types::UdpSocket>::Err(types::ErrorCode::AccessDenied),))
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}

impl ip_name_lookup::Host for SocketsView<'_> {}

impl<T: Send> ip_name_lookup::HostWithStore<T> for HasSockets {
    async fn resolve_addresses(
        store: &Accessor<T, Self>,
        _: String,
    ) -> wasmtime::Result<Result<Vec<types::IpAddress>, ip_name_lookup::ErrorCode>> {
        store.with(|mut store| store.get().deny("look a name up"));
        Ok(Err(ip_name_lookup::ErrorCode::AccessDenied))
    }
}
