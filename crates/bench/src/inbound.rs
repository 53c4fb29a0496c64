//! serve-inbound against its floor, and topic-gateway against serve-inbound.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use testkit::process::Running;
use testkit::{Bin, KeyServer, NatsServer, Signer, free_port, poll_until};

use crate::floor;
use crate::load::{self, Requests};
use crate::report::{Latency, Pair, Run};

const CONNECTIONS: usize = 64;
const START_WITHIN: Duration = Duration::from_secs(30);

pub(crate) async fn compare(
    event_bus: &Path,
    pairs: usize,
    count: usize,
) -> anyhow::Result<Vec<Pair>> {
    in_turns(pairs, || ours(event_bus, count), || run_floor(count)).await
}

/// topic-gateway against serve-inbound, under requests of one size.
pub(crate) async fn compare_topics(
    event_bus: &Path,
    pairs: usize,
    count: usize,
) -> anyhow::Result<Vec<Pair>> {
    in_turns(pairs, || topics(event_bus, count), || ours(event_bus, count)).await
}

/// The order alternates, so that neither always meets the warmer machine.
async fn in_turns(
    pairs: usize,
    ours: impl AsyncFn() -> anyhow::Result<Run>,
    floor: impl AsyncFn() -> anyhow::Result<Run>,
) -> anyhow::Result<Vec<Pair>> {
    let mut measured = Vec::new();
    for number in 0..pairs {
        let pair = if number % 2 == 0 {
            let ours = ours().await?;
            Pair { ours, floor: floor().await? }
        } else {
            let floor = floor().await?;
            Pair { ours: ours().await?, floor }
        };
        measured.push(pair);
    }
    Ok(measured)
}

/// Token, access, schema and confirmation for each message.
async fn topics(event_bus: &Path, count: usize) -> anyhow::Result<Run> {
    let nats = NatsServer::start().await;
    let signer = Signer::a();
    let keys = KeyServer::start(signer.document()).await;
    let folder = tempfile::tempdir()?;
    let listen: SocketAddr = format!("127.0.0.1:{}", free_port()).parse()?;
    let access = folder.path().join("access.json");
    let rule = serde_json::json!({ load::RUNS: { "bench": { "tenant_id": ["AB.*"], "environment": ["dev", "test"] } } });
    std::fs::write(&access, rule.to_string())?;
    let schema =
        testkit::report::workspace_root().join("examples/topics/conf/topic_schemas/runs.json");
    let config = folder.path().join("event-bus.toml");
    let text = format!(
        "[bus]\nurl = {:?}\n[topics]\nlisten = \"{listen}\"\naccess = {access:?}\n\
         tokens = {{ keys_url = {:?} }}\n[[topics.topic]]\nname = {:?}\nschema = {schema:?}\nid = \"event_id\"\n\
         key = \"tenant_id\"\n",
        nats.url(),
        keys.url(),
        load::RUNS,
    );
    std::fs::write(&config, text)?;
    let running = start(event_bus, "topic-gateway", &config);
    let now = std::time::UNIX_EPOCH.elapsed()?.as_secs();
    let token = signer.token_of("bench", i64::try_from(now)?, 3600);
    measure(&running, listen, &load::runs(&token), count).await
}

fn start(event_bus: &Path, mode: &str, config: &Path) -> Running {
    Bin::at(event_bus).arg(mode).arg("--config").arg(config.as_os_str()).spawn()
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
    let running = start(event_bus, "serve-inbound", &config);
    measure(&running, listen, &load::webhooks(), count).await
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
    measure(&running, listen, &load::webhooks(), count).await
}

async fn measure(
    running: &Running,
    listen: SocketAddr,
    requests: &Requests,
    count: usize,
) -> anyhow::Result<Run> {
    poll_until(START_WITHIN, "the service to take requests", async || {
        load::send(listen, requests, "warm", 64, CONNECTIONS).await.ok()
    })
    .await;
    load::send(listen, requests, "warmer", count / 10, CONNECTIONS).await?;
    let (latencies, took) = load::send(listen, requests, "run", count, CONNECTIONS).await?;
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    let per_second = count as f64 / took.as_secs_f64();
    Ok(Run {
        per_second,
        latency: Some(Latency::of(&latencies)),
        resident: running.resident_bytes().context("the service has ended")?,
    })
}
