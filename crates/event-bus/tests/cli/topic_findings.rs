//! What the doctor says of topics, their documents, keys and routes.

use std::fs;

use futures_util::future::join_all;
use serde_json::Value;
use testkit::{KeyServer, NatsServer, Signer};

use crate::world::{LONG, event_bus, route};

/// A configuration with one topic, and what the doctor says of it: codes and ids.
struct Case {
    access: &'static str,
    schema: &'static str,
    /// More of `[topics.registry]` and of `[topics.tokens]`.
    registry: &'static str,
    tokens: &'static str,
    routes: String,
    says: &'static [&'static str],
}

impl Default for Case {
    fn default() -> Self {
        Self {
            access: r#"{"orders": ["me"]}"#,
            schema: r#"{"type": "object"}"#,
            registry: "",
            tokens: "",
            routes: carrying(true),
            says: &[" key-server", " topics"],
        }
    }
}

impl Case {
    async fn check(&self, nats: &NatsServer, keys: &KeyServer) {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        fs::create_dir(folder.path().join("schemas")).unwrap();
        write("access.json", self.access);
        write("schemas/orders.json", self.schema);
        let place = folder.path().display();
        let text = format!(
            "bus.url = '{}'\n[topics]\naccess = '{place}/access.json'\n\
             tokens = {{ keys_url = '{}', {} }}\n\
             registry = {{ location = '{place}/schemas', {} }}\n[outbound]\n{}\n",
            nats.url(),
            keys.url(),
            self.tokens,
            self.registry,
            self.routes,
        );
        write("bus.toml", &text);
        let file = folder.path().join("bus.toml");
        let run = event_bus(&["doctor", "--json", "--config"]).arg(file).output(LONG).await;
        let report: Value =
            serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{}", run.stderr));
        let checks = report["checks"].as_array().unwrap().iter();
        let found = checks.filter_map(|check| {
            let id = check["id"].as_str()?.strip_prefix("topic-gateway.")?;
            Some(format!("{} {id}", check["evidence"]["code"].as_str().unwrap_or_default()))
        });
        assert_eq!(found.collect::<Vec<_>>(), self.says, "{}", run.stdout);
    }
}

fn carrying(receipts: bool) -> String {
    let route = route("r", "fleet.topic.>", "http://127.0.0.1:9/");
    route.replace("retry =", &format!("receipts = {receipts}\nretry ="))
}

#[tokio::test]
async fn the_doctor_names_what_is_wrong_with_topics() {
    let (nats, keys) = (NatsServer::start().await, KeyServer::start(Signer::a().document()).await);
    let silent = KeyServer::start(Signer::a().document()).await;
    silent.fail();
    let cases = [
        Case::default(),
        Case {
            routes: String::new(),
            says: &[" key-server", "EB0306 topics.orders"],
            ..Case::default()
        },
        Case {
            registry: "acknowledge = 'delivered'",
            routes: carrying(false),
            says: &[" key-server", "EB0305 topics.orders"],
            ..Case::default()
        },
        Case {
            access: r#"{"orders.old": ["me"]}"#,
            says: &[" key-server", "EB0307 topics.orders", "EB0307 topics.orders.old"],
            ..Case::default()
        },
        Case {
            access: r#"["me"]"#,
            schema: r#"{"type": "strong"}"#,
            says: &[" key-server", "EB0303 topics", "EB0304 topics.2"],
            ..Case::default()
        },
        Case {
            tokens: "insecure = true",
            says: &[" key-server", "EB0302 key-server.2", " topics"],
            ..Case::default()
        },
    ];
    let keyless = Case { says: &["EB0301 key-server", " topics"], ..Case::default() };
    let good = cases.iter().map(|case| case.check(&nats, &keys));
    tokio::join!(join_all(good), keyless.check(&nats, &silent));
}
