use testkit::{CaptureSink, NatsServer, Reply, Script, nats_versions};

use crate::world::{LONG, World, event, route};

/// Delivery, retries, dead letters and several subjects on every server version that is there.
#[tokio::test(flavor = "multi_thread")]
async fn the_relay_works_with_old_servers() {
    for version in nats_versions() {
        let world = World::on(NatsServer::builder().version(version).start().await).await;
        let script = Script::per_id(|id, count| match id {
            "twice" if count < 3 => Reply::status(503),
            "never" => Reply::status(500),
            _ => Reply::status(200),
        });
        let sink = CaptureSink::scripted(script).await;
        let text = route("hooks", "fleet.a\", \"fleet.b", &sink.url(), "");
        let relay = world.relay(&text).await;
        for (subject, id) in [
            ("fleet.a", "once"),
            ("fleet.b", "twice"),
            ("fleet.c", "other"),
            ("fleet.a", "never"),
            ("fleet.b", "last"),
        ] {
            world.publish(subject, &event(id)).await;
        }
        sink.wait_for(8, LONG).await;
        world.wait_for_dead_letters(1).await;
        world.wait_for_no_retries().await;
        world.wait_for_settled("hooks").await;
        let arrived = sink.arrived();
        let counts: Vec<_> = arrived.iter().map(|(id, count)| (id.as_str(), *count)).collect();
        assert_eq!(
            counts,
            [("last", 1), ("never", 3), ("once", 1), ("twice", 3)],
            "nats-server {version}"
        );
        relay.stop().await;
    }
}
