//! Raw sockets: never. Making one and looking a name up are refused and recorded; the rest of `wasi:sockets` is linked,
//! and there is nothing that it could be called on.

mod bind3;

pub(super) use self::bind3::add_to_linker as add_to_linker_3;

use wasmtime::component::{HasData, Linker, Resource, ResourceTableError};
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddress, IpAddressFamily, Network};
use wasmtime_wasi::p2::bindings::sockets::{ip_name_lookup, network, tcp, tcp_create_socket, udp, udp_create_socket};
use wasmtime_wasi::p2::{DynPollable, SocketError, SocketResult};

use super::effects::{DeniedUse, Effects};

/// The call's share of the host as `wasi:sockets` wants it.
#[derive(Debug)]
pub(super) struct SocketsView<'a> {
    pub(super) effects: &'a Effects,
}

struct HasSockets;

impl HasData for HasSockets {
    type Data<'a> = SocketsView<'a>;
}

/// Links what makes sockets and looks up names.
pub(super) fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    get: fn(&mut T) -> SocketsView<'_>,
) -> wasmtime::Result<()> {
    tcp_create_socket::add_to_linker::<T, HasSockets>(linker, get)?;
    udp_create_socket::add_to_linker::<T, HasSockets>(linker, get)?;
    ip_name_lookup::add_to_linker::<T, HasSockets>(linker, get)
}

impl SocketsView<'_> {
    fn refuse<T>(&self, action: &str) -> SocketResult<T> {
        self.deny(action);
        Err(ErrorCode::AccessDenied.into())
    }

    /// Has a denial recorded.
    fn deny(&self, action: &str) {
        let rule = "tools have no raw sockets; wasi:http goes where an http grant says".to_owned();
        self.effects.deny(DeniedUse { capability: "sockets", action: action.to_owned(), rule, nearest: None });
    }
}

/// Only for the errors of what is here: the interface itself is `wasmtime-wasi`'s.
impl network::Host for SocketsView<'_> {
    fn convert_error_code(&mut self, error: SocketError) -> wasmtime::Result<ErrorCode> {
        error.downcast()
    }

    fn network_error_code(&mut self, _: Resource<wasmtime::Error>) -> wasmtime::Result<Option<ErrorCode>> {
        Ok(None)
    }
}

impl network::HostNetwork for SocketsView<'_> {
    fn drop(&mut self, _: Resource<Network>) -> wasmtime::Result<()> {
        Err(ResourceTableError::NotPresent.into())
    }
}

impl tcp_create_socket::Host for SocketsView<'_> {
    fn create_tcp_socket(&mut self, _: IpAddressFamily) -> SocketResult<Resource<tcp::TcpSocket>> {
        self.refuse("make a TCP socket")
    }
}

impl udp_create_socket::Host for SocketsView<'_> {
    async fn create_udp_socket(&mut self, _: IpAddressFamily) -> SocketResult<Resource<udp::UdpSocket>> {
        self.refuse("make a UDP socket")
    }
}

type Addresses = ip_name_lookup::ResolveAddressStream;

impl ip_name_lookup::Host for SocketsView<'_> {
    fn resolve_addresses(&mut self, _: Resource<Network>, _: String) -> SocketResult<Resource<Addresses>> {
        self.refuse("look a name up")
    }
}

/// There are no such handles.
impl ip_name_lookup::HostResolveAddressStream for SocketsView<'_> {
    fn resolve_next_address(&mut self, _: Resource<Addresses>) -> Result<Option<IpAddress>, SocketError> {
        Err(ResourceTableError::NotPresent.into())
    }

    fn subscribe(&mut self, _: Resource<Addresses>) -> wasmtime::Result<Resource<DynPollable>> {
        Err(ResourceTableError::NotPresent.into())
    }

    fn drop(&mut self, _: Resource<Addresses>) -> wasmtime::Result<()> {
        Err(ResourceTableError::NotPresent.into())
    }
}

#[cfg(test)]
mod tests {
    use tcp_create_socket::Host as _;
    use udp_create_socket::Host as _;

    use super::*;
    use crate::capability::effects::tests::recorded;

    #[tokio::test]
    async fn no_socket_is_made_and_each_attempt_recorded() {
        let (record, effects) = recorded();
        let mut sockets = SocketsView { effects: &effects };
        let denied = |error: SocketError| matches!(error.downcast(), Ok(ErrorCode::AccessDenied));
        assert!(denied(sockets.create_tcp_socket(IpAddressFamily::Ipv4).unwrap_err()));
        assert!(denied(sockets.create_udp_socket(IpAddressFamily::Ipv6).await.unwrap_err()));
        let lookup = ip_name_lookup::Host::resolve_addresses(&mut sockets, Resource::new_borrow(0), "localhost".into());
        assert!(denied(lookup.unwrap_err()));
        let actions: Vec<_> = record.denied.lock().iter().map(|denied| denied.action.clone()).collect();
        assert_eq!(actions, ["make a TCP socket", "make a UDP socket", "look a name up"]);
    }
}
