//! What a job's row must be, by the words of the contract (section 9) and no code of the relay: all its events in the order
//! of their time, each event once.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// Columns that keep the newest value that is not null.
const NEWEST: [&str; 15] = [
    "job_group_id",
    "parent_job_id",
    "initial_job_id",
    "job_ref",
    "job_name",
    "definition_id",
    "definition_version",
    "tenant_id",
    "country",
    "source_app",
    "source_app_version",
    "environment",
    "platform",
    "platform_metadata",
    "input_arguments",
];

/// Columns that take the newest value, null included.
const NEWEST_EVEN_NULL: [&str; 3] = ["status_type", "status_subtype", "status_detail"];

/// Times by the events that set them.
const TIMES: [(&str, &[&str]); 3] = [
    ("created_at", &["JobCreatedEvent", "JobCreatedAndStartedEvent"]),
    ("started_at", &["JobCreatedAndStartedEvent", "JobStartedEvent"]),
    ("finished_at", &["JobFinishedEvent"]),
];

/// Rows by job, times in milliseconds since 1970. No two events of a job may have the same time.
pub(crate) fn fold<'a>(events: impl IntoIterator<Item = &'a Value>) -> BTreeMap<String, Value> {
    let mut jobs: BTreeMap<String, BTreeMap<i64, &Value>> = BTreeMap::new();
    for event in events {
        let id = event["job_id"].as_str().unwrap().to_owned();
        let time = event["timestamp_event"].as_i64().unwrap();
        let known = jobs.entry(id).or_default().insert(time, event);
        assert!(known.is_none_or(|known| known == event), "two events at one time");
    }
    jobs.into_iter().map(|(id, events)| (id, row(&events))).collect()
}

fn row(events: &BTreeMap<i64, &Value>) -> Value {
    let mut row = Map::new();
    for column in NEWEST.iter().chain(&NEWEST_EVEN_NULL).chain(&["additional_context"]) {
        row.insert((*column).to_owned(), Value::Null);
    }
    for (column, _) in TIMES {
        row.insert(column.to_owned(), Value::Null);
    }
    row.insert("attempt_number".to_owned(), json!(1));
    for (time, event) in events {
        row.insert("job_id".to_owned(), event["job_id"].clone());
        row.insert("last_updated_at".to_owned(), json!(time));
        for column in NEWEST.iter().filter(|column| !event[**column].is_null()) {
            row.insert((*column).to_owned(), event[*column].clone());
        }
        for column in NEWEST_EVEN_NULL {
            row.insert(column.to_owned(), event[column].clone());
        }
        if event["attempt_number"].as_i64().is_some_and(|attempt| attempt != 1) {
            row.insert("attempt_number".to_owned(), event["attempt_number"].clone());
        }
        if let Value::Object(new) = &event["additional_context"] {
            match &mut row["additional_context"] {
                Value::Object(known) => known.extend(new.clone()),
                other => *other = Value::Object(new.clone()),
            }
        }
        let kind = event["event_type"].as_str().unwrap();
        for (column, _) in TIMES.iter().filter(|(_, kinds)| kinds.contains(&kind)) {
            row.insert((*column).to_owned(), json!(time));
        }
    }
    Value::Object(row)
}
