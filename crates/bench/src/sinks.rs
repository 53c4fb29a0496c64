//! Sinks against their floors, a route beside a dead or slow one against a route alone, and memory over many events.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use async_nats::jetstream::stream::Stream;
use testkit::process::Running;
use testkit::{Bin, KafkaServer, NatsServer, PostgresServer, free_port};

use crate::load::{self, CountingSink};
use crate::report::{Pair, Run};
use crate::settled::{measure, memory};
use crate::{floor, outbound};

/// Of both programs, so that batches fill.
const WINDOW: &str = "1000";

/// A destination and what both programs are told about it.
pub(crate) enum Destination {
    Kafka(KafkaServer),
    Postgres(PostgresServer, tempfile::TempDir),
    Webhook(CountingSink),
    EventBridge(CountingSink, tempfile::TempDir),
    KafkaRest(CountingSink),
}

/// As `PutEvents` answers.
fn put_events(body: &[u8]) -> Vec<u8> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Request {
        entries: Vec<serde::de::IgnoredAny>,
    }
    let count = serde_json::from_slice::<Request>(body).map_or(0, |request| request.entries.len());
    let entries = vec![serde_json::json!({ "EventId": "1" }); count];
    serde_json::json!({ "FailedEntryCount": 0, "Entries": entries }).to_string().into_bytes()
}

/// As the Strimzi bridge answers.
fn offsets(body: &[u8]) -> Vec<u8> {
    #[derive(serde::Deserialize)]
    struct Request {
        records: Vec<serde::de::IgnoredAny>,
    }
    let count = serde_json::from_slice::<Request>(body).map_or(0, |request| request.records.len());
    let offsets = vec![serde_json::json!({ "partition": 0, "offset": 1 }); count];
    serde_json::json!({ "offsets": offsets }).to_string().into_bytes()
}

impl Destination {
    pub(crate) async fn kafka() -> Self {
        let kafka = KafkaServer::start().await;
        for topic in ["ours", "floor"] {
            kafka.create_topic(topic, 3, &["--config", "retention.bytes=200000000"]);
        }
        Self::Kafka(kafka)
    }

    pub(crate) async fn postgres() -> anyhow::Result<Self> {
        let (server, folder) = (PostgresServer::start().await, tempfile::tempdir()?);
        std::fs::write(folder.path().join("url"), server.url())?;
        Ok(Self::Postgres(server, folder))
    }

    pub(crate) async fn webhook() -> anyhow::Result<Self> {
        Ok(Self::Webhook(CountingSink::start().await?))
    }

    /// A stub: an emulator would be measured instead of the sink.
    pub(crate) async fn eventbridge() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("secret"), "bench")?;
        Ok(Self::EventBridge(CountingSink::answering(put_events, Duration::ZERO).await?, folder))
    }

    /// A stub as well.
    pub(crate) async fn kafka_rest() -> anyhow::Result<Self> {
        Ok(Self::KafkaRest(CountingSink::answering(offsets, Duration::ZERO).await?))
    }

    /// The setting of the route.
    fn setting(&self) -> String {
        match self {
            Self::Kafka(kafka) => format!(
                "sink.kafka = {{ brokers = [\"{}\"], topic = \"ours\", format = \"structured\" }}",
                kafka.address()
            ),
            Self::Postgres(_, folder) => format!(
                "sink.postgres = {{ url = {{ file = {:?} }}, tls = \"disable\" }}",
                folder.path().join("url")
            ),
            Self::Webhook(sink) => {
                format!("sink.webhook = {{ url = \"http://{}/\" }}", sink.address)
            }
            Self::EventBridge(sink, folder) => format!(
                "sink.eventbridge = {{ region = \"eu-central-1\", access_key_id = \"bench\", \
                 secret_access_key = {{ file = {:?} }}, endpoint_url = \"http://{}/\" }}",
                folder.path().join("secret"),
                sink.address
            ),
            Self::KafkaRest(sink) => format!(
                "sink.kafka_rest = {{ api = \"strimzi\", url = \"http://{}/\", topic = \"ours\", \
                 format = \"structured\" }}",
                sink.address
            ),
        }
    }

    fn floor_arguments(&self) -> Vec<String> {
        match self {
            Self::Kafka(kafka) => vec!["floor-kafka".into(), "--brokers".into(), kafka.address()],
            Self::Postgres(server, _) => {
                vec!["floor-postgres".into(), "--url".into(), server.url()]
            }
            Self::Webhook(sink) => {
                vec!["floor-outbound".into(), "--sink".into(), format!("http://{}/", sink.address)]
            }
            Self::EventBridge(sink, _) => {
                vec![
                    "floor-eventbridge".into(),
                    "--url".into(),
                    format!("http://{}/", sink.address),
                ]
            }
            Self::KafkaRest(sink) => {
                vec!["floor-kafka-rest".into(), "--url".into(), format!("http://{}/", sink.address)]
            }
        }
    }

    /// Every run begins with the same.
    fn empty(&self) {
        if let Self::Postgres(server, _) = self {
            server.psql("DROP TABLE IF EXISTS events, floor");
        }
    }
}

