//! EventBridge as its own protocol shows it (`AWSEvents.PutEvents`, AWS JSON 1.1): it keeps the entries, which moto does not.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use testkit::{CaptureSink, CapturedRequest, Record, Reply, Script};

pub(super) const ARN: &str = "arn:aws:events:eu-west-1:123456789012:event-bus/topics";

pub(crate) struct Bridge {
    sink: CaptureSink,
    taken: Taken,
}

/// The entries that got an event id.
type Taken = Arc<Mutex<Vec<Value>>>;

/// What becomes of the entries that come.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mood {
    Takes,
    /// Answers 200, and an error for each entry.
    FailsEntries,
    /// There is no such bus.
    KnowsNoBus,
}

impl Bridge {
    pub(super) async fn start() -> Self {
        let taken = Taken::default();
        let script = script(Mood::Takes, &taken);
        Self { sink: CaptureSink::start_with(script, Record::Count).await, taken }
    }

    pub(super) fn url(&self) -> String {
        self.sink.url()
    }

    pub(crate) fn mood(&self, mood: Mood) {
        self.sink.set_script(script(mood, &self.taken));
    }

    /// Refuses connections until [`Bridge::come_back`].
    pub(crate) async fn go_away(&self) {
        self.sink.stop().await;
    }

    pub(crate) async fn come_back(&self) {
        self.sink.restart_on_same_port().await;
    }

    /// The entries that were taken, by the id of their event.
    pub(crate) fn entries(&self) -> BTreeMap<String, Vec<Value>> {
        let mut entries: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for entry in self.taken.lock().unwrap().iter() {
            let detail: Value = serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap();
            let id = detail["event_id"].as_str().unwrap().to_owned();
            entries.entry(id).or_default().push(entry.clone());
        }
        entries
    }
}

fn script(mood: Mood, taken: &Taken) -> Script {
    let taken = Arc::clone(taken);
    Script::per_request(move |request| {
        if target(request) != "AWSEvents.PutEvents" {
            let unknown = json!({ "__type": "UnknownOperationException", "message": "not here" });
            return reply(400, &unknown);
        }
        let entries = entries(request);
        let count = entries.len();
        let results = |result: Value, failed| {
            let results = vec![result; count];
            reply(200, &json!({ "FailedEntryCount": failed, "Entries": results }))
        };
        match mood {
            Mood::Takes => {
                taken.lock().unwrap().extend(entries);
                results(json!({ "EventId": "11710aed-b79e-4468-a20b-bb3c0c3b4860" }), 0)
            }
            Mood::FailsEntries => {
                results(json!({ "ErrorCode": "InternalFailure", "ErrorMessage": "forced" }), count)
            }
            Mood::KnowsNoBus => reply(
                400,
                &json!({ "__type": "ResourceNotFoundException", "message": "Event bus topics does not exist." }),
            ),
        }
    })
}

fn reply(status: u16, body: &Value) -> Reply {
    Reply::status(status)
        .header("content-type", "application/x-amz-json-1.1")
        .body(body.to_string())
}

fn target(request: &CapturedRequest) -> &str {
    request.headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn entries(request: &CapturedRequest) -> Vec<Value> {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    body["Entries"].as_array().cloned().unwrap_or_default()
}
