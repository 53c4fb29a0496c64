//! One route from its first event to its clean end, with an outage in between. Every kind of sink has to pass.

use std::collections::BTreeSet;
use std::time::Duration;

use testkit::poll_until;
use tokio::time::Instant;

use crate::world::{LONG, World, event};

/// How long the destination is away.
const AWAY: Duration = Duration::from_secs(20);

/// The real thing, or the stub that stands for it.
pub(crate) trait Destination {
    /// It can no longer be reached.
    async fn leave(&mut self);

    /// It can be reached again, under the same address and with what it held.
    async fn come_back(&mut self);

    /// Ids of the events that it holds.
    async fn ids(&mut self) -> Vec<String>;
}

/// `sink` is the route's setting, such as `sink.webhook = { url = "…" }`. Publishes `count` events before the outage and
/// `count` during it.
pub(crate) async fn outlasts_an_outage(
    kind: &str,
    sink: &str,
    destination: &mut impl Destination,
    count: u32,
) {
    let world = World::start().await;
    let text = format!(
        "[[outbound.routes]]\nname = \"journey\"\nsubjects = [\"fleet.>\"]\n\
         retry = {{ attempts = 1, schedule = [\"0s\"] }}\n{sink}\n"
    );
    let relay = world.relay(&text).await;
    for number in 0..count {
        world.publish("fleet.a", &event(&format!("before-{number}"))).await;
    }
    world.wait_for_settled("journey").await;
    let state = "relay_outbound_route_state{route=\"journey\"}";
    assert_eq!(relay.metric(state), Some(0.0));

    destination.leave().await;
    let left = Instant::now();
    for number in 0..count {
        world.publish("fleet.a", &event(&format!("during-{number}"))).await;
    }
    poll_until(LONG, "the hold", async || (relay.metric(state) == Some(1.0)).then_some(())).await;
    // The outage itself, which is what is looked at here.
    tokio::time::sleep_until(left + AWAY).await;
    let records = (world.messages("RETRIES").await, world.messages("DEAD_LETTERS").await);
    assert_eq!(records, (0, 0), "an outage counts no attempt");
    destination.come_back().await;
    world.wait_for_settled("journey").await;

    let expected: BTreeSet<_> = (0..count)
        .flat_map(|number| [format!("before-{number}"), format!("during-{number}")])
        .collect();
    let found: BTreeSet<_> = destination.ids().await.into_iter().collect();
    let records = (world.messages("RETRIES").await, world.messages("DEAD_LETTERS").await);
    let differing: Vec<_> = found.symmetric_difference(&expected).collect();
    assert!(differing.is_empty(), "not delivered, or never sent: {differing:?}, {records:?}");
    assert_eq!(records, (0, 0));
    let outcome = |outcome: &str| {
        relay.metric(&format!(
            "relay_outbound_deliveries_total{{route=\"journey\",sink=\"{kind}\",outcome=\"{outcome}\"}}"
        ))
    };
    assert_eq!(outcome("delivered"), Some(f64::from(2 * count)));
    assert_eq!((outcome("retried"), outcome("dead_lettered")), (Some(0.0), Some(0.0)));
    assert!(relay.metric("relay_outbound_delivery_seconds_count{route=\"journey\"}") > Some(0.0));
    assert_eq!(relay.metric(state), Some(0.0));
    relay.stop().await;
}
