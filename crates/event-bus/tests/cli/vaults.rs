//! Secrets of AWS Secrets Manager, as the binary reads them, against moto.

use std::fs;

use testkit::process::{Output, Running};
use testkit::{Bin, KeyServer, MotoServer, NatsServer, Signer, free_port, nats, poll_until};

use crate::world::{LONG, event_bus};

struct World {
    moto: MotoServer,
    nats: NatsServer,
    folder: tempfile::TempDir,
}

impl World {
    /// A configuration with one source, whose secret is the one of that name.
    async fn start(secret: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let world =
            Self { moto: MotoServer::start().await, nats: NatsServer::start().await, folder };
        let text = format!(
            "bus.url = '{}'\n[secrets]\nallow_env = false\nrefresh = '30s'\n\
             aws = {{ region = 'eu-west-1', endpoint_url = '{}' }}\n\
             [inbound]\nlisten = '127.0.0.1:{}'\n[[inbound.sources]]\nname = 'gh'\n\
             provider = 'github'\nsecrets = [{{ aws_secrets_manager = '{secret}' }}]\n",
            world.nats.url(),
            world.moto.url(),
            free_port(),
        );
        fs::write(world.folder.path().join("bus.toml"), text).unwrap();
        world
    }

    async fn create(&self, name: &str, value: &str) {
        let body = serde_json::json!({ "Name": name, "SecretString": value });
        self.ask("CreateSecret", body).await;
    }

    async fn rotate(&self, name: &str, value: &str) {
        let body = serde_json::json!({ "SecretId": name, "SecretString": value });
        self.ask("PutSecretValue", body).await;
    }

    async fn ask(&self, action: &str, body: serde_json::Value) {
        // The emulator checks no signature, but finds the service by its scope.
        let scope = "AWS4-HMAC-SHA256 Credential=key/20300101/eu-west-1/secretsmanager/aws4_request, \
                     SignedHeaders=host, Signature=none";
        event_bus_runtime::install_crypto_provider();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let sent = client.post(self.moto.url()).header("authorization", scope);
        let sent = sent.header("x-amz-target", format!("secretsmanager.{action}"));
        let answer = sent.json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    }

    async fn run(&self, arguments: &[&str]) -> Output {
        self.event_bus(arguments).output(LONG).await
    }

    fn event_bus(&self, arguments: &[&str]) -> Bin {
        event_bus(&["--config"])
            .arg(self.folder.path().join("bus.toml"))
            .args(arguments.iter().copied())
            .env("AWS_ACCESS_KEY_ID", "key")
            .env("AWS_SECRET_ACCESS_KEY", "key")
    }

    /// Sends a request signed with what the vault holds now until it is accepted.
    async fn accepted(&self, running: &Running) {
        poll_until(LONG * 2, "a request with the present secret to be accepted", async || {
            assert!(running.exited().is_none(), "it ended:\n{}", running.stderr());
            let output = self.run(&["trigger", "gh", "push"]).await;
            (output.code() == Some(0)).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_secret_that_the_vault_does_not_have_is_a_failed_start_that_names_its_key() {
    let world = World::start("gone").await;
    let output = world.run(&["serve-inbound"]).await;
    assert_eq!(output.code(), Some(1), "{}", output.stderr);
    let expected = "inbound.sources[0].secrets[0]: AWS Secrets Manager secret gone cannot be read: \
                    the vault refuses: ResourceNotFoundException";
    assert!(output.stderr.contains(expected), "{}", output.stderr);
    let output = world.run(&["check-config"]).await;
    assert_eq!(output.code(), Some(0), "{}", output.stderr);
}

#[tokio::test]
async fn the_doctor_reads_secrets_of_a_vault_and_says_which_it_cannot_read() {
    let world = World::start("prod/github#key").await;
    let checked = async || {
        let output = world.run(&["doctor", "--json"]).await;
        assert!(!output.stdout.contains("hunter22"), "{}", output.stdout);
        let report: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
        let entries = report["checks"].as_array().unwrap().clone();
        let of_secrets = |entry: &serde_json::Value| {
            entry["id"].as_str().unwrap().starts_with("serve-inbound.secrets")
        };
        entries.into_iter().find(of_secrets).unwrap()
    };
    let entry = checked().await;
    assert_eq!(entry["status"], "fail", "{entry}");
    assert_eq!(entry["evidence"]["code"], "EB0101", "{entry}");
    world.create("prod/github", r#"{"key":"hunter22-of-github"}"#).await;
    let entry = checked().await;
    assert_eq!(entry["status"], "pass", "{entry}");
    assert_eq!(entry["message"], "every secret can be read from its file or vault (1)");
}

#[tokio::test]
async fn a_rotated_secret_is_taken_over_although_a_document_of_topics_cannot_be_used() {
    let world = World::start("github").await;
    let keys = KeyServer::start(Signer::a().document()).await;
    world.create("github", "hunter21-of-github").await;
    let path = |name: &str| world.folder.path().join(name);
    let topics = format!(
        "[topics]\nlisten = '127.0.0.1:{}'\naccess = {:?}\ntokens = {{ keys_url = '{}' }}\n\
         [[topics.topic]]\nname = 'orders'\nschema = {:?}\nid = 'id'\n",
        free_port(),
        path("access.json"),
        keys.url(),
        path("orders.json"),
    );
    fs::write(path("access.json"), "{}").unwrap();
    fs::write(path("orders.json"), "{}").unwrap();
    let text = fs::read_to_string(path("bus.toml")).unwrap();
    fs::write(path("bus.toml"), text + &topics).unwrap();
    let up = world.event_bus(&["up", "--nats-port", "0", "--data"]);
    let up = up.arg(path("data"));
    let running = up.arg("--nats-server").arg(nats::locate(nats::NEWEST)).spawn();
    world.accepted(&running).await;
    running.wait_for_text("topic-gateway listens", LONG).await;
    fs::write(path("access.json"), "{").unwrap();
    running.wait_for_text("a document cannot be used", LONG).await;
    world.rotate("github", "hunter22-of-github").await;
    world.accepted(&running).await;
    running.terminate();
    assert_eq!(running.output(LONG).await.code(), Some(0));
}

#[tokio::test]
async fn a_rotated_secret_is_taken_over_while_the_service_runs() {
    let world = World::start("github").await;
    world.create("github", "hunter21-of-github").await;
    let running = world.event_bus(&["serve-inbound"]).spawn();
    world.accepted(&running).await;
    world.rotate("github", "hunter22-of-github").await;
    world.accepted(&running).await;
    running.terminate();
    let output = running.output(LONG).await;
    assert_eq!(output.code(), Some(0), "{}", output.stderr);
    assert!(output.stderr.contains("the secret has a new value"), "{}", output.stderr);
    assert!(!output.stderr.contains("hunter"), "{}", output.stderr);
}
