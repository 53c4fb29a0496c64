//! Messages of the four topics, made at random.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng, RngExt as _};
use serde_json::{Map, Value, json};

pub(crate) const RUNS: &str = "public.cps.za.runs";
pub(crate) const DLCHANGE: &str = "public.cps.za.dlchange";
pub(crate) const TEST: &str = "public.cps.za.test";
pub(crate) const STATUS_CHANGE: &str = "public.cps.za.status_change";

/// In the order in which `/topics` lists them.
pub(crate) const TOPICS: [&str; 4] = [RUNS, DLCHANGE, TEST, STATUS_CHANGE];

/// Texts that are easily damaged on their way.
const TEXTS: [&str; 8] = [
    "",
    "plain",
    "Žluťoučký kůň",
    "日本語 🚌",
    "a\"b\\c/d",
    "line\nbreak\ttab",
    "'; --",
    "\u{7f}\u{80}\u{2028}",
];

/// A message, with its members in the order in which they are sent.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) topic: &'static str,
    pub(crate) id: String,
    members: Vec<(&'static str, Value)>,
}

impl Message {
    pub(crate) fn new(topic: &'static str, members: Vec<(&'static str, Value)>) -> Self {
        let id = members.iter().find(|(name, _)| *name == "event_id");
        let id = id.and_then(|(_, id)| id.as_str()).unwrap_or_default().to_owned();
        Self { topic, id, members }
    }

    /// A message of a topic; a job is created by one of `status_change`.
    pub(crate) fn random(topic: &'static str, random: &mut StdRng) -> Self {
        match topic {
            RUNS => Self::run(random),
            DLCHANGE => Self::change(random),
            TEST => Self::test(random),
            STATUS_CHANGE => {
                let id = uuid(random);
                let time = time(random);
                job(&id, "JobCreatedAndStartedEvent", time, random)
            }
            other => panic!("there is no topic {other}"),
        }
    }

    /// One whose content is of no importance.
    pub(crate) fn any() -> Self {
        let members = vec![
            ("event_id", uuid::Uuid::new_v4().to_string().into()),
            ("tenant_id", "TEST".into()),
            ("source_app", "tests".into()),
            ("environment", "dev".into()),
            ("timestamp", 1_700_000_000_000_i64.into()),
        ];
        Self::new(TEST, members)
    }

    pub(crate) fn test(random: &mut StdRng) -> Self {
        let mut members = vec![
            ("event_id", uuid(random).into()),
            ("tenant_id", text(random)),
            ("source_app", "tests".into()),
            ("environment", "dev".into()),
            ("timestamp", moment(random)),
        ];
        if random.random() {
            members.push(("additional_info", object(random)));
        }
        Self::new(TEST, members)
    }

    fn run(random: &mut StdRng) -> Self {
        let jobs: Vec<_> = (0..random.random_range(0..4)).map(|_| job_of_run(random)).collect();
        Self::new(
            RUNS,
            vec![
                ("event_id", uuid(random).into()),
                ("job_ref", text(random)),
                ("tenant_id", "TEST".into()),
                ("source_app", "tests".into()),
                ("source_app_version", "1.0.0".into()),
                ("environment", "dev".into()),
                ("timestamp_start", moment(random)),
                ("timestamp_end", moment(random)),
                ("jobs", jobs.into()),
            ],
        )
    }

    fn change(random: &mut StdRng) -> Self {
        let operation = *["overwrite", "append", "archive", "delete"].choose(random).unwrap();
        let mut members = vec![
            ("event_id", uuid(random).into()),
            ("tenant_id", "TEST".into()),
            ("source_app", "tests".into()),
            ("source_app_version", text(random)),
            ("environment", "dev".into()),
            ("timestamp_event", moment(random)),
            ("catalog_id", text(random)),
            ("operation", operation.into()),
            ("format", "parquet".into()),
        ];
        for (name, value) in [
            ("country", text(random)),
            ("location", text(random)),
            ("format_options", object(random)),
            ("additional_info", object(random)),
        ] {
            if random.random() {
                members.push((name, value));
            }
        }
        Self::new(DLCHANGE, members)
    }

    /// As it is sent: with white space that nobody wrote by hand.
    pub(crate) fn body(&self) -> String {
        let members = self.members.iter().map(|(name, value)| format!("\"{name}\"\t:{value}"));
        format!("\n{{{}}} ", members.collect::<Vec<_>>().join(" ,"))
    }

    /// As Python's `json.dumps` writes it.
    pub(crate) fn python(&self) -> String {
        let member = |(name, value): &(&str, Value)| format!("\"{name}\": {}", python_json(value));
        format!("{{{}}}", self.members.iter().map(member).collect::<Vec<_>>().join(", "))
    }

    pub(crate) fn value(&self) -> Value {
        let members = self.members.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        Value::Object(members.collect::<Map<_, _>>())
    }
}

