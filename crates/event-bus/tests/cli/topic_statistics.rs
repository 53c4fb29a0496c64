//! Statistics of the topic gateway as it is run: from a configuration folder of EventGate, and with a secret of a vault.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::process::Running;
use testkit::{
    Bin, KeyServer, MotoServer, NatsServer, PostgresServer, Signer, free_port, poll_until,
};

use crate::world::{LONG, event_bus};

const SQL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/topics/sql");

const RUNS: &str = "public.cps.za.runs";

struct World {
    folder: TempDir,
    nats: NatsServer,
    keys: KeyServer,
    moto: MotoServer,
    port: u16,
}

impl World {
    /// A configuration folder with one topic.
    async fn start() -> Self {
        let world = Self {
            folder: tempfile::tempdir().unwrap(),
            nats: NatsServer::start().await,
            keys: KeyServer::start(Signer::a().document()).await,
            moto: MotoServer::start().await,
            port: free_port(),
        };
        let config =
            json!({ "access_config": "access.json", "token_public_keys_url": world.keys.url() });
        world.write("config.json", &config);
        world.write("access.json", &json!({ RUNS: ["writer"] }));
        fs::create_dir(world.folder.path().join("topic_schemas")).unwrap();
        world.write("topic_schemas/runs.json", &json!({ "required": ["event_id"] }));
        world
    }

    fn write(&self, name: &str, document: &Value) {
        fs::write(self.folder.path().join(name), document.to_string()).unwrap();
    }

    /// Makes the secret that says how to reach PostgreSQL.
    async fn create_secret(&self, value: &Value) {
        event_bus_runtime::install_crypto_provider();
        // The emulator checks no signature, but finds the service by its scope.
        let scope = "AWS4-HMAC-SHA256 Credential=key/20300101/eu-west-1/secretsmanager/aws4_request, \
                     SignedHeaders=host, Signature=none";
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let sent = client
            .post(self.moto.url())
            .header("authorization", scope)
            .header("x-amz-target", "secretsmanager.CreateSecret")
            .json(&json!({ "Name": "postgres", "SecretString": value.to_string() }));
        let answer = sent.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    }

    fn gateway(&self, compat: &str) -> Bin {
        event_bus(&["topic-gateway", "--compat", compat])
            .arg("--listen")
            .arg(format!("127.0.0.1:{}", self.port))
            .arg("--conf-dir")
            .arg(self.folder.path())
            .arg("--data")
            .arg(self.folder.path().join("data"))
            .env("EVENT_BUS__BUS__URL", self.nats.url())
            .env("POSTGRES_SECRET_NAME", "postgres")
            .env("POSTGRES_SECRET_REGION", "eu-west-1")
            .env("AWS_ENDPOINT_URL_SECRETS_MANAGER", self.moto.url())
            .env("AWS_ACCESS_KEY_ID", "key")
            .env("AWS_SECRET_ACCESS_KEY", "key")
    }

    async fn post(&self, path: &str, token: Option<&str>, body: &Value) -> Option<(u16, Value)> {
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        let mut request = reqwest::Client::builder().no_proxy().build().unwrap().post(url);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = request.json(body).send().await.ok()?;
        Some((answer.status().as_u16(), answer.json().await.ok()?))
    }

    async fn statistics(&self, token: Option<&str>) -> Option<(u16, Value)> {
        let window = json!({ "timestamp_start": 0, "timestamp_end": 2_000_000_000_000_i64 });
        self.post(&format!("/stats/{RUNS}"), token, &window).await
    }

    /// The first answer to a question for statistics.
    async fn first_statistics(&self, running: &Running) -> (u16, Value) {
        poll_until(LONG, "the gateway to answer", async || {
            assert!(running.exited().is_none(), "it ended:\n{}", running.stderr());
            self.statistics(None).await
        })
        .await
    }
}

/// A server with the tables of the example in the database `postgres`.
async fn tables() -> PostgresServer {
    let server = PostgresServer::start().await;
    let mut paths: Vec<_> = fs::read_dir(SQL).unwrap().map(|file| file.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        let text = fs::read_to_string(path).unwrap();
        server.psql(&text.replace("${", "").replace("_password}", ""));
    }
    server
}

