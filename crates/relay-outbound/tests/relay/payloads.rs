//! Every published payload of GitHub as an event, compared with what the CloudEvents SDK of another language reads.

use std::collections::BTreeMap;

use bytes::Bytes;
use event_bus_core::event::{Data, Event};
use serde_json::{Value, json};
use testkit::{github, tools};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

const READ: &str = include_str!("read.py");

/// What is sent, in an order of its own.
pub(crate) struct Payloads(Vec<(BTreeMap<&'static str, String>, Value)>);

impl Payloads {
    pub(crate) fn load() -> Self {
        let each =
            |(number, (name, data)): (usize, (String, Value))| (attributes(number, &name), data);
        Self(github::payloads().into_iter().enumerate().map(each).collect())
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.0.iter().map(|(attributes, data)| event(attributes, data)).collect()
    }

    /// Has the SDK read records of Kafka (`key`, `headers`, `value` in base64), and compares each attribute and the data.
    pub(crate) fn assert_read_from(&self, records: Vec<Value>, what: &str) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("records.json");
        std::fs::write(&file, Value::from(records).to_string()).unwrap();
        let read = tools::python(READ, &[file.to_str().unwrap()]);
        let read: Vec<Value> =
            read.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(read.len(), self.0.len(), "{what}");
        for (read, (attributes, data)) in read.iter().zip(&self.0) {
            let mut expected = json!(attributes);
            expected["specversion"] = "1.0".into();
            assert_eq!(read["attributes"], expected, "{what}");
            assert_eq!(&read["data"], data, "{what}");
        }
    }
}

fn attributes(number: usize, name: &str) -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        ("id", format!("payload-{number:03}")),
        ("source", "https://api.github.com/repos/o/r%C3%A4".to_owned()),
        ("type", format!("com.github.{name}")),
        ("subject", format!("{name} \u{20ac}\u{1f600} 50%")),
        ("time", "2026-11-21T10:00:00.123456+00:00".to_owned()),
        ("datacontenttype", "application/json".to_owned()),
        ("partitionkey", format!("key-{}", number % 7)),
    ])
}

fn event(attributes: &BTreeMap<&'static str, String>, data: &Value) -> Event {
    let of = |name: &str| attributes[name].as_str();
    Event::builder(of("id"), of("source"), of("type"))
        .subject(of("subject"))
        .time(OffsetDateTime::parse(of("time"), &Rfc3339).unwrap())
        .datacontenttype(of("datacontenttype"))
        .extension("partitionkey", of("partitionkey"))
        .data(Data::Json(Bytes::from(data.to_string())))
        .build()
        .unwrap()
}
