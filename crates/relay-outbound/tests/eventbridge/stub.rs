//! An HTTP server that speaks the AWS JSON protocol as far as `PutEvents` needs it.

use std::sync::{Arc, Mutex};

use relay_outbound::sinks::eventbridge::Config;
use relay_outbound::sinks::{Settings as _, Sink};
use serde_json::{Value, json};
use testkit::{CaptureSink, CapturedRequest, NatsServer, Reply, Script};

use crate::harness::try_build;

pub(crate) const REGION: &str = "eu-central-1";

/// The stub, and the ids of the events that it took.
pub(crate) struct Stub {
    pub sink: CaptureSink,
    taken: Arc<Mutex<Vec<String>>>,
}

/// Code and message of an entry that is refused; `None` for one that is taken.
pub(crate) type Verdict = Option<(&'static str, &'static str)>;

impl Stub {
    pub(crate) async fn start() -> Self {
        let stub = Self { sink: CaptureSink::start().await, taken: Arc::default() };
        stub.judge(|_| None);
        stub
    }

    /// Answers 200, and for each entry what `judge` says of the event's id.
    pub(crate) fn judge(&self, judge: impl Fn(&str) -> Verdict + Send + Sync + 'static) {
        self.answer(move |ids, taken| {
            let results: Vec<Value> = ids
                .into_iter()
                .map(|id| match judge(&id) {
                    Some((code, message)) => json!({ "ErrorCode": code, "ErrorMessage": message }),
                    None => {
                        let result = json!({ "EventId": format!("event-{id}") });
                        taken.push(id);
                        result
                    }
                })
                .collect();
            let failed = results.iter().filter(|result| result.get("ErrorCode").is_some()).count();
            reply(200, &json!({ "FailedEntryCount": failed, "Entries": results }))
        });
    }

    /// Answers by the ids of a request; what it takes, it adds to the list.
    pub(crate) fn answer(
        &self,
        answer: impl Fn(Vec<String>, &mut Vec<String>) -> Reply + Send + Sync + 'static,
    ) {
        let taken = Arc::clone(&self.taken);
        self.sink.set_script(Script::per_request(move |request| {
            assert_eq!(request.header("x-amz-target"), Some("AWSEvents.PutEvents"));
            answer(ids(request), &mut taken.lock().unwrap())
        }));
    }

    pub(crate) fn taken(&self) -> Vec<String> {
        self.taken.lock().unwrap().clone()
    }

    /// How many entries each request had.
    pub(crate) fn sizes(&self) -> Vec<usize> {
        self.sink.requests().iter().map(|request| ids(request).len()).collect()
    }
}

pub(crate) fn reply(status: u16, body: &Value) -> Reply {
    Reply::status(status)
        .header("Content-Type", "application/x-amz-json-1.1")
        .body(body.to_string())
}

/// The error of a whole request.
pub(crate) fn error(status: u16, code: &str, message: &str) -> Reply {
    reply(status, &json!({ "__type": code, "message": message }))
}

/// Settings with an access key that need nothing of the machine.
pub(crate) fn config(url: &str, more: &str) -> Config {
    let text = format!(
        "region = \"{REGION}\"\naccess_key_id = \"AKIATEST\"\nsecret_access_key = {{ env = \"KEY\" }}\n\
         endpoint_url = \"{url}\"\ntimeout = \"60s\"\n{more}"
    );
    let document = event_bus_runtime::Document::parse(
        "event-bus.toml",
        &text,
        &event_bus_runtime::EnvMap::default(),
    );
    let config: Config = document.unwrap().get().unwrap();
    assert_eq!(config.validate(), []);
    config
}

/// A sink; the broker is only there because sinks are built with one.
pub(crate) async fn build(config: &Config) -> (Box<dyn Sink>, NatsServer) {
    let nats = NatsServer::start().await;
    let sink = try_build(config, &nats.connect().await, [("KEY", "secret")]).unwrap();
    (sink, nats)
}

/// The ids of the events of a request.
fn ids(request: &CapturedRequest) -> Vec<String> {
    let entries = request.json()["Entries"].as_array().cloned().unwrap_or_default();
    let id = |entry: &Value| {
        let detail: Value = serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap();
        detail["id"].as_str().unwrap().to_owned()
    };
    entries.iter().map(id).collect()
}