#[tokio::test]
async fn a_folder_of_the_reference_shows_everybody_what_it_has_stored() {
    let (world, tables) = (World::start().await, tables().await);
    world
        .create_secret(&json!({
            "database": "postgres", "host": "127.0.0.1", "port": tables.port(),
            "user": "eventgate_writer", "password": "word-of-the-writer"
        }))
        .await;
    let running = world.gateway("head").spawn();
    let (status, body) = world.first_statistics(&running).await;
    assert_eq!((status, &body["data"]), (200, &json!([])), "{body}");
    let run = json!({
        "event_id": "e-1", "job_ref": "ref", "tenant_id": "T", "source_app": "app",
        "source_app_version": "1", "environment": "dev", "timestamp_start": 1_700_000_000_000_i64,
        "timestamp_end": 1_700_000_060_000_i64,
        "jobs": [
            {"catalog_id": "a", "status": "succeeded", "timestamp_start": 1, "timestamp_end": 3},
            {"catalog_id": "b", "status": "failed", "timestamp_start": 1, "timestamp_end": 3}
        ]
    });
    let token = Signer::a().token(&json!({ "sub": "writer" }));
    let path = format!("/topics/{RUNS}");
    let sent = poll_until(LONG, "the run to be stored", async || {
        let sent = world.post(&path, Some(&token), &run).await?;
        (sent.0 == 202).then_some(sent)
    });
    sent.await;
    let (status, body) = world.statistics(None).await.unwrap();
    assert_eq!(status, 200, "{body}");
    let rows = body["data"].as_array().unwrap();
    let shown: Vec<_> = rows.iter().map(|row| [&row["catalog_id"], &row["run_status"]]).collect();
    assert_eq!(shown, [["b", "failed"], ["a", "succeeded"]]);
    let url = format!("http://127.0.0.1:{}/health", world.port);
    let health: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
    let dependencies = json!({
        "kafka": "not configured", "eventbridge": "not configured",
        "postgres": "ok", "postgres_reader": "ok"
    });
    assert_eq!(health["dependencies"], dependencies, "{health}");
    let made = fs::read_to_string(world.folder.path().join("data/event-bus.toml")).unwrap();
    assert!(!made.contains("word-of-the-writer"), "{made}");
    running.terminate();
    assert_eq!(running.output(LONG).await.code(), Some(0));

    // The environment can ask for tokens after all, and for another role.
    let running = world
        .gateway("head")
        .env("EVENT_BUS__TOPICS__STATS__AUTHENTICATE", "true")
        .env("EVENT_BUS__TOPICS__STATS__USER", "eventgate_reader")
        .env("EVENT_BUS__TOPICS__STATS__PASSWORD__AWS_SECRETS_MANAGER", "postgres#password")
        .spawn();
    let (status, body) = world.first_statistics(&running).await;
    assert_eq!((status, &body["errors"][0]["type"]), (401, &json!("auth")));
    let (status, body) = world.statistics(Some(&token)).await.unwrap();
    assert_eq!((status, body["data"].as_array().unwrap().len()), (200, 2));
    let used = "SELECT DISTINCT usename FROM pg_stat_activity WHERE usename = 'eventgate_reader'";
    assert_eq!(tables.psql(used), "eventgate_reader");
    running.terminate();
    assert_eq!(running.output(LONG).await.code(), Some(0));

    let running = world.gateway("seed").spawn();
    assert_eq!(world.first_statistics(&running).await.0, 404, "the older version had none");
    running.terminate();
    assert_eq!(running.output(LONG).await.code(), Some(0));
}

#[tokio::test]
async fn a_password_that_the_vault_does_not_have_is_a_failed_start_that_names_its_key() {
    let world = World::start().await;
    let file = world.folder.path().join("bus.toml");
    let text = format!(
        "bus.url = '{}'\nsecrets.aws = {{ region = 'eu-west-1', endpoint_url = '{}' }}\n\
         [topics]\nlisten = '127.0.0.1:0'\naccess = '{2}/access.json'\ntokens = {{ keys_url = '{3}' }}\n\
         stats = {{ host = 'db', database = 'd', user = 'u', password = {{ aws_secrets_manager = 'gone' }} }}\n\
         topic = [{{ name = '{RUNS}', schema = '{2}/topic_schemas/runs.json' }}]\n",
        world.nats.url(),
        world.moto.url(),
        world.folder.path().display(),
        world.keys.url(),
    );
    fs::write(&file, text).unwrap();
    let run = event_bus(&["topic-gateway", "--config"]).arg(&file);
    let run = run.env("AWS_ACCESS_KEY_ID", "key").env("AWS_SECRET_ACCESS_KEY", "key");
    let output = run.output(LONG).await;
    assert_eq!(output.code(), Some(1), "{}", output.stderr);
    let expected = "topics.stats.password: AWS Secrets Manager secret gone cannot be read";
    assert!(output.stderr.contains(expected), "{}", output.stderr);
}
