//! Sources change while requests are under way; a configuration that cannot be used changes nothing.

use event_bus_core::Chain;
use serve_inbound::BuildError;
use testkit::http::parse;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::world::{GITHUB, SECRET, World, config, github_headers, raw_request, secrets, sign};

#[tokio::test]
async fn a_reload_changes_the_sources_and_drops_no_request() {
    let world = World::start().await;
    let replica = world.serve(GITHUB).await;
    let signature = sign(b"{}");
    let request =
        raw_request("POST", "/hooks/gh", &github_headers("slow", "push", &signature), b"{}");
    let mut slow = TcpStream::connect(replica.address).await.unwrap();
    slow.write_all(&request[..request.len() - 2]).await.unwrap();
    replica.metric("serve_inbound_in_flight_requests 1").await;

    let renamed = config(&GITHUB.replace("\"gh\"", "\"renamed\""));
    replica.inbound.reload(&renamed, &secrets(&[("SECRET", SECRET)]), None).unwrap();
    assert_eq!(replica.github("id-1", "push", b"{}").await.status, 404);
    let headers = github_headers("id-1", "push", &signature);
    assert_eq!(replica.post("/hooks/renamed", &headers, b"{}").await.status, 202);

    slow.write_all(b"{}").await.unwrap();
    let mut answer = Vec::new();
    slow.read_to_end(&mut answer).await.unwrap();
    assert_eq!(parse(&answer).unwrap().status, 202, "the request keeps the source it came to");
    assert_eq!(world.stored().await, 2);
}

#[tokio::test]
async fn a_rotated_secret_is_found_by_a_reload() {
    let world = World::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, "the old one\n").unwrap();
    let toml = GITHUB.replace("{ env = \"SECRET\" }", &format!("{{ file = {file:?} }}"));
    let replica = world.serve(&toml).await;
    assert_eq!(replica.github("id-1", "push", b"{}").await.status, 401);
    std::fs::write(&file, format!("{SECRET}\n")).unwrap();
    replica.inbound.reload(&config(&toml), &secrets(&[]), None).unwrap();
    assert_eq!(replica.github("id-1", "push", b"{}").await.status, 202);
}

#[tokio::test]
async fn a_source_without_a_usable_secret_refuses_to_start_and_changes_nothing_on_reload() {
    let world = World::start().await;
    let replica = world.serve(GITHUB).await;
    let standard = GITHUB.replace("\"github\"", "\"standard-webhooks\"");
    let basic = GITHUB.replace("\"github\"", "\"basic\"");
    for (toml, env, expected) in [
        (
            GITHUB,
            vec![],
            "source `gh` cannot be used: a secret cannot be read: environment variable SECRET is not set",
        ),
        (GITHUB, vec![("SECRET", "  ")], "environment variable SECRET is empty"),
        (standard.as_str(), vec![("SECRET", "whsec_not-base64!")], "a secret is not base64"),
        (basic.as_str(), vec![("SECRET", "hunter2")], "not of the form `user:password`"),
    ] {
        let shown = |error: BuildError| Chain(&error).to_string();
        let started = world.serve_with(toml, &env, None).await.err().map(shown);
        let reloaded = replica.inbound.reload(&config(toml), &secrets(&env), None).err().map(shown);
        assert_eq!(started, reloaded);
        let message = started.expect("it does not start");
        assert!(message.contains(expected), "{message}");
        assert!(!message.contains("hunter2") && !message.contains("not-base64!"), "{message}");
    }
    assert_eq!(replica.github("id-1", "push", b"{}").await.status, 202);
}

#[tokio::test]
async fn a_schema_that_cannot_be_used_refuses_to_start() {
    let world = World::start().await;
    let toml = format!("{GITHUB}schema = \"/gone.json\"\n");
    let error = world.serve_with(&toml, &[("SECRET", SECRET)], None).await.err().unwrap();
    let message = Chain(&error).to_string();
    assert!(message.starts_with("source `gh` cannot be used: the schema cannot be used: schema file /gone.json cannot be read"), "{message}");
}
