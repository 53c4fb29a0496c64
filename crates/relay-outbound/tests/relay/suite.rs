use relay_outbound::sinks::Sink;
use testkit::CaptureSink;
use testkit::sink_suite::{Behaviour, HttpDestination, Outcome, SinkHarness, check};

use crate::harness::deliver;
use crate::journey::{Destination, outlasts_an_outage};
use crate::workshop::Workshop;

struct WebhookHarness {
    sink: Box<dyn Sink>,
    destination: HttpDestination,
}

impl WebhookHarness {
    async fn start() -> Self {
        let destination = HttpDestination::start().await;
        let url = destination.url();
        let sink = format!("sink.webhook = {{ url = \"{url}\", timeout = \"1s\" }}");
        Self { sink: Workshop::open([]).await.build(&sink).unwrap(), destination }
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
    check(WebhookHarness::start().await).await;
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
