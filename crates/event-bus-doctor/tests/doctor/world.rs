//! A whole system: a broker, both services, and a doctor that looks at them.

use std::time::Duration;

use async_nats::jetstream;
use event_bus_core::event::{Event, nats};
use event_bus_doctor::{Admin, DoctorConfig, Entry, Options, Report, bus_checks, run};
use event_bus_runtime::config::Document;
use event_bus_runtime::{
    Bus, BusConfig, Check, CheckContext, Clock, EnvMap, Metrics, Readiness, SecretRef,
    SecretResolver, SecretsConfig, Status,
};
use relay_outbound::{Environment, Relay, StreamNames};
use serde::Deserialize;
use serve_inbound::{Inbound, Parts, Target};
use testkit::{NatsServer, poll_until};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Longer than anything in these tests takes on a busy machine.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// Every secret of the system.
pub(crate) const SECRETS: [(&str, &str); 3] = [
    ("DOCTOR", "doctor-secret-Zm9vYmFy"),
    ("GITHUB", "github-secret-MTIzNDU2"),
    ("SIGNING", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
];

/// The proofs, by the ids of their findings.
pub(crate) const ROUND_TRIP: &str = "bus.round-trip";
pub(crate) const SIGNATURES: &str = "serve-inbound.signatures-and-duplicates";
pub(crate) const RETRIES: &str = "relay-outbound.retries-and-dead-letters";

pub(crate) struct World {
    pub(crate) nats: NatsServer,
    pub(crate) jetstream: jetstream::Context,
    pub(crate) bus_config: BusConfig,
}

/// A relay with its admin listener.
pub(crate) struct RunningRelay {
    pub(crate) config: relay_outbound::Config,
    pub(crate) metrics: Metrics,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

/// A serve-inbound with a GitHub source.
pub(crate) struct RunningInbound {
    pub(crate) config: serve_inbound::Config,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

#[derive(Deserialize)]
struct Root {
    #[serde(default)]
    inbound: serve_inbound::Config,
    #[serde(default)]
    outbound: relay_outbound::Config,
}

/// `[outbound]` with one route to a destination.
pub(crate) fn route(name: &str, url: &str) -> String {
    format!(
        "[[outbound.routes]]\nname = \"{name}\"\nsubjects = [\"fleet.{name}.>\"]\n\
         retry = {{ attempts = 2, schedule = [\"0s\", \"100ms\"] }}\n\
         sink.webhook = {{ url = \"{url}\", secrets = [{{ env = \"SIGNING\" }}] }}\n"
    )
}

pub(crate) fn outbound(text: &str) -> relay_outbound::Config {
    let text = format!("[outbound]\n{text}");
    root(&text).outbound
}

fn root(text: &str) -> Root {
    Document::parse("event-bus.toml", text, &EnvMap::default()).unwrap().get().unwrap()
}

pub(crate) fn secrets() -> SecretResolver {
    SecretResolver::new(EnvMap::from(SECRETS), &SecretsConfig::default())
}

pub(crate) fn names() -> StreamNames {
    let name = str::to_owned;
    StreamNames {
        events: name("EVENTS"),
        retries: name("RETRIES"),
        dead_letters: name("DEAD_LETTERS"),
    }
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::on(NatsServer::start().await).await
    }

    pub(crate) async fn on(nats: NatsServer) -> Self {
        event_bus_runtime::install_crypto_provider();
        let jetstream = nats.jetstream().await;
        let bus_config = BusConfig::for_url(&nats.url()).unwrap();
        Self { nats, jetstream, bus_config }
    }

    pub(crate) async fn bus(&self) -> Bus {
        Bus::connect(&self.bus_config, &secrets(), "doctor-test").await.unwrap()
    }

    /// A relay with these routes and the doctor's.
    pub(crate) async fn relay(&self, text: &str) -> RunningRelay {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let admin = listener.local_addr().unwrap();
        let mut config = outbound(text);
        config.admin_listen = Some(admin);
        let metrics = Metrics::new();
        let environment = Environment {
            bus: self.bus().await,
            bus_config: self.bus_config.clone(),
            secrets: secrets(),
            clock: Clock::system(),
            metrics: metrics.clone(),
            doctor: true,
        };
        let relay = Relay::build(config.clone(), environment).unwrap();
        let readiness = Readiness::new("relay-outbound");
        let stop = CancellationToken::new();
        let (changes, receiver) = watch::channel(config.clone());
        let mut tasks = JoinSet::new();
        let (ready, end) = (readiness.clone(), stop.clone());
        tasks.spawn(async move {
            Box::pin(relay.run(receiver, ready, end)).await.unwrap();
            drop(changes);
        });
        tasks.spawn(event_bus_runtime::admin::serve(
            listener,
            readiness.clone(),
            metrics.clone(),
            stop.clone(),
        ));
        // Before its first step the relay has no dependency yet, and so nothing it could lack.
        let ready =
            async || (!readiness.dependencies().is_empty() && readiness.is_ready()).then_some(());
        poll_until(LONG, "the relay to be ready", ready).await;
        RunningRelay { config, metrics, stop, tasks }
    }

    /// A serve-inbound with one source, with the built-in one if `doctor`.
    pub(crate) async fn inbound(&self, doctor: bool) -> RunningInbound {
        let source = "[[inbound.sources]]\nname = \"github\"\nprovider = \"github\"\nsecrets = [{ env = \"GITHUB\" }]\n";
        let mut config = root(source).inbound;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        config.listen = listener.local_addr().unwrap();
        let secret = SecretRef::Env("DOCTOR".to_owned());
        let parts = Parts {
            bus: self.bus().await,
            target: Target {
                stream: "EVENTS".to_owned(),
                duplicate_window: Duration::from_secs(7200),
            },
            clock: Clock::system(),
            metrics: &Metrics::new(),
            doctor: doctor.then(|| secrets().resolve(&secret).unwrap()),
        };
        let inbound = Inbound::build(&config, &secrets(), parts).unwrap();
        let stop = CancellationToken::new();
        let readiness = Readiness::new("serve-inbound");
        let (end, grace) = (stop.clone(), config.grace);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            serve_inbound::serve(inbound, listener, readiness, end, grace).await.unwrap();
        });
        RunningInbound { config, stop, tasks }
    }

    /// The checks of everything.
    pub(crate) fn all_checks(
        &self,
        inbound: &serve_inbound::Config,
        relay: &relay_outbound::Config,
    ) -> Vec<Box<dyn Check>> {
        let mut checks = self.checks(relay, true);
        checks.extend(serve_inbound::checks(inbound, Some(&SecretRef::Env("DOCTOR".to_owned()))));
        checks
    }

    pub(crate) async fn examine_all(
        &self,
        inbound: &serve_inbound::Config,
        relay: &relay_outbound::Config,
    ) -> Report {
        let checks = self.all_checks(inbound, relay);
        let report = run(Options::default(), checks, self.context().await).await;
        check_document(&report);
        report
    }

    pub(crate) async fn context(&self) -> CheckContext {
        let streams = self.bus_config.streams.clone();
        CheckContext::new(self.bus().await, streams, secrets(), Clock::system())
    }

    /// The checks of the bus and of a relay; without `doctor`, as if `[doctor]` had no secret.
    pub(crate) fn checks(
        &self,
        relay: &relay_outbound::Config,
        doctor: bool,
    ) -> Vec<Box<dyn Check>> {
        let secret = doctor.then(|| SecretRef::Env("DOCTOR".to_owned()));
        let admin = relay.admin_listen.map(|address| Admin { service: "relay-outbound", address });
        let config = DoctorConfig { secret };
        let mut checks = bus_checks(&self.bus_config, &config, admin.into_iter().collect());
        checks.extend(relay_outbound::checks(relay, names(), doctor));
        checks
    }

    pub(crate) async fn examine(&self, relay: &relay_outbound::Config) -> Report {
        let report = run(Options::default(), self.checks(relay, true), self.context().await).await;
        check_document(&report);
        report
    }

    /// Asks the relay's checks alone, at another time than now.
    pub(crate) async fn examine_routes(
        &self,
        relay: &relay_outbound::Config,
        later: time::Duration,
    ) -> Report {
        let mut context = self.context().await;
        context.clock = Clock::fixed(context.clock.now() + later);
        let checks = relay_outbound::checks(relay, names(), true);
        let report = run(Options::default(), checks, context).await;
        check_document(&report);
        report
    }

    /// Stores an event for a route.
    pub(crate) async fn publish(&self, route: &str, id: &str) {
        let event = Event::builder(id, "/test", "com.example.made").build().unwrap();
        let (headers, payload) = nats::encode_structured(&event);
        let headers = event_bus_runtime::bus::header_map(&headers);
        let subject = format!("fleet.{route}.made");
        let sent = self.jetstream.publish_with_headers(subject, headers, payload);
        sent.await.unwrap().await.unwrap();
    }

    /// Messages of each stream, and names of its consumers.
    pub(crate) async fn content(&self) -> Vec<(u64, Vec<String>)> {
        let mut content = Vec::new();
        for name in ["EVENTS", "RETRIES", "DEAD_LETTERS"] {
            let stream = self.jetstream.get_stream(name).await.unwrap();
            let mut names: Vec<String> =
                futures_util::TryStreamExt::try_collect(stream.consumer_names()).await.unwrap();
            names.sort();
            content.push((stream.cached_info().state.messages, names));
        }
        content
    }
}

