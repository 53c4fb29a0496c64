//! relay-outbound against its floor: a backlog of events, delivered to a sink that only counts.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use async_nats::jetstream::Context;
use async_nats::jetstream::stream::Config;
use bytes::Bytes;
use event_bus_core::event::{Data, Event, nats as nats_binding};
use testkit::process::Running;
use testkit::{Bin, NatsServer, poll_until};
use tokio::time::Instant;

use crate::floor;
use crate::load::{self, CountingSink};
use crate::report::{Latency, Pair, Run};

const LONG: Duration = Duration::from_secs(300);

pub(crate) async fn compare(
    event_bus: &Path,
    pairs: usize,
    count: usize,
) -> anyhow::Result<Vec<Pair>> {
    let sink = CountingSink::start().await?;
    let mut measured = Vec::new();
    for number in 0..pairs {
        let (ours, floor) = if number % 2 == 0 {
            let ours = ours(event_bus, &sink, count).await?;
            (ours, run_floor(&sink, count).await?)
        } else {
            let floor = run_floor(&sink, count).await?;
            (ours(event_bus, &sink, count).await?, floor)
        };
        measured.push(Pair { ours, floor });
    }
    Ok(measured)
}

async fn ours(event_bus: &Path, sink: &CountingSink, count: usize) -> anyhow::Result<Run> {
    let nats = NatsServer::start().await;
    fill_events(&nats.jetstream().await, load::body(), count).await?;
    let folder = tempfile::tempdir()?;
    let config = folder.path().join("event-bus.toml");
    let text = format!(
        "[bus]\nurl = {:?}\n[[outbound.routes]]\nname = \"bench\"\nsubjects = [\"fleet.>\"]\n\
         sink.webhook = {{ url = \"http://{}/\" }}\n",
        nats.url(),
        sink.address
    );
    std::fs::write(&config, text)?;
    let running =
        Bin::at(event_bus).arg("relay-outbound").arg("--config").arg(config.as_os_str()).spawn();
    measure(&running, sink, count).await
}

async fn run_floor(sink: &CountingSink, count: usize) -> anyhow::Result<Run> {
    let nats = NatsServer::start().await;
    fill_floor(&nats.jetstream().await, count).await?;
    let own = std::env::current_exe()?;
    let target = format!("http://{}/", sink.address);
    let running =
        Bin::at(own).args(["floor-outbound", "--nats", &nats.url(), "--sink", &target]).spawn();
    measure(&running, sink, count).await
}

/// The relay's stream of events.
pub(crate) async fn fill_events(
    jetstream: &Context,
    body: Vec<u8>,
    count: usize,
) -> anyhow::Result<()> {
    let subjects = ["fleet.>", "doctor.>"];
    fill(jetstream, "EVENTS", "fleet.bench", &subjects, body.into(), count).await
}

/// The floor's stream.
pub(crate) async fn fill_floor(jetstream: &Context, count: usize) -> anyhow::Result<()> {
    let body = load::body().into();
    fill(jetstream, floor::STREAM, floor::SUBJECT, &[floor::SUBJECT], body, count).await
}

/// The same events for both: what serve-inbound would have stored.
async fn fill(
    jetstream: &Context,
    stream: &str,
    subject: &'static str,
    subjects: &[&str],
    body: Bytes,
    count: usize,
) -> anyhow::Result<()> {
    let config = Config {
        name: stream.to_owned(),
        subjects: subjects.iter().map(|subject| (*subject).to_owned()).collect(),
        duplicate_window: Duration::from_secs(2 * 60 * 60),
        discard: async_nats::jetstream::stream::DiscardPolicy::New,
        ..Config::default()
    };
    jetstream.create_stream(config).await?;
    let mut unconfirmed = Vec::new();
    for number in 0..count {
        let event = Event::builder(
            format!("bench-{number}"),
            "https://api.github.com/repos/octo/repo",
            "com.github.push",
        )
        .datacontenttype("application/json")
        .data(Data::Json(body.clone()))
        .build()?;
        let (headers, payload) = nats_binding::encode_structured(&event);
        let mut map = async_nats::HeaderMap::new();
        for (name, value) in headers {
            map.insert(name.as_ref(), value);
        }
        unconfirmed.push(jetstream.publish_with_headers(subject, map, payload).await?);
        if unconfirmed.len() == 500 {
            for ack in unconfirmed.drain(..) {
                ack.await?;
            }
        }
    }
    for ack in unconfirmed {
        ack.await?;
    }
    Ok(())
}

/// Rate over the middle of the run: start-up and the last few events are left out. Latency is the time between arrivals
/// of a hundred events, which is what a backlog makes visible.
async fn measure(running: &Running, sink: &CountingSink, count: usize) -> anyhow::Result<Run> {
    sink.reset();
    let (first, last) = (count / 10, count);
    poll_until(LONG, "the first events", async || (sink.count() >= first).then_some(())).await;
    let (begin, begin_count) = (Instant::now(), sink.count());
    let mut gaps = Vec::new();
    let (mut gap_begin, mut gap_count) = (begin, begin_count);
    while sink.count() < last {
        anyhow::ensure!(begin.elapsed() < LONG, "only {} of {last} events arrived", sink.count());
        tokio::time::sleep(Duration::from_millis(1)).await;
        let now = sink.count();
        if now >= gap_count + 100 {
            #[expect(clippy::cast_possible_truncation, reason = "a few thousand at most")]
            gaps.push(gap_begin.elapsed() * 100 / (now - gap_count) as u32);
            (gap_begin, gap_count) = (Instant::now(), now);
        }
    }
    let took = begin.elapsed();
    gaps.sort_unstable();
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    let per_second = (last - begin_count) as f64 / took.as_secs_f64();
    Ok(Run {
        per_second,
        latency: Some(Latency::of(&gaps)),
        resident: running.resident_bytes().context("the service has ended")?,
    })
}
