//! The contract of all sinks.

use std::collections::BTreeSet;

use relay_outbound::sinks::Sink;
use relay_outbound::sinks::kafka_rest::Api;
use testkit::Reply;
use testkit::sink_suite::{Behaviour, Outcome, SinkHarness, check};

use crate::harness::deliver;
use crate::journey::{Destination, outlasts_an_outage};
use crate::stub::{APIS, Bridge, Fate, Stored, TOO_LARGE, error_for_bad, problem, write_all};
use crate::workshop::Workshop;

struct Harness {
    sink: Box<dyn Sink>,
    bridge: Bridge,
}

impl Harness {
    async fn start(api: Api) -> Self {
        let bridge = Bridge::start(api).await;
        let sink = Workshop::open([]).await.build(&bridge.setting("timeout = \"1s\"")).unwrap();
        Self { sink, bridge }
    }
}

impl SinkHarness for Harness {
    async fn behave(&mut self, behaviour: Behaviour) -> bool {
        let (code, words) = match self.bridge.api {
            Api::Strimzi => (500, "Expiring 1 record(s) for events-0:120000 ms has passed"),
            Api::ConfluentV2 | Api::ConfluentV3 => (50003, "The request timed out."),
        };
        let too_large = match self.bridge.api {
            Api::Strimzi => 500,
            Api::ConfluentV2 | Api::ConfluentV3 => 50002,
        };
        let whole = match behaviour {
            Behaviour::Accept => {
                self.bridge.answer(write_all);
                None
            }
            // All of these come with status 200.
            Behaviour::Fail => {
                let fate =
                    move |records: &[Stored]| Fate::Each(vec![Some((code, words)); records.len()]);
                self.bridge.answer(fate);
                None
            }
            Behaviour::RefuseSome => {
                self.bridge.answer(error_for_bad((too_large, TOO_LARGE)));
                None
            }
            Behaviour::BreakMidway => {
                let is_bad = |record: &Stored| record.id().contains("bad");
                self.bridge.answer(move |records| match records.iter().position(is_bad) {
                    Some(place) => Fate::BreakAfter(place),
                    None => write_all(records),
                });
                None
            }
            Behaviour::Refuse => Some(problem(422)),
            Behaviour::Busy { retry_after: None } => Some(problem(503)),
            Behaviour::Busy { retry_after: Some(wait) } => {
                Some(problem(429).header("Retry-After", &wait.as_secs().to_string()))
            }
            Behaviour::Reject => Some(problem(401)),
            Behaviour::Retire => Some(problem(410)),
            Behaviour::Break => Some(Reply::Reset),
            Behaviour::Silence => Some(Reply::Hang),
            Behaviour::Away => {
                self.bridge.sink.stop().await;
                return true;
            }
        };
        if let Some(reply) = whole {
            self.bridge.answer(move |_| Fate::Whole(reply.clone()));
        }
        if !self.bridge.sink.is_listening() {
            self.bridge.sink.restart_on_same_port().await;
        }
        true
    }

    async fn deliver(&mut self, batch: &[Vec<u8>]) -> Vec<Outcome> {
        deliver(&*self.sink, batch).await
    }

    async fn received(&mut self) -> Vec<String> {
        self.bridge.ids()
    }

    async fn close(self) {
        self.sink.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_rest_conforms_with_each_api() {
    for api in APIS {
        check(Harness::start(api).await).await;
    }
}

impl Destination for Bridge {
    async fn leave(&mut self) {
        self.sink.stop().await;
    }

    async fn come_back(&mut self) {
        self.sink.restart_on_same_port().await;
    }

    async fn ids(&mut self) -> Vec<String> {
        let distinct: BTreeSet<_> = Self::ids(self).into_iter().collect();
        distinct.into_iter().collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kafka_rest_route_outlasts_an_outage() {
    let mut bridge = Bridge::start(Api::Strimzi).await;
    let sink = bridge.setting("timeout = \"5s\"");
    outlasts_an_outage("kafka_rest", &sink, &mut bridge, 200).await;
}
