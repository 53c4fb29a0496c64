//! A configuration with topics, what it names, and the binary run on it.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use event_bus_runtime::Clock;
use tempfile::TempDir;
use testkit::http::Response;
use testkit::process::Running;
use testkit::{Bin, KeyServer, NatsServer, Signer, free_port, http, poll_until};

/// Longer than anything takes on a busy machine.
pub(crate) const LONG: Duration = Duration::from_secs(90);

/// Who may send everything.
pub(crate) const USER: &str = "pipeline";

/// What messages of every topic must fit at the start.
pub(crate) const SCHEMA: &str = r#"{"type": "object", "required": ["id"],
    "properties": {"id": {"type": "string"}, "key": {"type": "string"}, "n": {"type": "integer"}}}"#;

pub(crate) struct World {
    pub(crate) nats: NatsServer,
    pub(crate) keys: KeyServer,
    pub(crate) listen: SocketAddr,
    admin: SocketAddr,
    folder: TempDir,
    token: String,
}

impl World {
    /// These topics, `key` their key; `more` is what else stands in the file, `[topics]` first.
    pub(crate) async fn new(topics: &[&str], more: &str) -> Self {
        event_bus_runtime::install_crypto_provider();
        let address = || SocketAddr::from(([127, 0, 0, 1], free_port()));
        let world = Self {
            nats: NatsServer::start().await,
            keys: KeyServer::start(Signer::a().document()).await,
            listen: address(),
            admin: address(),
            folder: tempfile::tempdir().unwrap(),
            token: token(USER),
        };
        let users: Vec<_> = topics.iter().map(|name| format!("\"{name}\": [\"{USER}\"]")).collect();
        world.write("access.json", &format!("{{{}}}", users.join(", ")));
        for name in topics {
            world.write(&format!("{name}.json"), SCHEMA);
        }
        world.configure(topics, more);
        world
    }

    /// Writes the configuration anew.
    pub(crate) fn configure(&self, topics: &[&str], more: &str) {
        // What stands before the first section belongs to `[topics]`.
        let (own, sections) = match more.find("\n[") {
            Some(at) if !more.starts_with('[') => more.split_at(at),
            Some(_) | None if more.starts_with('[') => ("", more),
            Some(_) | None => (more, ""),
        };
        let topics = topics.iter().map(|name| {
            let schema = self.path(&format!("{name}.json"));
            let waits = if sections.contains("receipts") { "delivered" } else { "durable" };
            format!(
                "[[topics.topic]]\nname = '{name}'\nschema = {schema:?}\nid = 'id'\nkey = 'key'\nacknowledge = '{waits}'\n"
            )
        });
        let text = format!(
            "[bus]\nurl = '{}'\n[topics]\nlisten = '{}'\nadmin_listen = '{}'\naccess = {:?}\ngrace = '5s'\n\
             tokens = {{ keys_url = '{}' }}\n{own}\n{}{sections}\n",
            self.nats.url(),
            self.listen,
            self.admin,
            self.path("access.json"),
            self.keys.url(),
            topics.collect::<String>(),
        );
        self.write("event-bus.toml", &text);
    }

    /// Writes a file of the configuration, whole at any moment.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let new = self.path("new");
        fs::write(&new, text).unwrap();
        fs::rename(new, self.path(name)).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts a mode and waits until the gateway is ready.
    pub(crate) async fn start(&self, mode: &str) -> Running {
        let bin = Bin::at(env!("CARGO_BIN_EXE_event-bus")).arg(mode);
        let running = bin.arg("--config").arg(self.path("event-bus.toml")).spawn();
        self.wait_until_ready(&running).await;
        running
    }

    /// Every service that is configured in one process, with a broker of its own.
    pub(crate) async fn start_up(&self) -> Running {
        let bin = Bin::at(env!("CARGO_BIN_EXE_event-bus")).args(["up", "--nats-port", "0"]);
        let bin = bin.arg("--nats-server").arg(testkit::nats::locate(testkit::nats::NEWEST));
        let bin = bin.arg("--data").arg(self.path("data"));
        let running = bin.arg("--config").arg(self.path("event-bus.toml")).spawn();
        self.wait_until_ready(&running).await;
        running
    }

    pub(crate) async fn wait_until_ready(&self, running: &Running) {
        poll_until(LONG, "the gateway to be ready", async || {
            assert!(running.exited().is_none(), "it ended:\n{}", running.stderr());
            let answer = http::try_send("GET", &self.admin_url("/readyz"), &[], b"").await.ok()?;
            (answer.status == 200).then_some(())
        })
        .await;
    }

    /// The gateway and the relay, in two processes.
    pub(crate) async fn start_with_relay(&self) -> (Running, Running) {
        let bin = Bin::at(env!("CARGO_BIN_EXE_event-bus")).arg("relay-outbound");
        let relay = bin.arg("--config").arg(self.path("event-bus.toml")).spawn();
        (self.start("topic-gateway").await, relay)
    }

    /// What the gateway has counted.
    pub(crate) async fn metrics(&self) -> String {
        http::send("GET", &self.admin_url("/metrics"), &[], b"").await.text()
    }

    /// Asks it to end, which must go well, and gives what it has logged.
    pub(crate) async fn stop(&self, running: Running) -> String {
        running.terminate();
        let output = running.output(LONG).await;
        assert_eq!(output.code(), Some(0), "{}", output.stderr);
        output.stderr
    }

    /// A page of the admin listener.
    pub(crate) fn admin_url(&self, path: &str) -> String {
        format!("http://{}{path}", self.admin)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.listen)
    }

    /// Sends a body to a topic.
    pub(crate) async fn post(&self, topic: &str, body: &str) -> Response {
        self.post_as(&self.token, topic, "application/json", body).await
    }

    /// Sends a body of this type, one message in each line for instance.
    pub(crate) async fn post_typed(&self, topic: &str, media_type: &str, body: &str) -> Response {
        self.post_as(&self.token, topic, media_type, body).await
    }

    pub(crate) async fn post_as(
        &self,
        token: &str,
        topic: &str,
        media_type: &str,
        body: &str,
    ) -> Response {
        let bearer = format!("Bearer {token}");
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", media_type)];
        http::send("POST", &self.url(&format!("/topics/{topic}")), &headers, body.as_bytes()).await
    }

    /// The ids of the events on the stream, in their order.
    pub(crate) async fn stored(&self) -> Vec<String> {
        let jetstream = self.nats.jetstream().await;
        let Ok(stream) = jetstream.get_stream("EVENTS").await else { return Vec::new() };
        let (mut ids, mut sequence) = (Vec::new(), 1);
        while let Ok(message) = stream.get_first_raw_message_by_subject(">", sequence).await {
            sequence = message.sequence + 1;
            ids.extend(message.headers.get("ce-id").map(ToString::to_string));
        }
        ids
    }
}

/// A good token of somebody, for half an hour.
pub(crate) fn token(subject: &str) -> String {
    Signer::a().token_of(subject, Clock::system().now().unix_timestamp(), 1800)
}

/// The value of a topic's sample on a page of metrics; 0 if it is not there.
pub(crate) fn sample(page: &str, name: &str, topic: &str) -> f64 {
    let start = format!("{name}{{topic=\"{topic}\"}} ");
    let value = page.lines().find_map(|line| line.strip_prefix(&start));
    value.map_or(0.0, |value| value.parse().unwrap())
}
