//! Access and schemas in S3, as the topic gateway reads them, against moto.

use serde_json::{Value, json};
use testkit::{KeyServer, MotoServer, NatsServer, Signer, free_port, poll_until};

use crate::world::{LONG, event_bus};

const BUCKET: &str = "contracts";

/// Puts an object, or makes the bucket when there is no key.
async fn put(moto: &MotoServer, key: &str, text: &str) {
    event_bus_runtime::install_crypto_provider();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/{BUCKET}/{key}", moto.url().trim_end_matches('/'));
    // The emulator checks no signature, but finds the service by its scope.
    let scope = "AWS4-HMAC-SHA256 Credential=key/20300101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=none";
    let answer = client.put(url).header("authorization", scope).body(text.to_owned()).send().await;
    let answer = answer.unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
}

#[tokio::test]
async fn topics_come_and_change_with_the_objects_of_a_bucket() {
    let (moto, nats, keys) = (
        MotoServer::start().await,
        NatsServer::start().await,
        KeyServer::start(Signer::a().document()).await,
    );
    put(&moto, "", "").await;
    put(&moto, "access.json", r#"{"shop.orders": ["me"]}"#).await;
    put(&moto, "topics/orders.json", r#"{"type": "object"}"#).await;
    put(&moto, "topics/deeper/no.json", "no schema").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bus.toml");
    let port = free_port();
    let text = format!(
        "bus.url = '{}'\n[topics]\nlisten = '127.0.0.1:{port}'\naccess = 's3://{BUCKET}/access.json'\n\
         tokens = {{ keys_url = '{}' }}\naws = {{ region = 'us-east-1', endpoint_url = '{}' }}\n\
         registry = {{ location = 's3://{BUCKET}/topics/', prefix = 'shop.' }}\n",
        nats.url(),
        keys.url(),
        moto.url(),
    );
    std::fs::write(&file, text).unwrap();
    let command = || {
        let run = event_bus(&["topic-gateway", "--config"]).arg(&file);
        run.env("AWS_ACCESS_KEY_ID", "key").env("AWS_SECRET_ACCESS_KEY", "key")
    };
    let running = command().spawn();
    let get = async |path: &str| -> Option<Value> {
        let answer = reqwest::get(format!("http://127.0.0.1:{port}{path}")).await.ok()?;
        answer.json().await.ok()
    };
    poll_until(LONG, "the topic", async || {
        assert!(running.exited().is_none(), "it ended:\n{}", running.stderr());
        (get("/topics").await? == json!(["shop.orders"])).then_some(())
    })
    .await;

    put(&moto, "topics/returns.json", r#"{"type": "array"}"#).await;
    put(&moto, "topics/orders.json", r#"{"type": "string"}"#).await;
    poll_until(LONG, "both topics", async || {
        let orders = get("/topics/shop.orders").await? == json!({ "type": "string" });
        (orders && get("/topics").await? == json!(["shop.orders", "shop.returns"])).then_some(())
    })
    .await;

    put(&moto, "topics/orders.json", r#"{"type": "strong"}"#).await;
    running.wait_for_text("its last good version stays", LONG).await;
    assert_eq!(get("/topics/shop.orders").await, Some(json!({ "type": "string" })));

    // A document that cannot be used keeps a new process from starting, by name.
    let refused = command().env("EVENT_BUS__TOPICS__LISTEN", "127.0.0.1:0").output(LONG).await;
    assert_eq!(refused.code(), Some(64), "{}", refused.stderr);
    let named =
        "the schema of topic shop.orders cannot be used (s3://contracts/topics/orders.json)";
    assert!(refused.stderr.contains(named), "{}", refused.stderr);
    drop(running);
}
