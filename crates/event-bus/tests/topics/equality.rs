//! Every message that was answered 202 is in Kafka, on EventBridge and in PostgreSQL, and says the same there.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::RngExt as _;
use rand::seq::SliceRandom as _;
use serde_json::{Value, json};
use testkit::{rng, size};

use crate::world::{
    DLCHANGE, Message, Part, RUNS, STATUS_CHANGE, TEST, TOPICS, World, at_once, fold, job,
};

/// Milliseconds of a time of PostgreSQL.
const MS: &str = "(extract(epoch from {}) * 1000)::bigint AS {}";

#[tokio::test(flavor = "multi_thread")]
async fn what_was_accepted_is_equal_in_all_destinations() {
    let mut random = rng("equality");
    let world = World::new(&[Part::Kafka, Part::EventBridge, Part::Postgres]).await;
    let _gateway = world.start().await;
    let mut messages = Vec::new();
    for _ in 0..size(100, 2500) {
        messages.extend(TOPICS.map(|topic| Message::random(topic, &mut random)));
    }
    // A second event for some jobs, to see where Kafka puts it.
    for index in (3..messages.len()).step_by(8) {
        let first = messages[index].value();
        let (id, time) = (first["job_id"].as_str().unwrap(), first["timestamp_event"].as_i64());
        let time = time.unwrap() + random.random_range(1..1000);
        messages[index - 1] = job(id, "JobFinishedEvent", time, &mut random);
    }
    messages.shuffle(&mut random);
    let one_by_one = messages.len() / 20;
    send(&world, &messages[..one_by_one], 1).await;
    send(&world, &messages[one_by_one..], 32).await;
    // 202 is said when it is everywhere: nothing is waited for.
    in_kafka(&world, &messages);
    on_eventbridge(&world, &messages);
    in_postgres(&world, &messages);
}

async fn send(world: &World, messages: &[Message], how_many: usize) {
    let began = Instant::now();
    let producer = &world.producer();
    at_once(how_many, messages, |message| async move {
        let answer = producer.post(message).await;
        assert_eq!(answer.status, 202, "{answer:?} {message:?}");
        assert_eq!(answer.body, json!({ "success": true, "statusCode": 202 }));
    })
    .await;
    let (took, count) = (began.elapsed(), messages.len());
    let rate = count as f64 / took.as_secs_f64();
    println!("{count} events, {how_many} at a time, with three destinations: {rate:.0}/s");
}

fn of<'a>(messages: &'a [Message], topic: &str) -> Vec<&'a Message> {
    messages.iter().filter(|message| message.topic == topic).collect()
}

/// Topic, value, key and headers as section 7 says; events of one job in one partition.
fn in_kafka(world: &World, messages: &[Message]) {
    for topic in TOPICS {
        let mut expected: BTreeMap<String, Value> = BTreeMap::new();
        for message in of(messages, topic) {
            let key = match topic {
                STATUS_CHANGE => message.value()["job_id"].clone(),
                _ => "".into(),
            };
            expected.insert(message.python(), key);
        }
        let mut found = BTreeMap::new();
        let mut partitions: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
        for record in world.kafka().server.records(topic) {
            let value = STANDARD.decode(record["value"].as_str().unwrap()).unwrap();
            let key = record["key"].clone();
            let partition = record["partition"].as_u64().unwrap();
            partitions.entry(key.to_string()).or_default().insert(partition);
            let known = found.insert(String::from_utf8(value).unwrap(), key);
            assert!(known.is_none(), "a record stands in {topic} twice: {record}");
        }
        assert_eq!(found.len(), expected.len(), "{topic}");
        let differ = found.iter().zip(&expected).find(|(found, expected)| found != expected);
        assert_eq!(differ, None, "found in {topic}, and expected");
        if topic == STATUS_CHANGE {
            assert!(partitions.values().all(|places| places.len() == 1), "{partitions:?}");
        }
    }
}

