//! The contract of all sinks, with a database that is told how to behave by triggers and by a proxy in front of it.

use std::time::Duration;

use event_bus_runtime::SecretRef;
use relay_outbound::sinks::Settings as _;
use relay_outbound::sinks::Sink;
use relay_outbound::sinks::postgres::{Config, Tls, TlsMode};
use testkit::sink_suite::{Behaviour, Outcome, SinkHarness, check};
use testkit::{NatsServer, PostgresServer, TcpProxy};

use crate::harness::{deliver, try_build};
use crate::journey::{Destination, outlasts_an_outage};

/// Settings with the URL in the variable `PG`.
pub(crate) fn config() -> Config {
    Config {
        url: SecretRef::Env("PG".to_owned()),
        table: "events".to_owned(),
        columns: [].into(),
        tls: Tls { mode: TlsMode::Disable, ..Tls::default() },
        pool: 4.try_into().unwrap(),
        timeout: Duration::from_secs(1),
    }
}

struct Harness {
    server: PostgresServer,
    proxy: TcpProxy,
    sink: Box<dyn Sink>,
}

/// Raises what the behaviour asks for while a row is inserted.
const TRIGGER: &str = "
CREATE TABLE behaviour (name text);
CREATE FUNCTION behave() RETURNS trigger AS $$
DECLARE wanted text := (SELECT name FROM behaviour);
BEGIN
    IF wanted = 'refuse' OR wanted = 'refuse some' AND NEW.ce_id LIKE '%bad%' THEN
        RAISE EXCEPTION 'not this one' USING ERRCODE = '23514';
    ELSIF wanted = 'busy' THEN
        RAISE EXCEPTION 'too busy' USING ERRCODE = '53300';
    ELSIF wanted = 'fail' THEN
        RAISE EXCEPTION 'broken' USING ERRCODE = 'XX000';
    ELSIF wanted = 'break' OR wanted = 'break midway' AND NEW.ce_id LIKE '%bad%' THEN
        PERFORM pg_terminate_backend(pg_backend_pid());
    ELSIF wanted = 'silence' THEN
        PERFORM pg_sleep(60);
    END IF;
    RETURN NEW;
END $$ LANGUAGE plpgsql;
CREATE TRIGGER behave BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION behave();
";

impl Harness {
    async fn start(client: &async_nats::Client) -> Self {
        let server = PostgresServer::start().await;
        server.psql(&config().migration().unwrap());
        server.psql(TRIGGER);
        server.psql("CREATE ROLE relay LOGIN; GRANT ALL ON ALL TABLES IN SCHEMA public TO relay");
        let proxy = TcpProxy::start(server.port()).await;
        let url = format!("postgres://relay@{}/postgres", proxy.address());
        let sink = try_build(&config(), client, [("PG", url.as_str())]).unwrap();
        Self { server, proxy, sink }
    }
}

impl SinkHarness for Harness {
    async fn behave(&mut self, behaviour: Behaviour) -> bool {
        let name = match behaviour {
            Behaviour::Accept => "accept",
            Behaviour::Refuse => "refuse",
            Behaviour::RefuseSome => "refuse some",
            Behaviour::Busy { retry_after: None } => "busy",
            Behaviour::Fail => "fail",
            Behaviour::Break => "break",
            Behaviour::BreakMidway => "break midway",
            Behaviour::Silence => "silence",
            Behaviour::Reject => "reject",
            Behaviour::Away => "away",
            // A database says neither for how long it is busy nor that it is gone for good.
            Behaviour::Busy { retry_after: Some(_) } | Behaviour::Retire => return false,
        };
        self.proxy.heal().await;
        let login = if behaviour == Behaviour::Reject { "NOLOGIN" } else { "LOGIN" };
        self.server.psql(&format!("ALTER ROLE relay {login}"));
        self.server
            .psql(&format!("DELETE FROM behaviour; INSERT INTO behaviour VALUES ('{name}')"));
        match behaviour {
            // Open connections stay; only new ones are refused.
            Behaviour::Reject => self.proxy.cut(),
            Behaviour::Away => {
                self.proxy.cut();
                self.proxy.refuse().await;
            }
            _ => {}
        }
        true
    }

    async fn deliver(&mut self, batch: &[Vec<u8>]) -> Vec<Outcome> {
        // Pooled connections that were cut show themselves only when they are used; the relay tries again at once, and
        // holds after the fifth.
        for _ in 0..4 {
            let outcomes = deliver(&*self.sink, batch).await;
            if outcomes[0] != Outcome::Hold {
                return outcomes;
            }
        }
        deliver(&*self.sink, batch).await
    }

    async fn received(&mut self) -> Vec<String> {
        let ids = self.server.psql("SELECT ce_id FROM events");
        ids.lines().map(str::to_owned).collect()
    }

    async fn close(self) {
        self.sink.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_conforms() {
    let nats = NatsServer::start().await;
    check(Harness::start(&nats.connect().await).await).await;
}

impl Destination for PostgresServer {
    async fn leave(&mut self) {
        self.kill();
    }

    async fn come_back(&mut self) {
        self.restart().await;
    }

    async fn ids(&mut self) -> Vec<String> {
        self.psql("SELECT ce_id FROM events").lines().map(str::to_owned).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_route_outlasts_an_outage() {
    let mut server = PostgresServer::start().await;
    server.psql(&config().migration().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("url");
    std::fs::write(&secret, server.url()).unwrap();
    let sink = format!(
        "sink.postgres = {{ url = {{ file = {secret:?} }}, tls = {{ mode = \"disable\" }}, timeout = \"5s\" }}"
    );
    outlasts_an_outage("postgres", &sink, &mut server, 1000).await;
}
