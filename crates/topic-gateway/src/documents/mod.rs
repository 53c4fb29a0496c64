//! Documents with schemas and access, wherever they are kept: files, S3, or a key-value bucket of JetStream.
//!
//! Every read ends in time, and reads no more than [`LONGEST`].

mod folder;
mod kv;
mod location;
mod remote;
#[cfg(feature = "s3")]
mod s3;
#[cfg(not(feature = "s3"))]
#[path = "no_s3.rs"]
mod s3;

use std::io;
use std::time::Duration;

use event_bus_runtime::Bus;
use event_bus_runtime::aws::AwsConfig;
use tokio::time::timeout;

use kv::Kv;
pub use location::{InvalidLocation, Location};
pub(crate) use remote::{Remote, RemoteError};
use s3::S3;

/// Longest document that is read, in bytes.
pub const LONGEST: usize = 8 * 1024 * 1024;

/// Most documents that one place may hold.
const MOST: usize = 10_000;

/// How long one read may take.
const WITHIN: Duration = Duration::from_secs(5);

/// A document cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// There is none.
    #[error("there is no such document")]
    Missing,
    /// A file or folder cannot be read.
    #[error("the file cannot be read")]
    File(#[source] io::Error),
    /// It is too long.
    #[error("the document is longer than {LONGEST} bytes")]
    TooLong,
    /// A place holds too many.
    #[error("there are more than {MOST} documents")]
    TooMany,
    /// There was no answer in time.
    #[error("there was no answer within {WITHIN:?}")]
    Timeout,
    /// Other documents took all the time.
    #[error("there was no time left for it")]
    Late,
    /// S3 said no, or nothing.
    #[error("S3: {0}")]
    S3(String),
    /// There is no such key-value bucket.
    #[error("there is no key-value bucket {0}; make it with: nats kv add {0}")]
    NoBucket(String),
    /// JetStream said no, or nothing.
    #[error("the key-value bucket: {0}")]
    Kv(String),
}

/// Reads documents. Cloning is cheap and shares what it remembers.
#[derive(Clone, Debug)]
pub struct Reader {
    s3: S3,
    kv: Kv,
}

impl Reader {
    /// Connects to nothing. Without a bus, documents in its buckets cannot be read.
    pub fn new(aws: AwsConfig, bus: Option<Bus>) -> Self {
        Self { s3: S3::new(aws), kv: Kv::new(bus) }
    }

    /// Reads the same documents, and asks only once of a key-value bucket what one look can share.
    pub(crate) fn for_one_look(&self) -> Self {
        Self { s3: self.s3.clone(), kv: self.kv.for_one_look() }
    }

    /// The content of a document.
    pub async fn read(&self, location: &Location) -> Result<Vec<u8>, ReadError> {
        let reading = async {
            match location {
                Location::File(path) => folder::read(path).await,
                Location::S3 { bucket, key } => self.s3.read(bucket, key).await,
                Location::Kv { bucket, key } => self.kv.read(bucket, key).await,
            }
        };
        timeout(WITHIN, Box::pin(reading)).await.map_err(|_| ReadError::Timeout)?
    }

    /// The documents that a place holds, by name: what stands behind the place, without `.json`. In the order of names.
    pub async fn list(&self, place: &Location) -> Result<Vec<(String, Location)>, ReadError> {
        let listing = async {
            match place {
                Location::File(path) => folder::list(path).await,
                Location::S3 { bucket, key } => self.s3.list(bucket, key).await,
                Location::Kv { bucket, key } => self.kv.list(bucket, key).await,
            }
        };
        let mut keys =
            timeout(WITHIN, Box::pin(listing)).await.map_err(|_| ReadError::Timeout)??;
        keys.sort_unstable();
        let prefix = match place {
            Location::File(_) => "",
            Location::S3 { key, .. } | Location::Kv { key, .. } => key.as_str(),
        };
        let named = keys.into_iter().filter_map(|key| {
            let name = key.strip_prefix(prefix)?;
            let name = name.strip_suffix(".json").unwrap_or(name).to_owned();
            (!name.is_empty() && !name.contains('/')).then(|| (name, place.with_key(key)))
        });
        Ok(named.collect())
    }
}
