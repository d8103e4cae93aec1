//! Server-sent events of a response: what each of them says, in order.
//!
//! As the HTML standard has them, but for lines that a carriage return alone ends, which nobody sends. Whoever sends them
//! may mean harm: what one event takes is bounded, and no byte is looked at again when the next ones come.

use std::io;

use bytes::Bytes;
use futures::{Stream, StreamExt as _, TryStreamExt as _, stream};
use http_body::Body;
use http_body_util::BodyDataStream;
use tokio_util::codec::{FramedRead, LinesCodec, LinesCodecError};
use tokio_util::io::StreamReader;

use super::retry::Failure;
use super::stream::malformed;
use crate::capability::http::Fault;

/// What one event may say, in bytes: as much as an answer that comes in one piece, spelt as JSON.
const EVENT_BYTES_MAX: usize = 4 << 20;

/// The data of each event of `body`. What no empty line ended is no event.
pub(super) fn events<B>(body: B) -> impl Stream<Item = Result<String, Failure>> + Send
where
    B: Body<Data = Bytes, Error = Fault> + Send + 'static,
{
    let bytes = BodyDataStream::new(body).map_err(io::Error::other);
    let lines = FramedRead::new(StreamReader::new(bytes), LinesCodec::new_with_max_length(EVENT_BYTES_MAX));
    stream::try_unfold(Box::pin(lines), |mut lines| async move {
        let mut data = String::new();
        while let Some(line) = lines.next().await {
            let line = line.map_err(failure)?;
            if line.is_empty() && !data.is_empty() {
                return Ok(Some((data, lines)));
            }
            let Some(more) = said(&line) else { continue };
            if !data.is_empty() {
                data.push('\n');
            }
            data.push_str(more);
            if data.len() > EVENT_BYTES_MAX {
                return Err(malformed());
            }
        }
        Ok(None)
    })
}

/// What a line adds to its event.
fn said(line: &str) -> Option<&str> {
    // Some begin with a mark of the byte order.
    let value = line.trim_start_matches('\u{feff}').strip_prefix("data:")?;
    Some(value.strip_prefix(' ').unwrap_or(value))
}

fn failure(error: LinesCodecError) -> Failure {
    match error {
        // The body's own fault, or bytes that are no text.
        LinesCodecError::Io(error) => error.downcast::<Fault>().map_or_else(|_| malformed(), Failure::of_fault),
        LinesCodecError::MaxLineLengthExceeded => malformed(),
    }
}

#[cfg(test)]
mod tests {
    use http_body::Frame;
    use http_body_util::StreamBody;

    use super::*;

    /// The events of a body that comes in these pieces, and what it broke off with.
    async fn read(pieces: Vec<Result<Bytes, Fault>>) -> (Vec<String>, Option<Failure>) {
        let body = StreamBody::new(stream::iter(pieces).map_ok(Frame::data));
        let (mut said, mut failed) = (Vec::new(), None);
        for event in events(body).collect::<Vec<_>>().await {
            match event {
                Ok(event) => said.push(event),
                Err(failure) => failed = Some(failure),
            }
        }
        (said, failed)
    }

    #[tokio::test]
    async fn events_are_the_same_wherever_the_bytes_are_cut() {
        let text =
            "\u{feff}: hello\r\nevent: x\r\ndata: {\"a\": \"ä\"}\r\n\r\n\n\nid: 1\ndata:b\ndata:  c\n\ndata: cut";
        for length in 1..text.len() {
            let pieces = text.as_bytes().chunks(length).map(|piece| Ok(Bytes::copy_from_slice(piece)));
            let (said, failed) = read(pieces.collect()).await;
            assert_eq!(said, ["{\"a\": \"ä\"}", "b\n c"], "in pieces of {length}");
            assert!(failed.is_none());
        }
    }

    #[tokio::test]
    async fn what_breaks_off_says_why() {
        let (said, failed) = read(vec![Ok(Bytes::from("data: a\n\ndata: b")), Err(Fault::ReadTimeout)]).await;
        assert_eq!(said, ["a"]);
        assert_eq!(failed.unwrap().why, Fault::ReadTimeout.to_string());
        let (_, failed) = read(vec![Ok(Bytes::from_static(b"data: \xff\n\n"))]).await;
        assert_eq!(failed.unwrap().why, malformed().why);
    }

    #[tokio::test]
    async fn an_event_is_bounded_in_one_line_and_in_many() {
        let piece = |text: &str| Ok(Bytes::from(text.repeat((5 << 20) / text.len())));
        let line = format!("data: {}\n", "x".repeat(1_000));
        for endless in ["x", line.as_str()] {
            let (said, failed) = read(vec![Ok(Bytes::from("data: a\n\n")), piece(endless)]).await;
            assert_eq!((said.len(), failed.unwrap().why), (1, malformed().why));
        }
        // Nothing comes of what says nothing, and it takes no longer than it is.
        let empty = Bytes::from("\n".repeat(1 << 18));
        assert_eq!(read(vec![Ok(empty), Ok(Bytes::from("data: a\n\n"))]).await.0, ["a"]);
    }
}
