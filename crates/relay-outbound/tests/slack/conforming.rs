//! The contract of all sinks.

use relay_outbound::sinks::Sink;
use testkit::sink_suite::{Behaviour, Outcome, SinkHarness, check};

use crate::harness::deliver;
use crate::journey::{Destination, outlasts_an_outage};
use crate::stub::Slack;
use crate::workshop::Workshop;

struct Harness {
    sink: Box<dyn Sink>,
    slack: Slack,
}

impl SinkHarness for Harness {
    async fn behave(&mut self, behaviour: Behaviour) -> bool {
        self.slack.behave(behaviour).await
    }

    async fn deliver(&mut self, batch: &[Vec<u8>]) -> Vec<Outcome> {
        deliver(&*self.sink, batch).await
    }

    async fn received(&mut self) -> Vec<String> {
        self.slack.posted()
    }

    async fn close(self) {
        self.sink.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_conforms() {
    let slack = Slack::start().await;
    let workshop = Workshop::open([("HOOK", &*slack.hook())]).await;
    let sink = "sink.slack = { url = { env = \"HOOK\" }, text = \"{id}\", timeout = \"1s\" }";
    check(Harness { sink: workshop.build(sink).unwrap(), slack }).await;
}

impl Destination for Slack {
    async fn leave(&mut self) {
        self.sink.stop().await;
    }

    async fn come_back(&mut self) {
        self.sink.restart_on_same_port().await;
    }

    async fn ids(&mut self) -> Vec<String> {
        self.posted()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slack_route_outlasts_an_outage() {
    let mut slack = Slack::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hook");
    std::fs::write(&file, slack.hook()).unwrap();
    let sink = format!("sink.slack = {{ url = {{ file = {file:?} }}, text = \"{{id}}\" }}");
    outlasts_an_outage("slack", &sink, &mut slack, 6).await;
}
