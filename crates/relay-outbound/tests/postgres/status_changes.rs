//! Status changes of many jobs, by several writers, in any order and more than once, equal a fold by their time.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use event_bus_core::event::{Data, Event};
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use rand::{RngExt as _, SeedableRng as _};
use relay_outbound::sinks::Sink;
use serde_json::{Map, Value, json};
use testkit::PostgresServer;

use crate::setup::build;
use crate::topics::{psql, server, settings};

const SEED: u64 = 20_261_121;

const KINDS: [(&str, &[&str]); 5] = [
    ("JobCreatedEvent", &["WAITING"]),
    ("JobCreatedAndStartedEvent", &["RUNNING"]),
    ("JobStartedEvent", &["RUNNING"]),
    ("JobUpdatedEvent", &["WAITING", "RUNNING"]),
    ("JobFinishedEvent", &["SUCCEEDED", "FAILED", "KILLED"]),
];

/// Columns that keep the newest value that is not null.
const TEXTS: [&str; 9] = [
    "job_ref",
    "job_name",
    "definition_id",
    "definition_version",
    "tenant_id",
    "country",
    "source_app_version",
    "environment",
    "platform",
];

/// A status change as a writer sends it.
#[derive(Clone, Debug)]
struct Change {
    /// What orders it among others: time in milliseconds, arrival, id.
    time: i64,
    recorded: Option<String>,
    id: String,
    writer: String,
    data: Map<String, Value>,
}

impl Change {
    fn event(&self) -> Event {
        let mut builder = Event::builder(&*self.id, format!("/{}", self.writer), "status_change")
            .datacontenttype("application/json")
            .data(Data::Json(Bytes::from(Value::from(self.data.clone()).to_string())));
        if let Some(recorded) = &self.recorded {
            builder = builder.extension("recordedtime", recorded.as_str());
        }
        builder.build().unwrap()
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.data.get(name).filter(|value| !value.is_null())
    }
}

fn uuid(number: u64) -> String {
    format!("00000000-0000-4000-8000-{number:012x}")
}

/// A value, null or nothing at all.
fn maybe(random: &mut StdRng, data: &mut Map<String, Value>, name: &str, value: Value) {
    match random.random_range(0..4) {
        0 => {}
        1 => drop(data.insert(name.to_owned(), Value::Null)),
        _ => drop(data.insert(name.to_owned(), value)),
    }
}

fn changes_of(random: &mut StdRng, job: u64) -> Vec<Change> {
    let count = random.random_range(1..9);
    let make = |number: usize| {
        let (kind, statuses) = KINDS.choose(random).unwrap();
        // Few instants, so that many changes have the same.
        let time = 1_704_067_200_000 + random.random_range(0..6);
        let writer = format!("writer-{}", random.random_range(0..4));
        let id = format!("{job}-{number}");
        let mut data = Map::new();
        data.insert("event_id".to_owned(), json!(id));
        data.insert("event_type".to_owned(), json!(kind));
        data.insert("job_id".to_owned(), json!(uuid(job)));
        data.insert("source_app".to_owned(), json!(writer));
        data.insert("timestamp_event".to_owned(), json!(time));
        data.insert("status_type".to_owned(), json!(statuses.choose(random)));
        for name in TEXTS.into_iter().chain(["status_subtype", "status_detail"]) {
            maybe(random, &mut data, name, json!(format!("{name} of {number}")));
        }
        for name in ["parent_job_id", "initial_job_id", "job_group_id"] {
            let other = uuid(random.random_range(0..100));
            maybe(random, &mut data, name, json!(other));
        }
        for name in ["platform_metadata", "input_arguments"] {
            maybe(
                random,
                &mut data,
                name,
                json!({ "number": number, "deep": [null, { "a": "ü" }] }),
            );
        }
        let mut context = Map::new();
        for member in ["a", "b", "c \"quoted\"", "ü"] {
            maybe(random, &mut context, member, json!({ "of": number }));
        }
        maybe(random, &mut data, "additional_context", context.into());
        let attempt = *[1, 1, 2, 3].choose(random).unwrap();
        maybe(random, &mut data, "attempt_number", json!(attempt));
        let recorded = random.random_range(0..3);
        let recorded = (recorded > 0).then(|| format!("2026-01-01T00:00:00.{recorded}Z"));
        Change { time, recorded, id, writer, data }
    };
    (0..count).map(make).collect()
}

