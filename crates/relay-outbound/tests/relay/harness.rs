//! A sink in the words of `testkit::sink_suite`.

use bytes::Bytes;
use event_bus_core::delivery::Disposition;
use event_bus_core::event::Event;
use relay_outbound::sinks::{Delivery, Sink};
use testkit::sink_suite::Outcome;

/// What a sink reports of a batch, in the words of the suite.
pub(crate) async fn deliver(sink: &dyn Sink, batch: &[Vec<u8>]) -> Vec<Outcome> {
    let decode = |bytes: &Vec<u8>| Event::from_structured(Bytes::copy_from_slice(bytes)).unwrap();
    let events: Vec<_> = batch.iter().map(decode).collect();
    let outcome = |result: Delivery| match result.map_err(|error| error.disposition()) {
        Ok(()) => Outcome::Delivered,
        Err(Disposition::Hold) => Outcome::Hold,
        Err(Disposition::Retry { after }) => Outcome::Retry { after },
        Err(Disposition::DeadLetter) => Outcome::DeadLetter,
        Err(Disposition::Disable) => Outcome::Disable,
    };
    sink.deliver(&events).await.into_iter().map(outcome).collect()
}
