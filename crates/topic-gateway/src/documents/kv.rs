//! Documents in a key-value bucket of JetStream.

use std::error::Error as _;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{
    GetStreamError, GetStreamErrorKind, KeyValueError, KeyValueErrorKind,
};
use async_nats::jetstream::kv::Store;
use event_bus_core::Chain;
use event_bus_runtime::Bus;
use futures_util::TryStreamExt as _;

use super::{LONGEST, MOST, ReadError};

pub(super) async fn read(bus: &Bus, bucket: &str, key: &str) -> Result<Vec<u8>, ReadError> {
    let value = open(bus, bucket).await?.get(key).await.map_err(problem)?;
    let value = value.ok_or(ReadError::Missing)?;
    if value.len() > LONGEST { Err(ReadError::TooLong) } else { Ok(value.into()) }
}

/// The keys that begin so and have a value.
pub(super) async fn list(bus: &Bus, bucket: &str, begin: &str) -> Result<Vec<String>, ReadError> {
    let store = open(bus, bucket).await?;
    // Asked of the stream, since `keys` makes a consumer each time.
    let mut subjects =
        store.stream.info_with_subjects(format!("{}>", store.prefix)).await.map_err(problem)?;
    let mut keys = Vec::new();
    while let Some((subject, _)) = subjects.try_next().await.map_err(problem)? {
        let Some(key) = subject.strip_prefix(&store.prefix) else { continue };
        // A key that was deleted leaves a mark behind.
        if key.starts_with(begin) && store.get(key).await.map_err(problem)?.is_some() {
            keys.push(key.to_owned());
        }
        if keys.len() > MOST {
            return Err(ReadError::TooMany);
        }
    }
    Ok(keys)
}

async fn open(bus: &Bus, bucket: &str) -> Result<Store, ReadError> {
    bus.jetstream().get_key_value(bucket).await.map_err(|error| match error.kind() {
        KeyValueErrorKind::InvalidStoreName => {
            ReadError::Kv(format!("{bucket} is the name of no bucket"))
        }
        _ if is_missing(&error) => ReadError::NoBucket(bucket.to_owned()),
        _ => problem(error),
    })
}

/// Whether JetStream has no stream for the bucket.
fn is_missing(error: &KeyValueError) -> bool {
    let asked = error.source().and_then(|cause| cause.downcast_ref::<GetStreamError>());
    let answer = asked.map(GetStreamError::kind);
    matches!(answer, Some(GetStreamErrorKind::JetStream(answer)) if answer.error_code() == ErrorCode::STREAM_NOT_FOUND)
}

fn problem(error: impl std::error::Error + 'static) -> ReadError {
    ReadError::Kv(Chain(&error).to_string())
}
