//! The servers that are supported: what this service needs works on each of them.

use testkit::NatsServer;

use crate::world::{GITHUB, World};

#[tokio::test]
async fn an_event_is_stored_once_on_every_supported_server() {
    for version in testkit::nats_versions() {
        let nats = NatsServer::builder().version(version).start().await;
        let world = World::without_streams(nats).await;
        world.provision().await;
        let replica = world.serve(GITHUB).await;
        // The second replica has not seen the event, so it is the stream that knows it.
        let other = world.serve(GITHUB).await;
        let body = br#"{"action":"opened"}"#;
        let first = replica.github("id-1", "issues", body).await;
        assert_eq!((first.status, &first.json()["duplicate"]), (202, &false.into()), "{version}");
        for again in [&replica, &other] {
            let response = again.github("id-1", "issues", body).await;
            assert_eq!(response.status, 202, "{version}");
            assert_eq!(response.json()["duplicate"], true, "{version}");
            assert_eq!(response.json()["seq"], first.json()["seq"], "{version}");
        }
        assert_eq!(world.stored().await, 1, "{version}");
        assert_eq!(world.event(1).await.event.kind(), "com.github.issues.opened", "{version}");
    }
}
