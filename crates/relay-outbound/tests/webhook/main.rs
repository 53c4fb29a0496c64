//! The webhook sink against real HTTP and TLS servers on the loopback.
#![expect(clippy::unwrap_used, reason = "a failed step of a test ends it")]

#[path = "../relay/workshop.rs"]
mod workshop;
#[path = "../relay/world.rs"]
#[expect(dead_code, reason = "other targets need more of it")]
mod world;

mod bodies;
mod consent;
mod credentials;
mod encryption;
mod settings;

use event_bus_core::delivery::DeliveryError;
use event_bus_core::event::Event;
use relay_outbound::sinks::Sink;

/// Delivers one event.
async fn deliver(sink: &dyn Sink, event: &Event) -> Result<(), DeliveryError> {
    sink.deliver(std::slice::from_ref(event)).await.remove(0)
}
