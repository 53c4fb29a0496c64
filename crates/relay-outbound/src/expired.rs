//! What aged out undelivered, kept in the metadata of the route's consumer, so that it outlives the relay.
//!
//! Servers before 2.10 keep no metadata; there only the counter and the log tell it.

use std::collections::HashMap;

use async_nats::jetstream::consumer::push::Config as PushConfig;
use async_nats::jetstream::consumer::{FromConsumer as _, Info};
use event_bus_core::event::{format_time, parse_time};
use event_bus_runtime::Bus;
use time::OffsetDateTime;

use crate::consumers::ConsumerError;

const EVENTS: &str = "event-bus-expired";
const LAST: &str = "event-bus-expired-last";
const THROUGH: &str = "event-bus-expired-through";
const BEHIND: &str = "event-bus-behind";

/// Events that a route lost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Expired {
    /// At most this many.
    pub(crate) events: u64,
    /// When that was noticed last.
    pub(crate) last: Option<OffsetDateTime>,
    /// Everything before this sequence has been counted, by whichever replica.
    pub(crate) through: u64,
}

impl Expired {
    /// Reads it; what is not there, or not ours, is nothing.
    pub(crate) fn read(metadata: &HashMap<String, String>) -> Self {
        let number = |key| metadata.get(key).and_then(|text: &String| text.parse().ok());
        Self {
            events: number(EVENTS).unwrap_or_default(),
            last: metadata.get(LAST).and_then(|text| parse_time(text)),
            through: number(THROUGH).unwrap_or_default(),
        }
    }

    fn write(&self, metadata: &mut HashMap<String, String>) {
        metadata.insert(EVENTS.to_owned(), self.events.to_string());
        metadata.insert(THROUGH.to_owned(), self.through.to_string());
        if let Some(last) = self.last {
            metadata.insert(LAST.to_owned(), format_time(last));
        }
    }

    /// Notes with the consumer that more events are gone, all of them before `through`, and how far behind the route is.
    /// Nothing else of the server's own settings changes, and nothing at all if there is no news. Two replicas that do so
    /// at the same instant may note it once.
    pub(crate) async fn note(
        bus: &Bus,
        info: Info,
        gone: u64,
        through: u64,
        behind: Behind,
        now: OffsetDateTime,
    ) -> Result<(), ConsumerError> {
        if gone == 0 && !behind.is_news(&info.config.metadata) {
            return Ok(());
        }
        let unavailable = |error: async_nats::Error| ConsumerError::Unavailable(error);
        let stream = info.stream_name.clone();
        let mut expired = Self::read(&info.config.metadata);
        let mut live = PushConfig::try_from_consumer_config(info.config).map_err(unavailable)?;
        if gone > 0 {
            expired.events = expired.events.saturating_add(gone);
            expired.through = through;
            expired.last = Some(now);
            expired.write(&mut live.metadata);
        }
        behind.write(&mut live.metadata);
        let updated = bus.jetstream().update_consumer_on_stream(live, &stream).await;
        updated.map(|_| ()).map_err(|error| unavailable(error.into()))
    }
}

/// How far a route is behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Behind {
    /// Everything up to here is settled.
    settled: u64,
    /// Everything up to here was delivered.
    delivered: u64,
    /// Events under way.
    in_flight: u64,
    /// Matching events that were not delivered yet.
    pending: u64,
}

impl Behind {
    /// How far a consumer is behind. While its route delivers and nothing waits, what is under way is on its way.
    pub(crate) fn of(info: &Info, delivers: bool) -> Self {
        let keeps_up = delivers && info.num_pending == 0;
        Self {
            settled: info.ack_floor.stream_sequence,
            delivered: info.delivered.stream_sequence,
            in_flight: if keeps_up { 0 } else { info.num_ack_pending as u64 },
            pending: info.num_pending,
        }
    }

    /// Reads what an earlier relay noted.
    pub(crate) fn read(metadata: &HashMap<String, String>) -> Option<Self> {
        let numbers: Vec<u64> = metadata
            .get(BEHIND)?
            .split(':')
            .map(|text| text.parse().ok())
            .collect::<Option<_>>()?;
        let [settled, delivered, in_flight, pending] = numbers[..] else { return None };
        Some(Self { settled, delivered, in_flight, pending })
    }

    /// How many of the events that were waiting are no longer on the stream, at most. While a relay runs, it still holds
    /// what is under way; after a restart that is gone as well.
    pub(crate) fn gone(&self, info: &Info, first_sequence: u64, restarted: bool) -> u64 {
        let (from, waiting) = if restarted {
            (self.settled, self.in_flight + self.pending)
        } else {
            (self.delivered, self.pending)
        };
        let known = Expired::read(&info.config.metadata).through.max(from + 1);
        first_sequence.saturating_sub(known).min(waiting)
    }

    /// Whether the consumer should be told. A route that keeps up is not worth a note at every look; one that begins
    /// to fall behind, or is no longer, is.
    fn is_news(&self, metadata: &HashMap<String, String>) -> bool {
        let waiting = |behind: &Self| behind.in_flight + behind.pending;
        match Self::read(metadata) {
            None => waiting(self) > 0,
            Some(noted) => {
                let (was, is) = (waiting(&noted), waiting(self));
                (was == 0) != (is == 0) || was.abs_diff(is) > was / 2
            }
        }
    }

    fn write(&self, metadata: &mut HashMap<String, String>) {
        let Self { settled, delivered, in_flight, pending } = self;
        metadata.insert(BEHIND.to_owned(), format!("{settled}:{delivered}:{in_flight}:{pending}"));
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn the_mark_is_read_as_it_was_written_and_foreign_metadata_stays() {
        let mut metadata = HashMap::from([("owner".to_owned(), "me".to_owned())]);
        assert_eq!(Expired::read(&metadata), Expired::default());
        let expired =
            Expired { events: 7, last: Some(datetime!(2026-01-01 00:00 UTC)), through: 12 };
        expired.write(&mut metadata);
        assert_eq!(Expired::read(&metadata), expired);
        assert_eq!(metadata["owner"], "me");
    }
}
