//! Whatever becomes of a run, nothing of it stays on the bus.

use std::time::Duration;

use event_bus_doctor::{Options, run};
use event_bus_runtime::Status;
use testkit::{CaptureSink, poll_until};
use tokio_util::sync::CancellationToken;

use super::world::{LONG, RETRIES, World, check_document, entry, red, route};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_leaves_every_stream_as_it_was() {
    let world = World::start().await;
    let sink = CaptureSink::start().await;
    let relay = world.relay(&route("orders", &sink.url())).await;
    world.jetstream.publish("fleet.other", "{}".into()).await.unwrap().await.unwrap();
    let before = world.content().await;
    let inbound = world.inbound(true).await;
    let report = world.examine_all(&inbound.config, &relay.config).await;
    assert_eq!(red(&report), Vec::<String>::new(), "{}", report.to_text(false));
    assert_eq!(world.content().await, before);
    assert_eq!(before[0].0, 1);
    inbound.stop().await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_run_leaves_nothing_either() {
    let world = World::start().await;
    let relay = world.relay("").await;
    let before = world.content().await;
    let interrupt = CancellationToken::new();
    let options = Options { interrupt: interrupt.clone(), ..Options::default() };
    let context = world.context().await;
    let subject = context.subject("outbound");
    let running = run(options, world.checks(&relay.config, true), context);
    // In the middle of the longest proof, as soon as its first event is stored.
    let interrupting = async {
        let stream = world.jetstream.get_stream("EVENTS").await.unwrap();
        poll_until(LONG, "an event of the proof", async || {
            stream.get_last_raw_message_by_subject(&subject).await.ok()
        })
        .await;
        interrupt.cancel();
    };
    let (report, ()) = tokio::join!(running, interrupting);
    check_document(&report);
    assert_eq!(report.exit_code(), 1);
    assert_eq!(entry(&report, RETRIES).status, Status::Error, "{}", report.to_text(false));
    assert_eq!(entry(&report, "relay-outbound.routes").status, Status::Skip);
    // Retries on their way find their doctor gone and end without a trace.
    poll_until(LONG, "the streams to be as before", async || {
        (world.content().await == before).then_some(())
    })
    .await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proof_that_cannot_end_leaves_nothing_either() {
    let world = World::start().await;
    let relay = world.relay("").await;
    let before = world.content().await;
    let mut context = world.context().await;
    // Three attempts need 400 ms at least.
    context.deadline = Duration::from_millis(300);
    let report = run(Options::default(), world.checks(&relay.config, true), context).await;
    check_document(&report);
    assert_eq!(entry(&report, RETRIES).status, Status::Fail, "{}", report.to_text(false));
    assert_eq!(entry(&report, RETRIES).code(), Some("EB0201"));
    poll_until(LONG, "the streams to be as before", async || {
        (world.content().await == before).then_some(())
    })
    .await;
    relay.stop().await;
}