/// Pairs of the relay and the floor.
pub(crate) async fn compare(
    event_bus: &Path,
    destination: &Destination,
    pairs: usize,
    count: usize,
) -> anyhow::Result<Vec<Pair>> {
    let mut measured = Vec::new();
    for number in 0..pairs {
        destination.empty();
        let (ours, floor) = if number % 2 == 0 {
            let ours = ours(event_bus, &destination.setting(), count).await?;
            (ours, run_floor(destination, count).await?)
        } else {
            let floor = run_floor(destination, count).await?;
            (ours(event_bus, &destination.setting(), count).await?, floor)
        };
        measured.push(Pair { ours, floor });
    }
    Ok(measured)
}

/// Where nobody listens.
pub(crate) fn dead() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], free_port()))
}

/// One that takes half a second for each event.
pub(crate) async fn slow() -> anyhow::Result<CountingSink> {
    CountingSink::answering(|_| Vec::new(), Duration::from_millis(500)).await
}

/// Pairs of a route beside another one with this destination, and the same route alone.
pub(crate) async fn beside(
    event_bus: &Path,
    neighbour: SocketAddr,
    pairs: usize,
    count: usize,
) -> anyhow::Result<Vec<Pair>> {
    let destination = Destination::webhook().await?;
    let alone = destination.setting();
    let both = format!(
        "{alone}\n[[outbound.routes]]\nname = \"neighbour\"\nsubjects = [\"fleet.>\"]\n\
         sink.webhook = {{ url = \"http://{neighbour}/\" }}"
    );
    let mut measured = Vec::new();
    for number in 0..pairs {
        let (beside, by_itself) = if number % 2 == 0 {
            let beside = ours(event_bus, &both, count).await?;
            (beside, ours(event_bus, &alone, count).await?)
        } else {
            let by_itself = ours(event_bus, &alone, count).await?;
            (ours(event_bus, &both, count).await?, by_itself)
        };
        measured.push(Pair { ours: beside, floor: by_itself });
    }
    Ok(measured)
}

/// Resident memory in bytes after each tenth of the events.
pub(crate) async fn resident(
    event_bus: &Path,
    destination: &Destination,
    count: usize,
) -> anyhow::Result<Vec<u64>> {
    destination.empty();
    let nats = NatsServer::start().await;
    let body =
        br#"{"action":"opened","number":7,"text":"a small event, so that a million of them fit"}"#;
    outbound::fill_events(&nats.jetstream().await, body.to_vec(), count).await?;
    let (running, stream, _folder) = start(event_bus, &nats, &destination.setting()).await?;
    memory(&running, &stream, "bench", count).await
}

async fn ours(event_bus: &Path, setting: &str, count: usize) -> anyhow::Result<Run> {
    let nats = NatsServer::start().await;
    outbound::fill_events(&nats.jetstream().await, load::body(), count).await?;
    let (running, stream, _folder) = start(event_bus, &nats, setting).await?;
    measure(&running, &stream, "bench", count).await
}

async fn start(
    event_bus: &Path,
    nats: &NatsServer,
    setting: &str,
) -> anyhow::Result<(Running, Stream, tempfile::TempDir)> {
    let folder = tempfile::tempdir()?;
    let config = folder.path().join("event-bus.toml");
    let text = format!(
        "[bus]\nurl = {:?}\n[[outbound.routes]]\nname = \"bench\"\nsubjects = [\"fleet.>\"]\n\
         window = {WINDOW}\n{setting}\n",
        nats.url()
    );
    std::fs::write(&config, text)?;
    if setting.contains("sink.postgres") {
        let migrate = Bin::at(event_bus).args(["routes", "migrate", "bench", "--config"]);
        let output = migrate.arg(config.as_os_str()).output(Duration::from_secs(30)).await;
        anyhow::ensure!(output.status.success(), "{}", output.stderr);
    }
    let running =
        Bin::at(event_bus).arg("relay-outbound").arg("--config").arg(config.as_os_str()).spawn();
    let stream = nats.jetstream().await.get_stream("EVENTS").await?;
    Ok((running, stream, folder))
}

async fn run_floor(destination: &Destination, count: usize) -> anyhow::Result<Run> {
    let nats = NatsServer::start().await;
    let jetstream = nats.jetstream().await;
    outbound::fill_floor(&jetstream, count).await?;
    let own = std::env::current_exe().context("the own program")?;
    let running =
        Bin::at(own).args(destination.floor_arguments()).args(["--nats", &nats.url()]).spawn();
    let stream = jetstream.get_stream(floor::STREAM).await?;
    measure(&running, &stream, floor::CONSUMER, count).await
}
