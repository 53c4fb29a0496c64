//! The contract of all sinks. Triggers and a proxy make the server behave.

use relay_outbound::sinks::Sink;
use relay_outbound::sinks::postgres::Config;
use testkit::sink_suite::{Behaviour, Outcome, SinkHarness, check};
use testkit::{NatsServer, PostgresServer, TcpProxy};

use crate::harness::deliver;
use crate::journey::{Destination, outlasts_an_outage};
use crate::setup::{build, config, migrate, server};

const TRIGGER: &str = "
CREATE TABLE behaviour (name text);
CREATE FUNCTION behave() RETURNS trigger AS $$
DECLARE wanted text := (SELECT name FROM behaviour);
        is_bad boolean := NEW.ce_id LIKE '%bad%';
BEGIN
    IF wanted = 'refuse' OR wanted = 'refuse some' AND is_bad THEN
        RAISE EXCEPTION 'not this one' USING ERRCODE = '23514';
    ELSIF wanted = 'busy' THEN
        RAISE EXCEPTION 'disk full' USING ERRCODE = '53100';
    ELSIF wanted = 'fail' THEN
        RAISE EXCEPTION 'broken' USING ERRCODE = 'XX000';
    ELSIF wanted = 'break' OR wanted = 'break midway' AND is_bad THEN
        PERFORM pg_terminate_backend(pg_backend_pid());
    ELSIF wanted = 'silence' THEN
        PERFORM pg_sleep(600);
    END IF;
    RETURN NEW;
END $$ LANGUAGE plpgsql;
CREATE TRIGGER behave BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION behave();
CREATE ROLE relay LOGIN;
GRANT SELECT, INSERT ON events TO relay;
GRANT SELECT ON behaviour TO relay;
";

struct Harness {
    server: PostgresServer,
    proxy: TcpProxy,
    sink: Box<dyn Sink>,
    _nats: NatsServer,
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
            // PostgreSQL says neither for how long it is busy nor that it is gone for good.
            Behaviour::Busy { retry_after: Some(_) } | Behaviour::Retire => return false,
        };
        self.proxy.heal().await;
        let login = if behaviour == Behaviour::Reject { "NOLOGIN" } else { "LOGIN" };
        self.server.psql(&format!("ALTER ROLE relay {login}"));
        self.server
            .psql(&format!("DELETE FROM behaviour; INSERT INTO behaviour VALUES ('{name}')"));
        if matches!(behaviour, Behaviour::Reject | Behaviour::Away) {
            self.proxy.cut();
        }
        if behaviour == Behaviour::Away {
            self.proxy.refuse().await;
        }
        true
    }

    async fn deliver(&mut self, batch: &[Vec<u8>]) -> Vec<Outcome> {
        let outcomes = deliver(&*self.sink, batch).await;
        // A connection that was cut while it was idle shows itself when it is used, and all are made anew then.
        if outcomes.contains(&Outcome::Hold) { deliver(&*self.sink, batch).await } else { outcomes }
    }

    async fn received(&mut self) -> Vec<String> {
        self.server.psql("SELECT ce_id FROM events").lines().map(str::to_owned).collect()
    }

    async fn close(self) {
        self.sink.close().await;
        let left = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'relay'";
        testkit::poll_until(crate::world::LONG, "the connections to end", async || {
            (self.server.psql(left) == "0").then_some(())
        })
        .await;
    }
}

async fn conforms(more: &str) {
    let server = server().await;
    server.psql(TRIGGER);
    let proxy = TcpProxy::start(server.port()).await;
    let settings = config(proxy.port(), &format!("timeout = \"2s\"\n{more}"));
    if settings.merge.is_some() {
        migrate(&config(server.port(), more)).await;
        server.psql("GRANT UPDATE ON events TO relay; GRANT SELECT, INSERT, UPDATE ON event_bus_merge_stamps TO relay");
    }
    let settings = Config { user: Some("relay".to_owned()), ..settings };
    let (sink, nats) = build(&settings).await;
    check(Harness { server, proxy, sink, _nats: nats }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_conforms() {
    conforms("").await;
}

/// Columns of the default table that must have a value.
const COLUMNS: &str = "columns = { ce_source = \"source\", ce_id = \"id\", ce_type = \"type\", extensions = \"extensions\" }";

#[tokio::test(flavor = "multi_thread")]
async fn postgres_conforms_without_an_index() {
    conforms(&format!("{COLUMNS}\nunique_by = [\"ce_source\", \"ce_id\"]")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_conforms_while_it_merges() {
    let time = "{ from = \"time\", default = \"2026-01-01T00:00:00Z\" }";
    conforms(&format!("{COLUMNS}\nmerge = {{ key = [\"ce_source\", \"ce_id\"], time = {time} }}"))
        .await;
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
    let mut server = server().await;
    let sink = format!(
        "sink.postgres = {{ host = \"127.0.0.1\", port = {}, database = \"postgres\", user = \"postgres\", \
         tls = \"disable\", timeout = \"5s\" }}",
        server.port()
    );
    outlasts_an_outage("postgres", &sink, &mut server, 1000).await;
}
