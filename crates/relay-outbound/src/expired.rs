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

    /// Notes with the consumer that more events are gone, all of them before `through`. Nothing else of the server's
    /// own settings changes. Two replicas that do so at the same instant may note it once.
    pub(crate) async fn add(
        bus: &Bus,
        info: Info,
        events: u64,
        through: u64,
        now: OffsetDateTime,
    ) -> Result<(), ConsumerError> {
        let unavailable = |error: async_nats::Error| ConsumerError::Unavailable(error);
        let stream = info.stream_name.clone();
        let mut expired = Self::read(&info.config.metadata);
        expired.events = expired.events.saturating_add(events);
        expired.through = through;
        expired.last = Some(now);
        let mut live = PushConfig::try_from_consumer_config(info.config).map_err(unavailable)?;
        expired.write(&mut live.metadata);
        let updated = bus.jetstream().update_consumer_on_stream(live, &stream).await;
        updated.map(|_| ()).map_err(|error| unavailable(error.into()))
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
