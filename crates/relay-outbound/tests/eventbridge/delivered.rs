//! What arrives: read from SQS behind a rule of the bus, with AWS's own client for Python.

use std::collections::BTreeMap;

use bytes::Bytes;
use event_bus_core::delivery::Disposition;
use event_bus_core::event::{Data, Event, Value as Attribute};
use serde_json::Value;
use testkit::tools::python;
use testkit::{MotoServer, NatsServer, github};

use relay_outbound::sinks::Sink;

use crate::stub::{REGION, build, config};

const CLIENTS: &str = r#"
import boto3, json, sys
def client(service):
    return boto3.client(service, endpoint_url=sys.argv[1], region_name=sys.argv[2],
                        aws_access_key_id="x", aws_secret_access_key="x")
events, sqs = client("events"), client("sqs")
"#;

/// A bus, and a queue behind a rule that takes everything.
const PREPARE: &str = r#"
events.create_event_bus(Name="orders")
queue = sqs.create_queue(QueueName="all")["QueueUrl"]
arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
events.put_rule(Name="all", EventBusName="orders", EventPattern='{"account":["123456789012"]}')
events.put_targets(Rule="all", EventBusName="orders", Targets=[{"Id": "all", "Arn": arn}])
"#;

const READ: &str = r#"
queue = sqs.get_queue_url(QueueName="all")["QueueUrl"]
bodies = []
while True:
    messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
    if not messages:
        break
    for message in messages:
        bodies.append(json.loads(message["Body"]))
        sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
print(json.dumps(bodies))
"#;

async fn world(more: &str) -> (MotoServer, Box<dyn Sink>, NatsServer) {
    let moto = MotoServer::start().await;
    run(&moto, PREPARE);
    let (sink, nats) = build(&config(
        &moto.url(),
        &format!(
            "bus = \"orders\"
{more}"
        ),
    ))
    .await;
    (moto, sink, nats)
}

fn run(moto: &MotoServer, program: &str) -> String {
    python(&format!("{CLIENTS}{program}"), &[&moto.url(), REGION])
}

/// The envelopes by the id of their event.
fn envelopes(moto: &MotoServer) -> BTreeMap<String, Value> {
    let bodies: Vec<Value> = serde_json::from_str(&run(moto, READ)).unwrap();
    bodies
        .into_iter()
        .map(|body| (body["detail"]["id"].as_str().unwrap().to_owned(), body))
        .collect()
}

fn github_events() -> Vec<Event> {
    github::payloads()
        .into_iter()
        .enumerate()
        .map(|(number, (name, payload))| {
            Event::builder(
                format!("payload-{number}"),
                "https://api.github.com/repos/a/b",
                format!("com.github.{name}"),
            )
            .subject(number.to_string())
            .time_text("2026-11-21T10:00:00Z")
            .datacontenttype("application/json")
            .dataschema("https://example.com/schema")
            .extension("deliveries", Attribute::Integer(7))
            .extension("verified", Attribute::Boolean(true))
            .extension("partitionkey", "Grüße")
            .data(Data::Json(Bytes::from(payload.to_string())))
            .build()
            .unwrap()
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_published_payload_arrives_with_all_its_attributes() {
    let events = github_events();
    let (moto, sink, _nats) = world("resources = [\"{subject}\"]").await;
    for batch in events.chunks(10) {
        for result in sink.deliver(batch).await {
            assert!(result.is_ok(), "{result:?}");
        }
    }
    let found = envelopes(&moto);
    assert_eq!(found.len(), events.len());
    for event in &events {
        let envelope = &found[event.id()];
        let sent: Value = serde_json::from_slice(&event.to_structured()).unwrap();
        assert_eq!(envelope["detail"], sent);
        assert_eq!(envelope["source"], event.ce_source());
        assert_eq!(envelope["detail-type"], event.kind());
        assert_eq!(envelope["time"], "2026-11-21T10:00:00Z");
        assert_eq!(envelope["resources"], serde_json::json!([event.subject()]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bus_is_checked_without_an_event() {
    let (moto, sink, _nats) = world("").await;
    let seen = sink.check().await.unwrap();
    assert!(seen.contains(":event-bus/orders"), "{seen}");
    assert_eq!(envelopes(&moto).len(), 0);
    let (sink, _nats) = build(&config(&moto.url(), "bus = \"gone\"")).await;
    let problem = sink.check().await.unwrap_err();
    assert!(event_bus_core::Chain(&problem).to_string().contains("gone"), "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bus_that_is_missing_is_no_fault_of_the_events() {
    let (moto, _, _nats) = world("").await;
    let (sink, _nats) = build(&config(&moto.url(), "bus = \"gone\"")).await;
    let event = github_events().remove(0);
    let result = sink.deliver(&[event]).await.remove(0);
    let error = result.unwrap_err();
    assert_eq!(error.disposition(), Disposition::Retry { after: None });
    let said = event_bus_core::Chain(&error).to_string();
    assert!(said.contains("gone does not exist"), "{said}");
}
