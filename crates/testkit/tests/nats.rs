//! The server harness itself, on every version that is there.

use std::time::Duration;

use async_nats::jetstream::{self, stream};
use testkit::{NatsCluster, NatsServer, nats_versions, poll_until};

async fn stream_on(server: &NatsServer) -> jetstream::Context {
    let context = server.jetstream().await;
    let config =
        stream::Config { name: "S".into(), subjects: vec!["s".into()], ..Default::default() };
    context.create_stream(config).await.expect("a ready server takes a stream at once");
    context
}

async fn store_one(context: &jetstream::Context) -> u64 {
    let acknowledgement = context.publish("s", "x".into()).await.expect("sending a message");
    acknowledgement.await.expect("storing a message").sequence
}

#[tokio::test]
async fn a_started_server_takes_a_stream_at_once_and_keeps_it_over_a_kill() {
    for version in nats_versions() {
        let server = NatsServer::builder().version(version).start().await;
        assert_eq!(server.version(), version);
        let context = stream_on(&server).await;
        assert_eq!(store_one(&context).await, 1);

        server.kill();
        assert!(!server.is_running());
        server.restart().await;
        assert_eq!(store_one(&server.jetstream().await).await, 2, "{version}");

        server.terminate().await;
        server.restart().await;
        assert_eq!(store_one(&server.jetstream().await).await, 3, "{version}");
    }
}

#[tokio::test]
async fn twelve_servers_start_side_by_side_on_ports_of_their_own() {
    let servers = futures_util::future::join_all((0..12).map(|_| NatsServer::start())).await;
    let mut ports: Vec<u16> = servers.iter().map(NatsServer::port).collect();
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), 12);
    for server in &servers {
        assert_eq!(store_one(&stream_on(server).await).await, 1);
    }
}

#[tokio::test]
async fn a_taken_port_is_named_instead_of_waited_for() {
    let first = NatsServer::start().await;
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(NatsServer::builder().port(first.port()).start());
    let panic = tasks.join_next().await.unwrap().unwrap_err().into_panic();
    let message = panic.downcast_ref::<String>().unwrap();
    assert!(message.contains("is taken"), "{message}");
}

#[tokio::test]
async fn only_the_configured_user_is_admitted() {
    let server = NatsServer::builder().user("bridge", "s3cret").sync_always().start().await;
    assert!(async_nats::connect(server.url()).await.is_err());
    assert_eq!(store_one(&stream_on(&server).await).await, 1);
}

#[tokio::test]
async fn a_paused_server_answers_nothing_until_it_resumes() {
    let server = NatsServer::start().await;
    let client = server.connect().await;
    client.flush().await.unwrap();
    server.pause();
    assert!(
        tokio::time::timeout(Duration::from_millis(300), async_nats::connect(server.url()))
            .await
            .is_err()
    );
    server.resume();
    poll_until(Duration::from_secs(10), "the resumed server", async || client.flush().await.ok())
        .await;
}

#[tokio::test]
async fn a_cluster_keeps_its_replicated_stream_when_the_leader_is_killed() {
    let cluster = NatsCluster::start(3).await;
    let context = cluster.jetstream().await;
    let config = stream::Config {
        name: "S".into(),
        subjects: vec!["s".into()],
        num_replicas: 3,
        ..Default::default()
    };
    context.create_stream(config).await.expect("a ready cluster takes a replicated stream at once");
    assert_eq!(store_one(&context).await, 1);

    let within = Duration::from_secs(60);
    let leader = poll_until(within, "a leader", async || cluster.leader_of("S").await).await;
    cluster.kill(leader);
    let sequence = poll_until(within, "a new leader to store a message", async || {
        let sent = context.publish("s", "x".into()).await.ok()?;
        sent.await.ok().map(|stored| stored.sequence)
    })
    .await;
    assert!(sequence >= 2);
    assert_ne!(cluster.leader_of("S").await, Some(leader));
    cluster.restart(leader).await;
    assert!(cluster.servers()[leader].is_running());
}
