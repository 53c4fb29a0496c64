//! A broker with an inbound, and what is on its stream.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use async_nats::jetstream::{self, stream::Stream};
use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::process::Running;
use testkit::{Bin, NatsServer, free_port, http, poll_until, tools};

use crate::runner::{Call, Ended, Form};

const LONG: Duration = Duration::from_secs(60);
const CHECK: &str = include_str!("check.py");

pub(crate) const TOKEN: &str = "secret-of-events-1c5d";

pub(crate) struct Bus {
    pub(crate) nats: NatsServer,
    inbound: SocketAddr,
    folder: TempDir,
    _service: Running,
}

impl Bus {
    /// A broker that admits everybody.
    pub(crate) async fn start() -> Self {
        Self::on(NatsServer::start().await, "").await
    }

    /// This broker, which the inbound reaches with these settings of `[bus]`.
    pub(crate) async fn on(nats: NatsServer, settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = || SocketAddr::from(([127, 0, 0, 1], free_port()));
        let (inbound, admin) = (address(), address());
        let token = folder.path().join("token");
        fs::write(&token, TOKEN).unwrap();
        let text = format!(
            "[bus]\nurl = '{}'\n{settings}\n[inbound]\nlisten = '{inbound}'\nadmin_listen = '{admin}'\n\
             [inbound.events]\nauth = {{ bearer = [{{ file = {token:?} }}] }}\nsubject = 'fleet.{{type}}'\n",
            nats.url(),
        );
        let config = folder.path().join("event-bus.toml");
        fs::write(&config, text).unwrap();
        let service = Bin::at(env!("CARGO_BIN_EXE_event-bus"))
            .args(["serve-inbound", "--config"])
            .arg(config)
            .spawn();
        let url = format!("http://{admin}/readyz");
        poll_until(LONG, "the inbound to be ready", async || {
            assert!(service.exited().is_none(), "it ended:\n{}", service.stderr());
            let answer = http::try_send("GET", &url, &[], b"").await.ok()?;
            (answer.status == 200).then_some(())
        })
        .await;
        Self { nats, inbound, folder, _service: service }
    }

    /// A call that goes straight to NATS, without TLS.
    pub(crate) fn to_nats(&self, form: Form, inputs: &[(&str, &str)]) -> Call {
        let url = self.nats.url();
        let open = [("url", url.as_str()), ("plaintext", "true")];
        Call::new(form, &[&open, inputs].concat())
    }

    /// A call that goes through `POST /events`, without TLS.
    pub(crate) fn to_inbound(&self, form: Form, inputs: &[(&str, &str)]) -> Call {
        let url = format!("http://{}/events", self.inbound);
        let open = [("url", url.as_str()), ("plaintext", "true")];
        Call::new(form, &[&open, inputs].concat()).secret("token", TOKEN)
    }

    pub(crate) async fn stream(&self) -> Stream {
        stream_of(self.nats.connect().await).await
    }

    /// Has the SDK of another language compare what is on the stream with what was sent.
    pub(crate) async fn check(&self, sent: &[(Ended, Value)]) {
        let stream = self.stream().await;
        let mut events = Vec::new();
        for (ended, expected) in sent {
            let sequence = ended.outputs["sequence"].parse().unwrap();
            let message = stream.get_raw_message(sequence).await.unwrap();
            assert_eq!(message.subject.as_str(), ended.outputs["subject"]);
            let content_type = message.headers.get("Content-Type").unwrap().as_str();
            let mut expected = expected.clone();
            expected["id"] = json!(ended.outputs["id"]);
            events.push(json!({
                "headers": { "Content-Type": content_type },
                "payload": BASE64_STANDARD.encode(&message.payload),
                "expected": expected,
            }));
        }
        let file = self.folder.path().join("events.json");
        fs::write(&file, Value::from(events).to_string()).unwrap();
        let printed = tools::python(CHECK, &[file.to_str().unwrap()]);
        assert!(printed.starts_with(&format!("{} events are valid", sent.len())), "{printed}");
    }
}

pub(crate) async fn stream_of(client: async_nats::Client) -> Stream {
    jetstream::new(client).get_stream("EVENTS").await.unwrap()
}

/// A file with this content.
pub(crate) fn write(folder: &Path, name: &str, content: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, content).unwrap();
    path.into_os_string().into_string().unwrap()
}
