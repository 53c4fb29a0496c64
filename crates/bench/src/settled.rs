//! What a durable consumer has settled: the same measure for every destination, and for ours and the floor alike.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use async_nats::jetstream::stream::Stream;
use testkit::poll_until;
use testkit::process::Running;
use tokio::time::{Instant, sleep};

use crate::report::Run;

const LONG: Duration = Duration::from_secs(900);

/// Time between two looks; small against the seconds that a run takes.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Rate between the first tenth and the last event, so that the start does not count.
pub(crate) async fn measure(
    running: &Running,
    stream: &Stream,
    consumer: &str,
    count: usize,
) -> anyhow::Result<Run> {
    let first = count / 10;
    poll_until(LONG, "the first events", async || {
        (settled(stream, consumer, count).await? >= first).then_some(())
    })
    .await;
    let (began, begin_count) =
        (Instant::now(), settled(stream, consumer, count).await.context("no consumer")?);
    loop {
        let now = settled(stream, consumer, count).await.context("no consumer")?;
        if now >= count {
            break;
        }
        ensure!(began.elapsed() < LONG, "only {now} of {count} events are settled");
        sleep(LOOK_EVERY).await;
    }
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    let per_second = (count - begin_count) as f64 / began.elapsed().as_secs_f64();
    let resident = running.resident_bytes().context("the service has ended")?;
    Ok(Run { per_second, latency: None, resident })
}

/// How many of `count` messages it has settled; `None` while there is no such consumer.
pub(crate) async fn settled(stream: &Stream, consumer: &str, count: usize) -> Option<usize> {
    let info = stream.consumer_info(consumer).await.ok()?;
    let left = usize::try_from(info.num_pending).ok()? + info.num_ack_pending;
    Some(count.saturating_sub(left))
}

/// Resident memory after each tenth of the events.
pub(crate) async fn memory(
    running: &Running,
    stream: &Stream,
    consumer: &str,
    count: usize,
) -> anyhow::Result<Vec<u64>> {
    let mut resident = Vec::new();
    for tenth in 1..=10 {
        poll_until(LONG, "a tenth of the events", async || {
            (settled(stream, consumer, count).await? >= count * tenth / 10).then_some(())
        })
        .await;
        resident.push(running.resident_bytes().context("the service has ended")?);
    }
    Ok(resident)
}
