//! The contract of all sinks, against the stub.

use std::time::Duration;

use relay_outbound::sinks::Sink;
use relay_outbound::sinks::eventbridge::Config;
use testkit::sink_suite::{Behaviour, Outcome, SinkHarness, check};
use testkit::{NatsServer, Reply, poll_until};

use crate::harness::deliver;
use crate::journey::{Destination, outlasts_an_outage};
use crate::stub::{REGION, Stub, build, config, error};
use crate::world::LONG;

struct Harness {
    sink: Box<dyn Sink>,
    stub: Stub,
    _nats: NatsServer,
}

impl SinkHarness for Harness {
    async fn behave(&mut self, behaviour: Behaviour) -> bool {
        let stub = &self.stub;
        let refused = || Some(("MalformedDetail", "Detail is malformed."));
        match behaviour {
            Behaviour::Accept => stub.judge(|_| None),
            Behaviour::Refuse => stub.judge(move |_| refused()),
            Behaviour::RefuseSome => {
                stub.judge(move |id| id.contains("bad").then(refused).flatten());
            }
            Behaviour::Busy { retry_after: None } => {
                stub.answer(|_, _| error(400, "ThrottlingException", "Rate exceeded"));
            }
            Behaviour::Busy { retry_after: Some(wait) } => stub.answer(move |_, _| {
                let seconds = wait.as_secs().to_string();
                error(400, "ThrottlingException", "Rate exceeded").header("Retry-After", &seconds)
            }),
            Behaviour::Fail => stub.answer(|_, _| error(500, "InternalException", "Sorry")),
            Behaviour::Reject => stub.answer(|_, _| {
                error(400, "UnrecognizedClientException", "The security token is invalid.")
            }),
            // AWS has no answer that says so.
            Behaviour::Retire => return false,
            Behaviour::Break | Behaviour::BreakMidway => stub.answer(|_, _| Reply::Reset),
            Behaviour::Silence => stub.answer(|_, _| Reply::Hang),
            Behaviour::Away => stub.sink.stop().await,
        }
        if behaviour != Behaviour::Away && !stub.sink.is_listening() {
            stub.sink.restart_on_same_port().await;
        }
        true
    }

    async fn deliver(&mut self, batch: &[Vec<u8>]) -> Vec<Outcome> {
        deliver(&*self.sink, batch).await
    }

    async fn received(&mut self) -> Vec<String> {
        self.stub.taken()
    }

    async fn close(self) {
        self.sink.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn eventbridge_conforms() {
    let stub = Stub::start().await;
    let config = Config { timeout: Duration::from_secs(2), ..config(&stub.sink.url(), "") };
    let (sink, nats) = build(&config).await;
    check(Harness { sink, stub, _nats: nats }).await;
}

impl Destination for Stub {
    async fn leave(&mut self) {
        self.sink.stop().await;
    }

    async fn come_back(&mut self) {
        self.sink.restart_on_same_port().await;
    }

    async fn ids(&mut self) -> Vec<String> {
        self.taken()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_eventbridge_route_outlasts_an_outage() {
    let mut stub = Stub::start().await;
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    std::fs::write(&key, "secret").unwrap();
    let sink = format!(
        "sink.eventbridge = {{ region = \"{REGION}\", access_key_id = \"AKIATEST\", \
         secret_access_key = {{ file = {key:?} }}, endpoint_url = \"{}\" }}",
        stub.sink.url()
    );
    outlasts_an_outage("eventbridge", &sink, &mut stub, 100).await;
    let largest = poll_until(LONG, "a request", async || stub.sizes().into_iter().max()).await;
    assert!(largest > 1, "events that come together are put together");
}
