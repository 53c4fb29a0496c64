//! Replays and duplicates: on one replica, over a restart, over two replicas, and all at once.

use testkit::vectors::{self, Sequence, Step, Verdict};

use crate::vectors::{at, environment, send, source};
use crate::world::{PATIENCE, Replica, World, github_headers, sign};

/// Where the steps of a sequence are sent.
#[derive(Clone, Copy, Debug)]
enum Setting {
    OneReplica,
    RestartBetweenSteps,
    TwoReplicas,
}

#[tokio::test]
async fn a_sequence_publishes_what_it_should_wherever_its_steps_arrive() {
    let world = World::start().await;
    for setting in [Setting::OneReplica, Setting::RestartBetweenSteps, Setting::TwoReplicas] {
        for (index, sequence) in vectors::replay_sequences().iter().enumerate() {
            // A source of its own, so that the ids of the settings do not meet.
            let name = format!("{}-{index}", format!("{setting:?}").to_lowercase());
            run(&world, setting, &name, sequence).await;
        }
    }
}

async fn run(world: &World, setting: Setting, name: &str, sequence: &Sequence) {
    let mut replicas = vec![start(world, name, sequence).await];
    if matches!(setting, Setting::TwoReplicas) {
        replicas.push(start(world, name, sequence).await);
    }
    for (index, step) in sequence.steps.iter().enumerate() {
        let context = format!("{setting:?} {} step {index}", sequence.id);
        let replica = &replicas[index % replicas.len()];
        play(world, replica, name, step, &context).await;
        if matches!(setting, Setting::RestartBetweenSteps) {
            replicas.remove(0).stop().await.unwrap();
            replicas.push(start(world, name, sequence).await);
        }
    }
}

async fn play(world: &World, replica: &Replica, name: &str, step: &Step, context: &str) {
    world.hand.set(at(step.at));
    let before = world.stored().await;
    let broken = !step.fault.is_null();
    if broken {
        world.nats.kill();
    }
    let response = send(replica, name, &step.request).await;
    if broken {
        assert!(response.status >= 500, "{context}: {}", response.text());
        world.nats.restart().await;
        assert!(world.bus.wait_connected(tokio::time::Instant::now() + PATIENCE).await);
        return;
    }
    let success = (200..300).contains(&response.status);
    match step.expect.known_verdict() {
        Some(Verdict::Accept) => assert!(success, "{context}: {}", response.text()),
        Some(Verdict::Duplicate) => {
            assert!(success, "{context}: {}", response.text());
            assert_eq!(response.json()["duplicate"], true, "{context}");
        }
        Some(Verdict::Reject) => assert!(!success, "{context}: {}", response.text()),
        Some(Verdict::Handshake) | None => {}
    }
    if let Some(class) = step.expect.http_status_class {
        assert_eq!(response.status / 100, class, "{context}");
    }
    if let Some(published) = step.expect.published {
        assert_eq!(world.stored().await - before, published, "{context}");
    }
}

async fn start(world: &World, name: &str, sequence: &Sequence) -> Replica {
    let toml = source(name, &sequence.provider, &sequence.config, sequence.secrets.len(), "");
    let env = environment(&sequence.secrets);
    let env: Vec<_> = env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    world.serve_with(&toml, &env, None).await.expect("the secrets of a sequence are sound")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn duplicates_at_the_same_instant_are_published_once_and_all_answered_alike() {
    let world = World::start().await;
    let replicas =
        [world.serve(crate::world::GITHUB).await, world.serve(crate::world::GITHUB).await];
    let body = br#"{"repository":{"url":"https://api.github.com/repos/a/b"}}"#;
    let signature = sign(body);
    for round in 0..20 {
        let id = format!("round-{round}");
        let headers = github_headers(&id, "push", &signature);
        let sends = (0..8).map(|index| replicas[index % 2].post("/hooks/gh", &headers, body));
        let responses = futures_util::future::join_all(sends).await;
        let sequences: Vec<_> = responses
            .iter()
            .map(|response| {
                assert_eq!(response.status, 202, "{}", response.text());
                response.json()["seq"].clone()
            })
            .collect();
        let first = |response: &&testkit::http::Response| response.json()["duplicate"] == false;
        assert_eq!(responses.iter().filter(first).count(), 1, "round {round}");
        assert!(sequences.iter().all(|seq| *seq == sequences[0]), "{sequences:?}");
        assert_eq!(world.stored().await, round + 1);
    }
}

#[tokio::test]
async fn the_same_id_at_another_source_is_another_event() {
    let world = World::start().await;
    let other = crate::world::GITHUB.replace("\"gh\"", "\"other\"");
    let replica = world.serve(&format!("{}{other}", crate::world::GITHUB)).await;
    let body = b"{}";
    let signature = sign(body);
    let headers = github_headers("id-1", "push", &signature);
    for (path, duplicate) in
        [("/hooks/gh", false), ("/hooks/other", false), ("/hooks/gh", true), ("/hooks/other", true)]
    {
        let response = replica.post(path, &headers, body).await;
        assert_eq!(response.json()["duplicate"], duplicate, "{path}");
    }
    assert_eq!(world.stored().await, 2);
}

#[tokio::test]
async fn a_duplicate_is_asked_of_the_stream_again_once_the_broker_was_away() {
    let world = World::start().await;
    let replica = world.serve(crate::world::GITHUB).await;
    assert_eq!(replica.github("id-1", "push", b"{}").await.json()["duplicate"], false);
    assert_eq!(replica.github("id-1", "push", b"{}").await.json()["duplicate"], true);
    // The broker comes back without its data: what it had confirmed is lost, and the sender can repair that.
    world.nats.kill();
    let port = world.nats.port();
    let World { nats, bus, .. } = world;
    drop(nats);
    let world =
        World::without_streams(testkit::NatsServer::builder().port(port).start().await).await;
    world.provision().await;
    assert!(bus.wait_connected(tokio::time::Instant::now() + PATIENCE).await);
    assert_eq!(replica.github("id-1", "push", b"{}").await.json()["duplicate"], false);
    assert_eq!(world.stored().await, 1);
}