/// What the row of a job should be: its changes one after the other by their order.
fn fold(changes: &[Change]) -> Value {
    let mut ordered: Vec<&Change> = changes.iter().collect();
    ordered.sort_by_key(|change| (change.time, change.recorded.clone(), change.id.clone()));
    let mut row = Map::new();
    let texts = TEXTS.into_iter().chain(["source_app", "parent_job_id", "initial_job_id"]);
    let latest = texts.chain(["job_group_id", "platform_metadata", "input_arguments"]);
    let latest: Vec<_> = latest.collect();
    let times = ["created_at", "started_at", "finished_at"];
    for name in latest.iter().chain(&times).chain(&["additional_context"]) {
        row.insert((*name).to_owned(), Value::Null);
    }
    row.insert("attempt_number".to_owned(), json!(1));
    for change in ordered {
        for name in &latest {
            if let Some(value) = change.get(name) {
                row.insert((*name).to_owned(), value.clone());
            }
        }
        for name in ["status_type", "status_subtype", "status_detail"] {
            row.insert(name.to_owned(), change.get(name).cloned().unwrap_or_default());
        }
        if let Some(number) = change.get("attempt_number").filter(|number| **number != json!(1)) {
            row.insert("attempt_number".to_owned(), number.clone());
        }
        if let Some(Value::Object(context)) = change.get("additional_context") {
            let merged = row["additional_context"].as_object().cloned().unwrap_or_default();
            let merged: Map<_, _> = merged.into_iter().chain(context.clone()).collect();
            row.insert("additional_context".to_owned(), merged.into());
        }
        let kind = change.data["event_type"].as_str().unwrap();
        for (name, is_set) in [
            ("created_at", kind.starts_with("JobCreated")),
            ("started_at", kind.ends_with("StartedEvent")),
            ("finished_at", kind == "JobFinishedEvent"),
            ("last_updated_at", true),
        ] {
            if is_set {
                row.insert(name.to_owned(), json!(change.time));
            }
        }
    }
    row.insert("job_id".to_owned(), changes[0].data["job_id"].clone());
    row.into()
}

/// All rows as objects, instants as milliseconds.
fn rows(server: &PostgresServer) -> BTreeMap<String, Value> {
    let times = ["created_at", "started_at", "finished_at", "last_updated_at"];
    let times = times.map(|name| format!("'{name}', (extract(epoch FROM {name}) * 1000)::bigint"));
    let rows = psql(
        server,
        &format!(
            "SELECT to_jsonb(t) || jsonb_build_object({}) FROM public_cps_za_status_change_aggregated_job AS t",
            times.join(", ")
        ),
    );
    let row = |line: &str| {
        let row: Value = serde_json::from_str(line).unwrap();
        (row["job_id"].as_str().unwrap().to_owned(), row)
    };
    rows.lines().map(row).collect()
}

async fn deliver_all(sink: &dyn Sink, changes: &[Change], size: usize) {
    for batch in changes.chunks(size) {
        let batch: Vec<Event> = batch.iter().map(Change::event).collect();
        for result in sink.deliver(&batch).await {
            assert!(result.is_ok(), "{result:?}");
        }
    }
}

