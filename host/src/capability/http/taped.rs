//! Requests of a call that has a tape: what came back is recorded, head and pieces of the body, and given again; of what
//! was sent, a digest. In a replay no request leaves.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Fault;
use super::body::{GuestBody, ReceivedBody, SentBody};
use super::exchange::Exchange;
use crate::capability::tape::{Line, ask};

/// A response's body, as the guest gets it.
#[derive(Debug)]
pub enum AnswerBody {
    /// From the network.
    Received(ReceivedBody),
    /// The same by way of the call's tape, or in a replay from that alone.
    Taped(TapedBody),
}

/// A body on a tape.
#[derive(Debug)]
pub struct TapedBody {
    /// Absent in a replay.
    received: Option<ReceivedBody>,
    line: Line,
    is_over: bool,
}

/// Header fields, in their order.
type Fields = Vec<(String, Vec<u8>)>;

/// What a request asks, but for its body.
pub(super) type About = (String, Fields);

/// Of a request's body, what was taken of it: how many bytes, and their digest.
const SENT: &str = "http.request-body";
type Sent = (u64, [u8; 32]);

/// A response's head.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    status: u16,
    fields: Fields,
}

/// A piece of a body.
#[derive(Debug, Serialize, Deserialize)]
enum Piece {
    Data(Vec<u8>),
    Trailers(Fields),
}

pub(super) fn about(target: &impl ToString, request: &Request<()>) -> About {
    (format!("{} {}", target.to_string(), request.uri()), fields(request.headers()))
}

/// Sends a request and records what comes; in a replay, where there is nothing to send it with, gives what came.
pub(super) async fn send(
    line: Line,
    about: About,
    sending: Option<(Exchange, Request<SentBody>)>,
) -> Result<Response<AnswerBody>, Fault> {
    let mut received = None;
    let answering = async {
        let (exchange, request) = sending.ok_or(Fault::NoBroker)?;
        let (parts, body) = exchange.run(request).await?.into_parts();
        received = Some(body);
        Ok::<_, Fault>(Head { status: parts.status.as_u16(), fields: fields(&parts.headers) })
    };
    let head = ask(Some(line.question("http.send", &about)), answering).await?;
    let mut response = Response::new(AnswerBody::Taped(TapedBody { received, line, is_over: false }));
    *response.status_mut() = StatusCode::from_u16(head.status).map_err(|_| Fault::Protocol)?;
    *response.headers_mut() = map(head.fields);
    Ok(response)
}

/// Takes a request's body to its end in a replay, and compares it with what was taken of it.
pub(super) async fn take(mut body: GuestBody, line: Line) {
    let told = line.find::<Sent>(SENT);
    let mut left = told.as_ref().map_or(0, |(_, (bytes, _))| *bytes);
    let mut hasher = Sha256::new();
    while let Some(Ok(frame)) = body.frame().await {
        let Ok(bytes) = frame.into_data() else { continue };
        let taken = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        hasher.update(&bytes[..taken]);
        left -= taken as u64;
    }
    let digest: [u8; 32] = hasher.finalize().into();
    if let Some((number, (_, was))) = told
        && (left > 0 || digest != was)
    {
        line.differs(number, SENT);
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        match self.get_mut() {
            Self::Received(body) => Pin::new(body).poll_frame(context),
            Self::Taped(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Received(body) => body.is_end_stream(),
            Self::Taped(body) => body.is_over,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Received(body) => body.size_hint(),
            Self::Taped(_) => SizeHint::default(),
        }
    }
}

impl Body for TapedBody {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let question = self.line.question("http.body", &());
        let piece = match question.told::<Result<Option<Piece>, Fault>>() {
            Ok(Some(told)) => told,
            Err(stop) => Err(stop.into()),
            Ok(None) => {
                let Some(body) = &mut self.received else { return Poll::Ready(Some(Err(Fault::NoBroker))) };
                let polled = ready!(Pin::new(body).poll_frame(context));
                let piece = polled.map(|frame| frame.map(Piece::of)).transpose();
                question.note(&piece);
                piece
            }
        };
        self.is_over = !matches!(piece, Ok(Some(_)));
        Poll::Ready(piece.map(|piece| piece.map(Piece::frame)).transpose())
    }

    fn is_end_stream(&self) -> bool {
        self.is_over
    }
}

impl Piece {
    fn of(frame: Frame<Bytes>) -> Self {
        match frame.into_data() {
            Ok(bytes) => Self::Data(bytes.into()),
            Err(frame) => Self::Trailers(frame.trailers_ref().map(fields).unwrap_or_default()),
        }
    }

    fn frame(self) -> Frame<Bytes> {
        match self {
            Self::Data(bytes) => Frame::data(bytes.into()),
            Self::Trailers(fields) => Frame::trailers(map(fields)),
        }
    }
}

fn fields(map: &HeaderMap) -> Fields {
    map.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect()
}

fn map(fields: Fields) -> HeaderMap {
    let field = |(name, value): (String, Vec<u8>)| {
        Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_bytes(&value).ok()?))
    };
    let mut map = HeaderMap::new();
    for (name, value) in fields.into_iter().filter_map(field) {
        map.append(name, value);
    }
    map
}

/// A request's body that tells the tape what was taken of it, and when that was not all.
#[derive(Debug)]
pub(super) struct Watched {
    body: GuestBody,
    line: Line,
    bytes: u64,
    hasher: Sha256,
    is_taken: bool,
}

impl Watched {
    pub(super) fn boxed(body: GuestBody, line: Line) -> GuestBody {
        Self { body, line, bytes: 0, hasher: Sha256::new(), is_taken: false }.boxed_unsync()
    }
}

impl Body for Watched {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        match frame.as_ref().map(|frame| frame.as_ref().map(Frame::data_ref)) {
            Some(Ok(Some(bytes))) => {
                self.bytes += bytes.len() as u64;
                self.hasher.update(bytes);
            }
            _ => self.is_taken = true,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if !self.is_taken && !self.body.is_end_stream() {
            self.line.tape().give_body_up();
        }
        let sent: Sent = (self.bytes, std::mem::take(&mut self.hasher).finalize().into());
        self.line.note(SENT, &sent);
    }
}
