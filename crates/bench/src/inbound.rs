//! serve-inbound against its floor.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use testkit::process::Running;
use testkit::{Bin, NatsServer, free_port, poll_until};

use crate::floor;
use crate::load;
use crate::report::{Latency, Pair, Run};

const CONNECTIONS: usize = 64;
const START_WITHIN: Duration = Duration::from_secs(30);

pub(crate) async fn compare(
    event_bus: &Path,
    pairs: usize,
    count: usize,
) -> anyhow::Result<Vec<Pair>> {
    let mut measured = Vec::new();
    for number in 0..pairs {
        // The order alternates, so that neither always meets the warmer machine.
        let (ours, floor) = if number % 2 == 0 {
            let ours = ours(event_bus, count).await?;
            (ours, run_floor(count).await?)
        } else {
            let floor = run_floor(count).await?;
            (ours(event_bus, count).await?, floor)
        };
        measured.push(Pair { ours, floor });
    }
    Ok(measured)
}

async fn ours(event_bus: &Path, count: usize) -> anyhow::Result<Run> {
    let nats = NatsServer::start().await;
    let folder = tempfile::tempdir()?;
    let listen: SocketAddr = format!("127.0.0.1:{}", free_port()).parse()?;
    let secret = folder.path().join("secret");
    std::fs::write(&secret, load::SECRET)?;
    let config = folder.path().join("event-bus.toml");
    let text = format!(
        "[bus]\nurl = {:?}\n[inbound]\nlisten = \"{listen}\"\n[[inbound.sources]]\nname = \"bench\"\nprovider = \"github\"\n\
         secrets = [{{ file = {secret:?} }}]\n",
        nats.url()
    );
    std::fs::write(&config, text)?;
    let running =
        Bin::at(event_bus).arg("serve-inbound").arg("--config").arg(config.as_os_str()).spawn();
    measure(&running, listen, count).await
}

async fn run_floor(count: usize) -> anyhow::Result<Run> {
    let nats = NatsServer::start().await;
    let config = async_nats::jetstream::stream::Config {
        name: floor::STREAM.to_owned(),
        subjects: vec![floor::SUBJECT.to_owned()],
        ..Default::default()
    };
    nats.jetstream().await.create_stream(config).await?;
    let listen: SocketAddr = format!("127.0.0.1:{}", free_port()).parse()?;
    let own = std::env::current_exe()?;
    let running = Bin::at(own)
        .args(["floor-inbound", "--nats", &nats.url(), "--listen", &listen.to_string()])
        .spawn();
    measure(&running, listen, count).await
}

async fn measure(running: &Running, listen: SocketAddr, count: usize) -> anyhow::Result<Run> {
    poll_until(START_WITHIN, "the service to take webhooks", async || {
        load::send(listen, "warm", 64, CONNECTIONS).await.ok()
    })
    .await;
    load::send(listen, "warmer", count / 10, CONNECTIONS).await?;
    let (latencies, took) = load::send(listen, "run", count, CONNECTIONS).await?;
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    let per_second = count as f64 / took.as_secs_f64();
    Ok(Run {
        per_second,
        latency: Some(Latency::of(&latencies)),
        resident: running.resident_bytes().context("the service has ended")?,
    })
}
