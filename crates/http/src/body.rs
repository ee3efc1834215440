//! Payloads: read within bounds without copying, and written as they are.

use std::convert::Infallible;
use std::error::Error as StdError;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use futures_util::stream::BoxStream;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;

use crate::server::Busy;

/// A payload as it arrives: hyper's, or that of a framework that this is merged into.
pub(crate) trait Payload:
    Body<Data = Bytes, Error: StdError + Send + Sync + 'static> + Send + Unpin + 'static
{
}

impl<B: Body<Data = Bytes, Error: StdError + Send + Sync + 'static> + Send + Unpin + 'static>
    Payload for B
{
}

/// Why a payload was not read.
#[derive(Debug)]
pub(crate) enum Unread<E> {
    /// It has more than the bound; this many bytes so far, or as announced.
    TooLarge(usize),
    /// Too many payloads are half read.
    Crowded,
    /// The connection broke.
    Broken(E),
}

/// How many bytes of half-read payloads there are, within a bound.
#[derive(Debug)]
pub(crate) struct Buffered {
    bytes: AtomicUsize,
    most: usize,
}

impl Buffered {
    pub(crate) const fn new(most: usize) -> Self {
        Self {
            bytes: AtomicUsize::new(0),
            most,
        }
    }

    pub(crate) const fn most(&self) -> usize {
        self.most
    }

    fn take(&self, bytes: usize) -> Option<Share<'_>> {
        let mut share = Share { of: self, bytes: 0 };
        share.grow(bytes).then_some(share)
    }
}

struct Share<'a> {
    of: &'a Buffered,
    bytes: usize,
}

impl Share<'_> {
    fn grow(&mut self, bytes: usize) -> bool {
        self.bytes += bytes;
        self.of.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes <= self.of.most
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.of.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Reads a payload of at most `limit` bytes. One that arrives in one piece is not copied.
pub(crate) async fn read<B>(
    mut body: B,
    limit: usize,
    buffered: Option<&Buffered>,
) -> Result<Bytes, Unread<B::Error>>
where
    B: Body<Data = Bytes> + Unpin,
{
    let announced = body.size_hint().lower();
    if announced > limit as u64 {
        return Err(Unread::TooLarge(
            usize::try_from(announced).unwrap_or(usize::MAX),
        ));
    }
    let first = loop {
        match body.frame().await {
            None => return Ok(Bytes::new()),
            Some(frame) => {
                if let Ok(data) = frame.map_err(Unread::Broken)?.into_data() {
                    break data;
                }
            }
        }
    };
    if first.len() > limit {
        return Err(Unread::TooLarge(first.len()));
    }
    if body.is_end_stream() {
        return Ok(first);
    }
    let mut share = match buffered {
        Some(buffered) => Some(buffered.take(first.len()).ok_or(Unread::Crowded)?),
        None => None,
    };
    let expected = usize::try_from(announced).unwrap_or(limit).min(limit);
    // What was announced is believed only as far as a part of it has come.
    let mut whole = BytesMut::with_capacity(expected.min(4 * first.len().max(16 * 1024)));
    whole.extend_from_slice(&first);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(Unread::Broken)?.into_data() else {
            continue;
        };
        let total = whole.len() + data.len();
        if total > limit {
            return Err(Unread::TooLarge(total));
        }
        if share.as_mut().is_some_and(|share| !share.grow(data.len())) {
            return Err(Unread::Crowded);
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
}

/// The payload of an answer.
pub(crate) struct ReplyBody {
    content: Content,
    /// Only held, to be dropped with the payload.
    busy: Option<Busy>,
}

enum Content {
    Whole(Option<Bytes>),
    Stream(BoxStream<'static, Bytes>),
}

impl ReplyBody {
    /// A payload that is there.
    pub(crate) fn whole(bytes: Bytes) -> Self {
        let content = Content::Whole((!bytes.is_empty()).then_some(bytes));
        Self {
            content,
            busy: None,
        }
    }

    /// A payload that goes on.
    pub(crate) fn stream(stream: impl Stream<Item = Bytes> + Send + 'static) -> Self {
        Self {
            content: Content::Stream(Box::pin(stream)),
            busy: None,
        }
    }

    /// The same, marking its connection as busy until it has gone out.
    pub(crate) fn until(mut self, busy: Busy) -> Self {
        self.busy = Some(busy);
        self
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut self.content {
            Content::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Content::Stream(stream) => stream
                .as_mut()
                .poll_next(cx)
                .map(|next| next.map(|bytes| Ok(Frame::data(bytes)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.content, Content::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64)
            }
            Content::Stream(_) => SizeHint::default(),
        }
    }
}

impl std::fmt::Debug for ReplyBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.content {
            Content::Whole(_) => "ReplyBody(whole)",
            Content::Stream(_) => "ReplyBody(stream)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;
    use http_body_util::{Full, StreamBody};

    fn pieces(
        pieces: &'static [&'static [u8]],
    ) -> impl Body<Data = Bytes, Error = Infallible> + Unpin {
        StreamBody::new(stream::iter(
            pieces
                .iter()
                .map(|piece| Ok(Frame::data(Bytes::from_static(piece)))),
        ))
    }

    #[tokio::test]
    async fn one_piece_is_not_copied() {
        let bytes = Bytes::from(vec![7; 100]);
        let read = read(Full::new(bytes.clone()), 100, None).await.unwrap();
        assert_eq!(read.as_ptr(), bytes.as_ptr());
    }

    #[tokio::test]
    async fn pieces_are_joined_within_the_bound() {
        let buffered = Buffered::new(100);
        assert_eq!(
            read(pieces(&[b"ab", b"", b"cd"]), 4, Some(&buffered))
                .await
                .unwrap(),
            "abcd"
        );
        assert!(matches!(
            read(pieces(&[b"ab", b"cde"]), 4, None).await,
            Err(Unread::TooLarge(5))
        ));
        assert!(matches!(
            read(Full::new(Bytes::from_static(b"abcde")), 4, None).await,
            Err(Unread::TooLarge(5))
        ));
        assert_eq!(read(pieces(&[]), 4, None).await.unwrap(), "");
        assert_eq!(buffered.bytes.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn half_read_payloads_have_a_bound_together() {
        let buffered = Buffered::new(3);
        assert!(matches!(
            read(pieces(&[b"ab", b"cd"]), 10, Some(&buffered)).await,
            Err(Unread::Crowded)
        ));
        assert_eq!(buffered.bytes.load(Ordering::Relaxed), 0);
    }
}