/// An event of a job: what an event of this type must say, and some of what it may say.
pub(crate) fn job(id: &str, kind: &str, time: i64, random: &mut StdRng) -> Message {
    let status: &[&str] = match kind {
        "JobCreatedEvent" => &["WAITING"],
        "JobCreatedAndStartedEvent" | "JobStartedEvent" => &["RUNNING"],
        "JobUpdatedEvent" => &["WAITING", "RUNNING"],
        _ => &["SUCCEEDED", "FAILED", "KILLED"],
    };
    let mut members = vec![
        ("event_type", kind.into()),
        ("event_id", uuid(random).into()),
        ("job_id", id.into()),
        ("status_type", (*status.choose(random).unwrap()).into()),
        ("timestamp_event", time.into()),
    ];
    let created = kind.starts_with("JobCreated");
    for name in ["job_name", "source_app", "source_app_version", "environment", "definition_id"] {
        if created || random.random_ratio(1, 3) {
            members.push((name, text(random)));
        }
    }
    if created {
        members.push(("platform", text(random)));
    }
    for name in
        ["job_ref", "tenant_id", "country", "definition_version", "status_subtype", "status_detail"]
    {
        if let Some(value) = sometimes(random, text) {
            members.push((name, value));
        }
    }
    for name in ["parent_job_id", "initial_job_id", "job_group_id"] {
        if let Some(value) = sometimes(random, |random| uuid(random).into()) {
            members.push((name, value));
        }
    }
    for name in ["platform_metadata", "input_arguments", "additional_context"] {
        if let Some(value) = sometimes(random, object) {
            members.push((name, value));
        }
    }
    if let Some(value) = sometimes(random, |random| random.random_range(1..5).into()) {
        members.push(("attempt_number", value));
    }
    Message::new(STATUS_CHANGE, members)
}

/// As Python's `json.dumps` writes it.
pub(crate) fn python_json(value: &Value) -> String {
    let list = |parts: Vec<String>| parts.join(", ");
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => python_string(text),
        Value::Array(items) => format!("[{}]", list(items.iter().map(python_json).collect())),
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| {
                format!("{}: {}", python_string(name), python_json(value))
            };
            format!("{{{}}}", list(members.iter().map(member).collect()))
        }
    }
}

fn python_string(text: &str) -> String {
    let escape = |unit: u16| match char::from_u32(unit.into()) {
        Some('"') => "\\\"".to_owned(),
        Some('\\') => "\\\\".to_owned(),
        Some('\n') => "\\n".to_owned(),
        Some('\t') => "\\t".to_owned(),
        Some(plain @ ' '..='~') => plain.to_string(),
        Some(_) | None => format!("\\u{unit:04x}"),
    };
    format!("\"{}\"", text.encode_utf16().map(escape).collect::<String>())
}

pub(crate) fn uuid(random: &mut impl Rng) -> String {
    uuid::Builder::from_random_bytes(random.random()).into_uuid().to_string()
}

fn time(random: &mut StdRng) -> i64 {
    random.random_range(1_600_000_000_000..1_800_000_000_000)
}

/// A number of milliseconds, now and then with a fraction.
fn moment(random: &mut StdRng) -> Value {
    let whole = time(random);
    if random.random_ratio(1, 4) { json!(whole as f64 + 0.25) } else { json!(whole) }
}

fn text(random: &mut StdRng) -> Value {
    (*TEXTS.choose(random).unwrap()).into()
}

fn object(random: &mut StdRng) -> Value {
    let names = ["a", "b", "c", "ü"];
    let member = |name: &str, random: &mut StdRng| {
        let value = match random.random_range(0..6) {
            0 => Value::Null,
            1 => json!(random.random_range(-1000..1000)),
            2 => json!(random.random_range(-10..10) as f64 + 0.5),
            3 => json!([text(random), true, { "deep": text(random) }]),
            _ => text(random),
        };
        (name.to_owned(), value)
    };
    let chosen = names.iter().filter(|_| random.random()).copied().collect::<Vec<_>>();
    Value::Object(chosen.into_iter().map(|name| member(name, random)).collect())
}

/// Nothing, null or a value.
fn sometimes(random: &mut StdRng, value: impl FnOnce(&mut StdRng) -> Value) -> Option<Value> {
    match random.random_range(0..4) {
        0 | 1 => None,
        2 => Some(Value::Null),
        _ => Some(value(random)),
    }
}

fn job_of_run(random: &mut StdRng) -> Value {
    let status = *["succeeded", "failed", "killed", "skipped"].choose(random).unwrap();
    let mut job = json!({
        "catalog_id": text(random),
        "status": status,
        "timestamp_start": moment(random),
        "timestamp_end": moment(random),
    });
    if random.random() {
        job["country"] = text(random);
    }
    if let Some(message) = sometimes(random, text) {
        job["message"] = message;
    }
    if random.random() {
        job["additional_info"] = object(random);
    }
    job
}
