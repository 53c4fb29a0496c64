//! Makes room on the stream of events: when it is nearly full, what every consumer has settled is purged, so that history
//! does not turn into refused events.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::stream::Stream;
use event_bus_core::Chain;
use event_bus_runtime::Bus;
use futures_util::TryStreamExt as _;
use time::OffsetDateTime;

use crate::store::StreamNames;

/// Time between two looks.
const EVERY: Duration = Duration::from_secs(30);

/// Part of `max_bytes` above which it sweeps, in percent.
const NEARLY_FULL: u64 = 80;

/// Sweeps until it is dropped.
pub(crate) async fn sweep(bus: Bus, names: Arc<StreamNames>) {
    loop {
        tokio::time::sleep(EVERY).await;
        if bus.connected()
            && let Err(error) = sweep_once(&bus, &names.events).await
        {
            tracing::warn!(error = %Chain(&*error), "the stream of events cannot be swept now");
        }
    }
}

/// Purges what is settled, except events within the duplicate window: the server recognises a duplicate only
/// while the first one is still there. Returns how many messages went.
pub(crate) async fn sweep_once(bus: &Bus, stream: &str) -> Result<u64, async_nats::Error> {
    let stream = bus.jetstream().get_stream(stream).await?;
    let info = stream.cached_info();
    let Ok(limit) = u64::try_from(info.config.max_bytes) else { return Ok(0) };
    if limit == 0 || info.state.bytes.saturating_mul(100) < limit.saturating_mul(NEARLY_FULL) {
        return Ok(0);
    }
    let Some(floor) = lowest_ack_floor(&stream).await? else { return Ok(0) };
    let oldest_needed = info.state.last_timestamp - info.config.duplicate_window;
    let window =
        first_since(&stream, info.state.first_sequence, info.state.last_sequence, oldest_needed)
            .await?;
    let keep_from = (floor + 1).min(window);
    if keep_from <= info.state.first_sequence {
        return Ok(0);
    }
    let purged = stream.purge().sequence(keep_from).await?.purged;
    tracing::info!(
        events = purged,
        keep_from,
        "the stream of events was nearly full; settled events were purged"
    );
    Ok(purged)
}

/// `None` without consumers: then nothing is known to be settled.
async fn lowest_ack_floor(stream: &Stream) -> Result<Option<u64>, async_nats::Error> {
    let last = stream.cached_info().state.last_sequence;
    let mut lowest = None;
    let mut consumers = stream.consumers();
    while let Some(info) = consumers.try_next().await? {
        // A consumer with a filter stays at its last event; with nothing waiting and nothing under way, all is settled.
        let settled_all = info.num_pending == 0 && info.num_ack_pending == 0;
        let floor = if settled_all { last } else { info.ack_floor.stream_sequence };
        lowest = Some(lowest.map_or(floor, |lowest: u64| lowest.min(floor)));
    }
    Ok(lowest)
}

/// The first sequence stored at or after a time, by bisection; gaps count as younger.
async fn first_since(
    stream: &Stream,
    first: u64,
    last: u64,
    time: OffsetDateTime,
) -> Result<u64, async_nats::Error> {
    let (mut low, mut high) = (first, last + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        let older = match stream.get_raw_message(middle).await {
            Ok(message) => message.time < time,
            Err(_) => false,
        };
        if older {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

#[cfg(test)]
mod tests;
