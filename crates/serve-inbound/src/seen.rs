//! A shortcut for duplicates: ids that the stream has confirmed in the last minute. The stream decides; this only spares
//! asking it when a sender that lost the answer asks again at once. What an operator purges is forgotten here as soon.

use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use event_bus_runtime::Bus;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use tokio::sync::watch;

/// About 2 MiB. The latest ids are enough: a sender that lost the answer asks again soon, and later the stream is asked.
const MAX_IDS: u64 = 8 * 1024;

/// How long an id is remembered, unless the stream itself remembers it for less.
const REMEMBER: Duration = Duration::from_secs(60);

/// Length of a dedup id.
const ID_LENGTH: usize = 22;

/// Where confirmed ids are stored.
pub(crate) struct Seen {
    sequences: Cache<[u8; ID_LENGTH], u64, BuildHasherDefault<IdHasher>>,
    connection: Mutex<watch::Receiver<bool>>,
}

impl Seen {
    /// Remembers ids no longer than the stream does.
    pub(crate) fn new(bus: &Bus, duplicate_window: Duration) -> Self {
        let sequences = Cache::builder()
            .max_capacity(MAX_IDS)
            // The latest ids are those that are asked for, not the most frequent.
            .eviction_policy(EvictionPolicy::lru())
            .time_to_live(duplicate_window.min(REMEMBER))
            .build_with_hasher(BuildHasherDefault::default());
        Self { sequences, connection: Mutex::new(bus.connection()) }
    }

    /// The sequence of an event that is durable already.
    pub(crate) fn find(&self, dedup_id: &str) -> Option<u64> {
        if self.has_reconnected() {
            self.sequences.invalidate_all();
            return None;
        }
        // Nearly every event is new, and the cache keeps account of each miss of `get`.
        let id = dedup_id.as_bytes();
        if self.sequences.contains_key(id) { self.sequences.get(id) } else { None }
    }

    /// Remembers an event that the stream has confirmed.
    pub(crate) fn remember(&self, dedup_id: &str, sequence: u64) {
        if let Ok(id) = dedup_id.as_bytes().try_into() {
            self.sequences.insert(id, sequence);
        }
    }

    /// A server that was away may have lost what it had confirmed, so it is asked again.
    fn has_reconnected(&self) -> bool {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = connection.has_changed().unwrap_or(false);
        if changed {
            connection.mark_unchanged();
        }
        changed
    }
}

/// Ids are hashes already: folding a part of one is enough.
#[derive(Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(part) = bytes.first_chunk() {
            // A character of base64url does not fill its byte; the product spreads it over all bits.
            let product = u128::from(u64::from_le_bytes(*part)) * 0x9E37_79B9_7F4A_7C15;
            let [low, high] = [product, product >> 64].map(|half| half as u64);
            self.0 ^= low ^ high;
        }
    }

    /// The length, which is the same for all ids.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}
