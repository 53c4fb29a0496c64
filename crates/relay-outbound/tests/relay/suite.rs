use std::time::Duration;

use async_nats::Client;
use bytes::Bytes;
use event_bus_core::delivery::Disposition;
use event_bus_core::event::Event;
use event_bus_runtime::{Clock, EnvMap, SecretResolver, SecretsConfig};
use relay_outbound::address::AddressGuard;
use relay_outbound::sinks::{Settings as _, Sink, SinkContext, http_client, webhook};
use testkit::NatsServer;
use testkit::sink_suite::{Behaviour, HttpDestination, Outcome, SinkHarness, check};

struct WebhookHarness {
    sink: Box<dyn Sink>,
    destination: HttpDestination,
}

impl WebhookHarness {
    async fn start(client: &Client) -> Self {
        event_bus_runtime::install_crypto_provider();
        let destination = HttpDestination::start().await;
        let config = webhook::Config {
            url: destination.url().parse().unwrap(),
            mode: webhook::Mode::Structured,
            secrets: Vec::new(),
            timeout: Duration::from_secs(1),
        };
        let secrets = SecretResolver::new(EnvMap::default(), &SecretsConfig::default());
        let guard = AddressGuard::default();
        let http = http_client(&guard).unwrap();
        let context = SinkContext {
            secrets: &secrets,
            guard: &guard,
            http: &http,
            clock: &Clock::system(),
            client,
        };
        Self { sink: config.build(&context).unwrap(), destination }
    }
}

impl SinkHarness for WebhookHarness {
    async fn behave(&mut self, behaviour: Behaviour) -> bool {
        self.destination.behave(behaviour).await
    }

    async fn deliver(&mut self, event: &[u8]) -> Outcome {
        let event = Event::from_structured(Bytes::copy_from_slice(event)).unwrap();
        let result = self.sink.deliver(&[event]).await.pop().unwrap();
        match result.map_err(|error| error.disposition()) {
            Ok(()) => Outcome::Delivered,
            Err(Disposition::Hold) => Outcome::Hold,
            Err(Disposition::Retry { after }) => Outcome::Retry { after },
            Err(Disposition::DeadLetter) => Outcome::DeadLetter,
            Err(Disposition::Disable) => Outcome::Disable,
        }
    }

    async fn received(&mut self) -> Vec<String> {
        self.destination.received()
    }

    async fn close(self) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn webhook_conforms() {
    let nats = NatsServer::start().await;
    check(WebhookHarness::start(&nats.connect().await).await).await;
}
