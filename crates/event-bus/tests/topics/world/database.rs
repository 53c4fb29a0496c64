//! PostgreSQL with the tables of the example, and moto with the secret that leads to it.

use std::fs;
use std::sync::Arc;

use serde_json::{Value, json};
use testkit::{MotoServer, PostgresServer, TcpProxy};

pub(super) const SECRET: &str = "topics/postgres";

const NAME: &str = "eventgate_db";

const PASSWORD: &str = "of-a-test";

/// A database behind a proxy, by which it can be cut off.
pub(crate) struct Database {
    pub(crate) server: Arc<PostgresServer>,
    pub(crate) proxy: TcpProxy,
    moto: MotoServer,
}

impl Database {
    pub(super) async fn start() -> Self {
        let (server, moto) = tokio::join!(PostgresServer::start(), MotoServer::start());
        let proxy = TcpProxy::start(server.port()).await;
        let database = Self { server: Arc::new(server), proxy, moto };
        database.server.psql(&format!("CREATE DATABASE {NAME} ENCODING 'UTF8'"));
        for migration in migrations() {
            database.sql(&migration);
        }
        database.store_secret().await;
        database
    }

    pub(super) fn secrets_url(&self) -> String {
        self.moto.url()
    }

    /// Where a stock client connects to.
    pub(crate) fn url(&self) -> String {
        format!("postgresql://postgres@127.0.0.1:{}/{NAME}", self.server.port())
    }

    /// The password of every role.
    pub(crate) fn password(&self) -> &'static str {
        PASSWORD
    }

    /// Runs SQL as an administrator.
    pub(crate) fn sql(&self, sql: &str) -> String {
        let output = self.server.try_psql_in(NAME, sql);
        output.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// The rows of a query as JSON, a column each.
    pub(crate) fn rows(&self, query: &str) -> Vec<Value> {
        let text = self.sql(&format!("SELECT row_to_json(found) FROM ({query}) AS found"));
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    async fn store_secret(&self) {
        let secret = json!({
            "database": NAME,
            "host": "127.0.0.1",
            "port": self.proxy.port(),
            "user": "eventgate_writer",
            "password": PASSWORD,
        });
        let body = json!({ "Name": SECRET, "SecretString": secret.to_string() });
        // The emulator checks no signature, but finds the service by its scope.
        let scope = "AWS4-HMAC-SHA256 Credential=key/20300101/eu-west-1/secretsmanager/aws4_request, \
                     SignedHeaders=host, Signature=none";
        let headers = [
            ("authorization", scope),
            ("x-amz-target", "secretsmanager.CreateSecret"),
            ("content-type", "application/x-amz-json-1.1"),
        ];
        let url = self.moto.url();
        let answer = testkit::http::send("POST", &url, &headers, body.to_string().as_bytes()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}

/// The example's, in their order, with its placeholders replaced as Flyway does.
fn migrations() -> Vec<String> {
    let folder = testkit::report::workspace_root().join("examples/topics/sql");
    let files = fs::read_dir(folder).unwrap();
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    let read = |path| {
        let mut text = fs::read_to_string(path).unwrap();
        for role in ["owner", "writer", "reader"] {
            text = text.replace(&format!("${{eventgate_{role}_password}}"), PASSWORD);
        }
        text
    };
    paths.into_iter().map(read).collect()
}
