//! The commands on every version of the broker that the project promises.

use serde_json::json;
use testkit::{CaptureSink, NatsServer, Script, poll_until};

use crate::world::{LONG, World, route};

#[tokio::test]
async fn every_command_works_on_every_version() {
    for version in testkit::nats_versions() {
        let sink = CaptureSink::scripted(Script::always(500)).await;
        let nats = NatsServer::builder().version(version).start().await;
        let world = World::on(nats, &route("r", "fleet.publish.>", &sink.url()));
        let inbound = world.serve_inbound().await;
        let relay = world.relay_outbound().await;
        world.json(&["publish", "--type", "com.example.x", "--id", "1"]).await;
        let seen = world.json(&["listen", "--since", "all", "--limit", "1"]).await;
        assert_eq!(seen[0]["event"]["id"], "1", "{version}");
        let triggered = world.json(&["trigger", "github", "push", "--repeat", "2"]).await;
        assert_eq!(triggered[1]["answer"]["duplicate"], true, "{version}");
        let routes = world.json(&["routes", "list"]).await;
        assert!(routes[0].as_array().unwrap().iter().all(|route| route["connected"] == true));
        poll_until(LONG, "the dead letter", async || {
            (world.json(&["dead-letters", "list"]).await[0] != json!([])).then_some(())
        })
        .await;
        sink.set_script(Script::always(200));
        let redriven = world.json(&["dead-letters", "redrive", "--all"]).await;
        assert_eq!(redriven[0]["failed"], 0, "{version}");
        sink.wait_for(4, LONG).await;
        let doctor = world.run(&["doctor"]).await;
        assert_eq!(doctor.code(), Some(0), "{version}\n{}", doctor.stdout);
        world.stop(relay).await;
        world.stop(inbound).await;
    }
}
