//! What an operator asks for: `POST /reload`, SIGHUP and `POST /terminate`.

use std::fs;

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use testkit::{Bin, CaptureSink, KeyServer, NatsServer, Signer, free_port, http, poll_until};

use crate::world::{LONG, SCHEMA, World};

/// A schema that wants a number more.
const STRICTER: &str = r#"{"type": "object", "required": ["id", "n"]}"#;

async fn ask(world: &World, path: &str) -> (u16, Value) {
    let answer = http::send("POST", &world.admin_url(path), &[], b"").await;
    (answer.status, answer.json())
}

async fn status(world: &World, topic: &str, body: &str) -> u16 {
    world.post(topic, body).await.status
}

#[tokio::test]
async fn whoever_asks_for_a_reload_hears_what_came_of_it() {
    let world = World::new(&["orders"], "").await;
    let running = world.start("topic-gateway").await;
    assert_eq!(status(&world, "orders", r#"{"id":"a"}"#).await, 202);
    let asked = world.keys.asked();
    for path in ["/reload", "/terminate"] {
        let (schema, expected) = if path == "/reload" { (STRICTER, 400) } else { (SCHEMA, 202) };
        world.write("orders.json", schema);
        let (code, answer) = ask(&world, path).await;
        assert_eq!((code, &answer["needs_restart"]), (200, &json!([])), "{answer}");
        assert_eq!(status(&world, "orders", r#"{"id":"b"}"#).await, expected);
    }
    assert_eq!(world.keys.asked(), asked + 2);
    // A topic more, and what cannot be taken over.
    world.write("returns.json", SCHEMA);
    world.write("access.json", r#"{"orders": ["pipeline"], "returns": ["pipeline"]}"#);
    assert_eq!(status(&world, "returns", r#"{"id":"c"}"#).await, 404);
    world.configure(&["orders", "returns"], "publish_within = '7s'");
    let (code, answer) = ask(&world, "/reload").await;
    assert_eq!((code, &answer["needs_restart"]), (200, &json!(["topics.publish_within"])));
    assert_eq!(status(&world, "returns", r#"{"id":"c"}"#).await, 202);
    // A wrong one changes nothing, nor does a document that never was good.
    world.write("new.json", "{\"type\": 5}");
    for wrong in ["file", "document"] {
        let reason = if wrong == "file" {
            world.write("event-bus.toml", "nonsense = 1");
            "unknown key `nonsense`"
        } else {
            world.configure(&["orders", "returns", "new"], "");
            "the schema of topic new cannot be used"
        };
        let (code, answer) = ask(&world, "/reload").await;
        assert_eq!((code, &answer["code"]), (422, &json!("not_reloaded")));
        assert!(answer["detail"].as_str().unwrap().contains(reason), "{answer}");
        assert_eq!(status(&world, "orders", r#"{"id":"d"}"#).await, 202);
        assert_eq!(status(&world, "returns", r#"{"id":"e"}"#).await, 202);
    }
    // Documents that were good stay as they were, and keep nothing else from being taken over.
    world.write("orders.json", "{\"type\": 5}");
    world.write("access.json", "{");
    world.write("new.json", SCHEMA);
    world.configure(&["orders", "new"], "");
    let (code, answer) = ask(&world, "/reload").await;
    assert_eq!(code, 200, "{answer}");
    let refused = answer["refused_documents"].to_string();
    for reason in ["the schema of topic orders", "the access document cannot be used"] {
        assert!(refused.contains(reason), "{answer}");
    }
    let topics = http::send("GET", &world.url("/topics"), &[], b"").await.json();
    assert_eq!(topics, json!(["orders", "new"]));
    assert_eq!(status(&world, "orders", r#"{"id":"d"}"#).await, 202);
    world.write("access.json", r#"{"orders": ["pipeline"]}"#);
    // Without a key server everything else is taken over, and tokens are good as before.
    world.write("orders.json", STRICTER);
    world.keys.stop().await;
    let (code, answer) = ask(&world, "/reload").await;
    assert_eq!(code, 422);
    assert!(answer["detail"].as_str().unwrap().contains("key server is unreachable"), "{answer}");
    assert_eq!(status(&world, "orders", r#"{"id":"f"}"#).await, 400);
    assert_eq!(status(&world, "orders", r#"{"id":"f","n":1}"#).await, 202);
    let page = world.metrics().await;
    assert!(page.contains("topic_gateway_key_fetches_total{outcome=\"failed\"} 1"), "{page}");
    for path in ["/reload", "/terminate"] {
        let answer = http::send("GET", &world.admin_url(path), &[], b"").await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")));
        // Nobody can ask for it from outside, nor learns that it is there.
        for method in ["GET", "POST", "DELETE"] {
            let answer = http::send(method, &world.url(path), &[], b"").await;
            assert_eq!((answer.status, answer.header("allow")), (404, None), "{method} {path}");
        }
    }
    world.stop(running).await;
}

#[tokio::test]
async fn a_signal_reads_documents_again_at_once() {
    let world = World::new(&["orders"], "").await;
    let running = world.start("topic-gateway").await;
    assert_eq!(status(&world, "orders", r#"{"id":"a"}"#).await, 202);
    let asked = world.keys.asked();
    world.write("orders.json", STRICTER);
    running.signal(Signal::SIGHUP);
    poll_until(LONG, "the keys to be fetched again", async || {
        (world.keys.asked() > asked).then_some(())
    })
    .await;
    assert_eq!(status(&world, "orders", r#"{"id":"b"}"#).await, 400);
    let log = world.stop(running).await;
    assert!(log.contains("the new configuration is in use"), "{log}");
}

#[tokio::test]
async fn where_it_is_switched_on_the_process_ends_for_a_supervisor_to_start_it_again() {
    let world = World::new(&["orders"], "terminate = 'exit'").await;
    let running = world.start("topic-gateway").await;
    assert_eq!(ask(&world, "/reload").await.0, 200);
    assert_eq!(status(&world, "orders", r#"{"id":"a"}"#).await, 202);
    assert_eq!(ask(&world, "/terminate").await.0, 202);
    let output = running.output(LONG).await;
    assert_eq!(output.code(), Some(0), "{}", output.stderr);
}

#[tokio::test]
async fn health_asks_the_destinations_of_the_present_configuration() {
    let route = |url: &str| {
        format!(
            "[[outbound.routes]]\nname = 'orders'\nsubjects = ['fleet.topic.orders']\nreceipts = true\n\
             sink.webhook = {{ url = '{url}' }}\n"
        )
    };
    let sink = CaptureSink::start().await;
    let world = World::new(&["orders"], &route(&format!("http://127.0.0.1:{}", free_port()))).await;
    let running = world.start_up().await;
    let health = async || {
        let answer = http::send("GET", &world.url("/health"), &[], b"").await;
        (answer.status, answer.json()["dependencies"]["webhook"].take())
    };
    assert_eq!(health().await.0, 503, "nobody listens there");
    for (more, expected) in
        [(route(&sink.url()), json!("ok")), ("[outbound]\n".to_owned(), Value::Null)]
    {
        world.configure(&["orders"], &more);
        let (code, answer) = ask(&world, "/reload").await;
        assert_eq!(code, 200, "{answer}");
        assert_eq!(health().await, (200, expected));
    }
    world.stop(running).await;
}

#[tokio::test]
async fn health_says_that_a_bus_which_is_connected_does_not_answer() {
    let world = World::new(&["orders"], "").await;
    let running = world.start("topic-gateway").await;
    let health = async || {
        let answer = http::send("GET", &world.url("/health"), &[], b"").await;
        (answer.status, answer.json()["failures"]["bus"].take())
    };
    assert_eq!(health().await, (200, Value::Null));
    world.nats.pause();
    let failed = poll_until(LONG, "health to say so", async || {
        let (status, failure) = health().await;
        (status == 503).then_some(failure)
    });
    assert_eq!(failed.await, "no answer within 2 s");
    world.nats.resume();
    poll_until(LONG, "the bus to be back", async || (health().await.0 == 200).then_some(())).await;
    world.stop(running).await;
}

#[tokio::test]
async fn a_configuration_folder_is_read_again_as_a_whole() {
    let (nats, keys) = tokio::join!(NatsServer::start(), KeyServer::start(Signer::a().document()));
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir_all(path("conf/topic_schemas")).unwrap();
    let config = json!({ "access_config": "access.json", "token_public_keys_url": keys.url() });
    fs::write(path("conf/config.json"), config.to_string()).unwrap();
    fs::write(path("conf/access.json"), r#"{"public.cps.za.test": ["anna"]}"#).unwrap();
    fs::write(path("conf/topic_schemas/test.json"), SCHEMA).unwrap();
    let (listen, admin) = (free_port(), free_port());
    let running = Bin::at(env!("CARGO_BIN_EXE_event-bus"))
        .args(["topic-gateway", "--listen"])
        .arg(format!("127.0.0.1:{listen}"))
        .args(["--conf-dir".into(), path("conf")])
        .args(["--data".into(), path("data")])
        .env("EVENT_BUS__BUS__URL", nats.url())
        .env("EVENT_BUS__TOPICS__ADMIN_LISTEN", format!("127.0.0.1:{admin}"))
        .spawn();
    let topics = async || {
        let url = format!("http://127.0.0.1:{listen}/topics");
        http::try_send("GET", &url, &[], b"").await.ok().map(|answer| answer.json())
    };
    poll_until(LONG, "the topic", async || {
        assert!(running.exited().is_none(), "it ended:\n{}", running.stderr());
        (topics().await? == json!(["public.cps.za.test"])).then_some(())
    })
    .await;
    fs::write(path("conf/topic_schemas/orders.json"), SCHEMA).unwrap();
    let url = format!("http://127.0.0.1:{admin}/reload");
    let answer = http::send("POST", &url, &[], b"").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(topics().await, Some(json!(["public.cps.za.test", "public.cps.za.orders"])));
    fs::write(path("conf/config.json"), "{").unwrap();
    let answer = http::send("POST", &url, &[], b"").await;
    assert_eq!(answer.status, 422, "{}", answer.text());
    assert_eq!(topics().await.unwrap().as_array().unwrap().len(), 2);
}
