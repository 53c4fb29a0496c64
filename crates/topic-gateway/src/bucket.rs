//! Key-value buckets of JetStream.

use std::error::Error as _;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{GetStreamError, GetStreamErrorKind, KeyValueError};

/// Whether there is no such bucket, rather than no answer.
pub(crate) fn is_missing(error: &KeyValueError) -> bool {
    let asked = error.source().and_then(|cause| cause.downcast_ref::<GetStreamError>());
    let answer = asked.map(GetStreamError::kind);
    matches!(answer, Some(GetStreamErrorKind::JetStream(answer)) if answer.error_code() == ErrorCode::STREAM_NOT_FOUND)
}
