//! A configuration folder, what it names, and the binary run on it.

mod bridge;
mod database;
mod fold;
mod message;
mod producer;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::process::Running;
use testkit::{
    Bin, KafkaServer, KeyServer, NatsServer, Signer, TcpProxy, free_port, http, poll_until,
};

pub(crate) use bridge::{Bridge, Mood};
pub(crate) use database::Database;
pub(crate) use fold::fold;
pub(crate) use message::{DLCHANGE, Message, RUNS, STATUS_CHANGE, TEST, TOPICS, job, uuid};
pub(crate) use producer::{Answer, Producer, at_once};

/// Longer than anything takes on a busy machine.
pub(crate) const LONG: Duration = Duration::from_secs(120);

/// Who may send everything.
pub(crate) const USER: &str = "pipeline";

/// What a world has beside the gateway and the key server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Kafka,
    EventBridge,
    Postgres,
    /// A broker of its own, which the gateway is told of; without it the gateway runs one.
    Nats,
}

/// Kafka behind a proxy, by which it can be cut off.
pub(crate) struct Kafka {
    pub(crate) server: KafkaServer,
    pub(crate) proxy: TcpProxy,
}

pub(crate) struct World {
    pub(crate) listen: SocketAddr,
    pub(crate) keys: KeyServer,
    kafka: Option<Kafka>,
    bridge: Option<Bridge>,
    database: Option<Database>,
    nats: Option<NatsServer>,
    folder: TempDir,
    environment: Vec<(&'static str, String)>,
}

impl World {
    /// The folder of the example, with these destinations.
    pub(crate) async fn new(parts: &[Part]) -> Self {
        event_bus_runtime::install_crypto_provider();
        let wanted = |part: Part| parts.contains(&part);
        let kafka = async { if wanted(Part::Kafka) { Some(Kafka::start().await) } else { None } };
        let database =
            async { if wanted(Part::Postgres) { Some(Database::start().await) } else { None } };
        let nats =
            async { if wanted(Part::Nats) { Some(NatsServer::start().await) } else { None } };
        let (kafka, database, nats) = tokio::join!(kafka, database, nats);
        let bridge = if wanted(Part::EventBridge) { Some(Bridge::start().await) } else { None };
        let world = Self {
            listen: SocketAddr::from(([127, 0, 0, 1], free_port())),
            keys: KeyServer::start(Signer::a().document()).await,
            kafka,
            bridge,
            database,
            nats,
            folder: tempfile::tempdir().unwrap(),
            environment: Vec::new(),
        };
        let example = testkit::report::workspace_root().join("examples/topics/conf");
        copy(&example, &world.conf_dir());
        world.change_config(|config| {
            *config = json!({
                "access_config": "access.json",
                "topic_keys_config": "topic_keys.json",
                "token_provider_url": "https://login.example.com/",
                "token_public_keys_url": world.keys.url(),
            });
            if let Some(kafka) = &world.kafka {
                config["kafka_bootstrap_server"] = kafka.proxy.address().to_string().into();
            }
            if world.bridge.is_some() {
                config["event_bus_arn"] = bridge::ARN.into();
            }
        });
        world
    }

    /// A setting of the environment, as those of section 5.
    #[must_use]
    pub(crate) fn with_env(mut self, name: &'static str, value: &str) -> Self {
        self.environment.push((name, value.to_owned()));
        self
    }

    pub(crate) fn kafka(&self) -> &Kafka {
        self.kafka.as_ref().expect("a world with Kafka")
    }

    pub(crate) fn bridge(&self) -> &Bridge {
        self.bridge.as_ref().expect("a world with EventBridge")
    }

    pub(crate) fn database(&self) -> &Database {
        self.database.as_ref().expect("a world with PostgreSQL")
    }

    pub(crate) fn nats(&self) -> &NatsServer {
        self.nats.as_ref().expect("a world with a broker of its own")
    }

    pub(crate) fn conf_dir(&self) -> PathBuf {
        self.folder.path().join("conf")
    }

    /// Changes `config.json`.
    pub(crate) fn change_config(&self, change: impl FnOnce(&mut Value)) {
        let path = self.conf_dir().join("config.json");
        let mut config = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        change(&mut config);
        fs::write(path, config.to_string()).unwrap();
    }

    /// Where the binary writes the configuration that it makes of the folder.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.listen)
    }

    /// The binary on the folder, as it would be started in place of the reference.
    pub(crate) fn gateway(&self) -> Bin {
        let bin = Bin::at(env!("CARGO_BIN_EXE_event-bus"))
            .arg("topic-gateway")
            .args(["--conf-dir".into(), self.conf_dir()])
            .args(["--data".into(), self.data()])
            .args(["--listen".to_owned(), self.listen.to_string()]);
        self.in_environment(bin)
    }

    /// The binary in another mode, with the configuration that it has made before.
    pub(crate) fn mode(&self, mode: &str) -> Bin {
        let bin = Bin::at(env!("CARGO_BIN_EXE_event-bus")).arg(mode);
        self.in_environment(bin.args(["--config".into(), self.data().join("event-bus.toml")]))
    }

    fn in_environment(&self, bin: Bin) -> Bin {
        let mut bin = bin
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_REGION", "eu-west-1")
            .env("NATS_SERVER", testkit::nats::locate(testkit::nats::NEWEST));
        if let Some(nats) = &self.nats {
            bin = bin.env("EVENT_BUS__BUS__URL", nats.url());
        }
        if let Some(bridge) = &self.bridge {
            bin = bin.env("AWS_ENDPOINT_URL_EVENTBRIDGE", bridge.url());
        }
        if let Some(database) = &self.database {
            bin = bin
                .env("POSTGRES_SECRET_NAME", database::SECRET)
                .env("POSTGRES_SECRET_REGION", "eu-west-1")
                .env("AWS_ENDPOINT_URL_SECRETS_MANAGER", database.secrets_url());
        }
        self.environment.iter().fold(bin, |bin, (name, value)| bin.env(name, value))
    }

    /// Starts the gateway and waits until it and everything behind it is well.
    pub(crate) async fn start(&self) -> Running {
        let running = self.gateway().spawn();
        self.wait_until_well(&running).await;
        running
    }

    /// Waits until `/health` says that all is well.
    pub(crate) async fn wait_until_well(&self, running: &Running) {
        let url = self.url("/health");
        poll_until(LONG, "the gateway to be well", async || {
            assert!(running.exited().is_none(), "it ended:\n{}", running.stderr());
            let answer = http::try_send("GET", &url, &[], b"").await.ok()?;
            (answer.status == 200).then_some(())
        })
        .await;
    }

    /// Sends with a token of [`USER`].
    pub(crate) fn producer(&self) -> Producer {
        Producer::new(self.listen, &token(&Signer::a(), USER))
    }
}

/// What a good token claims.
pub(crate) fn claims(subject: &str) -> Value {
    json!({ "sub": subject, "iat": now(), "exp": now() + 1800 })
}

/// A good token, for half an hour.
pub(crate) fn token(signer: &Signer, subject: &str) -> String {
    signer.token(&claims(subject))
}

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    event_bus_runtime::Clock::system().now().unix_timestamp()
}

impl Kafka {
    async fn start() -> Self {
        let port = free_port();
        let proxy = TcpProxy::start(port).await;
        let builder = KafkaServer::builder().advertise(proxy.port()).set("num.partitions", "4");
        Self { server: builder.start_on(port).await, proxy }
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if path.is_dir() {
            copy(&path, &to);
        } else {
            fs::copy(&path, &to).unwrap();
        }
    }
}
