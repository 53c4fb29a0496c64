//! The body of an answer, as far as it is wanted.

use std::time::Duration;

/// None came in time.
#[derive(Debug, thiserror::Error)]
#[error("no answer within {0:?}")]
pub(super) struct NoAnswer(pub Duration);

/// The first bytes of an answer, at least `limit` of them if there are so many. Reading it to its end lets the connection
/// be used again; a longer answer is cut off.
pub(super) async fn beginning(
    mut response: reqwest::Response,
    limit: usize,
) -> Result<Vec<u8>, reqwest::Error> {
    let mut bytes = Vec::new();
    while bytes.len() < limit {
        match response.chunk().await? {
            Some(chunk) => bytes.extend_from_slice(&chunk),
            None => break,
        }
    }
    bytes.truncate(limit);
    Ok(bytes)
}
