//! Freshness of signed timestamps.

use std::time::Duration;

use time::OffsetDateTime;

use super::Rejection;

/// Reads unix seconds: ASCII digits only, so neither sign, blank, fraction nor exponent.
pub(super) fn unix_seconds(text: &str) -> Result<i64, Rejection> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Rejection::TimestampInvalid);
    }
    text.parse().map_err(|_| Rejection::TimestampInvalid)
}

/// Refuses seconds further from now than the tolerance, in either direction; the boundary itself is accepted.
pub(super) fn check_seconds(
    seconds: i64,
    now: OffsetDateTime,
    tolerance: Duration,
) -> Result<(), Rejection> {
    check(i128::from(seconds), i128::from(now.unix_timestamp()), u128::from(tolerance.as_secs()))
}

/// The same for milliseconds.
pub(super) fn check_milliseconds(
    milliseconds: i128,
    now: OffsetDateTime,
    tolerance: Duration,
) -> Result<(), Rejection> {
    check(milliseconds, now.unix_timestamp_nanos().div_euclid(1_000_000), tolerance.as_millis())
}

fn check(claimed: i128, now: i128, tolerance: u128) -> Result<(), Rejection> {
    if claimed.abs_diff(now) <= tolerance {
        Ok(())
    } else if claimed < now {
        Err(Rejection::TimestampTooOld)
    } else {
        Err(Rejection::TimestampInFuture)
    }
}
