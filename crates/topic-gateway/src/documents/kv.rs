//! Documents in a key-value bucket of JetStream.

use async_nats::jetstream::context::KeyValueErrorKind;
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
            ReadError::Kv(format!("there is no bucket {bucket}"))
        }
        _ => problem(error),
    })
}

fn problem(error: impl std::error::Error + 'static) -> ReadError {
    ReadError::Kv(Chain(&error).to_string())
}
