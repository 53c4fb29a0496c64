//! Reading of request bodies, bounded in size and time.

use std::pin::{Pin, pin};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::Body;
use tokio::time::{Instant, timeout_at};

/// How much of a body that is refused anyway is read before the answer. A sender that writes everything before it reads
/// would otherwise see a reset connection instead of the reason.
const MAX_DISCARDED: usize = 32 * 1024 * 1024;

/// How long that may take.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(2);

/// Why a body was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyError {
    TooLarge,
    TimedOut,
    Broken,
}

/// Reads a body of at most `limit` bytes within `within`. `waits` says that the sender waits for a `100 Continue`, so
/// that a body which is declared too large never has to be sent.
pub(crate) async fn read<B>(
    body: B,
    limit: usize,
    within: Duration,
    waits: bool,
) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes>,
{
    let mut body = pin!(body);
    let declared = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if declared > limit {
        if !waits {
            discard(body).await;
        }
        return Err(BodyError::TooLarge);
    }
    let deadline = Instant::now() + within;
    let result = timeout_at(deadline, collect(body.as_mut(), declared, limit)).await;
    let result = result.unwrap_or(Err(BodyError::TimedOut));
    if result == Err(BodyError::TooLarge) {
        discard(body).await;
    }
    result
}

/// Reads on for a while and forgets what it reads.
pub(crate) async fn discard<B>(mut body: Pin<&mut B>)
where
    B: Body<Data = Bytes> + ?Sized,
{
    let deadline = Instant::now() + DISCARD_TIMEOUT;
    let mut discarded = 0;
    while discarded < MAX_DISCARDED {
        match timeout_at(deadline, body.frame()).await {
            Ok(Some(Ok(frame))) => discarded += frame.data_ref().map_or(0, Bytes::len),
            Ok(Some(Err(_)) | None) | Err(_) => break,
        }
    }
}

async fn collect<B>(
    mut body: Pin<&mut B>,
    declared: usize,
    limit: usize,
) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes>,
{
    let mut first = Bytes::new();
    let mut more = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| BodyError::Broken)?.into_data() else { continue };
        let length = first.len().max(more.len()) + data.len();
        if length > limit {
            return Err(BodyError::TooLarge);
        }
        if first.is_empty() && more.is_empty() {
            // Most bodies come in one piece, which is passed on as it is.
            first = data;
        } else {
            if more.is_empty() {
                more.reserve(declared.max(length));
                more.extend_from_slice(&first);
            }
            more.extend_from_slice(&data);
        }
    }
    Ok(if more.is_empty() { first } else { more.freeze() })
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::task::{Context, Poll};

    use http_body_util::Full;
    use hyper::body::Frame;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Pieces, then silence or the end.
    struct Pieces(Vec<&'static [u8]>, bool);

    impl Body for Pieces {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            if !self.0.is_empty() {
                let piece = self.0.remove(0);
                return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(piece)))));
            }
            if self.1 { Poll::Pending } else { Poll::Ready(None) }
        }
    }

    #[tokio::test]
    async fn a_body_is_read_whole_up_to_the_limit() {
        for (pieces, expected) in [
            (vec![], Ok("")),
            (vec![&b"abc"[..]], Ok("abc")),
            (vec![&b"ab"[..], b"", b"cd", b"ef"], Ok("abcdef")),
            (vec![&b"abcd"[..], b"efg"], Err(BodyError::TooLarge)),
            (vec![&b"abcdefg"[..]], Err(BodyError::TooLarge)),
        ] {
            let body = read(Pieces(pieces, false), 6, SECOND, false).await;
            assert_eq!(body, expected.map(Bytes::from));
        }
        let declared = read(Full::new(Bytes::from_static(b"abcdefg")), 6, SECOND, true).await;
        assert_eq!(declared, Err(BodyError::TooLarge));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stops_coming_is_given_up() {
        let body = read(Pieces(vec![b"ab"], true), 6, SECOND, false).await;
        assert_eq!(body, Err(BodyError::TimedOut));
        let endless = read(Pieces(vec![b"abcdefg"], true), 6, SECOND, false).await;
        assert_eq!(endless, Err(BodyError::TooLarge));
    }
}
