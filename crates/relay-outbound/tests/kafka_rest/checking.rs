//! The check of the doctor: it asks about the topic and writes nothing.

use relay_outbound::sinks::kafka_rest::Api;
use testkit::{CaptureSink, Reply, Script};

use crate::stub::{APIS, Bridge, problem};
use crate::workshop::Workshop;

async fn check(bridge: &Bridge, more: &str) -> Result<String, String> {
    let setting = bridge.setting(&format!("timeout = \"2s\", {more}"));
    let sink = Workshop::open([]).await.build(&setting).unwrap();
    sink.check().await.map_err(|error| error.to_string())
}

fn answer(bridge: &Bridge, reply: &Reply) {
    bridge.sink.set_script(Script::reply(reply.clone()));
}

#[tokio::test]
async fn it_asks_about_the_topic_and_posts_nothing() {
    for (api, topic, topics) in [
        (Api::Strimzi, "/topics/events", "/topics"),
        (Api::ConfluentV2, "/topics/events", "/topics"),
        (
            Api::ConfluentV3,
            "/v3/clusters/4L6g3nShT-eMCtK--X86sw/topics/events",
            "/v3/clusters/4L6g3nShT-eMCtK--X86sw/topics",
        ),
    ] {
        let bridge = Bridge::start(api).await;
        answer(&bridge, &Reply::status(200).body("{}"));
        assert_eq!(check(&bridge, "").await.unwrap(), "the API knows the topic events");
        let said = check(&bridge, "topic = \"events.{type}\"").await.unwrap();
        assert_eq!(said, "the API answers; the topic depends on the event");
        let requests = bridge.sink.requests();
        assert!(requests.iter().all(|request| request.method == "GET" && request.body.is_empty()));
        let paths: Vec<_> = requests.iter().map(|request| request.path.as_str()).collect();
        assert_eq!(paths, [topic, topics]);
    }
}

#[tokio::test]
async fn it_says_what_is_wrong() {
    for api in APIS {
        let bridge = Bridge::start(api).await;
        for (reply, expected) in [
            (problem(404), "there is no topic events"),
            (problem(401), "refuses the credentials with status 401"),
            (problem(403), "refuses the credentials with status 403"),
            (problem(503), "answers with status 503"),
            (Reply::Reset, "the API says nothing"),
            (Reply::Hang, "the API says nothing"),
        ] {
            answer(&bridge, &reply);
            let said = check(&bridge, "").await.unwrap_err();
            assert!(said.contains(expected), "{api:?} {said}");
        }
        CaptureSink::stop(&bridge.sink).await;
        let said = check(&bridge, "").await.unwrap_err();
        assert!(said.contains("the connection is refused"), "{said}");
    }
}
