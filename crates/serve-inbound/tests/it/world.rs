//! A broker, and replicas of the service in front of it.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use event_bus_core::event::{Event, nats};
use event_bus_runtime::bus::{StreamRole, provision};
use event_bus_runtime::{
    Bus, BusConfig, Clock, Document, EnvMap, ManualClock, Metrics, Readiness, Secret,
    SecretResolver, SecretsConfig,
};
use hmac::{Hmac, KeyInit, Mac};
use serve_inbound::{BuildError, Config, Inbound, Parts, ServeError, Target, serve};
use sha2::Sha256;
use testkit::http::{Response, exchange};
use testkit::{NatsServer, poll_until};
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
pub(crate) const SECRET: &str = "gh-secret-Zm9v";

/// A GitHub source named `gh` with [`SECRET`].
pub(crate) const GITHUB: &str = r#"
[[inbound.sources]]
name = "gh"
provider = "github"
secrets = [{ env = "SECRET" }]
"#;

/// A broker with its streams, a connection to it, and a clock.
pub(crate) struct World {
    pub(crate) nats: NatsServer,
    pub(crate) bus: Bus,
    pub(crate) clock: Clock,
    pub(crate) hand: ManualClock,
}

/// One running service.
pub(crate) struct Replica {
    pub(crate) inbound: Inbound,
    pub(crate) address: SocketAddr,
    pub(crate) metrics: Metrics,
    pub(crate) shutdown: CancellationToken,
    tasks: JoinSet<Result<(), ServeError>>,
}

impl World {
    pub(crate) async fn start() -> Self {
        let world = Self::without_streams(NatsServer::start().await).await;
        world.provision().await;
        world
    }

    pub(crate) async fn without_streams(nats: NatsServer) -> Self {
        let bus = connect(&nats.url()).await;
        let (clock, hand) = Clock::manual();
        hand.set(OffsetDateTime::from_unix_timestamp(1_767_225_600).unwrap());
        Self { nats, bus, clock, hand }
    }

    pub(crate) async fn provision(&self) {
        let config = BusConfig::for_url(&self.nats.url()).unwrap();
        poll_until(PATIENCE, "the streams", async || {
            provision(&self.bus, &config, &[StreamRole::Events]).await.ok()
        })
        .await;
    }

    /// Serves a configuration; `[inbound]` and below.
    pub(crate) async fn serve(&self, toml: &str) -> Replica {
        self.serve_with(toml, &[("SECRET", SECRET)], None).await.expect("a sound configuration")
    }

    pub(crate) async fn serve_with(
        &self,
        toml: &str,
        env: &[(&str, &str)],
        doctor: Option<Secret>,
    ) -> Result<Replica, BuildError> {
        let config = config(toml);
        let metrics = Metrics::new();
        let parts = Parts {
            bus: self.bus.clone(),
            target: target(),
            clock: self.clock.clone(),
            metrics: &metrics,
            doctor,
        };
        let inbound = Inbound::build(&config, &secrets(env), parts)?;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(
            inbound.clone(),
            listener,
            Readiness::new("serve-inbound"),
            shutdown.clone(),
            config.grace,
        ));
        Ok(Replica { inbound, address, metrics, shutdown, tasks })
    }

    /// How many events are stored.
    pub(crate) async fn stored(&self) -> u64 {
        self.bus.jetstream().get_stream("EVENTS").await.unwrap().cached_info().state.messages
    }

    /// The event at a sequence, with its subject and the dedup id of its message.
    pub(crate) async fn event(&self, seq: u64) -> StoredEvent {
        let stream = self.bus.jetstream().get_stream("EVENTS").await.unwrap();
        let message = stream.get_raw_message(seq).await.unwrap();
        let headers: Vec<(String, String)> = message
            .headers
            .iter()
            .flat_map(|(name, values)| {
                values.iter().map(move |value| (name.to_string(), value.to_string()))
            })
            .collect();
        let pairs = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let event = nats::decode(pairs, message.payload.clone()).unwrap();
        StoredEvent {
            subject: message.subject.to_string(),
            headers,
            payload: message.payload,
            event,
        }
    }
}

/// A message of the stream.
pub(crate) struct StoredEvent {
    pub(crate) subject: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) payload: Bytes,
    pub(crate) event: Event,
}

impl StoredEvent {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }
}

impl Replica {
    pub(crate) fn authority(&self) -> String {
        self.address.to_string()
    }

    pub(crate) async fn post(
        &self,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Response {
        self.send("POST", target, headers, body).await
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Response {
        let request = raw_request(method, target, headers, body);
        exchange(&self.authority(), &request).await.unwrap()
    }

    /// A genuine delivery of GitHub.
    pub(crate) async fn github(&self, id: &str, event: &str, body: &[u8]) -> Response {
        self.post("/hooks/gh", &github_headers(id, event, &sign(body)), body).await
    }

    /// Waits until a line of the metrics begins so.
    pub(crate) async fn metric(&self, line: &str) {
        poll_until(PATIENCE, line, async || {
            self.metrics.encode().lines().any(|found| found == line).then_some(())
        })
        .await;
    }

    /// Shuts down and waits for the end.
    pub(crate) async fn stop(mut self) -> Result<(), ServeError> {
        self.shutdown.cancel();
        self.tasks.join_next().await.unwrap().unwrap()
    }
}

pub(crate) async fn connect(url: &str) -> Bus {
    let config = BusConfig::for_url(url).unwrap();
    Bus::connect(&config, &secrets(&[]), "serve-inbound").await.unwrap()
}

pub(crate) fn config(toml: &str) -> Config {
    let document = Document::parse("event-bus.toml", toml, &EnvMap::default()).unwrap();
    let config: Config = document.section("inbound").unwrap().unwrap_or_default();
    let problems = config.validate(&["fleet.>".to_owned(), "doctor.>".to_owned()]);
    assert_eq!(problems, [], "{toml}");
    config
}

pub(crate) fn secrets(env: &[(&str, &str)]) -> SecretResolver {
    SecretResolver::new(env.iter().copied().collect(), &SecretsConfig::default())
}

pub(crate) fn target() -> Target {
    Target { stream: "EVENTS".to_owned(), duplicate_window: Duration::from_secs(7200) }
}

/// The value of `X-Hub-Signature-256` under [`SECRET`].
pub(crate) fn sign(body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

pub(crate) fn github_headers<'a>(
    id: &'a str,
    event: &'a str,
    signature: &'a str,
) -> [(&'a str, &'a str); 4] {
    [
        ("Content-Type", "application/json"),
        ("X-GitHub-Delivery", id),
        ("X-GitHub-Event", event),
        ("X-Hub-Signature-256", signature),
    ]
}

/// The bytes of a request: headers in this order, duplicates kept.
pub(crate) fn raw_request(
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Vec<u8> {
    let mut request = format!("{method} {target} HTTP/1.1\r\nHost: inbound.test\r\n").into_bytes();
    for (name, value) in headers {
        request.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    let tail = format!("Content-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    request.extend_from_slice(tail.as_bytes());
    request.extend_from_slice(body);
    request
}
