//! Brokers, running services and signed webhooks.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use async_nats::jetstream::Context;
use bytes::Bytes;
use event_bus_core::event::{Data, Event, nats};
use event_bus_core::signature::{SigningSecret, sign};
use tempfile::TempDir;
use testkit::http::Response;
use testkit::process::Running;
use testkit::{Bin, free_port, http, poll_until};

/// Longer than anything takes on a busy machine.
pub(crate) const LONG: Duration = Duration::from_secs(90);

const SECRET: &str = "faults-secret";

/// A configuration file, and what is needed to run services with it.
pub(crate) struct World {
    folder: TempDir,
    pub(crate) listen: SocketAddr,
}

impl World {
    /// `bus` is the section `[bus]`, `routes` the routes.
    pub(crate) fn new(bus: &str, routes: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let listen: SocketAddr = format!("127.0.0.1:{}", free_port()).parse().expect("an address");
        let secret = folder.path().join("secret");
        std::fs::write(&secret, SECRET).expect("a file");
        let text = format!(
            "[bus]\n{bus}\n[inbound]\nlisten = \"{listen}\"\n[[inbound.sources]]\nname = \"github\"\nprovider = \"github\"\n\
             secrets = [{{ file = {secret:?} }}]\n[[inbound.sources]]\nname = \"verbatim\"\nprovider = \"github\"\n\
             body = \"base64\"\nsecrets = [{{ file = {secret:?} }}]\n[outbound]\ngrace = \"5s\"\n{routes}\n"
        );
        std::fs::write(folder.path().join("event-bus.toml"), text).expect("a file");
        Self { folder, listen }
    }

    pub(crate) fn start(&self, mode: &str) -> Running {
        let config: PathBuf = self.folder.path().join("event-bus.toml");
        Bin::at(env!("CARGO_BIN_EXE_event-bus"))
            .arg(mode)
            .arg("--config")
            .arg(config.as_os_str())
            .spawn()
    }

    /// Runs a command to its end; panics if it does not end well.
    pub(crate) fn command(&self, arguments: &[&str]) {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_event-bus"))
            .arg("--config")
            .arg(self.folder.path().join("event-bus.toml"))
            .args(arguments)
            .output()
            .expect("the command runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Sends a signed webhook; `None` if no answer came.
    pub(crate) async fn send(&self, id: &str) -> Option<Response> {
        let body = format!(
            "{{\"action\":\"opened\",\"repository\":{{\"url\":\"https://api.github.com/repos/o/r\"}},\"n\":\"{id}\"}}"
        );
        self.send_to("github", id, &body).await
    }

    /// Sends a signed body to a source.
    pub(crate) async fn send_to(&self, source: &str, id: &str, body: &str) -> Option<Response> {
        let signature = sign::github(&SigningSecret::new(SECRET), body.as_bytes());
        let headers = [
            ("Content-Type", "application/json"),
            ("X-GitHub-Event", "issues"),
            ("X-GitHub-Delivery", id),
            ("X-Hub-Signature-256", signature.as_str()),
        ];
        let url = format!("http://{}/hooks/{source}", self.listen);
        http::try_send("POST", &url, &headers, body.as_bytes()).await.ok()
    }

    pub(crate) async fn wait_until_open(&self) {
        poll_until(LONG, "the inbound to listen", async || {
            tokio::net::TcpStream::connect(self.listen).await.ok()
        })
        .await;
    }
}

/// An event of that id as serve-inbound stores it.
pub(crate) fn message(id: &str) -> (async_nats::HeaderMap, Bytes) {
    let event = Event::builder(id, "/faults", "com.example.made")
        .datacontenttype("application/json")
        .data(Data::Json(format!("{{\"id\":\"{id}\"}}").into()))
        .build()
        .expect("valid");
    let (headers, payload) = nats::encode_structured(&event);
    let mut map = async_nats::HeaderMap::new();
    for (name, value) in headers {
        map.insert(name.as_ref(), value);
    }
    map.insert("Nats-Msg-Id", id);
    (map, payload)
}

/// How often each event id stands on a stream.
pub(crate) async fn ids_on(jetstream: &Context, stream: &str) -> BTreeMap<String, u32> {
    let mut counts = BTreeMap::new();
    let Ok(stream) = jetstream.get_stream(stream).await else { return counts };
    let mut sequence = 1;
    while let Ok(message) = stream.get_first_raw_message_by_subject(">", sequence).await {
        sequence = message.sequence + 1;
        let id =
            message.headers.get("ce-id").map(|value| value.as_str().to_owned()).unwrap_or_default();
        *counts.entry(id).or_insert(0) += 1;
    }
    counts
}

/// The ids of dead letters, each with its reason.
pub(crate) async fn dead_letters(jetstream: &Context) -> BTreeMap<String, BTreeSet<String>> {
    let mut letters: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let Ok(stream) = jetstream.get_stream("DEAD_LETTERS").await else { return letters };
    let mut sequence = 1;
    while let Ok(message) = stream.get_first_raw_message_by_subject(">", sequence).await {
        sequence = message.sequence + 1;
        let header = |name: &str| {
            message.headers.get(name).map(|value| value.as_str().to_owned()).unwrap_or_default()
        };
        letters.entry(header("ce-id")).or_default().insert(header("Event-Bus-Reason"));
    }
    letters
}

/// A route with quick retries.
pub(crate) fn route(name: &str, url: &str, attempts: u32) -> String {
    format!(
        "[[outbound.routes]]\nname = \"{name}\"\nsubjects = [\"fleet.>\"]\n\
         retry = {{ attempts = {attempts}, schedule = [\"0s\", \"300ms\"] }}\n\
         sink.webhook = {{ url = \"{url}\", timeout = \"5s\" }}\n"
    )
}
