//! `wasi:http` 0.2, types and outgoing-handler: `wasmtime-wasi-http`'s, with this module behind its hook.

use std::future::Future;
use std::mem::size_of;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use tokio::runtime::Handle;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi_http::p2::bindings::http::types::{DnsErrorPayload, ErrorCode, IoError, TlsAlertReceivedPayload};
use wasmtime_wasi_http::p2::bindings::http::{outgoing_handler, types};
use wasmtime_wasi_http::{
    Error, FieldMapError, RequestOptions, WasiBody, WasiHttp, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks,
};

use super::{FIELDS_MAX, Fault, HttpCall, Patience};
use crate::limits::CallLimits;

/// The interface, by the version that `wasmtime-wasi-http` links.
const TYPES: &str = "wasi:http/types@0.2.12";

/// A piece of a request's body. Two of each body wait in the host's memory, also for requests that are never sent.
const PIECE_BYTES_MAX: usize = 16 << 10;

/// What a header field takes of the host's memory beside its own bytes.
const FIELD_BYTES: usize = size_of::<HeaderName>() + size_of::<HeaderValue>();

/// What the interface's resources need to know of the call's limits.
pub fn context(limits: &CallLimits) -> WasiHttpCtx {
    let bytes = usize::try_from(limits.http_header_bytes).unwrap_or(usize::MAX);
    let mut context = WasiHttpCtx::new();
    context.set_field_size_limit(bytes.saturating_add(FIELDS_MAX * FIELD_BYTES));
    context
}

/// Whether `error` is the trap of header fields past `http_header_bytes`.
pub fn is_over_header_bytes(error: &wasmtime::Error) -> bool {
    matches!(error.downcast_ref(), Some(FieldMapError::TotalSizeTooBig | FieldMapError::TooManyFields))
}

/// Links the two interfaces.
///
/// # Errors
///
/// Where one of them is linked already.
pub fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    get: fn(&mut T) -> WasiHttpCtxView<'_>,
) -> wasmtime::Result<()> {
    outgoing_handler::add_to_linker::<T, WasiHttp>(linker, get)?;
    types::add_to_linker::<T, WasiHttp>(linker, &types::LinkOptions::default(), get)?;
    // The one that is linked does not know the errors of bodies, so a guest could not tell a limit from a failure.
    linker.allow_shadowing(true);
    let linked = linker.instance(TYPES)?.func_wrap(
        "http-error-code",
        move |mut store: wasmtime::StoreContextMut<'_, T>, (error,): (Resource<IoError>,)| {
            let view = get(store.data_mut());
            Ok((error_code(view.table.get(&error)?),))
        },
    );
    linker.allow_shadowing(false);
    linked
}

impl WasiHttpHooks for HttpCall {
    /// The decision says what it is.
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        PIECE_BYTES_MAX
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<Sent, Error>> + Send> {
        let options = options.unwrap_or_default();
        let patience = Patience {
            connect: options.connect_timeout,
            first_byte: options.first_byte_timeout,
            between_bytes: options.between_bytes_timeout,
        };
        let runtime = Handle::current();
        let request = request.map(|body| Patient { body: Some(body), runtime });
        let request = request.map(|body| body.map_err(|_| Fault::Aborted).boxed_unsync());
        let sending = self.send(request, patience);
        Box::new(async move {
            let response = sending.await.map_err(|fault| error(&fault))?;
            // What drives the connection belongs to the body.
            let driver: Driver = Box::new(async { Ok(()) });
            Ok((response.map(|body| body.map_err(|fault| error(&fault)).boxed_unsync()), driver))
        })
    }
}

/// A request's body. Whoever drops it before its end does not read on: because the request was denied, or, as hyper, because it
/// takes a GET to have none. If that closed it at once, a guest that has nothing to write and did not come to end it yet would
/// take the connection to be gone, whatever the response is. So it stays open until the guest ends it, or writes to it after all.
struct Patient {
    /// Nothing once it was read to its end.
    body: Option<WasiBody>,
    runtime: Handle,
}

