//! The rights on NATS that the page on security names are enough for each user, and the server sees nothing forbidden.

use std::fs;
use std::net::SocketAddr;

use async_nats::jetstream::{self, object_store};
use testkit::{Bin, CaptureSink, KeyServer, NatsServer, Signer, free_port, http, poll_until};

use crate::topics_world::token;
use crate::world::{LONG, event_bus};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/security.md");
const PASSWORD: &str = "password-of-all";

/// More than the server sends of an object at once.
const SIZE: usize = 3 * 1024 * 1024;

/// Subjects between back quotes, as the server's configuration lists them.
fn list(cell: &str) -> String {
    let subjects: Vec<_> =
        cell.split('`').skip(1).step_by(2).map(|each| format!("{each:?}")).collect();
    format!("[{}]", subjects.join(", "))
}

/// The users of the page's table, with their rights.
fn users() -> String {
    let page = fs::read_to_string(PAGE).unwrap();
    let table = page.split("| user | may publish | may subscribe |").nth(1).unwrap();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let users: Vec<_> = rows
        .map(|row| {
            let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
            let answers = cells[0] == "command line and doctor";
            format!(
                "{{ user: {:?}, password: {PASSWORD:?}, permissions: {{ publish: {}, subscribe: {}, allow_responses: {answers} }} }}",
                cells[0],
                list(cells[1]),
                list(cells[2])
            )
        })
        .collect();
    assert_eq!(users.len(), 5, "{users:?}");
    let owner = format!("{{ user: owner, password: {PASSWORD:?} }}");
    format!("authorization {{ users: [\n{}\n{owner}\n] }}", users.join("\n"))
}

/// Data in the object store, as the value of an attribute of an event.
async fn put_data(nats: &NatsServer) -> String {
    let owner =
        async_nats::ConnectOptions::with_user_and_password("owner".to_owned(), PASSWORD.to_owned());
    let jetstream = jetstream::new(owner.connect(nats.url()).await.unwrap());
    let config =
        object_store::Config { bucket: "EVENT_DATA".to_owned(), ..object_store::Config::default() };
    let store = jetstream.create_object_store(config).await.unwrap();
    store.put("large", &mut &*vec![b'x'; SIZE]).await.unwrap();
    "dataref=nats-object-store:EVENT_DATA/large".to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rights_that_the_page_names_are_enough() {
    let nats = NatsServer::builder().config(&users()).start().await;
    let sink = CaptureSink::start().await;
    let folder = tempfile::tempdir().unwrap();
    let secrets =
        [("password", PASSWORD), ("github", "secret-of-github"), ("doctor", "secret-of-doctor")];
    for (name, text) in secrets {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let documents = [("access.json", r#"{"orders": ["shop"]}"#), ("orders.json", "{}")];
    for (name, text) in documents {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let keys = KeyServer::start(Signer::a().document()).await;
    let topics = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let config = folder.path().join("event-bus.toml");
    fs::write(
        &config,
        format!(
            "bus = {{ url = {:?}, password = {{ file = {:?} }} }}\n\
             [inbound]\nlisten = '127.0.0.1:{}'\n[[inbound.sources]]\nname = 'github'\n\
             provider = 'github'\nsecrets = [{{ file = {:?} }}]\n\
             [[outbound.routes]]\nname = 'all'\nsubjects = ['fleet.>']\n\
             receipts = true\nsink.webhook = {{ url = {:?}, mode = 'binary' }}\n\
             [topics]\nlisten = '{topics}'\naccess = {:?}\ntokens = {{ keys_url = {:?} }}\n\
             [[topics.topic]]\nname = 'orders'\nschema = {:?}\nacknowledge = 'delivered'\n\
             [doctor]\nsecret = {{ file = {:?} }}\n",
            nats.url(),
            folder.path().join("password"),
            free_port(),
            folder.path().join("github"),
            sink.url(),
            folder.path().join("access.json"),
            keys.url(),
            folder.path().join("orders.json"),
            folder.path().join("doctor")
        ),
    )
    .unwrap();
    let as_user = |user: &str, arguments: &[&str]| -> Bin {
        event_bus(arguments).arg("--config").arg(&config).env("EVENT_BUS__BUS__USER", user)
    };
    let relay = as_user("relay-outbound", &["relay-outbound"]).spawn();
    let inbound = as_user("serve-inbound", &["serve-inbound"]).spawn();
    poll_until(LONG, "a webhook to be accepted", async || {
        let sent = as_user("serve-inbound", &["trigger", "github", "push", "--id", "one"]);
        (sent.output(LONG).await.code() == Some(0)).then_some(())
    })
    .await;
    let gateway = as_user("topic-gateway", &["topic-gateway"]).spawn();
    let token = format!("Bearer {}", token("shop"));
    // The second time it is answered from what is kept.
    for _ in 0..2 {
        poll_until(LONG, "a message to be delivered", async || {
            let (url, headers) =
                (format!("http://{topics}/topics/orders"), [("Authorization", token.as_str())]);
            let answer = http::try_send("POST", &url, &headers, b"{}").await.ok()?;
            (answer.status == 202).then_some(())
        })
        .await;
    }
    let publish = ["publish", "--type", "com.example.made", "--id", "two"];
    let published = as_user("a publisher", &publish).output(LONG).await;
    assert_eq!(published.code(), Some(0), "{}", published.stderr);
    let dataref = put_data(&nats).await;
    let publish =
        ["publish", "--type", "com.example.made", "--id", "three", "--extension", &dataref];
    let published = as_user("a publisher", &publish).output(LONG).await;
    assert_eq!(published.code(), Some(0), "{}", published.stderr);
    let bodies = sink.wait_for(4, LONG).await;
    assert!(bodies.iter().any(|delivery| delivery.body.len() == SIZE));
    let proved = as_user("command line and doctor", &["doctor"]).output(LONG).await;
    assert_eq!(proved.code(), Some(0), "{}\n{}", proved.stdout, proved.stderr);
    let listed = as_user("command line and doctor", &["dead-letters", "list"]).output(LONG).await;
    assert_eq!(listed.code(), Some(0), "{}", listed.stderr);
    for running in [relay, inbound, gateway] {
        running.terminate();
        let ended = running.output(LONG).await;
        assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    }
    let log = nats.log();
    let violations: Vec<_> = log.lines().filter(|line| line.contains("Violation")).collect();
    assert!(violations.is_empty(), "{violations:#?}");
}
