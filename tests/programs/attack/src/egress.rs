//! Ways out: sockets, names, and requests whose parts do not fit together, straight at the host's interface.

use cofferdam_sdk::{Text, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wasip2::http::outgoing_handler;
use wasip2::http::types::{Fields, Method, OutgoingBody, OutgoingRequest, Scheme};
use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::network::{IpAddressFamily, IpSocketAddress, Ipv4SocketAddress};
use wasip2::sockets::{ip_name_lookup, tcp_create_socket, udp_create_socket};

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Connect {
    /// On 127.0.0.1.
    port: u16,
    /// To look up.
    name: String,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Connected {
    tcp: String,
    udp: String,
    name: String,
}

/// Tries to connect, to send and to look up a name without HTTP.
#[tool]
pub(crate) fn connect(args: Connect) -> Connected {
    let address = IpSocketAddress::Ipv4(Ipv4SocketAddress { port: args.port, address: (127, 0, 0, 1) });
    let network = instance_network();
    let tcp = tcp_create_socket::create_tcp_socket(IpAddressFamily::Ipv4)
        .and_then(|socket| socket.start_connect(&network, address));
    let udp = udp_create_socket::create_udp_socket(IpAddressFamily::Ipv4)
        .and_then(|socket| socket.start_bind(&network, address));
    let name = ip_name_lookup::resolve_addresses(&network, &args.name).and_then(|found| {
        found.subscribe().block();
        found.resolve_next_address().map(drop)
    });
    let word = |result: Result<(), wasip2::sockets::network::ErrorCode>| match result {
        Ok(()) => "ok".to_owned(),
        Err(code) => code.name().to_owned(),
    };
    Connected { tcp: word(tcp), udp: word(udp), name: word(name) }
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Request {
    #[serde(default)]
    method: String,
    scheme: String,
    authority: String,
    path: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default)]
    body: String,
}

/// Sends a request of exactly these parts; gives its status, or what refused it.
#[tool]
pub(crate) fn request(args: Request) -> Text {
    Text(send(&args).unwrap_or_else(|refused| refused))
}

fn send(args: &Request) -> Result<String, String> {
    let fields = Fields::new();
    for (name, value) in &args.headers {
        fields.append(name, value.as_bytes()).map_err(|error| format!("header refused: {error:?}"))?;
    }
    let request = OutgoingRequest::new(fields);
    if !args.method.is_empty() {
        let method = Method::Other(args.method.clone());
        request.set_method(&method).map_err(|()| "method refused".to_owned())?;
    }
    let scheme = match args.scheme.as_str() {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => Scheme::Other(other.to_owned()),
    };
    request.set_scheme(Some(&scheme)).map_err(|()| "scheme refused".to_owned())?;
    request.set_authority(Some(&args.authority)).map_err(|()| "authority refused".to_owned())?;
    request.set_path_with_query(Some(&args.path)).map_err(|()| "path refused".to_owned())?;
    let body = if args.body.is_empty() { None } else { Some(request.body().map_err(|()| "body refused")?) };
    let answer = outgoing_handler::handle(request, None).map_err(|code| format!("{code:?}"))?;
    if let Some(body) = body {
        let stream = body.write().map_err(|()| "stream refused".to_owned())?;
        for piece in args.body.as_bytes().chunks(4096) {
            stream.blocking_write_and_flush(piece).map_err(|error| format!("write refused: {error:?}"))?;
        }
        drop(stream);
        OutgoingBody::finish(body, None).map_err(|code| format!("{code:?}"))?;
    }
    answer.subscribe().block();
    match answer.get() {
        Some(Ok(Ok(response))) => Ok(response.status().to_string()),
        Some(Ok(Err(code))) => Err(format!("{code:?}")),
        _ => Err("no answer".to_owned()),
    }
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Flood {
    count: usize,
    bytes: usize,
}

/// Fills one set of header fields, and says how many it took.
#[tool]
pub(crate) fn header_flood(args: Flood) -> Text {
    let (fields, value) = (Fields::new(), vec![b'h'; args.bytes]);
    let taken = (0..args.count).take_while(|number| fields.append(&format!("x-{number}"), &value).is_ok()).count();
    Text(taken.to_string())
}