/// The entry of section 8.
fn on_eventbridge(world: &World, messages: &[Message]) {
    let all = world.bridge().entries();
    assert_eq!(all.len(), messages.len());
    for message in messages {
        let entries = &all[&message.id];
        assert_eq!(entries.len(), 1, "{entries:?}");
        let mut entry = entries[0].clone();
        // The moment that it was accepted, which the reference leaves to AWS.
        entry.as_object_mut().unwrap().remove("Time");
        let expected = json!({
            "Source": message.topic,
            "DetailType": "JSON",
            "Detail": message.python(),
            "EventBusName": "arn:aws:events:eu-west-1:123456789012:event-bus/topics",
        });
        assert_eq!(entry, expected);
    }
}

/// The rows of section 9, each once.
fn in_postgres(world: &World, messages: &[Message]) {
    let database = world.database();
    let by_id = |query: &str| {
        let mut rows: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for mut row in database.rows(query) {
            let id = row.as_object_mut().unwrap().remove("id").unwrap();
            rows.entry(id.as_str().unwrap().to_owned()).or_default().push(row);
        }
        rows
    };
    for (topic, columns) in [
        (TEST, "tenant_id, source_app, environment, timestamp_event, additional_info"),
        (
            DLCHANGE,
            "tenant_id, source_app, source_app_version, environment, timestamp_event, country, catalog_id, operation, \
             location, format, format_options, additional_info",
        ),
        (
            RUNS,
            "job_ref, tenant_id, source_app, source_app_version, environment, timestamp_start, timestamp_end",
        ),
    ] {
        let table = topic.replace('.', "_");
        let found = by_id(&format!("SELECT event_id AS id, {columns} FROM {table}"));
        let messages = of(messages, topic);
        assert_eq!(found.len(), messages.len(), "{topic}");
        for message in messages {
            let value = message.value();
            let mut expected = json!({});
            for column in columns.split(',').map(str::trim) {
                let member = if topic == TEST { column.trim_end_matches("_event") } else { column };
                expected[column] = column_of(column, &value[member]);
            }
            assert_eq!(found[&message.id], [expected], "{message:?}");
        }
    }
    let columns =
        "country, catalog_id, status, timestamp_start, timestamp_end, message, additional_info";
    let found = by_id(&format!(
        "SELECT event_id AS id, {columns} FROM public_cps_za_runs_jobs ORDER BY internal_id"
    ));
    for message in of(messages, RUNS) {
        let value = message.value();
        let job = |job: &Value| {
            let columns = columns.split(", ");
            columns.map(|column| (column.to_owned(), column_of(column, &job[column]))).collect()
        };
        let jobs: Vec<Value> = value["jobs"].as_array().unwrap().iter().map(job).collect();
        assert_eq!(found.get(&message.id).cloned().unwrap_or_default(), jobs, "{message:?}");
    }
    assert_jobs(world, &of(messages, STATUS_CHANGE));
}

/// The merged rows are what the events fold to.
pub(crate) fn assert_jobs(world: &World, messages: &[&Message]) {
    let events: Vec<_> = messages.iter().map(|message| message.value()).collect();
    let expected = fold(&events);
    let times = ["created_at", "started_at", "finished_at", "last_updated_at"];
    let times = times.map(|column| MS.replace("{}", column)).join(", ");
    let columns = expected.values().next().unwrap().as_object().unwrap().keys();
    let columns: Vec<_> =
        columns.filter(|name| !name.ends_with("_at")).map(String::as_str).collect();
    let query = format!(
        "SELECT {}, {times} FROM public_cps_za_status_change_aggregated_job",
        columns.join(", ")
    );
    let rows = world.database().rows(&query);
    assert_eq!(rows.len(), expected.len());
    for row in rows {
        assert_eq!(row, expected[row["job_id"].as_str().unwrap()], "found, and expected");
    }
}

/// What a column holds of a member.
fn column_of(column: &str, member: &Value) -> Value {
    match (column, member) {
        ("country", Value::Null) => "".into(),
        (name, Value::Number(number)) if name.starts_with("timestamp") => {
            json!(number.as_f64().unwrap().round() as i64)
        }
        (_, member) => member.clone(),
    }
}
