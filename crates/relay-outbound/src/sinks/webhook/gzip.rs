//! Compression of large bodies.

use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

/// The body as gzip; `None` if that would not be smaller.
pub(super) async fn compressed(body: &Bytes) -> Option<Bytes> {
    let body = body.clone();
    // A large body takes milliseconds, in which other deliveries go on.
    tokio::task::spawn_blocking(move || compress(&body)).await.ok()?
}

fn compress(body: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    encoder.write_all(body).ok()?;
    let compressed = encoder.finish().ok()?;
    (compressed.len() < body.len()).then(|| compressed.into())
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::*;

    #[tokio::test]
    async fn a_body_comes_back_as_it_was_unless_it_would_grow() {
        let body = Bytes::from("{\"a\": 1}".repeat(1000));
        let small = compressed(&body).await.unwrap();
        let mut found = Vec::new();
        GzDecoder::new(&small[..]).read_to_end(&mut found).unwrap();
        assert_eq!(found, body);
        assert_eq!(compressed(&Bytes::from_static(b"{}")).await, None);
    }
}