impl Body for Patient {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let polled = ready!(Pin::new(body).poll_frame(context));
        if !matches!(polled, Some(Ok(_))) {
            self.body = None;
        }
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for Patient {
    fn drop(&mut self) {
        let Some(mut body) = self.body.take() else { return };
        // It ends at the latest with the guest, whose end of it is gone then.
        self.runtime.spawn(async move {
            let is_empty = |frame: &Frame<Bytes>| frame.data_ref().is_some_and(Bytes::is_empty);
            while body.frame().await.is_some_and(|frame| frame.as_ref().is_ok_and(is_empty)) {}
        });
    }
}

type Driver = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Sent = (Response<WasiBody>, Driver);

fn error(fault: &Fault) -> Error {
    code(fault).into()
}

/// The interface's error for `fault`.
fn code(fault: &Fault) -> ErrorCode {
    let size = |bytes: &u64| u32::try_from(*bytes).ok();
    match fault {
        Fault::Denied => ErrorCode::HttpRequestDenied,
        Fault::NoBroker => ErrorCode::ConfigurationError,
        // The interface has no words for these.
        Fault::Requests(_)
        | Fault::Quota(..)
        | Fault::Credential
        | Fault::Encoded
        | Fault::AuditUnavailable(_)
        | Fault::Replay => ErrorCode::InternalError(Some(fault.to_string())),
        Fault::SentBytes(max) => ErrorCode::HttpRequestBodySize(Some(*max)),
        Fault::SentHead(max) => ErrorCode::HttpRequestHeaderSectionSize(size(max)),
        Fault::Target(_) => ErrorCode::HttpRequestUriTooLong,
        Fault::ReceivedBytes(max) => ErrorCode::HttpResponseBodySize(Some(*max)),
        Fault::ReceivedHead(max) => ErrorCode::HttpResponseHeaderSectionSize(size(max)),
        Fault::ConnectionLimit | Fault::Congested(_) => ErrorCode::ConnectionLimitReached,
        Fault::Dns => ErrorCode::DnsError(DnsErrorPayload { rcode: None, info_code: None }),
        Fault::DnsTimeout => ErrorCode::DnsTimeout,
        Fault::AddressProhibited => ErrorCode::DestinationIpProhibited,
        Fault::Unroutable => ErrorCode::DestinationIpUnroutable,
        Fault::Refused => ErrorCode::ConnectionRefused,
        Fault::Unavailable => ErrorCode::DestinationUnavailable,
        Fault::ConnectTimeout => ErrorCode::ConnectionTimeout,
        Fault::Terminated => ErrorCode::ConnectionTerminated,
        Fault::Certificate => ErrorCode::TlsCertificateError,
        Fault::TlsAlert(alert) => {
            ErrorCode::TlsAlertReceived(TlsAlertReceivedPayload { alert_id: Some(*alert), alert_message: None })
        }
        Fault::Tls => ErrorCode::TlsProtocolError,
        Fault::ResponseTimeout => ErrorCode::HttpResponseTimeout,
        Fault::ReadTimeout => ErrorCode::ConnectionReadTimeout,
        Fault::Incomplete => ErrorCode::HttpResponseIncomplete,
        Fault::Upgrade => ErrorCode::HttpUpgradeFailed,
        Fault::Protocol | Fault::Aborted => ErrorCode::HttpProtocolError,
    }
}

/// What a stream's error was, where it was the network's: of a request's body the interface's own, of a response's
/// body what [`error`] made of it.
fn error_code(error: &wasmtime::Error) -> Option<ErrorCode> {
    if let Some(code) = error.downcast_ref::<ErrorCode>() {
        return Some(code.clone());
    }
    Some(match error.downcast_ref::<Error>()? {
        Error::HttpResponseBodySize(bytes) => ErrorCode::HttpResponseBodySize(*bytes),
        Error::HttpResponseHeaderSectionSize(bytes) => ErrorCode::HttpResponseHeaderSectionSize(*bytes),
        Error::ConnectionReadTimeout => ErrorCode::ConnectionReadTimeout,
        Error::ConnectionTerminated => ErrorCode::ConnectionTerminated,
        Error::HttpResponseIncomplete => ErrorCode::HttpResponseIncomplete,
        Error::HttpRequestBodySize(bytes) => ErrorCode::HttpRequestBodySize(*bytes),
        Error::InternalError(what) => ErrorCode::InternalError(what.clone()),
        _ => ErrorCode::HttpProtocolError,
    })
}

#[cfg(test)]
mod tests {
    use futures::channel::mpsc;
    use http_body_util::StreamBody;

