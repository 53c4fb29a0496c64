//! SIGHUP: sources and routes change without a request being dropped.

use nix::sys::signal::Signal;
use testkit::{CaptureSink, poll_until};

use crate::world::{LONG, World, route};

#[tokio::test]
async fn a_changed_file_is_taken_over_while_requests_go_on() {
    let sink = CaptureSink::start().await;
    let world = World::start(&route("first", "fleet.github.>", &sink.url())).await;
    let github = world.source("github", "provider = 'github'\nsubject = 'fleet.github.{type}'");
    world.write(&github, &route("first", "fleet.github.>", &sink.url()));
    let inbound = world.serve_inbound().await;
    let relay = world.relay_outbound().await;
    let sending = async {
        for id in 0..40 {
            let id = format!("d-{id}");
            let sent = world.run(&["trigger", "github", "push", "--id", &id]).await;
            assert_eq!(sent.code(), Some(0), "{id}: {}{}", sent.stdout, sent.stderr);
        }
    };
    let changing = async {
        for round in 1..=3 {
            let linear = world.source("linear", "provider = 'linear'");
            let second = route("second", "fleet.linear.>", &sink.url());
            let more = if round % 2 == 1 { (linear, second) } else { Default::default() };
            let first = route("first", "fleet.github.>", &format!("{}{round}", sink.url()));
            world.write(&(github.clone() + &more.0), &(first + &more.1));
            for service in [&inbound, &relay] {
                let taken = || service.stderr().matches("the new configuration is in use").count();
                service.signal(Signal::SIGHUP);
                poll_until(LONG, "the change", async || (taken() == round).then_some(())).await;
            }
        }
    };
    tokio::join!(sending, changing);
    assert_eq!(world.run(&["trigger", "linear", "Issue.create"]).await.code(), Some(0));
    poll_until(LONG, "every event at the sink", async || {
        let ids: std::collections::BTreeSet<_> =
            sink.requests().iter().filter_map(|request| request.event_id()).collect();
        (ids.len() == 41).then_some(())
    })
    .await;
    assert!(sink.requests().iter().any(|request| request.path.ends_with("/3")));
    world.stop(relay).await;
    world.stop(inbound).await;
    world.assert_silent_about_secrets();
}

#[tokio::test]
async fn a_wrong_file_changes_nothing() {
    let sink = CaptureSink::start().await;
    let world = World::start(&route("first", "fleet.>", &sink.url())).await;
    let inbound = world.serve_inbound().await;
    let relay = world.relay_outbound().await;
    let good = std::fs::read_to_string(world.config()).unwrap();
    let without_secret = good.replace("/github\"", "/gone\"");
    let without_section = "[bus]\n".to_owned();
    let wrong_files = ["not toml at all [", &without_secret, &without_section];
    for (refused, wrong) in (1..).zip(wrong_files) {
        std::fs::write(world.config(), wrong).unwrap();
        inbound.signal(Signal::SIGHUP);
        poll_until(LONG, "the refusal", async || {
            let text = "the new configuration is not used";
            (inbound.stderr().matches(text).count() == refused).then_some(())
        })
        .await;
    }
    std::fs::write(world.config(), "[outbound]\nnonsense = 1\n").unwrap();
    relay.signal(Signal::SIGHUP);
    relay.wait_for_text("unknown key `nonsense`", LONG).await;
    std::fs::write(world.config(), good).unwrap();
    assert_eq!(world.run(&["trigger", "github", "push"]).await.code(), Some(0));
    sink.wait_for(1, LONG).await;
    world.stop(relay).await;
    world.stop(inbound).await;
}

#[tokio::test]
async fn what_needs_a_restart_is_named_and_stays_as_it_was() {
    let sink = CaptureSink::start().await;
    let world = World::start(&route("first", "fleet.>", &sink.url())).await;
    let inbound = world.serve_inbound().await;
    let relay = world.relay_outbound().await;
    let started = std::fs::read_to_string(world.config()).unwrap();
    let copy = world.folder.path().join("started.toml");
    std::fs::write(&copy, &started).unwrap();
    let changed = started
        .replace("[bus]\n", "[bus]\nconnect_timeout = '7s'\nstreams.retries.replicas = 3\n")
        .replace("grace = '5s'", "grace = '6s'")
        .replace("/doctor\"", "/github\"")
        + "[telemetry]\nlog_filter = 'debug'\n[secrets]\nallow_env = false\n";
    std::fs::write(world.config(), changed).unwrap();
    let common = [
        "bus.connect_timeout",
        "bus.streams.retries",
        "telemetry.log_filter",
        "secrets.allow_env",
        "doctor.secret",
    ];
    for (service, own, other) in
        [(&inbound, "inbound.grace", "outbound.grace"), (&relay, "outbound.grace", "inbound.grace")]
    {
        service.signal(Signal::SIGHUP);
        service.wait_for_text("which need a restart", LONG).await;
        let text = service.stderr();
        for key in common.iter().chain([&own]) {
            assert!(text.contains(key), "{key}\n{text}");
        }
        for key in [other, "bus.url", "telemetry.log_format"] {
            assert!(!text.contains(key), "{key}\n{text}");
        }
    }
    // Both services still know the doctor of the start.
    let doctor = crate::world::event_bus(&["doctor", "--config"]).arg(&copy).output(LONG).await;
    assert_eq!(doctor.code(), Some(0), "{}", doctor.stdout);
    world.stop(relay).await;
    world.stop(inbound).await;
}
