//! Documents in a key-value bucket of JetStream.

use std::collections::HashMap;
use std::sync::Arc;

use async_nats::jetstream::context::KeyValueErrorKind;
use async_nats::jetstream::kv::Store;
use bytes::Bytes;
use event_bus_core::Chain;
use event_bus_runtime::Bus;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use tokio::sync::Mutex;

use super::{LONGEST, MOST, ReadError};
use crate::bucket::is_missing;

/// Values that are asked for at the same time.
const AT_ONCE: usize = 64;

/// The key-value buckets of a bus.
#[derive(Clone, Debug)]
pub(super) struct Kv {
    bus: Option<Bus>,
    look: Option<Arc<Mutex<Look>>>,
}

/// What one look at documents has learnt of the buckets.
#[derive(Debug, Default)]
struct Look {
    stores: HashMap<String, Store>,
    /// Values that a list came by, by bucket and key.
    values: HashMap<(String, String), Bytes>,
}

impl Kv {
    pub(super) fn new(bus: Option<Bus>) -> Self {
        Self { bus, look: None }
    }

    /// Opens each bucket once, and reads what it has listed only once.
    pub(super) fn for_one_look(&self) -> Self {
        Self { bus: self.bus.clone(), look: Some(Arc::default()) }
    }

    pub(super) async fn read(&self, bucket: &str, key: &str) -> Result<Vec<u8>, ReadError> {
        let value = match self.listed(bucket, key).await {
            Some(value) => Some(value),
            None => self.open(bucket).await?.get(key).await.map_err(problem)?,
        };
        let value = value.ok_or(ReadError::Missing)?;
        if value.len() > LONGEST { Err(ReadError::TooLong) } else { Ok(value.into()) }
    }

    /// The keys that begin so and have a value.
    pub(super) async fn list(&self, bucket: &str, begin: &str) -> Result<Vec<String>, ReadError> {
        let store = self.open(bucket).await?;
        // Asked of the stream, since `keys` makes a consumer each time.
        let mut subjects =
            store.stream.info_with_subjects(format!("{}>", store.prefix)).await.map_err(problem)?;
        let mut keys = Vec::new();
        while let Some((subject, _)) = subjects.try_next().await.map_err(problem)? {
            let Some(key) = subject.strip_prefix(&store.prefix) else { continue };
            if key.starts_with(begin) {
                keys.push(key.to_owned());
            }
        }
        let values = keys.into_iter().map(|key| async {
            let value = store.get(&*key).await.map_err(problem)?;
            Ok::<_, ReadError>((key, value))
        });
        let mut values = stream::iter(values).buffer_unordered(AT_ONCE);
        let mut listed = Vec::new();
        while let Some((key, value)) = values.try_next().await? {
            // A key that was deleted leaves a mark behind.
            let Some(value) = value else { continue };
            if let Some(look) = &self.look {
                let place = (bucket.to_owned(), key.clone());
                look.lock().await.values.insert(place, value);
            }
            listed.push(key);
            if listed.len() > MOST {
                return Err(ReadError::TooMany);
            }
        }
        Ok(listed)
    }

    async fn listed(&self, bucket: &str, key: &str) -> Option<Bytes> {
        let mut look = self.look.as_ref()?.lock().await;
        look.values.remove(&(bucket.to_owned(), key.to_owned()))
    }

    async fn open(&self, bucket: &str) -> Result<Store, ReadError> {
        let none = || ReadError::Kv("there is no bus here".to_owned());
        let bus = self.bus.as_ref().ok_or_else(none)?;
        let Some(look) = &self.look else { return open(bus, bucket).await };
        // Others that need the bucket wait for the answer to the first.
        let mut look = look.lock().await;
        if let Some(store) = look.stores.get(bucket) {
            return Ok(store.clone());
        }
        let store = open(bus, bucket).await?;
        look.stores.insert(bucket.to_owned(), store.clone());
        Ok(store)
    }
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

fn problem(error: impl std::error::Error + 'static) -> ReadError {
    ReadError::Kv(Chain(&error).to_string())
}
