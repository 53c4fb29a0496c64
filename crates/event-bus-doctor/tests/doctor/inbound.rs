//! The third proof, from the side of the whole system.

use event_bus_runtime::Status;
use testkit::{CaptureSink, Script};

use super::world::{SIGNATURES, World, entry, red};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_accepts_anything_makes_the_signatures_red() {
    let world = World::start().await;
    let relay = world.relay("").await;
    let inbound = world.inbound(true).await;
    let anything = CaptureSink::scripted(Script::always(202)).await;
    let mut config = inbound.config.clone();
    config.listen = anything.address();
    let report = world.examine_all(&config, &relay.config).await;
    let text = report.to_text(false);
    let proofs = [format!("{SIGNATURES}.event-bus-doctor"), format!("{SIGNATURES}.github")];
    let mut broken = red(&report);
    broken.sort();
    assert_eq!(broken, proofs, "{text}");
    for id in &proofs {
        assert_eq!(entry(&report, id).code(), Some("EB0104"), "{text}");
    }
    inbound.stop().await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_that_is_down_makes_the_signatures_red() {
    let world = World::start().await;
    let relay = world.relay("").await;
    let inbound = world.inbound(true).await;
    let config = inbound.config.clone();
    inbound.stop().await;
    let report = world.examine_all(&config, &relay.config).await;
    let broken = red(&report);
    let text = report.to_text(false);
    assert!(matches!(broken.as_slice(), [one] if one.starts_with(SIGNATURES)), "{text}");
    assert_eq!(entry(&report, &broken[0]).code(), Some("EB0105"), "{text}");
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_built_in_source_only_bad_signatures_are_tried() {
    let world = World::start().await;
    let relay = world.relay("").await;
    let inbound = world.inbound(false).await;
    let report = world.examine_all(&inbound.config, &relay.config).await;
    let text = report.to_text(false);
    assert_eq!(red(&report), Vec::<String>::new(), "{text}");
    assert_eq!(entry(&report, &format!("{SIGNATURES}.github")).status, Status::Pass, "{text}");
    let skipped = entry(&report, &format!("{SIGNATURES}.event-bus-doctor"));
    assert_eq!(skipped.status, Status::Skip, "{text}");
    inbound.stop().await;
    relay.stop().await;
}