fn compare(jobs: &[Vec<Change>], found: &BTreeMap<String, Value>) {
    assert_eq!(found.len(), jobs.len());
    for changes in jobs {
        let expected = fold(changes);
        let job = expected["job_id"].as_str().unwrap();
        assert_eq!(found[job], expected, "{changes:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_jobs_in_any_order_equal_a_fold_by_time() {
    let server = server().await;
    let settings = settings(&server, "status-change");
    let ((one, _nats), (two, _nats_too)) = (build(&settings).await, build(&settings).await);
    let mut random = StdRng::seed_from_u64(SEED);
    let jobs: Vec<Vec<Change>> = (0..1000).map(|job| changes_of(&mut random, job)).collect();
    let writers = |changes: &[Change]| {
        changes.iter().map(|change| change.writer.clone()).collect::<BTreeSet<_>>().len()
    };
    let by_many = jobs.iter().filter(|changes| writers(changes) >= 3).count();
    assert!(by_many > 300, "{by_many}");

    // Two relays share the changes; both have duplicates, of their own and of each other.
    let mut shares = [Vec::new(), Vec::new()];
    for change in jobs.iter().flatten() {
        let share = random.random_range(0..2);
        shares[share].push(change.clone());
        if random.random_bool(0.3) {
            shares[random.random_range(0..2)].push(change.clone());
        }
    }
    for share in &mut shares {
        share.shuffle(&mut random);
    }
    tokio::join!(deliver_all(&*one, &shares[0], 100), deliver_all(&*two, &shares[1], 73));
    let found = rows(&server);
    compare(&jobs, &found);

    // Everything once more, in another order, changes nothing.
    let stamps =
        "SELECT md5(string_agg(key || stamps, '' ORDER BY key)) FROM event_bus_merge_stamps";
    let before = psql(&server, stamps);
    let mut all: Vec<Change> = jobs.iter().flatten().cloned().collect();
    all.shuffle(&mut random);
    deliver_all(&*one, &all, 500).await;
    assert_eq!(rows(&server), found);
    assert_eq!(psql(&server, stamps), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_job_that_all_write_at_once_equals_a_fold_too() {
    let server = server().await;
    let settings = settings(&server, "status-change");
    let ((one, _nats), (two, _nats_too)) = (build(&settings).await, build(&settings).await);
    let mut random = StdRng::seed_from_u64(SEED + 1);
    let jobs: Vec<Vec<Change>> = (0..5)
        .map(|job| {
            let many = (0..20).flat_map(|_| changes_of(&mut random, job)).enumerate();
            many.map(|(number, change)| Change { id: format!("{job}-{number}"), ..change })
                .collect()
        })
        .collect();
    let all: Vec<Change> = jobs.iter().flatten().cloned().collect();
    let mut orders: Vec<Vec<Change>> = (0..4).map(|_| all.clone()).collect();
    for order in &mut orders {
        order.shuffle(&mut random);
    }
    tokio::join!(
        deliver_all(&*one, &orders[0], 7),
        deliver_all(&*two, &orders[1], 11),
        deliver_all(&*one, &orders[2], 13),
        deliver_all(&*two, &orders[3], 3),
    );
    compare(&jobs, &rows(&server));
}

/// The three writers of a field that the reference gets wrong in one of the orders.
#[tokio::test(flavor = "multi_thread")]
async fn every_order_of_three_writers_gives_the_same() {
    let server = server().await;
    let (sink, _nats) = build(&settings(&server, "status-change")).await;
    let mut jobs = Vec::new();
    for (job, order) in
        [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]].iter().enumerate()
    {
        let change = |time: i64, more: Value| {
            let mut data = json!({ "event_type": "JobUpdatedEvent", "status_type": "RUNNING",
                "job_id": uuid(job as u64), "timestamp_event": time });
            data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let data = data.as_object().unwrap().clone();
            Change {
                time,
                recorded: None,
                id: format!("{job}-{time}"),
                writer: time.to_string(),
                data,
            }
        };
        let changes = vec![
            change(
                1000,
                json!({ "job_name": "a", "attempt_number": 2, "additional_context": { "x": 1, "y": 1 } }),
            ),
            change(
                2000,
                json!({ "job_name": "b", "attempt_number": 3, "additional_context": { "x": 2 } }),
            ),
            change(
                3000,
                json!({ "job_name": null, "attempt_number": 1, "additional_context": { "z": 3 } }),
            ),
        ];
        for place in order {
            deliver_all(&*sink, &changes[*place..=*place], 1).await;
        }
        jobs.push(changes);
    }
    let found = rows(&server);
    compare(&jobs, &found);
    assert_eq!(found[&uuid(0)]["job_name"], "b");
    assert_eq!(found[&uuid(0)]["attempt_number"], 3);
    assert_eq!(found[&uuid(0)]["additional_context"], json!({ "x": 2, "y": 1, "z": 3 }));
}
