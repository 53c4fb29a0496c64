use std::time::Duration;

use async_nats::Client;
use relay_outbound::sinks::{Sink, webhook};
use testkit::sink_suite::{Behaviour, HttpDestination, Outcome, SinkHarness, check};
use testkit::{CaptureSink, NatsServer};

use crate::harness::{deliver, try_build};
use crate::journey::{Destination, outlasts_an_outage};

struct WebhookHarness {
    sink: Box<dyn Sink>,
    destination: HttpDestination,
}

impl WebhookHarness {
    async fn start(client: &Client) -> Self {
        let destination = HttpDestination::start().await;
        let config = webhook::Config {
            url: destination.url().parse().unwrap(),
            mode: webhook::Mode::Structured,
            secrets: Vec::new(),
            timeout: Duration::from_secs(1),
        };
        Self { sink: try_build(&config, client, []).unwrap(), destination }
    }
}

impl SinkHarness for WebhookHarness {
    async fn behave(&mut self, behaviour: Behaviour) -> bool {
        self.destination.behave(behaviour).await
    }

    async fn deliver(&mut self, batch: &[Vec<u8>]) -> Vec<Outcome> {
        deliver(&*self.sink, batch).await
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

impl Destination for CaptureSink {
    async fn leave(&mut self) {
        self.stop().await;
    }

    async fn come_back(&mut self) {
        self.restart_on_same_port().await;
    }

    async fn ids(&mut self) -> Vec<String> {
        self.accepted().into_keys().collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_route_outlasts_an_outage() {
    let mut destination = CaptureSink::start().await;
    let sink = format!("sink.webhook = {{ url = \"{}\" }}", destination.url());
    outlasts_an_outage("webhook", &sink, &mut destination, 100).await;
}
