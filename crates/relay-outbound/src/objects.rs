//! Data of events that is too large for a message and lies in the object store (claim check).
//!
//! Only the buckets of `outbound.data_buckets` are read, and no links: whoever may publish an event must not have the
//! relay send any other object of the bus to a destination.

use std::error::Error as _;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::context::{
    GetStreamError, GetStreamErrorKind, ObjectStoreError, ObjectStoreErrorKind,
};
use async_nats::jetstream::object_store::{GetErrorKind, Object, ObjectInfo};
use async_nats::jetstream::{self, ErrorCode};
use bytes::Bytes;
use event_bus_core::claim_check::ClaimCheck;
use event_bus_core::delivery::BoxError;
use tokio::io::AsyncReadExt as _;
use tokio::time::timeout;

/// How long the bus may take to say what an object is, or to begin with it.
const BEGIN_WITHIN: Duration = Duration::from_secs(5);

/// How long fetching a whole object may take.
const FETCH_WITHIN: Duration = Duration::from_secs(60);

/// Reads objects. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Objects {
    jetstream: jetstream::Context,
    buckets: Arc<[String]>,
}

/// An object cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// It is not there, or no longer.
    #[error("there is no object `{object}` in the bucket {bucket}")]
    Lost {
        /// The bucket.
        bucket: String,
        /// The object.
        object: String,
    },
    /// What is read is not what was stored.
    #[error("the object `{object}` in the bucket {bucket} does not match its digest")]
    Corrupt {
        /// The bucket.
        bucket: String,
        /// The object.
        object: String,
    },
    /// Reading it is not allowed.
    #[error("{0}")]
    Forbidden(String),
    /// It is larger than may be held in memory.
    #[error(
        "the data of {size} bytes is larger than {limit}, the most that this sink takes from the object store"
    )]
    TooLarge {
        /// Its size in bytes.
        size: u64,
        /// What may be read.
        limit: u64,
    },
    /// The bus does not answer; later it may.
    #[error("the object store does not answer")]
    Unavailable(#[source] BoxError),
}

impl Objects {
    /// Reads these buckets.
    pub fn new(client: async_nats::Client, buckets: &[String]) -> Self {
        Self { jetstream: jetstream::new(client), buckets: buckets.into() }
    }

    /// Opens an object; reading it to the end checks its digest.
    pub async fn open(&self, check: &ClaimCheck) -> Result<Object, ObjectError> {
        let ClaimCheck { bucket, object } = check;
        if !self.buckets.contains(bucket) {
            let message = format!("the bucket {bucket} is not listed in outbound.data_buckets");
            return Err(ObjectError::Forbidden(message));
        }
        let lost = || ObjectError::Lost { bucket: bucket.clone(), object: object.clone() };
        let opened = timeout(BEGIN_WITHIN, async {
            let store = self.jetstream.get_object_store(bucket).await;
            let store = store.map_err(|error| {
                if has_no_stream(&error) { lost() } else { ObjectError::Unavailable(error.into()) }
            })?;
            store.get(object).await.map_err(|error| match error.kind() {
                GetErrorKind::NotFound => lost(),
                GetErrorKind::InvalidName | GetErrorKind::BucketLink => {
                    ObjectError::Forbidden(format!("`{object}` is no plain object"))
                }
                GetErrorKind::ConsumerCreate | GetErrorKind::TimedOut | GetErrorKind::Other => {
                    ObjectError::Unavailable(error.into())
                }
            })
        });
        let found = opened.await.map_err(|elapsed| ObjectError::Unavailable(elapsed.into()))??;
        if &found.info.bucket != bucket || &found.info.name != object || is_link(&found.info) {
            return Err(ObjectError::Forbidden(format!(
                "`{object}` is a link, and links are not followed"
            )));
        }
        Ok(found)
    }

    /// Reads a whole object of at most `limit` bytes.
    pub async fn read(&self, check: &ClaimCheck, limit: u64) -> Result<Bytes, ObjectError> {
        let mut object = self.open(check).await?;
        let size = object.info.size as u64;
        if size > limit {
            return Err(ObjectError::TooLarge { size, limit });
        }
        let mut content = Vec::with_capacity(object.info.size);
        match timeout(FETCH_WITHIN, object.read_to_end(&mut content)).await {
            Ok(Ok(_)) => Ok(content.into()),
            Ok(Err(error)) => Err(broken_off(&error, check)),
            Err(elapsed) => Err(ObjectError::Unavailable(elapsed.into())),
        }
    }
}

/// Why an object could not be read to its end.
pub(crate) fn broken_off(error: &io::Error, check: &ClaimCheck) -> ObjectError {
    match error.kind() {
        io::ErrorKind::InvalidData => {
            ObjectError::Corrupt { bucket: check.bucket.clone(), object: check.object.clone() }
        }
        _ => ObjectError::Unavailable(error.to_string().into()),
    }
}

/// Whether there is no such bucket.
fn has_no_stream(error: &ObjectStoreError) -> bool {
    let stream = error.source().and_then(|error| error.downcast_ref::<GetStreamError>());
    match stream.map(GetStreamError::kind) {
        Some(GetStreamErrorKind::JetStream(error)) => {
            error.error_code() == ErrorCode::STREAM_NOT_FOUND
        }
        Some(_) => false,
        None => error.kind() == ObjectStoreErrorKind::InvalidBucketName,
    }
}

fn is_link(info: &ObjectInfo) -> bool {
    info.options.as_ref().is_some_and(|options| options.link.is_some())
}