impl RunningInbound {
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
    }
}

impl RunningRelay {
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
    }
}

/// Every report is a valid document, shows no secret, and agrees with its exit code and its text.
pub(crate) fn check_document(report: &Report) {
    let schema = include_str!("../../doctor.v1.schema.json");
    let schema = jsonschema::validator_for(&serde_json::from_str(schema).unwrap()).unwrap();
    let document = report.to_json();
    let errors: Vec<_> = schema.iter_errors(&document).map(|error| error.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new(), "{document:#}");
    let text = report.to_text(false);
    for (name, secret) in SECRETS {
        assert!(!text.contains(secret) && !document.to_string().contains(secret), "{name}: {text}");
    }
    for entry in report.entries() {
        assert!(text.contains(&entry.message), "{} is not in {text}", entry.message);
        if let Some(code) = entry.code() {
            assert!(event_bus_doctor::explain(code).is_some(), "{code}");
        }
    }
    let broken = matches!(report.status(), Status::Fail | Status::Error);
    assert_eq!(report.exit_code(), u8::from(broken));
}

/// Ids of the entries with one of these statuses.
pub(crate) fn ids(report: &Report, statuses: &[Status]) -> Vec<String> {
    let wanted = report.entries().iter().filter(|entry| statuses.contains(&entry.status));
    wanted.map(|entry| entry.id.clone()).collect()
}

/// Ids of everything that is broken.
pub(crate) fn red(report: &Report) -> Vec<String> {
    ids(report, &[Status::Fail, Status::Error])
}

pub(crate) fn entry<'a>(report: &'a Report, id: &str) -> &'a Entry {
    let found = report.entries().iter().find(|entry| entry.id == id);
    found.unwrap_or_else(|| panic!("{id} is not in\n{}", report.to_text(false)))
}
