//! A shortcut for duplicates: ids that the stream has confirmed lately. The stream decides; this only spares asking it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use event_bus_runtime::Bus;
use moka::sync::Cache;
use tokio::sync::watch;

/// About 6 MiB.
const MAX_IDS: u64 = 32 * 1024;

/// Length of a dedup id.
const ID_LENGTH: usize = 22;

/// Where confirmed ids are stored.
pub(crate) struct Seen {
    sequences: Cache<[u8; ID_LENGTH], u64>,
    connection: Mutex<watch::Receiver<bool>>,
}

impl Seen {
    /// Remembers ids no longer than the stream does.
    pub(crate) fn new(bus: &Bus, duplicate_window: Duration) -> Self {
        let sequences = Cache::builder()
            .max_capacity(MAX_IDS)
            // With room to spare it is seldom laid out anew.
            .initial_capacity(usize::try_from(2 * MAX_IDS).unwrap_or_default())
            .time_to_live(duplicate_window)
            .build();
        Self { sequences, connection: Mutex::new(bus.connection()) }
    }

    /// The sequence of an event that is durable already.
    pub(crate) fn find(&self, dedup_id: &str) -> Option<u64> {
        if self.has_reconnected() {
            self.sequences.invalidate_all();
            return None;
        }
        self.sequences.get(dedup_id.as_bytes())
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
