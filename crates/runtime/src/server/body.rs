//! Reading of request bodies, bounded in size and time.

use std::pin::{Pin, pin};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::Body;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

/// How much of a body that is refused anyway is read before the answer. A sender that writes everything before it reads
/// would otherwise see a reset connection instead of the reason.
const MAX_DISCARDED: usize = 32 * 1024 * 1024;

/// Bytes for which one permit stands.
const UNIT: usize = 1024;

/// How long that may take.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(2);

/// Room for the bodies of all requests, in units of a kibibyte.
#[derive(Debug)]
pub struct Room(Semaphore);

/// A body and the room that it takes.
#[derive(Debug)]
pub struct Held<'a> {
    /// The body.
    pub bytes: Bytes,
    room: Option<SemaphorePermit<'a>>,
}

/// Why a body was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// It is larger than the limit.
    TooLarge,
    /// It did not arrive in time.
    TimedOut,
    /// The connection broke.
    Broken,
    /// The bodies of other requests take all the room.
    NoRoom,
}

impl Room {
    /// Room for this many bytes.
    pub fn new(bytes: usize) -> Self {
        Self(Semaphore::new((bytes / UNIT).min(Semaphore::MAX_PERMITS)))
    }

    fn take(&self, bytes: usize) -> Result<SemaphorePermit<'_>, BodyError> {
        let units = u32::try_from(bytes.div_ceil(UNIT)).map_err(|_| BodyError::NoRoom)?;
        self.0.try_acquire_many(units).map_err(|_| BodyError::NoRoom)
    }
}

impl Held<'_> {
    /// Forgets the body, and keeps room for at most this many bytes.
    pub fn shrink(&mut self, bytes: usize) {
        self.bytes = Bytes::new();
        let kept = bytes.div_ceil(UNIT);
        if let Some(room) = &mut self.room {
            let surplus = room.num_permits().saturating_sub(kept);
            drop(room.split(surplus));
        }
    }
}

/// Reads a body of at most `limit` bytes within `within`. `waits` says that the sender waits for a `100 Continue`, so
/// that a body which is declared too large never has to be sent.
pub async fn read<B>(
    body: B,
    limit: usize,
    within: Duration,
    waits: bool,
    room: &Room,
) -> Result<Held<'_>, BodyError>
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
    let result = timeout_at(deadline, collect(body.as_mut(), declared, limit, room)).await;
    let result = result.unwrap_or(Err(BodyError::TimedOut));
    if matches!(result, Err(BodyError::TooLarge)) {
        discard(body).await;
    }
    result
}

/// Reads on for a while and forgets what it reads.
pub async fn discard<B>(mut body: Pin<&mut B>)
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

async fn collect<'a, B>(
    mut body: Pin<&mut B>,
    declared: usize,
    limit: usize,
    room: &'a Room,
) -> Result<Held<'a>, BodyError>
where
    B: Body<Data = Bytes>,
{
    let mut first = Bytes::new();
    let mut more = BytesMut::new();
    let mut taken: Option<SemaphorePermit<'_>> = None;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| BodyError::Broken)?.into_data() else { continue };
        let length = first.len().max(more.len()) + data.len();
        if length > limit {
            return Err(BodyError::TooLarge);
        }
        // Taken as it comes: a sender that declares much and sends little keeps nobody out.
        let has = taken.as_ref().map_or(0, SemaphorePermit::num_permits) * UNIT;
        if length > has {
            let more = room.take(length - has)?;
            match &mut taken {
                Some(taken) => taken.merge(more),
                None => taken = Some(more),
            }
        }
        if first.is_empty() && more.is_empty() {
            // Most bodies come in one piece, which is passed on as it is.
            first = data;
        } else {
            if more.is_empty() {
                more.reserve(length.max(declared.min(length * 2)));
                more.extend_from_slice(&first);
            }
            more.extend_from_slice(&data);
        }
    }
    let bytes = if more.is_empty() { first } else { more.freeze() };
    Ok(Held { bytes, room: taken })
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
            let room = Room::new(9000);
            let body = read(Pieces(pieces, false), 6, SECOND, false, &room).await;
            assert_eq!(body.map(|body| body.bytes), expected.map(Bytes::from));
        }
        let room = Room::new(9000);
        let declared =
            read(Full::new(Bytes::from_static(b"abcdefg")), 6, SECOND, true, &room).await;
        assert_eq!(declared.unwrap_err(), BodyError::TooLarge);
    }

    #[tokio::test]
    async fn bodies_take_room_until_they_are_dropped() {
        let room = Room::new(2 * UNIT);
        let body = || Full::new(Bytes::from(vec![b'x'; UNIT + 1]));
        let first = read(body(), 4 * UNIT, SECOND, false, &room).await.unwrap();
        let second = read(body(), 4 * UNIT, SECOND, false, &room).await;
        assert_eq!(second.unwrap_err(), BodyError::NoRoom);
        drop(first);
        assert!(read(body(), 4 * UNIT, SECOND, false, &room).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stops_coming_is_given_up() {
        let room = Room::new(9000);
        let body = read(Pieces(vec![b"ab"], true), 6, SECOND, false, &room).await;
        assert_eq!(body.unwrap_err(), BodyError::TimedOut);
        let endless = read(Pieces(vec![b"abcdefg"], true), 6, SECOND, false, &room).await;
        assert_eq!(endless.unwrap_err(), BodyError::TooLarge);
    }
}
