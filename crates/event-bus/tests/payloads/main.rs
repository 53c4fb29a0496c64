//! Every published GitHub payload through both services, read again by the CloudEvents SDK of another language.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use event_bus_core::signature::{SigningSecret, sign};
use serde_json::{Value, json};
use testkit::{
    Bin, CaptureSink, CapturedRequest, NatsServer, free_port, github, http, poll_until, tools,
};

const LONG: Duration = Duration::from_secs(90);
const SECRET: &str = "payloads-secret";

const CHECK: &str = include_str!("check.py");

fn configuration(
    folder: &Path,
    nats: &str,
    listen: SocketAddr,
    structured: &str,
    binary: &str,
) -> PathBuf {
    let secret = folder.join("secret");
    std::fs::write(&secret, SECRET).expect("a file");
    let route = |name: &str, url: &str| {
        format!(
            "[[outbound.routes]]\nname = \"{name}\"\nsubjects = [\"fleet.>\"]\n\
             sink.webhook = {{ url = \"{url}\", mode = \"{name}\" }}\n"
        )
    };
    let text = format!(
        "[bus]\nurl = \"{nats}\"\n[inbound]\nlisten = \"{listen}\"\n[[inbound.sources]]\nname = \"github\"\n\
         provider = \"github\"\nsecrets = [{{ file = {secret:?} }}]\n{}{}",
        route("structured", structured),
        route("binary", binary)
    );
    let file = folder.join("event-bus.toml");
    std::fs::write(&file, text).expect("a file");
    file
}

fn describe(request: &CapturedRequest) -> Value {
    let headers: BTreeMap<_, _> = request
        .headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), value.to_str().expect("ASCII").to_owned()))
        .collect();
    json!({ "headers": headers, "body": String::from_utf8(request.body.to_vec()).expect("UTF-8") })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_python_sdk_reads_every_published_payload_in_both_modes() {
    let payloads: Vec<_> =
        github::payloads().into_iter().map(|(event, data)| (event, data.to_string())).collect();
    let nats = NatsServer::start().await;
    let (structured, binary) = (CaptureSink::start().await, CaptureSink::start().await);
    let folder = tempfile::tempdir().expect("a folder");
    let listen: SocketAddr = format!("127.0.0.1:{}", free_port()).parse().expect("an address");
    let config =
        configuration(folder.path(), &nats.url(), listen, &structured.url(), &binary.url());
    let start = |mode: &str| {
        Bin::at(env!("CARGO_BIN_EXE_event-bus"))
            .arg(mode)
            .arg("--config")
            .arg(config.as_os_str())
            .spawn()
    };
    let (_inbound, _relay) = (start("serve-inbound"), start("relay-outbound"));

    let mut sent = BTreeMap::new();
    for (number, (event, body)) in payloads.iter().enumerate() {
        let id = format!("payload-{number}");
        let signature = sign::github(&SigningSecret::new(SECRET), body.as_bytes());
        let headers = [
            ("Content-Type", "application/json"),
            ("X-GitHub-Event", event.as_str()),
            ("X-GitHub-Delivery", id.as_str()),
            ("X-Hub-Signature-256", signature.as_str()),
        ];
        let url = format!("http://{listen}/hooks/github");
        let answer = poll_until(LONG, "the inbound to take a payload", async || {
            let answer = http::try_send("POST", &url, &headers, body.as_bytes()).await.ok()?;
            (answer.status != 503).then_some(answer)
        })
        .await;
        assert_eq!(answer.status, 202, "{event}: {}", answer.text());
        sent.insert(id, json!({ "event": event, "body": body }));
    }
    let requests = [
        structured.wait_for(payloads.len(), LONG).await,
        binary.wait_for(payloads.len(), LONG).await,
    ];

    // The structured body is the message on the stream, byte for byte.
    let stream = nats.jetstream().await.get_stream("EVENTS").await.expect("the stream");
    let mut stored = BTreeMap::new();
    for sequence in 1..=payloads.len() as u64 {
        let message = stream.get_raw_message(sequence).await.expect("a message");
        stored.insert(message.headers.get("ce-id").expect("an id").to_string(), message.payload);
    }
    for request in &requests[0] {
        assert_eq!(stored.get(&request.event_id().expect("an id")), Some(&request.body));
    }

    let document = json!({
        "sent": sent,
        "structured": requests[0].iter().map(describe).collect::<Vec<_>>(),
        "binary": requests[1].iter().map(describe).collect::<Vec<_>>(),
    });
    let file = folder.path().join("deliveries.json");
    std::fs::write(&file, document.to_string()).expect("a file");
    let printed = tools::python(CHECK, &[file.to_str().expect("a path in UTF-8")]);
    println!("{printed}");
}
