//! A broker, a relay in this process, and capture sinks.

use std::borrow::Cow;
use std::time::Duration;

use async_nats::jetstream;
use bytes::Bytes;
use event_bus_core::event::{Data, Event, nats};
use event_bus_runtime::bus::{BusConfig, StreamConfig, header_map};
use event_bus_runtime::config::Document;
use event_bus_runtime::{Bus, Clock, EnvMap, Metrics, Readiness, SecretResolver, SecretsConfig};
use relay_outbound::{Config, Environment, Relay, RunError};
use serde::Deserialize;
use testkit::{NatsServer, poll_until};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Longer than anything in these tests takes on a busy machine.
pub(crate) const LONG: Duration = Duration::from_secs(60);

pub(crate) struct World {
    /// Settings of the stream of events.
    pub(crate) events: StreamConfig,
    pub nats: NatsServer,
    pub jetstream: jetstream::Context,
}

pub(crate) struct RunningRelay {
    pub metrics: Metrics,
    pub readiness: Readiness,
    pub changes: watch::Sender<Config>,
    stop: CancellationToken,
    tasks: JoinSet<Result<(), RunError>>,
}

#[derive(Deserialize)]
struct Root {
    outbound: Config,
}

pub(crate) fn config(text: &str) -> Config {
    let document = Document::parse("event-bus.toml", text, &EnvMap::default()).unwrap();
    let config = document.get::<Root>().unwrap().outbound;
    assert_eq!(config.validate(&["fleet.>".to_owned()]), []);
    config
}

/// A route with quick retries.
pub(crate) fn route(name: &str, subjects: &str, url: &str, more: &str) -> String {
    let retry = "retry = { attempts = 3, schedule = [\"0s\", \"100ms\"] }";
    let retry = if more.contains("retry") { "" } else { retry };
    format!(
        "[[outbound.routes]]\nname = \"{name}\"\nsubjects = [\"{subjects}\"]\n{retry}\n\
         sink.webhook = {{ url = \"{url}\", timeout = \"2s\" }}\n{more}\n"
    )
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::on(NatsServer::start().await).await
    }

    pub(crate) async fn on(nats: NatsServer) -> Self {
        let jetstream = nats.jetstream().await;
        Self { events: StreamConfig::default(), nats, jetstream }
    }

    pub(crate) async fn environment(&self) -> Environment {
        event_bus_runtime::install_crypto_provider();
        let mut bus_config = BusConfig::for_url(&self.nats.url()).unwrap();
        bus_config.streams.events = self.events.clone();
        let env = EnvMap::from_iter([("SIGNING", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]);
        let secrets = SecretResolver::new(env, &SecretsConfig::default());
        let bus = Bus::connect(&bus_config, &secrets, "relay-test").await.unwrap();
        Environment {
            bus,
            bus_config,
            secrets,
            clock: Clock::system(),
            metrics: Metrics::new(),
            doctor: false,
        }
    }

    pub(crate) async fn relay(&self, text: &str) -> RunningRelay {
        let relay = self.relay_unready(text).await;
        poll_until(LONG, "the relay to be ready", async || {
            relay.readiness.is_ready().then_some(())
        })
        .await;
        relay
    }

    pub(crate) async fn relay_unready(&self, text: &str) -> RunningRelay {
        let environment = self.environment().await;
        let config = config(text);
        let metrics = environment.metrics.clone();
        let relay = Relay::build(config.clone(), environment).unwrap();
        let readiness = Readiness::new("relay-outbound");
        let stop = CancellationToken::new();
        let (changes, receiver) = watch::channel(config);
        let mut tasks = JoinSet::new();
        tasks.spawn(relay.run(receiver, readiness.clone(), stop.clone()));
        RunningRelay { metrics, readiness, changes, stop, tasks }
    }

    /// Stores an event as serve-inbound does.
    pub(crate) async fn publish(&self, subject: &str, event: &Event) -> u64 {
        let (headers, payload) = nats::encode_structured(event);
        self.publish_raw(subject, headers, payload).await
    }

    pub(crate) async fn publish_raw(
        &self,
        subject: &str,
        headers: Vec<(Cow<'static, str>, String)>,
        payload: Bytes,
    ) -> u64 {
        let map = header_map(&headers);
        // The relay makes the stream; until then nobody takes the message.
        let ack = poll_until(LONG, "the stream of events to take a message", async || {
            let sent = self.jetstream.publish_with_headers(
                subject.to_owned(),
                map.clone(),
                payload.clone(),
            );
            sent.await.ok()?.await.ok()
        });
        ack.await.sequence
    }

    pub(crate) async fn messages(&self, stream: &str) -> u64 {
        match self.jetstream.get_stream(stream).await {
            Ok(stream) => stream.cached_info().state.messages,
            Err(_) => 0,
        }
    }

    pub(crate) async fn wait_for_dead_letters(&self, count: u64) {
        poll_until(LONG, "dead letters", async || {
            (self.messages("DEAD_LETTERS").await == count).then_some(())
        })
        .await;
    }

    pub(crate) async fn wait_for_no_retries(&self) {
        poll_until(LONG, "no retry to be left", async || {
            (self.messages("RETRIES").await == 0).then_some(())
        })
        .await;
    }

    /// Waits until the consumer of a route has settled everything.
    pub(crate) async fn wait_for_settled(&self, route: &str) {
        poll_until(LONG, "the route to settle everything", async || {
            let stream = self.jetstream.get_stream("EVENTS").await.ok()?;
            let info = stream.consumer_info(route).await.ok()?;
            (info.num_pending == 0 && info.num_ack_pending == 0).then_some(())
        })
        .await;
    }
}

impl RunningRelay {
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        let ended =
            tokio::time::timeout(LONG, self.tasks.join_next()).await.expect("the relay ends");
        ended.unwrap().unwrap().unwrap();
    }

    pub(crate) fn metric(&self, line: &str) -> Option<f64> {
        let text = self.metrics.encode();
        let found = text
            .lines()
            .find_map(|each| each.strip_prefix(line)?.strip_prefix(' ').map(str::to_owned))?;
        found.parse().ok()
    }
}

pub(crate) fn event(id: &str) -> Event {
    Event::builder(id, "/hooks/test", "com.example.made")
        .subject("s \u{20ac}")
        .datacontenttype("application/json")
        .extension("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        .data(Data::Json(Bytes::from(format!("{{\"id\": \"{id}\", \"n\": 1.0}}"))))
        .build()
        .unwrap()
}