    use super::*;

    #[test]
    fn the_faults_of_bodies_are_told_to_the_guest_that_asks() {
        for fault in [
            Fault::ReceivedBytes(8),
            Fault::SentBytes(9),
            Fault::Quota(super::super::Quota::ReceivedBytes, 10),
            Fault::ReadTimeout,
            Fault::Terminated,
            Fault::Incomplete,
            Fault::Protocol,
        ] {
            let told = error_code(&error(&fault).into());
            assert_eq!(format!("{told:?}"), format!("{:?}", Some(code(&fault))));
        }
        let own = wasmtime::Error::from(ErrorCode::HttpRequestBodySize(Some(3)));
        assert!(matches!(error_code(&own), Some(ErrorCode::HttpRequestBodySize(Some(3)))));
        assert!(error_code(&wasmtime::Error::msg("a file's")).is_none());
    }

    /// The guest's end of a body, and ours.
    fn body() -> (mpsc::UnboundedSender<Result<Frame<Bytes>, Error>>, Patient) {
        let (guest, frames) = mpsc::unbounded();
        (guest, Patient { body: Some(StreamBody::new(frames).boxed_unsync()), runtime: Handle::current() })
    }

    fn data(bytes: &'static [u8]) -> Result<Frame<Bytes>, Error> {
        Ok(Frame::data(Bytes::from_static(bytes)))
    }

    async fn let_others_run() {
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_body_that_nobody_reads_stays_open_until_the_guest_writes_to_it_or_ends_it() {
        let (guest, unread) = body();
        drop(unread);
        let_others_run().await;
        assert!(!guest.is_closed());
        // As libraries do with a body that is empty.
        guest.unbounded_send(data(b"")).unwrap();
        let_others_run().await;
        assert!(!guest.is_closed());
        guest.unbounded_send(data(b"a")).unwrap();
        let_others_run().await;
        assert!(guest.is_closed());

        let (guest, unread) = body();
        drop(unread);
        let tasks = || Handle::current().metrics().num_alive_tasks();
        let_others_run().await;
        assert_eq!(tasks(), 1);
        drop(guest);
        let_others_run().await;
        assert_eq!(tasks(), 0);
    }

    #[tokio::test]
    async fn a_body_that_is_read_is_what_the_guest_wrote_and_is_waited_for_no_longer() {
        let (guest, read) = body();
        guest.unbounded_send(data(b"a")).unwrap();
        guest.unbounded_send(data(b"b")).unwrap();
        drop(guest);
        assert_eq!(read.collect().await.unwrap().to_bytes(), "ab");
        assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
    }

    #[test]
    fn the_errors_are_linked_where_guests_look_for_them() {
        let engine = wasmtime::Engine::default();
        let mut linker = Linker::<()>::new(&engine);
        fn never(_: &mut ()) -> WasiHttpCtxView<'_> {
            unreachable!("nothing is called")
        }
        add_to_linker(&mut linker, never).unwrap();
        // It is there already, where the generated code put it: else this would be the first of its name.
        let again = linker.instance(TYPES).unwrap().func_wrap("http-error-code", |_, (): ()| Ok(()));
        assert!(again.is_err());
        let others = linker.instance(TYPES).unwrap().func_wrap("[method]fields.append", |_, (): ()| Ok(()));
        assert!(others.is_err());
    }
}
