//! Why a request was not sent, or its response not given.

use std::error::Error as _;
use std::io;

use serde::{Deserialize, Serialize};

use super::Quota;
use crate::capability::effects::{Against, Stop};
use crate::error::Error;

/// Why a request was not sent, or its response not given.
#[derive(Debug, Clone, thiserror::Error, Serialize, Deserialize)]
pub enum Fault {
    /// Policy does not allow it.
    #[error("the request is denied")]
    Denied,
    /// This host sends no requests.
    #[error("this host sends no requests")]
    NoBroker,
    /// Past `http_requests`.
    #[error("limits.http_requests is {0}: make fewer requests in one call, or raise it in the policy")]
    Requests(u64),
    /// Past `http_sent_bytes`, which is this.
    #[error("limits.http_sent_bytes is {0}: send less in one call, or raise it in the policy")]
    SentBytes(u64),
    /// The request's head is past `http_header_bytes`, which is this, or has too many fields.
    #[error("limits.http_header_bytes is {0}: send fewer or shorter header fields, or raise it in the policy")]
    SentHead(u64),
    /// The target alone is past it.
    #[error("limits.http_header_bytes is {0}: use a shorter URL, or raise it in the policy")]
    Target(u64),
    /// Past `http_received_bytes`, which is this.
    #[error("limits.http_received_bytes is {0}: ask for less in one call, or raise it in the policy")]
    ReceivedBytes(u64),
    /// The response's head is past `http_header_bytes`, which is this, or has too many fields.
    #[error("limits.http_header_bytes is {0}, and the response's header fields are longer")]
    ReceivedHead(u64),
    /// The tenant, or the host, has as many connections as it may have.
    #[error("too many connections at once")]
    ConnectionLimit,
    /// The name has no address.
    #[error("the name does not resolve")]
    Dns,
    /// It was not resolved in time.
    #[error("the name did not resolve in time")]
    DnsTimeout,
    /// It leads to an address that no request may go to.
    #[error("the address is prohibited")]
    AddressProhibited,
    /// There is no way to the address.
    #[error("the address cannot be reached")]
    Unroutable,
    /// Nobody accepts connections there.
    #[error("the connection was refused")]
    Refused,
    /// The connection failed in some other way.
    #[error("the destination is unavailable")]
    Unavailable,
    /// It was not connected in time.
    #[error("the connection was not made in time")]
    ConnectTimeout,
    /// The peer ended the connection.
    #[error("the connection was terminated")]
    Terminated,
    /// The peer's certificate is not one to trust for this name.
    #[error("the certificate is not valid for the host")]
    Certificate,
    /// The peer ended the handshake with this alert.
    #[error("TLS alert {0}")]
    TlsAlert(u8),
    /// The handshake failed in some other way.
    #[error("TLS failed")]
    Tls,
    /// The response did not begin in time.
    #[error("the response did not begin in time")]
    ResponseTimeout,
    /// It did not go on in time.
    #[error("the response did not go on in time")]
    ReadTimeout,
    /// It ended too early.
    #[error("the response is incomplete")]
    Incomplete,
    /// The peer wants to speak something else than HTTP.
    #[error("the peer switches protocols")]
    Upgrade,
    /// What the peer sends is not HTTP.
    #[error("not HTTP")]
    Protocol,
    /// The guest gave its request's body up.
    #[error("the request's body was given up")]
    Aborted,
    // What was added later stands behind the others: recordings know faults by their place.
    /// Past a quota of the tenant's, which is this.
    #[error("{0} is {1}: ask for less at a time, or raise it in the policy")]
    Quota(Quota, u64),
    /// The secret that the request's rule names is not there to be sent.
    #[error("the secret that the policy's rule names cannot be sent: it has to be set first")]
    Credential,
    /// A response that may hold a secret is compressed, so that nobody can look.
    #[error("the response is compressed although it was asked for as it is")]
    Encoded,
    /// As many of the tenant's requests to this host go on as it answers in good time, and none ended in time.
    #[error("the host does not keep up: {0} requests to it go on at once, as many as it answers in good time")]
    Congested(u64),
    /// The record cannot be written, so nothing may leave. What is on no tape stands last: it has no number there.
    #[serde(skip)]
    #[error("audit unavailable: {0}")]
    AuditUnavailable(Error),
    /// A replay asked for what the tape does not say.
    #[serde(skip)]
    #[error("the replay does not go on")]
    Replay,
}

impl From<Stop> for Fault {
    /// Of a tape, which alone stops a request.
    fn from(_: Stop) -> Self {
        Self::Replay
    }
}

impl From<Against> for Fault {
    fn from(Against: Against) -> Self {
        Self::Denied
    }
}

impl Fault {
    /// Why a connection was not made.
    pub(super) fn of_connect(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            io::ErrorKind::TimedOut => Self::ConnectTimeout,
            io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable | io::ErrorKind::AddrNotAvailable => {
                Self::Unroutable
            }
            _ => Self::Unavailable,
        }
    }

    /// Why a handshake failed.
    pub(super) fn of_tls(error: &io::Error) -> Self {
        match error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>()) {
            Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented) => Self::Certificate,
            Some(rustls::Error::AlertReceived(alert)) => Self::TlsAlert(u8::from(*alert)),
            None if matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset) => {
                Self::Terminated
            }
            _ => Self::Tls,
        }
    }

    /// Whether the host that was asked does not keep up, or is not there: fewer requests are sent to it for a while. Of what
    /// did not come in time that depends on the time.
    pub(super) const fn is_too_much(&self) -> bool {
        matches!(self, Self::Refused | Self::Unavailable | Self::Terminated | Self::Incomplete)
    }

    /// Why an exchange failed whose heads may have `header_bytes_max` bytes.
    pub(super) fn of_exchange(error: &hyper::Error, header_bytes_max: u64) -> Self {
        // What the request's own body failed with comes back through the connection.
        if let Some(fault) = error.source().and_then(|cause| cause.downcast_ref::<Self>()) {
            return fault.clone();
        }
        let cut_off = |error: &io::Error| {
            use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
            matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset)
        };
        match error.source().and_then(|cause| cause.downcast_ref::<io::Error>()) {
            _ if error.is_parse_too_large() => Self::ReceivedHead(header_bytes_max),
            _ if error.is_incomplete_message() => Self::Incomplete,
            Some(cause) if cause.kind() == io::ErrorKind::UnexpectedEof => Self::Incomplete,
            Some(cause) if cut_off(cause) => Self::Terminated,
            _ if error.is_canceled() || error.is_closed() => Self::Terminated,
            _ => {
                tracing::debug!(%error, "an exchange with an origin failed");
                Self::Protocol
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_on_a_tape_comes_back_as_it_was() {
        for fault in [
            Fault::Denied,
            Fault::NoBroker,
            Fault::Requests(1),
            Fault::Quota(Quota::Connections, 3),
            Fault::Credential,
            Fault::Encoded,
            Fault::Congested(4),
            Fault::ReceivedHead(2),
            Fault::ConnectionLimit,
            Fault::Dns,
            Fault::TlsAlert(40),
            Fault::ReadTimeout,
            Fault::Protocol,
            Fault::Aborted,
        ] {
            let spelt = postcard::to_allocvec(&fault).unwrap();
            let back: Fault = postcard::from_bytes(&spelt).unwrap();
            assert_eq!(format!("{back:?}"), format!("{fault:?}"));
        }
        for fault in [Fault::Replay, Fault::AuditUnavailable(Error::internal("x"))] {
            postcard::to_allocvec(&fault).unwrap_err();
        }
    }
}
