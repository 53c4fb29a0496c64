//! Signals, and starts before the broker.

use testkit::{TcpProxy, poll_until};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::world::{LONG, World, route};

#[tokio::test]
async fn a_second_signal_ends_a_service_that_still_waits_for_a_request() {
    let world = World::start("").await;
    let running = world.serve_inbound().await;
    let mut slow = TcpStream::connect(world.inbound).await.unwrap();
    slow.write_all(b"POST /hooks/github HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n1")
        .await
        .unwrap();
    poll_until(LONG, "the request to be under way", async || {
        let url = world.admin_url("/metrics");
        let answer = testkit::http::try_send("GET", &url, &[], b"").await.ok()?;
        answer.text().contains("in_flight_requests 1").then_some(())
    })
    .await;
    running.terminate();
    running.wait_for_text("a second signal stops at once", LONG).await;
    assert!(running.exited().is_none());
    running.terminate();
    let output = running.output(LONG).await;
    assert_eq!(output.code(), Some(143), "{}", output.stderr);
}

#[tokio::test]
async fn services_wait_for_a_broker_that_is_away_and_can_be_stopped_meanwhile() {
    let world = World::start(&route("r", "fleet.>", "http://127.0.0.1:1/")).await;
    world.nats.kill();
    let early =
        [world.event_bus(&["serve-inbound"]).spawn(), world.event_bus(&["relay-outbound"]).spawn()];
    for running in &early {
        running.wait_for_text("the bus is away", LONG).await;
    }
    poll_until(LONG, "a 503", async || {
        let sent = world.run(&["trigger", "github", "push", "--id", "early"]).await;
        sent.stdout.starts_with("503").then_some(())
    })
    .await;
    let [inbound, relay] = early;
    world.stop(relay).await;
    world.nats.restart().await;
    poll_until(LONG, "a 202", async || {
        let sent = world.run(&["trigger", "github", "push", "--id", "early"]).await;
        sent.stdout.starts_with("202").then_some(())
    })
    .await;
    world.stop(inbound).await;
}

/// A broker that takes connections and says nothing must not keep a service from stopping.
#[tokio::test]
async fn a_service_can_be_stopped_while_it_connects() {
    let world = World::start("").await;
    let proxy = TcpProxy::start(world.nats.port()).await;
    proxy.blackhole();
    for mode in ["serve-inbound", "relay-outbound"] {
        let running = world
            .event_bus(&[mode])
            .args(["--url", &format!("nats://{}", proxy.address())])
            .spawn();
        running.wait_for_text("admin listener listens", LONG).await;
        world.stop(running).await;
    }
}
