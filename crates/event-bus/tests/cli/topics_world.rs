//! A topic gateway with a broker and an issuer of tokens, for the tests of what it answers.

use std::fs;
use std::net::SocketAddr;

use event_bus_runtime::Clock;
use tempfile::TempDir;
use testkit::process::Running;
use testkit::{KeyServer, NatsServer, PostgresServer, Signer, free_port, http, poll_until};

use crate::world::{LONG, event_bus};

/// What is described already and not built: whoever builds it removes it here, and sees whether it is as described.
pub(crate) const PLANNED: &[Planned] = &[];

/// Parts that may come later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Planned {
    /// Several messages in one request.
    Batches,
    /// `limits.subject_rate`.
    Rates,
    /// `[topics.stats]`.
    Statistics,
}

impl Planned {
    pub(crate) fn is_built(self) -> bool {
        !PLANNED.contains(&self)
    }
}

/// Who may send everything.
pub(crate) const USER: &str = "pipeline";

/// Who may send only where `environment` is `test`.
pub(crate) const BOUND: &str = "tester";

/// A topic whose producers wait for nothing.
pub(crate) const DURABLE: &str = "public.cps.za.runs";

/// Another one.
pub(crate) const OTHER: &str = "public.cps.za.dlchange";

/// A topic whose producers wait for a destination that is never there.
pub(crate) const WAITING: &str = "public.cps.za.test";

pub(crate) struct Topics {
    pub(crate) nats: NatsServer,
    pub(crate) listen: SocketAddr,
    admin: SocketAddr,
    _keys: KeyServer,
    _folder: TempDir,
    running: Running,
}

impl Topics {
    /// `more` stands in `[topics]`, sections behind it.
    pub(crate) async fn start(more: &str) -> Self {
        let (nats, keys) =
            (NatsServer::start().await, KeyServer::start(Signer::a().document()).await);
        let address = || SocketAddr::from(([127, 0, 0, 1], free_port()));
        let (listen, admin) = (address(), address());
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let rules = format!(r#"{{"{USER}": {{}}, "{BOUND}": {{"environment": ["test"]}}}}"#);
        let access =
            format!(r#"{{"{DURABLE}": {rules}, "{OTHER}": {rules}, "{WAITING}": {rules}}}"#);
        let access = write("access.json", &access);
        let schema = write("schema.json", r#"{"type": "object", "required": ["event_id"]}"#);
        let topic = |name, acknowledge| {
            format!(
                "[[topics.topic]]\nname = '{name}'\nschema = {schema:?}\nid = 'event_id'\nacknowledge = '{acknowledge}'\n"
            )
        };
        let config = format!(
            "[bus]\nurl = '{}'\n[topics]\nlisten = '{listen}'\nadmin_listen = '{admin}'\naccess = {access:?}\n\
             tokens = {{ keys_url = '{}' }}\ntoken_provider = 'https://login.example.com/'\ngrace = '5s'\n\
             delivered_within = '1s'\npublish_within = '2s'\n{more}\n{}{}{}\
             [[outbound.routes]]\nname = 'nowhere'\nsubjects = ['fleet.topic.{WAITING}']\nreceipts = true\n\
             sink.webhook = {{ url = 'http://127.0.0.1:1/' }}\n",
            nats.url(),
            keys.url(),
            topic(DURABLE, "durable"),
            topic(OTHER, "durable"),
            topic(WAITING, "delivered"),
        );
        let config = write("event-bus.toml", &config);
        let running = event_bus(&["topic-gateway", "--config"]).arg(config).spawn();
        let ready = format!("http://{admin}/readyz");
        poll_until(LONG, "the gateway to be ready", async || {
            assert!(running.exited().is_none(), "it ended:\n{}", running.stderr());
            let answer = http::try_send("GET", &ready, &[], b"").await.ok()?;
            (answer.status == 200).then_some(())
        })
        .await;
        Self { nats, listen, admin, _keys: keys, _folder: folder, running }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.listen)
    }

    /// A page of its admin listener.
    pub(crate) fn admin_url(&self, path: &str) -> String {
        format!("http://{}{path}", self.admin)
    }

    /// Asks it to end, which must go well.
    pub(crate) async fn stop(self) {
        self.running.terminate();
        let output = self.running.output(LONG).await;
        assert_eq!(output.code(), Some(0), "{}", output.stderr);
    }
}

/// A good token of somebody.
pub(crate) fn token(subject: &str) -> String {
    Signer::a().token_of(subject, Clock::system().now().unix_timestamp(), 1800)
}

/// A database with the tables of the example and a run in them, and the section that leads to it.
pub(crate) async fn statistics() -> (PostgresServer, String) {
    let server = PostgresServer::start().await;
    server.psql("CREATE DATABASE eventgate_db");
    let run = |sql: &str| server.try_psql_in("eventgate_db", sql).unwrap();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/topics/sql");
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    for file in files {
        let mut sql = fs::read_to_string(file).unwrap();
        for role in ["owner", "writer", "reader"] {
            sql = sql.replace(&format!("${{eventgate_{role}_password}}"), "of-a-test");
        }
        run(&sql);
    }
    run(
        "INSERT INTO public_cps_za_runs VALUES ('e', 'j', 'T', 'a', '1', 'test', 1790000000000, 1790000060000)",
    );
    run(
        "INSERT INTO public_cps_za_runs_jobs (event_id, catalog_id, status, timestamp_start, timestamp_end) \
         VALUES ('e', 'c', 'succeeded', 1790000000000, 1790000060000)",
    );
    let section = format!(
        "[topics.stats]\nhost = '127.0.0.1'\nport = {}\ndatabase = 'eventgate_db'\nuser = 'eventgate_reader'\ntls = 'disable'\n",
        server.port()
    );
    (server, section)
}
